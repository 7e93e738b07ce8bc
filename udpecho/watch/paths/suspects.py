"""Which peers lose, and what their flows lost lately: the evidence that a verdict weighs. Pure.

A peer that loses is a suspect until it has lost nothing for a minute. What counts is what was
decided in the last minutes, and of a flow whose path is another what was since. A probe that was
refused by the peer's own host did arrive, and one that our own kernel would not send never left:
neither is a loss. Times are ns by the monotonic clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from udpecho.path.fates import DEAD
from udpecho.path.judge import ENOUGH
from udpecho.ping.limits import Loss
from udpecho.ping.outcome import Outcome, ProbeFate
from udpecho.watch.counts import PeerCounts

QUIET_NS = 60_000_000_000
"""After so long without a loss a peer is suspected no more."""

SLIDES_NS = 150_000_000_000
"""How often what counts begins later: what is older than twice that counts no more."""

MOST = 1024
"""Suspects at a time: where more lose, it is this node, or all that is around it."""

_ARRIVED = {(3, 3), (1, 4)}
"""ICMP's type and code of "port unreachable", of either family (RFC 792, RFC 4443)."""

_WHOLE = (0, 1)
"""Where the counts of a flow have those that came back whole: see counts.FATES."""


def is_lost_on_its_way(outcome: Outcome) -> bool:
    """Tell whether a probe that did not come back whole died between the two hosts."""
    if outcome.kind is not ProbeFate.REFUSED:
        return True
    return outcome.icmp_type is not None and (
        (outcome.icmp_type, outcome.icmp_code) not in _ARRIVED
    )


@dataclass(slots=True)
class FlowTrouble:
    """What one flow of a suspect lost."""

    lost: int = 0
    last_ns: int = 0
    in_a_row: int = 0
    whole: int = 0
    """How many had come back whole when it lost last."""

    since: tuple[int, int] = (0, 0)
    later: tuple[int, int] = (0, 0)
    """How many were decided, and lost, when what counts began, and when it will begin next."""

    changed: bool = False
    """Whether its path was found to be another meanwhile."""


@dataclass(slots=True, eq=False)
class Suspect:
    """A peer that loses."""

    counts: PeerCounts
    first_round: int
    """The round of a first probe that is known not to be lost, as all were until it was one."""

    began_ns: int
    flows: list[FlowTrouble] = field(init=False)
    loss: Loss = field(default_factory=Loss)
    total: int = 0
    """How many losses count."""

    last_ns: int = 0
    slid_ns: int = 0
    looked_ns: int | None = None
    """When a look at it ended last."""

    def __post_init__(self) -> None:
        """Count from now on."""
        self.flows = [FlowTrouble() for _ in self.counts.flows]
        for number, flow in enumerate(self.flows):
            flow.since = flow.later = (self._decided(number), 0)
        self.slid_ns = self.began_ns

    def lost(self, number: int, outcome: Outcome) -> None:
        """Count a probe of a flow, which is not in the counts yet."""
        flow, now_ns = self.flows[number], outcome.at_ns
        whole = self._whole(number)
        flow.in_a_row = flow.in_a_row + 1 if whole == flow.whole else 1
        flow.whole, flow.last_ns, self.last_ns = whole, now_ns, now_ns
        flow.lost += 1
        self.total += 1
        turn = self.turns(outcome.flow_sequence or 0) + number + 1
        if flow.in_a_row < DEAD and turn > 0:
            self.loss.add(turn, outcome.sent_ns or 0)
        if now_ns - self.slid_ns >= SLIDES_NS:
            self.slid_ns = now_ns
            for at, each in enumerate(self.flows):
                each.since, each.later = each.later, (self._decided(at), each.lost)
            self._add_up()

    def toll(self, number: int) -> tuple[int, int]:
        """Tell how many of a flow's probes count, and how many of these died."""
        flow = self.flows[number]
        lost = flow.lost - flow.since[1]
        return max(self._decided(number) - flow.since[0], lost), lost

    def losing(self) -> list[int]:
        """List the flows that lost something that counts, those that lost most first."""
        shares = {at: self.toll(at) for at in range(len(self.flows))}
        losing = [at for at, (_, lost) in shares.items() if lost]
        return sorted(losing, key=lambda at: -shares[at][1] / shares[at][0])

    def is_dead(self, number: int) -> bool:
        """Tell whether nothing came back of a flow's last probes."""
        flow = self.flows[number]
        return flow.in_a_row >= DEAD and self._whole(number) == flow.whole

    def looked(self, now_ns: int) -> None:
        """Note that a look at its paths has ended."""
        self.looked_ns = now_ns

    def anew(self, number: int) -> None:
        """Begin to count again for a flow: its path is another."""
        flow = self.flows[number]
        flow.since = flow.later = (self._decided(number), flow.lost)
        flow.changed, flow.in_a_row = True, 0
        self._add_up()

    def changed(self) -> tuple[int, ...]:
        """List the flows whose path is another, and which have not lost enough on it to tell."""
        return tuple(
            at for at, flow in enumerate(self.flows) if flow.changed and self.toll(at)[1] < ENOUGH
        )

    def is_limited(self, known_round: int) -> bool:
        """Tell whether what it loses looks like a rate limit: see ping.limits.

        known_round is the last round all of whose fates are known.
        """
        return self.loss.may_be_late() and (
            self.loss.steady(self.turns(known_round + 1), 1) is not None
        )

    def turns(self, round_number: int) -> int:
        """Tell how many turns its flows had together before a round."""
        return (round_number - self.first_round) * len(self.flows)

    def _add_up(self) -> None:
        self.total = sum(flow.lost - flow.since[1] for flow in self.flows)

    def _decided(self, number: int) -> int:
        return sum(self.counts.flows[number].fates)

    def _whole(self, number: int) -> int:
        fates = self.counts.flows[number].fates
        return sum(fates[at] for at in _WHOLE)


class Suspects:
    """The peers that lose."""

    def __init__(self, clean_rounds: int) -> None:
        """Suspect nobody; clean_rounds is how many rounds QUIET_NS has."""
        self._clean = clean_rounds
        self._all: dict[str, Suspect] = {}

    def lost(self, name: str, counts: PeerCounts, number: int, outcome: Outcome) -> None:
        """Note that a probe of a flow died on its way, before it is counted."""
        suspect = self._all.get(name)
        if suspect is None:
            if len(self._all) >= MOST:
                return
            first = max(1, (outcome.flow_sequence or 1) - self._clean)
            suspect = self._all[name] = Suspect(counts, first, outcome.at_ns)
        suspect.lost(number, outcome)

    def settle(self, now_ns: int) -> list[str]:
        """Suspect those no more that have lost nothing for a while; name them."""
        quiet = [name for name, each in self._all.items() if now_ns - each.last_ns >= QUIET_NS]
        for name in quiet:
            del self._all[name]
        return quiet

    def forget(self, name: str) -> None:
        """Suspect a peer no more: it is gone, or its flows are others."""
        self._all.pop(name, None)

    def get(self, name: str) -> Suspect | None:
        """Give a peer's evidence, if it loses."""
        return self._all.get(name)

    def items(self) -> Iterator[tuple[str, Suspect]]:
        """Give all, by name."""
        return iter(self._all.items())

    def __len__(self) -> int:
        """Tell how many there are."""
        return len(self._all)
