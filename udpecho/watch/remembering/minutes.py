"""What became of a peer's probes minute by minute, by what its counters gained meanwhile. Pure.

Minutes are numbered by whoever asks, by a clock that never jumps. A probe belongs to the minute in
which its fate was known, which is three seconds after it was sent at most.
"""

from __future__ import annotations

from udpecho.watch.counts import FATES, FlowCounts, Histogram, PeerCounts
from udpecho.watch.remembering.cell import UNKNOWN, Cell
from udpecho.watch.remembering.history import History, Minute, together

LATELY = 5
"""Minutes that the grid tells of, the running one among them."""

SLOW_TIMES, SLOW_NS = 2, 1_000_000
"""A peer is slow whose 99th percentile is so many times, and so much, above what is usual."""

_NOTHING = (0,) * (len(FATES) + 2)


class PeerDay:
    """The minutes of a peer that are over, and the one that runs."""

    __slots__ = ("_flows", "_usual", "_usual_at", "history")

    def __init__(self) -> None:
        self.history = History()
        self._flows: list[tuple[int, ...]] = []
        """What each flow had counted when this minute began."""

        self._usual: int | None = None
        self._usual_at = -1

    def running(self, number: int, counts: PeerCounts) -> Minute:
        """Tell what is known so far of the minute that runs, which has this number."""
        before = self._flows + [_NOTHING] * (len(counts.flows) - len(self._flows))
        gains = [
            [now - then for now, then in zip(_counted(flow), had, strict=True)]
            for flow, had in zip(counts.flows, before, strict=True)
        ]
        sent, *fates, twice = map(sum, zip(*gains, strict=True))
        fates[1] -= twice
        rtt = counts.rtt.sample.quantiles() if fates[0] or fates[1] else ()
        return Minute._make([number, sent, *fates, rtt, tuple(map(_loss, gains))])

    def close(self, number: int, counts: PeerCounts) -> None:
        """Remember the minute that runs as this one, and begin another."""
        self.history.add(self.running(number, counts))
        self._flows = [_counted(flow) for flow in counts.flows]
        counts.rtt.sample.clear()

    def lately(self, number: int, counts: PeerCounts) -> Cell:
        """Tell how it is now: of the last minutes, this one among them, by what is usual."""
        known = self.history.between(number - LATELY + 1, number)
        minutes = [*known, self.running(number, counts)]
        both = together(minutes)
        if both is None or both.loss is None:
            return UNKNOWN
        highest = sorted(each.rtt_ns[-1] for each in minutes if each.rtt_ns)
        p99 = highest[len(highest) // 2] if highest else None
        usual = self.usual(number)
        slow = p99 and usual and p99 > max(SLOW_TIMES * usual, usual + SLOW_NS)
        return Cell(both.loss, p99, bool(slow))

    def usual(self, number: int) -> int | None:
        """Give the usual 99th percentile before these last minutes, in ns; None if none is."""
        if self._usual_at != number:
            self._usual_at = number
            self._usual = self.history.usual_highest(number - LATELY + 1)
        return self._usual


class LatenessDay:
    """How late probes left, minute by minute: as a history of which nothing was lost."""

    def __init__(self, lateness: Histogram) -> None:
        self.history = History()
        self._lateness = lateness

    def running(self, number: int) -> Minute:
        """Tell what is known so far of the minute that runs."""
        times = self._lateness.sample
        return Minute(number, times.seen, times.seen, 0, 0, 0, 0, times.quantiles())

    def close(self, number: int) -> None:
        """Remember the minute that runs as this one, and begin another."""
        self.history.add(self.running(number))
        self._lateness.sample.clear()


def _counted(flow: FlowCounts) -> tuple[int, ...]:
    return flow.sent, *flow.fates, flow.belated


def _loss(gained: list[int]) -> float | None:
    """Give a flow's share of loss by what it gained."""
    _, replied, *others, twice = gained
    ended = replied + sum(others) - twice
    return (ended - replied) / ended if ended else None
