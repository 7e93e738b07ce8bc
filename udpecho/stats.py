"""Outcomes in, Summary out: every figure of a ping, in memory that does not grow with time.

Opens no socket and reads no clock. Figures are exact, but for percentiles, which come from an
HdrHistogram (of 3 digits, or 2 where there are many flows) and are off by as much at most.
All times are nanoseconds; a figure that has no value (no reply came) is None, never 0 or NaN.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from math import isqrt

from hdrh.histogram import HdrHistogram

from udpecho.peer import Peer
from udpecho.probe import Fate, Flow, Outcome, Surplus
from udpecho.stamps import Clock

FINEST_NS = 64
"""What two times must differ by to be told apart: finer than the kernel's stamps are true."""

LONGEST_NS = 120_000_000_000
"""Percentiles beyond two minutes are said to be two minutes; the maximum stays exact."""

MANY_FLOWS = 256
"""Above this a flow's histogram has 2 digits (11 KB), up to this 3 (90 KB)."""

PERMILLES = (500, 900, 990, 999)

REMEMBERED_RECORDS = 256
"""Replies that came before one to an earlier probe, remembered until that is decided, to tell how
far it came behind them. A reply overtaken by more has an extent of so many at least."""

INITIAL_TTLS = (64, 128, 255)
"""What hosts send with: Linux, macOS and the BSDs; Windows; routers and Solaris."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """How some times are distributed; percentiles by nearest rank, stddev of the population."""

    count: int = 0
    min_ns: int | None = None
    mean_ns: int | None = None
    median_ns: int | None = None
    p90_ns: int | None = None
    p99_ns: int | None = None
    p999_ns: int | None = None
    max_ns: int | None = None
    stddev_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """What became of the probes of a flow, a target or a run.

    A loss burst is a run of probes of one flow without a whole reply (the loss period of RFC
    3357). Jitter is RFC 3550's (6.4.1, from round trips; of several flows the mean); IPDV the
    difference of two successive probes' round trips (RFC 3393), as absolute values. A reply is
    reordered if one to a later probe of its flow came before it (RFC 4737, 3.3); the extent
    is the greatest number of replies since the first that overtook one (4.2.1). The hops are
    what the replies' TTL tells: from udpecho's own server, which sends back the TTL it got
    less one, those of both ways and the server.
    """

    sent: int = 0
    replied: int = 0
    late: int = 0
    lost: int = 0
    refused: int = 0
    corrupt: int = 0
    duplicates: int = 0
    forged: int = 0
    reordered: int = 0
    reordering_extent: int = 0
    loss_bursts: int = 0
    longest_loss_burst: int = 0
    rtt: Distribution = Distribution()
    jitter_ns: int | None = None
    ipdv_mean_ns: int | None = None
    ipdv_max_ns: int | None = None
    ttl: int | None = None
    hops: int | None = None

    @property
    def received(self) -> int:
        """How many probes came back whole, in time or not."""
        return self.replied + self.late

    @property
    def undecided(self) -> int:
        """How many probes have no fate yet; none once the run has ended."""
        return self.sent - self.received - self.lost - self.refused - self.corrupt

    @property
    def loss(self) -> float | None:
        """The share, from 0 to 1, of decided probes that did not come back whole."""
        decided = self.sent - self.undecided
        return 1 - self.received / decided if decided else None


@dataclass(frozen=True, slots=True)
class FlowSummary:
    """One source port's figures."""

    port: int
    figures: Figures


@dataclass(frozen=True, slots=True)
class TargetSummary:
    """One target's figures, all flows together and each alone."""

    name: str
    peer: Peer
    figures: Figures
    flows: tuple[FlowSummary, ...]

    def worst_first(self) -> list[FlowSummary]:
        """Order the flows by loss, then by what the slowest replies took."""
        return sorted(
            self.flows,
            key=lambda flow: (-(flow.figures.loss or 0.0), -(flow.figures.rtt.p99_ns or 0)),
        )


