"""What a ping measured: figures of a flow, a target and a run, as frozen values.

All times are nanoseconds; a figure that has no value (no reply came) is None, never 0 or NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

from udpecho.instrument.probe import Flow
from udpecho.instrument.stamps import Clock
from udpecho.peer import Peer


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
    """One source port's figures, and whether it loses more than the others (see Losers)."""

    port: int
    figures: Figures
    stands_out: bool = False


@dataclass(frozen=True, slots=True)
class TargetSummary:
    """One target's figures, all flows together and each alone.

    It stands out if it loses more than the other targets. Whether one of its flows does, it may be
    too early to tell; None if nobody looked.
    """

    name: str
    peer: Peer
    figures: Figures
    flows: tuple[FlowSummary, ...]
    stands_out: bool = False
    too_early: bool | None = None

    def worst_first(self) -> list[FlowSummary]:
        """Order the flows by loss, then by what the slowest replies took."""
        return sorted(
            self.flows,
            key=lambda flow: (-(flow.figures.loss or 0.0), -(flow.figures.rtt.p99_ns or 0)),
        )


@dataclass(frozen=True, slots=True)
class Losers:
    """Who loses more than the others, by a test of significance (see losing).

    The flows of a host are compared with each other, and the hosts with each other; a host is
    given by its name and peer. It is too early to tell while something was lost, but too little.
    """

    flows: frozenset[Flow] = frozenset()
    hosts: frozenset[tuple[str, Peer]] = frozenset()
    early_among: frozenset[tuple[str, Peer]] = frozenset()
    """The hosts of whose flows it is too early to tell."""

    early: bool = False
    """Whether it is too early to tell of the hosts."""

    rate_limits: tuple[RateLimit, ...] = ()
    """Loss that looks like a rate limit: it tells nothing of paths."""


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
class RateLimit:
    """Loss to some hosts of a prefix that looks like a rate limit (see limits).

    So many probes passed before the first was lost; then this share was, and answers came at a
    steady rate.
    """

    prefix: str
    hosts: int
    first: int
    loss: float
    answers_per_second: float


@dataclass(frozen=True, slots=True)
class Summary:
    """All that a run measured. clocks counts the round trips that each clock told.

    schedule_error is how late probes left; those sent together count as the last of them.
    dropped counts the datagrams that came and found no room in our own receive buffers: probes
    whose replies they were are counted as lost, though the network lost nothing. None if the
    system does not say. Whether one of the targets stands out it may be too early to tell; None if
    nobody looked. held_ns is for how long nothing was sent although it was due, because the machine
    slept or the process was stopped; None if that is not known.
    """

    elapsed_ns: int
    figures: Figures
    targets: tuple[TargetSummary, ...]
    strangers: int
    clocks: dict[Clock, int]
    schedule_error: Distribution
    dropped: int | None = None
    too_early: bool | None = None
    held_ns: int | None = None
    rate_limits: tuple[RateLimit, ...] = ()


@dataclass(frozen=True, slots=True)
class Turnout:
    """What became of the probes sent in an interval to a host; of all hosts, there is no name.

    The percentiles are those of all hosts only: what they take is too much for each.
    """

    name: str | None
    peer: Peer | None
    sent: int
    received: int
    rtt: Distribution

    @property
    def loss(self) -> float:
        """The share, from 0 to 1, to which no whole reply had come."""
        return 1 - self.received / self.sent
