"""What became of the probes to each peer, counted for ever: no counter here ever goes back.

A reply to a probe that was counted as lost counts as late beside it: what a scrape has seen is not
taken back. Does no I/O; times are ns.
"""

from __future__ import annotations

from bisect import bisect_left

from udpecho.instrument.probe import WHOLE, ProbeFate
from udpecho.ping.outcome import Outcome, Surplus
from udpecho.watch.remembering.sampling import TimeSample

MICROSECOND, MILLISECOND, SECOND = 1_000, 1_000_000, 1_000_000_000

BOUNDS_NS = (
    50 * MICROSECOND, 100 * MICROSECOND, 250 * MICROSECOND, 500 * MICROSECOND,
    1 * MILLISECOND, 2_500 * MICROSECOND, 5 * MILLISECOND, 10 * MILLISECOND, 25 * MILLISECOND,
    50 * MILLISECOND, 100 * MILLISECOND, 250 * MILLISECOND, 500 * MILLISECOND,
    1 * SECOND, 2 * SECOND,
)  # fmt: skip
"""Upper bounds of the buckets of a histogram: from next door in a rack to beyond the timeout."""

FATES = tuple(ProbeFate)
_PLACE = {fate: place for place, fate in enumerate(FATES)}
_LOST, _LATE = _PLACE[ProbeFate.LOST], _PLACE[ProbeFate.LATE]

MOST_LOST = 128
"""Of a flow, lost probes remembered in case that they come back: those of ten seconds and more."""


class Histogram:
    """Times by buckets, their sum, and a sample of the minute that runs."""

    __slots__ = ("buckets", "sample", "sum_ns")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS_NS) + 1)
        """How many times are within each bound, and above that before; the last has no bound."""

        self.sum_ns = 0
        self.sample = TimeSample()

    def record(self, time_ns: int) -> None:
        """Add a time."""
        self.buckets[bisect_left(BOUNDS_NS, time_ns)] += 1
        self.sum_ns += time_ns
        self.sample.add(time_ns)


class FlowCounts:
    """What became of a flow's probes."""

    __slots__ = ("belated", "fates", "lost", "sent")

    def __init__(self) -> None:
        self.sent = 0
        self.belated = 0
        """How many count as late beside lost."""

        self.fates = [0] * len(FATES)
        self.lost: dict[int, None] = {}

    def add(self, place: int, sequence: int | None) -> None:
        """Count a fate, by its place among all."""
        self.fates[place] += 1
        if place == _LOST and sequence is not None:
            self.lost[sequence] = None
            if len(self.lost) > MOST_LOST:
                del self.lost[next(iter(self.lost))]

    def is_belated(self, sequence: int | None) -> bool:
        """Count a reply that came when its probe was lost, once; tell whether it is one."""
        if sequence not in self.lost:
            return False
        del self.lost[sequence]
        self.fates[_LATE] += 1
        self.belated += 1
        return True


class PeerCounts:
    """What became of the probes to a peer, at whatever addresses it had."""

    def __init__(self, flows: int) -> None:
        """Begin with so many flows; there may be more of them later."""
        self.flows: list[FlowCounts] = []
        self.want(flows)
        self.rtt = Histogram()
        self.surplus = dict.fromkeys(Surplus, 0)
        self.belated = 0
        """How many probes are counted twice, as lost and then as late."""

        self.readdressed = 0
        self.heard_ns: int | None = None
        """When a reply came last that was whole."""

        self.ttl: int | None = None
        """With which TTL it came."""

        self.refused = ""
        """How a probe was refused last, if nothing whole came since: an errno's name."""

    def want(self, flows: int) -> None:
        """Have so many flows at least."""
        while len(self.flows) < flows:
            self.flows.append(FlowCounts())

    def sends(self, flow: int) -> None:
        """Count a probe."""
        self.flows[flow].sent += 1

    def add(self, flow: int, outcome: Outcome) -> None:
        """Count what became of a probe of a flow, or of a datagram that decided none."""
        kind, counts = outcome.kind, self.flows[flow]
        if isinstance(kind, Surplus):
            if kind is Surplus.DUPLICATE and counts.is_belated(outcome.flow_sequence):
                self.belated += 1
                self._hear(outcome)
            else:
                self.surplus[kind] += 1
            return
        counts.add(_PLACE[kind], outcome.flow_sequence)
        if kind in WHOLE:
            self._hear(outcome)
        elif kind is ProbeFate.REFUSED:
            self.refused = outcome.reason or ""

    def readdress(self) -> None:
        """Count that it is at another address, where its flows are new ones."""
        self.readdressed += 1
        self.begin_again()

    def begin_again(self) -> None:
        """Count on, though the flows and their probes are others."""
        for flow in self.flows:
            flow.lost.clear()

    def total(self) -> list[int]:
        """Add up the fates of all flows, in the order of FATES."""
        return [sum(fates) for fates in zip(*(flow.fates for flow in self.flows), strict=True)]

    def _hear(self, outcome: Outcome) -> None:
        self.heard_ns = outcome.at_ns
        self.ttl = outcome.ttl
        self.refused = ""
        if outcome.rtt_ns is not None:
            self.rtt.record(outcome.rtt_ns)
