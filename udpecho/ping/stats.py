"""Outcomes in, Summary out: every figure of a ping, in memory that does not grow with time.

Opens no socket and reads no clock. Figures are exact, but for percentiles (see spread). All
times are nanoseconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from udpecho.instrument.probe import WHOLE, Flow, ProbeFate
from udpecho.instrument.stamps import Clock
from udpecho.peer import Peer
from udpecho.ping.figures import Figures, FlowSummary, Glance, Summary, TargetSummary
from udpecho.ping.order import MOST_HELD, Arrivals, Successions
from udpecho.ping.outcome import Outcome, Surplus
from udpecho.ping.spread import Spread

MANY_FLOWS = 256
"""Above this a flow's percentiles have 2 digits (13 KB of buckets), up to this 3 (90 KB)."""

INITIAL_TTLS = (64, 128, 255)
"""What hosts reply with: Linux, macOS and the BSDs; Windows; routers and Solaris. A server that
sends back the TTL it got less one, as udpecho's does, replies with what the probe had."""

_FATES = frozenset(ProbeFate)


class Tally:
    """One flow's figures as they grow."""

    __slots__ = ("arrivals", "flow", "kinds", "rtts", "sent", "successions", "ttl")

    def __init__(self, flow: Flow, digits: int, most_held: int = MOST_HELD) -> None:
        self.flow = flow
        self.sent = 0
        self.kinds: Counter[ProbeFate | Surplus] = Counter()
        self.rtts = Spread(digits)
        self.arrivals = Arrivals()
        self.successions = Successions(most_held)
        self.ttl: int | None = None

    @property
    def decided(self) -> int:
        """How many probes have their fate."""
        return sum(self.kinds[fate] for fate in ProbeFate)

    def add(self, outcome: Outcome) -> None:
        """Count an outcome of this flow's."""
        kind, index, rtt_ns = outcome.kind, outcome.flow_sequence, outcome.rtt_ns
        self.kinds[kind] += 1
        if kind not in _FATES or index is None:
            return
        if kind in WHOLE and rtt_ns is not None:
            self.rtts.record(rtt_ns)
            self.ttl = outcome.ttl
            self.successions.record(index, rtt_ns)
            self.arrivals.record(index, rtt_ns, self.successions.undecided)
        else:
            self.successions.record(index, None)


class Stats:
    """A run's figures as they grow. flows is how many there will be.

    ttl is what the probes are sent with; None if that is what hosts usually send with. Fates of
    a flow may be missing: most_held says when one that has not come is not waited for any more.
    """

    def __init__(self, flows: int, ttl: int | None = None, *, most_held: int = MOST_HELD) -> None:
        self._ttl = ttl
        self._most_held = most_held
        self._digits = 3 if flows <= MANY_FLOWS else 2
        self._tallies: dict[Flow, Tally] = {}
        self._strangers = 0
        self._clocks: Counter[Clock] = Counter()
        self._schedule = Spread(3)

    def sent(self, flows: Sequence[Flow], late_ns: int | None = None) -> None:
        """Count probes sent together, one of each flow, late_ns after the schedule said."""
        for flow in flows:
            (self._tallies.get(flow) or self._begin(flow)).sent += 1
        if late_ns is not None:
            self._schedule.record(max(late_ns, 0), len(flows))

    def add(self, outcome: Outcome) -> None:
        """Count an outcome."""
        flow, clock = outcome.flow, outcome.clock
        if flow is None:
            self._strangers += 1
            return
        (self._tallies.get(flow) or self._begin(flow)).add(outcome)
        if clock is not None and outcome.kind in _FATES:
            self._clocks[clock] += 1

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

    def summary(self, elapsed_ns: int, dropped: int | None = None) -> Summary:
        """Return all figures so far; dropped is what the sockets tell. 0.2 ms for each flow."""
        return Summary(
            elapsed_ns,
            self._figures(self._tallies.values()),
            tuple(self._target(tallies) for tallies in self._by_target()),
            self._strangers,
            dict(self._clocks),
            self._schedule.distribution(),
            dropped,
        )

    def wait_no_more(self) -> None:
        """Take what is missing for missing: no further outcome will come."""
        for tally in self._tallies.values():
            tally.successions.go_on()

    def _begin(self, flow: Flow) -> Tally:
        tally = self._tallies[flow] = Tally(flow, self._digits, self._most_held)
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
        kinds: Counter[ProbeFate | Surplus] = Counter()
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
            replied=kinds[ProbeFate.REPLIED],
            late=kinds[ProbeFate.LATE],
            lost=kinds[ProbeFate.LOST],
            refused=kinds[ProbeFate.REFUSED],
            corrupt=kinds[ProbeFate.CORRUPT],
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
            hops=hops(min(ttls), self._ttl) if ttls else None,
        )


def hops(ttl: int, sent: int | None = None) -> int:
    """Tell how many took one off a datagram that arrived with this TTL.

    It began with what hosts usually reply with, or with what the probe was sent with; whichever
    is nearest.
    """
    return min(first for first in (*INITIAL_TTLS, sent or 255) if ttl <= first) - ttl
