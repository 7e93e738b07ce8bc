"""The figures of one flow as they grow, and those of several added up. All times are ns."""

from __future__ import annotations

from collections import Counter

from udpecho.instrument.probe import WHOLE, Flow, ProbeFate
from udpecho.ping.figures import Figures
from udpecho.ping.order import MOST_HELD, Arrivals, Successions
from udpecho.ping.outcome import Outcome, Surplus
from udpecho.ping.spread import Spread

INITIAL_TTLS = (64, 128, 255)
"""What hosts reply with: Linux, macOS and the BSDs; Windows; routers and Solaris. A server that
sends back the TTL it got less one, as udpecho's does, replies with what the probe had."""

FATES = frozenset(ProbeFate)
LOSSES = FATES - WHOLE

_ANY_ORDER = Arrivals()
"""Of a flow of which nobody asks in which order its replies come."""


class Tally:
    """One flow's figures as they grow."""

    __slots__ = ("arrivals", "flow", "kinds", "rtts", "sent", "successions", "ttl")

    def __init__(self, flow: Flow, digits: int | None, most_held: int = MOST_HELD) -> None:
        """Begin with none. Without digits there are no percentiles, and no order of arrival."""
        self.flow = flow
        self.sent = 0
        self.kinds: Counter[ProbeFate | Surplus] = Counter()
        self.rtts = Spread(digits)
        self.arrivals = _ANY_ORDER if digits is None else Arrivals()
        self.successions = Successions(most_held)
        self.ttl: int | None = None

    @property
    def decided(self) -> int:
        """How many probes have their fate."""
        return sum(self.kinds[fate] for fate in ProbeFate)

    @property
    def undecided(self) -> int:
        """The place of the first probe whose fate is not known, from 1."""
        return self.successions.undecided

    def sends(self) -> None:
        """Count a probe."""
        self.sent += 1

    def add(self, outcome: Outcome) -> None:
        """Count an outcome of this flow's."""
        kind, index, rtt_ns = outcome.kind, outcome.flow_sequence, outcome.rtt_ns
        self.kinds[kind] += 1
        if kind not in FATES or index is None:
            return
        if kind in WHOLE and rtt_ns is not None:
            self.rtts.record(rtt_ns)
            self.ttl = outcome.ttl
            self.successions.record(index, rtt_ns)
            if self.arrivals is not _ANY_ORDER:
                self.arrivals.record(index, rtt_ns, self.successions.undecided)
        else:
            self.successions.record(index, None)


class Total:
    """Flows added up. What is a matter of order (bursts, IPDV, reordering) stays per flow."""

    def __init__(self, digits: int | None) -> None:
        self.sent = 0
        self.kinds: Counter[ProbeFate | Surplus] = Counter()
        self.rtts = Spread(digits)
        self._reordered = self._extent = 0
        self._bursts = self._longest = 0
        self._jitter_sum_ns = self._jitters = 0
        self._ipdv_sum_ns = self._ipdvs = self._ipdv_max_ns = 0
        self._ttl: int | None = None

    @property
    def decided(self) -> int:
        """How many probes have their fate."""
        return sum(self.kinds[fate] for fate in ProbeFate)

    def add(self, tally: Tally) -> None:
        """Add a flow."""
        self.sent += tally.sent
        self.kinds.update(tally.kinds)
        self.rtts.include(tally.rtts)
        arrivals, successions = tally.arrivals, tally.successions
        self._reordered += arrivals.reordered
        self._extent = max(self._extent, arrivals.extent)
        if arrivals.jitter_ns is not None:
            self._jitter_sum_ns += arrivals.jitter_ns
            self._jitters += 1
        self._bursts += successions.bursts
        self._longest = max(self._longest, successions.longest)
        self._ipdvs += successions.ipdv_count
        self._ipdv_sum_ns += successions.ipdv_sum_ns
        self._ipdv_max_ns = max(self._ipdv_max_ns, successions.ipdv_max_ns)
        self._lower_ttl(tally.ttl)

    def include(self, other: Total) -> None:
        """Add the flows of another."""
        self.sent += other.sent
        self.kinds.update(other.kinds)
        self.rtts.include(other.rtts)
        self._reordered += other._reordered
        self._extent = max(self._extent, other._extent)
        self._jitter_sum_ns += other._jitter_sum_ns
        self._jitters += other._jitters
        self._bursts += other._bursts
        self._longest = max(self._longest, other._longest)
        self._ipdvs += other._ipdvs
        self._ipdv_sum_ns += other._ipdv_sum_ns
        self._ipdv_max_ns = max(self._ipdv_max_ns, other._ipdv_max_ns)
        self._lower_ttl(other._ttl)

    def figures(self, sent_ttl: int | None) -> Figures:
        """Return the figures; sent_ttl is what the probes were sent with (see hops)."""
        kinds, ttl = self.kinds, self._ttl
        return Figures(
            sent=self.sent,
            replied=kinds[ProbeFate.REPLIED],
            late=kinds[ProbeFate.LATE],
            lost=kinds[ProbeFate.LOST],
            refused=kinds[ProbeFate.REFUSED],
            corrupt=kinds[ProbeFate.CORRUPT],
            duplicates=kinds[Surplus.DUPLICATE],
            forged=kinds[Surplus.FORGED],
            reordered=self._reordered,
            reordering_extent=self._extent,
            loss_bursts=self._bursts,
            longest_loss_burst=self._longest,
            rtt=self.rtts.distribution(),
            jitter_ns=self._jitter_sum_ns // self._jitters if self._jitters else None,
            ipdv_mean_ns=self._ipdv_sum_ns // self._ipdvs if self._ipdvs else None,
            ipdv_max_ns=self._ipdv_max_ns if self._ipdvs else None,
            ttl=ttl,
            hops=None if ttl is None else hops(ttl, sent_ttl),
        )

    def _lower_ttl(self, ttl: int | None) -> None:
        if ttl is not None and (self._ttl is None or ttl < self._ttl):
            self._ttl = ttl


def hops(ttl: int, sent: int | None = None) -> int:
    """Tell how many took one off a datagram that arrived with this TTL.

    It began with what hosts usually reply with, or with what the probe was sent with; whichever
    is nearest.
    """
    return min(first for first in (*INITIAL_TTLS, sent or 255) if ttl <= first) - ttl
