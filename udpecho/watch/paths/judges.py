"""Who loses is judged in turn, one peer at a time, for as long as it loses."""

from __future__ import annotations

from udpecho.watch.paths.judging import judged, most_alike, outdated_flows
from udpecho.watch.paths.suspects import Suspects
from udpecho.watch.paths.verdicts import Verdicts
from udpecho.watch.probed import Roll

JUDGE_NS = 5_000_000_000
"""How often a peer that loses is judged."""


class Judge:
    """Judges the peers of a roll that lose."""

    def __init__(self, roll: Roll, suspects: Suspects, verdicts: Verdicts, unsettled: int) -> None:
        """Judge nobody yet; unsettled is how many rounds there are of which not all is known."""
        self._roll, self._suspects, self._verdicts = roll, suspects, verdicts
        self._unsettled = unsettled
        self._judged: dict[str, int] = {}
        self._beside: dict[str, list[str]] = {}

    def turn(self, now_ns: int) -> str | None:
        """Judge who was judged longest ago, if it is time.

        Returned is a peer whose paths are to be looked at again: some are not as they were.
        """
        due = [
            (self._judged.get(name, 0), name)
            for name, each in self._suspects.items()
            if each.looked_ns is not None
        ]
        judged_ns, name = min(due, default=(now_ns, ""))
        if now_ns - judged_ns < JUDGE_NS:
            return None
        self._judged[name] = now_ns
        probed, suspect = self._roll.get(name), self._suspects.get(name)
        if probed is None or suspect is None:
            return None
        if suspect.is_limited(probed.last_round - self._unsettled):
            return None
        if name not in self._beside:
            self._beside[name] = most_alike(name, self._roll)
        verdict = judged(name, self._roll, self._suspects, self._beside[name], now_ns)
        if verdict is not None:
            lost_ns = {flow: suspect.flows[flow].last_ns for flow in verdict.flows}
            probed.losing.blame(lost_ns)
            self._verdicts.found(name, probed.paths, verdict, max(lost_ns.values()))
        return name if outdated_flows(probed, suspect) else None

    def looked(self, name: str) -> None:
        """Note that a look at a peer has ended: whose paths are most alike may be others."""
        self._beside.pop(name, None)

    def forget(self, name: str) -> None:
        """Forget a peer."""
        self._judged.pop(name, None)
        self._beside.pop(name, None)
