"""Outcomes in, Summary out: every figure of a ping, in memory that does not grow with time.

Opens no socket and reads no clock. Figures are exact, but for percentiles (see spread). All
times are nanoseconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from udpecho.instrument.probe import Flow, ProbeFate
from udpecho.instrument.stamps import Clock
from udpecho.peer import Peer
from udpecho.ping.figures import Figures, FlowSummary, Glance, Losers, Summary, TargetSummary
from udpecho.ping.limits import Limits
from udpecho.ping.order import MOST_HELD
from udpecho.ping.outcome import Outcome
from udpecho.ping.rounds import Rounds
from udpecho.ping.spread import Spread
from udpecho.ping.tally import FATES, LOSSES, Tally, Total

MANY_FLOWS = 256
"""Above this a flow's percentiles have 2 digits (13 KB of buckets), up to this 3 (90 KB)."""


class Stats:
    """A run's figures as they grow. flows is how many there will be.

    ttl is what the probes are sent with; None if that is what hosts usually send with. Fates of
    a flow may be missing: most_held says when one that has not come is not waited for any more.
    Of what outline is see Plan.
    """

    def __init__(
        self,
        flows: int,
        ttl: int | None = None,
        *,
        most_held: int = MOST_HELD,
        outline: bool = False,
    ) -> None:
        self._ttl = ttl
        self._most_held = most_held
        self._digits = None if outline else 3 if flows <= MANY_FLOWS else 2
        self._tallies: dict[Flow, Tally] = {}
        self._gone = Total(self._digits)
        self._strangers = 0
        self._clocks: Counter[Clock] = Counter()
        self._schedule = Spread(3)
        self._rounds = Rounds(flows)
        self._limits = Limits()
        self._latest: Flow | None = None

    def sent(self, flows: Sequence[Flow], late_ns: int | None = None) -> None:
        """Count probes sent together, one of each flow, late_ns after the schedule said."""
        for flow in flows:
            (self._tallies.get(flow) or self._begin(flow)).sends()
        if late_ns is not None:
            self._latest = flows[-1]
            self._schedule.record(max(late_ns, 0), len(flows))

    def add(self, outcome: Outcome) -> None:
        """Count an outcome."""
        flow, clock = outcome.flow, outcome.clock
        if flow is None:
            self._strangers += 1
            return
        (self._tallies.get(flow) or self._begin(flow)).add(outcome)
        if clock is not None and outcome.kind in FATES:
            self._clocks[clock] += 1
        if outcome.kind in LOSSES and outcome.flow_sequence is not None:
            self._rounds.lost(flow, outcome.flow_sequence)
            turn, sent_ns = outcome.sequence, outcome.sent_ns
            if outcome.kind is ProbeFate.LOST and turn is not None and sent_ns is not None:
                self._limits.lost(flow.peer[0], turn, sent_ns)

    def losers(self) -> Losers:
        """Name who loses more than the others, as far as it is known; quick, as glance() is."""
        return self._rounds.losers(self._limits.found(self._turns))

    def sent_by(self, flows: Iterable[Flow]) -> int:
        """Tell how many probes some flows have sent."""
        return sum(tally.sent for tally in map(self._tallies.get, flows) if tally is not None)

    def heard(self, flows: Iterable[Flow]) -> int:
        """Tell how many of their probes came back whole."""
        return sum(tally.rtts.count for tally in map(self._tallies.get, flows) if tally is not None)

    def forget(self, flows: Iterable[Flow]) -> None:
        """Keep flows that are over in the run's figures only."""
        for flow in flows:
            tally = self._tallies.pop(flow, None)
            if tally is not None:
                self._gone.add(tally)
                self._rounds.forget(flow)

    def glance(self) -> Glance:
        """Return a few figures so far."""
        gone = self._gone
        sent = gone.sent + sum(tally.sent for tally in self._tallies.values())
        decided = gone.decided + sum(tally.decided for tally in self._tallies.values())
        spreads = (gone.rtts, *(tally.rtts for tally in self._tallies.values()))
        rtts = [spread for spread in spreads if spread.count]
        received = sum(spread.count for spread in rtts)
        return Glance(
            sent,
            received,
            1 - received / decided if decided else None,
            min((spread.min_ns for spread in rtts), default=None),
            sum(spread.sum_ns for spread in rtts) // received if received else None,
            max((spread.max_ns for spread in rtts), default=None),
        )

    def summary(
        self, elapsed_ns: int, dropped: int | None = None, held_ns: int | None = None
    ) -> Summary:
        """Return all figures so far; the sockets, the schedule tell the rest. 0.2 ms a flow."""
        losers = self.losers()
        return Summary(
            elapsed_ns,
            self._figures(self._tallies.values(), self._gone),
            tuple(self._target(tallies, losers) for tallies in self._by_target()),
            self._strangers,
            dict(self._clocks),
            self._schedule.distribution(),
            dropped,
            losers.early,
            held_ns,
            losers.rate_limits,
        )

    def wait_no_more(self) -> None:
        """Take what is missing for missing: no further outcome will come."""
        for tally in self._tallies.values():
            tally.successions.go_on()

    def _begin(self, flow: Flow) -> Tally:
        tally = self._tallies[flow] = Tally(flow, self._digits, self._most_held)
        self._rounds.begin(flow, tally, self._latest)
        return tally

    def _turns(self) -> Iterator[tuple[str, list[int], int]]:
        """Tell of each host its address, what its flows lost, and its turns with known fates."""
        for tallies in self._by_target():
            lost = [tally.kinds[ProbeFate.LOST] for tally in tallies]
            rounds = min(tally.undecided for tally in tallies) - 1
            yield tallies[0].flow.peer[0], lost, rounds * len(tallies)

    def _by_target(self) -> Iterable[list[Tally]]:
        targets: dict[tuple[str, Peer], list[Tally]] = {}
        for flow, tally in self._tallies.items():
            targets.setdefault((flow.target, flow.peer), []).append(tally)
        return targets.values()

    def _target(self, tallies: list[Tally], losers: Losers) -> TargetSummary:
        flows = tuple(
            FlowSummary(t.flow.port, self._figures([t]), t.flow in losers.flows) for t in tallies
        )
        # A target of one flow has that flow's figures: nothing is worked out twice.
        figures = flows[0].figures if len(flows) == 1 else self._figures(tallies)
        name, peer = host = tallies[0].flow.target, tallies[0].flow.peer
        early = host in losers.early_among
        return TargetSummary(name, peer, figures, flows, host in losers.hosts, early)

    def _figures(self, tallies: Iterable[Tally], gone: Total | None = None) -> Figures:
        """Add up flows, and those that are kept no more."""
        total = Total(self._digits)
        for tally in tallies:
            total.add(tally)
        if gone is not None:
            total.include(gone)
        return total.figures(self._ttl)