@dataclass(frozen=True, slots=True)
class Glance:
    """A few figures of the whole run, which cost little however many flows it has."""

    sent: int
    received: int
    loss: float | None
    min_ns: int | None
    mean_ns: int | None
    max_ns: int | None


@dataclass(frozen=True, slots=True)
class Summary:
    """All that a run measured. clocks counts the round trips that each clock told."""

    elapsed_ns: int
    figures: Figures
    targets: tuple[TargetSummary, ...]
    strangers: int
    clocks: dict[Clock, int]
    schedule_error: Distribution


class Spread:
    """A growing set of times: its moments exactly, its percentiles by a histogram."""

    def __init__(self, digits: int) -> None:
        self._digits = digits
        self._histogram: HdrHistogram | None = None  # a host that never replies costs nothing
        self._squares = 0
        self.count = self.sum_ns = self.min_ns = self.max_ns = 0

    def record(self, time_ns: int) -> None:
        """Add one time, which is not negative."""
        if self._histogram is None:
            self._histogram = self._empty()
            self.min_ns = time_ns
        self._histogram.record_value(min(time_ns, LONGEST_NS))
        self.count += 1
        self.sum_ns += time_ns
        self._squares += time_ns * time_ns
        if time_ns > self.max_ns:
            self.max_ns = time_ns
        elif time_ns < self.min_ns:
            self.min_ns = time_ns

    def include(self, other: Spread) -> None:
        """Add all the times of another spread of the same number of digits."""
        if other._histogram is None:
            return
        if self._histogram is None:
            self._histogram = self._empty()
            self.min_ns = other.min_ns
        self._histogram.add(other._histogram)
        self.count += other.count
        self.sum_ns += other.sum_ns
        self._squares += other._squares
        self.max_ns = max(self.max_ns, other.max_ns)
        self.min_ns = min(self.min_ns, other.min_ns)

    def distribution(self) -> Distribution:
        """Describe the times recorded so far."""
        if self._histogram is None:
            return Distribution()
        low, high = self.min_ns, self.max_ns
        middles = self._middles(self._histogram)
        median, p90, p99, p999 = (min(max(middle, low), high) for middle in middles)
        stddev = isqrt(self.count * self._squares - self.sum_ns**2) // self.count
        mean = self.sum_ns // self.count
        return Distribution(self.count, low, mean, median, p90, p99, p999, high, stddev)

    def _middles(self, histogram: HdrHistogram) -> Iterator[int]:
        """Find the middle of the bucket in which each percentile is, by nearest rank.

        The library's own search is Python code for every bucket: 5 s for 10,000 hosts.
        """
        ranks = list(accumulate(histogram.counts[:]))
        for permille in PERMILLES:
            bucket = bisect_left(ranks, -(-self.count * permille // 1000))
            start = histogram.get_value_from_index(bucket)
            yield (start + histogram.get_value_from_index(bucket + 1)) // 2

    def _empty(self) -> HdrHistogram:
        return HdrHistogram(FINEST_NS, LONGEST_NS, self._digits, word_size=4)


class Arrivals:
    """The order in which a flow's replies come: RFC 4737's reordering, RFC 3550's jitter."""

    def __init__(self) -> None:
        self.reordered = self.extent = self._count = self._highest = 0
        self._records: deque[tuple[int, int]] = deque(maxlen=REMEMBERED_RECORDS)
        self._last_rtt_ns: int | None = None
        self._jitter_ns: float | None = None

    @property
    def jitter_ns(self) -> int | None:
        """RFC 3550's estimate; None before the second reply."""
        return None if self._jitter_ns is None else round(self._jitter_ns)

    def record(self, index: int, rtt_ns: int, undecided: int) -> None:
        """Note the first whole reply to a probe, given by its place in its flow.

        undecided is the place of the first probe whose fate is not known: what came before it
        overtakes nothing more, and is forgotten.
        """
        self._count += 1
        if index < self._highest:
            self.reordered += 1
            self.extent = max(self.extent, self._count - self._first_beyond(index))
        else:
            self._highest = index
            if index > undecided:
                self._records.append((index, self._count))
        while self._records and self._records[0][0] < undecided:
            self._records.popleft()
        if self._last_rtt_ns is not None:
            difference = abs(rtt_ns - self._last_rtt_ns)
            jitter = self._jitter_ns or 0.0
            self._jitter_ns = jitter + (difference - jitter) / 16
        self._last_rtt_ns = rtt_ns

    def _first_beyond(self, index: int) -> int:
        """Return the place of the first reply to a later probe: it was a record then."""
        place = self._count
        for record, when in reversed(self._records):
            if record < index:
                break
            place = when
        return place


class Successions:
    """What needs the probes in the order they were sent: loss bursts (RFC 3357) and IPDV.

    Fates come in any order; each is held until those of all earlier probes are known.
    """

    def __init__(self) -> None:
        self.bursts = self.longest = 0
        self.ipdv_count = self.ipdv_sum_ns = self.ipdv_max_ns = 0
        self._burst = 0
        self.undecided = 1
        self._held: dict[int, int | None] = {}
        self._previous_rtt_ns: int | None = None

    def record(self, index: int, rtt_ns: int | None) -> None:
        """Note a fate: the round trip of a whole reply, or None."""
        self._held[index] = rtt_ns
        while self.undecided in self._held:
            self._follow(self._held.pop(self.undecided))
            self.undecided += 1

    def _follow(self, rtt_ns: int | None) -> None:
        if rtt_ns is None:
            self._burst += 1
            self.bursts += self._burst == 1
            self.longest = max(self.longest, self._burst)
        else:
            self._burst = 0
            if self._previous_rtt_ns is not None:
                ipdv_ns = abs(rtt_ns - self._previous_rtt_ns)
                self.ipdv_count += 1
                self.ipdv_sum_ns += ipdv_ns
                self.ipdv_max_ns = max(self.ipdv_max_ns, ipdv_ns)
        self._previous_rtt_ns = rtt_ns


class Tally:
    """One flow's figures as they grow."""

    def __init__(self, flow: Flow, digits: int) -> None:
        self.flow = flow
        self.sent = 0
        self.kinds: Counter[Fate | Surplus] = Counter()
        self.rtts = Spread(digits)
        self.arrivals = Arrivals()
        self.successions = Successions()
        self.ttl: int | None = None

    @property
    def decided(self) -> int:
        """How many probes have their fate."""
        return sum(self.kinds[fate] for fate in Fate)

    def add(self, outcome: Outcome) -> None:
        """Count an outcome of this flow's."""
        self.kinds[outcome.kind] += 1
        if isinstance(outcome.kind, Surplus) or outcome.flow_sequence is None:
            return
        rtt_ns = None
        if outcome.kind in (Fate.REPLIED, Fate.LATE) and outcome.rtt_ns is not None:
            rtt_ns = outcome.rtt_ns
            self.rtts.record(rtt_ns)
            self.ttl = outcome.ttl
        self.successions.record(outcome.flow_sequence, rtt_ns)
        if rtt_ns is not None:
            undecided = self.successions.undecided
            self.arrivals.record(outcome.flow_sequence, rtt_ns, undecided)


class Stats:
    """A run's figures as they grow. flows is how many there will be."""

    def __init__(self, flows: int) -> None:
        self._digits = 3 if flows <= MANY_FLOWS else 2
        self._tallies: dict[Flow, Tally] = {}
        self._strangers = 0
        self._clocks: Counter[Clock] = Counter()
        self._schedule = Spread(3)

    def sent(self, flow: Flow, late_ns: int | None = None) -> None:
        """Count a probe sent, so much later than its schedule said."""
        self._tally(flow).sent += 1
        if late_ns is not None:
            self._schedule.record(max(late_ns, 0))

    def add(self, outcome: Outcome) -> None:
        """Count an outcome."""
        if outcome.flow is None:
            self._strangers += 1
            return
        self._tally(outcome.flow).add(outcome)
        if outcome.clock is not None and isinstance(outcome.kind, Fate):
            self._clocks[outcome.clock] += 1

    def glance(self) -> Glance:
        """Return a few figures so far."""
        sent = sum(tally.sent for tally in self._tallies.values())
        decided = sum(tally.decided for tally in self._tallies.values())
        rtts = [tally.rtts for tally in self._tallies.values() if tally.rtts.count]
        received = sum(spread.count for spread in rtts)
        return Glance(
            sent,
            received,
            1 - received / decided if decided else None,
            min((spread.min_ns for spread in rtts), default=None),
            sum(spread.sum_ns for spread in rtts) // received if received else None,
            max((spread.max_ns for spread in rtts), default=None),
        )

    def summary(self, elapsed_ns: int) -> Summary:
        """Return all figures so far. Takes about 0.2 ms for each flow."""
        return Summary(
            elapsed_ns,
            self._figures(self._tallies.values()),
            tuple(self._target(tallies) for tallies in self._by_target()),
            self._strangers,
            dict(self._clocks),
            self._schedule.distribution(),
        )

    def _tally(self, flow: Flow) -> Tally:
        tally = self._tallies.get(flow)
        if tally is None:
            tally = self._tallies[flow] = Tally(flow, self._digits)
        return tally

    def _by_target(self) -> Iterable[list[Tally]]:
        targets: dict[tuple[str, Peer], list[Tally]] = {}
        for flow, tally in self._tallies.items():
            targets.setdefault((flow.target, flow.peer), []).append(tally)
        return targets.values()

    def _target(self, tallies: list[Tally]) -> TargetSummary:
        flows = tuple(FlowSummary(t.flow.port, self._figures([t])) for t in tallies)
        # A target of one flow has that flow's figures: nothing is worked out twice.
        figures = flows[0].figures if len(flows) == 1 else self._figures(tallies)
        return TargetSummary(tallies[0].flow.target, tallies[0].flow.peer, figures, flows)

    def _figures(self, tallies: Iterable[Tally]) -> Figures:
        """Add up flows. What is a matter of order (bursts, IPDV, reordering) stays per flow."""
        tallies = list(tallies)
        kinds: Counter[Fate | Surplus] = Counter()
        rtts = Spread(self._digits)
        for tally in tallies:
            kinds.update(tally.kinds)
            rtts.include(tally.rtts)
        arrivals = [tally.arrivals for tally in tallies]
        successions = [tally.successions for tally in tallies]
        jitters = [a.jitter_ns for a in arrivals if a.jitter_ns is not None]
        ipdvs = sum(s.ipdv_count for s in successions)
        ttls = [tally.ttl for tally in tallies if tally.ttl is not None]
        return Figures(
            sent=sum(tally.sent for tally in tallies),
            replied=kinds[Fate.REPLIED],
            late=kinds[Fate.LATE],
            lost=kinds[Fate.LOST],
            refused=kinds[Fate.REFUSED],
            corrupt=kinds[Fate.CORRUPT],
            duplicates=kinds[Surplus.DUPLICATE],
            forged=kinds[Surplus.FORGED],
            reordered=sum(a.reordered for a in arrivals),
            reordering_extent=max((a.extent for a in arrivals), default=0),
            loss_bursts=sum(s.bursts for s in successions),
            longest_loss_burst=max((s.longest for s in successions), default=0),
            rtt=rtts.distribution(),
            jitter_ns=sum(jitters) // len(jitters) if jitters else None,
            ipdv_mean_ns=sum(s.ipdv_sum_ns for s in successions) // ipdvs if ipdvs else None,
            ipdv_max_ns=max(s.ipdv_max_ns for s in successions) if ipdvs else None,
            ttl=min(ttls, default=None),
            hops=hops(min(ttls)) if ttls else None,
        )


def hops(ttl: int) -> int:
    """Tell how many routers took one off a datagram that arrived with this TTL."""
    return next(initial for initial in INITIAL_TTLS if ttl <= initial) - ttl
