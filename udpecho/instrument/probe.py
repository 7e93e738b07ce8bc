"""What a ping speaks of: flows, probes, and what becomes of each. Values only; times are ns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal, NamedTuple, TypeAlias

from udpecho.instrument.stamps import Stamp
from udpecho.peer import Peer

MtuDiscovery: TypeAlias = Literal["do", "want", "dont", "probe"]
"""What becomes of a probe that is too long for its path: do refuses it, want cuts it up, by what
ICMP tells of the path; dont lets routers cut it; probe sends it as it is."""

MTU_DISCOVERY: dict[MtuDiscovery, int] = {"dont": 0, "want": 1, "do": 2, "probe": 3}
"""By Linux's numbers (IP_PMTUDISC_*, IPV6_PMTUDISC_*: ip(7), ipv6(7))."""


class ProbeFate(Enum):
    """What became of a probe: exactly one of these."""

    REPLIED = "replied"
    LATE = "late"
    """The reply came whole, after the timeout."""
    LOST = "lost"
    """Nothing came while the probe was remembered."""
    REFUSED = "refused"
    """ICMP said no, or our own kernel would not send it; the reason says which."""
    CORRUPT = "corrupt"
    """What came back was not what was sent."""

    __hash__ = object.__hash__  # Enum's own is Python code, which counting would pay for


WHOLE = frozenset({ProbeFate.REPLIED, ProbeFate.LATE})
"""The fates of probes whose replies came whole, and tell a round trip."""


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """One source port to one peer. Compared by identity: a run makes each flow once."""

    target: str
    peer: Peer
    port: int


@dataclass(slots=True, eq=False)
class Probe:
    """A probe on its way: its place in the target's sequence and in its flow's, from 1."""

    sequence: int
    flow_sequence: int
    flow: Flow
    header: bytes
    sent: Stamp
    departed_ns: int | None = None
    """When it left, by the kernel."""

    fate: ProbeFate | None = None

    def leaves(self, now: Stamp) -> None:
        """Note the moment just before it is sent."""
        self.sent = now

    def departed(self, kernel_ns: int) -> None:
        """Note when the kernel says that it left."""
        self.departed_ns = kernel_ns

    def end(self, fate: ProbeFate) -> ProbeFate:
        """Note what became of it, and return that."""
        self.fate = fate
        return fate


Arrival: TypeAlias = tuple[bytes, Peer, int | None, int | None, int | None]
"""A datagram, its sender, when it came by the kernel, in ns since 1970, its TTL, and its traffic
class where that is asked for."""


class Unsent(NamedTuple):
    """A probe that our own kernel would not send."""

    probe: Probe
    errno: int
    mtu: int | None = None
    """What the path takes, in bytes, if the probe was too long and the kernel tells."""
