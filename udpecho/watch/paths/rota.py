"""Whose paths are looked at next: peers that lose, and in a slow round all others. Pure.

Those that lose most come first; who was looked at waits, twice as long each time, so that all have
their turn. In the round each peer comes every ten minutes, a new one as soon as there is room.
Times are ns.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping

from udpecho.watch.paths.suspects import Suspects
from udpecho.watch.probed import Probed

AT_ONCE, ROUND_AT_ONCE = 8, 4
"""Looks at a time, and how many of these may be the round's."""

ROUND_NS = 600_000_000_000
FLOW_LOOKS = 600
"""Flows that are looked at in a round: all of each peer where there are few, one where many."""

APART_NS = 250_000_000
"""How long after one look another may begin."""

FEWEST_LOST = 3
"""Losses after which a peer is looked at: now and then a probe is lost anywhere."""

AGAIN_NS, MOST_AGAIN_NS = 60_000_000_000, 600_000_000_000
"""How long after a look the next at a peer that still loses, at first and at most."""

HURRY_NS = 10_000_000_000
"""How long after it if what is lost does not fit what was seen: a flow died, or lives again."""

LOOK_AGAIN_NS = 1_000_000_000
"""How often it is seen whether anybody is due who was not."""

MOST_STEPS = 256
"""Peers of the round that are passed over at once."""


class Rota:
    """Who is looked at next."""

    def __init__(self) -> None:
        """Begin with nobody looked at."""
        self._due: dict[str, int] = {}
        self._times: dict[str, int] = {}
        self._round: deque[str] = deque()
        self.next_ns = 0
        """When it is to be seen again whether anybody of the round is due."""

    def suspect(
        self,
        suspects: Suspects,
        standing_out: Collection[str],
        active: Collection[str],
        now_ns: int,
    ) -> str | None:
        """Choose a peer that loses; those of which flows stand out first. None: nobody is due."""
        due = [
            (name in standing_out, each.total, name)
            for name, each in suspects.items()
            if name not in active and self._due.get(name, 0) <= now_ns and each.total >= FEWEST_LOST
        ]
        return max(due)[2] if due else None

    def next(
        self,
        roll: Mapping[str, Probed],
        active: Collection[str],
        now_ns: int,
        may_be: Callable[[str], bool] = lambda _: True,
    ) -> str | None:
        """Choose the round's next peer, of those that answer; None: nobody is due yet.

        may_be tells whether a peer can be looked at now: others probe it, or its flows begin.
        """
        if now_ns < self.next_ns:
            return None
        if not self._round:
            self._round.extend(roll)
        for _ in range(min(len(self._round), MOST_STEPS)):
            name = self._round.popleft()
            probed = roll.get(name)
            if probed is None or name in active or probed.counts.heard_ns is None:
                continue
            looked_ns = probed.paths.looked_ns
            is_due = looked_ns is None or now_ns - looked_ns >= ROUND_NS
            if is_due and may_be(name):
                apart_ns = APART_NS if looked_ns is None else ROUND_NS // (2 * len(roll))
                self.next_ns = now_ns + max(APART_NS, apart_ns)
                return name
        if not self._round:
            self.next_ns = self._earliest(roll, now_ns)
        return None

    def _earliest(self, roll: Mapping[str, Probed], now_ns: int) -> int:
        """Tell when the first of the round is due, as far as is known: in a minute at most."""
        due = [
            looked_ns + ROUND_NS
            for each in roll.values()
            if (looked_ns := each.paths.looked_ns) is not None
        ]
        soon_ns = now_ns + LOOK_AGAIN_NS
        if len(due) < len(roll):  # who was never looked at is due as soon as it answers
            return soon_ns
        return min(max(soon_ns, min(due, default=now_ns)), now_ns + 60 * LOOK_AGAIN_NS)

    def hasten(self) -> None:
        """See at once whether anybody is due."""
        self.next_ns = 0

    def looked(self, name: str, now_ns: int) -> None:
        """Note that a look at a peer that loses has ended."""
        times = self._times[name] = self._times.get(name, 0) + 1
        self._due[name] = now_ns + min(AGAIN_NS << min(times - 1, 10), MOST_AGAIN_NS)

    def hurry(self, name: str, now_ns: int) -> None:
        """Have a peer looked at again soon."""
        if name in self._due:
            self._due[name] = min(self._due[name], now_ns + HURRY_NS)

    def forget(self, name: str) -> None:
        """Begin anew with a peer."""
        self._due.pop(name, None)
        self._times.pop(name, None)


def flows_of_round(flows: int, peers: int) -> range:
    """Give the flows of a peer that a round looks at."""
    return range(max(1, min(flows, FLOW_LOOKS // max(1, peers))))
