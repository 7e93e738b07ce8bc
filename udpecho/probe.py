"""What a ping speaks of: flows, probes, and what becomes of each. Values only; times are ns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, TypeAlias

from udpecho.peer import Peer
from udpecho.stamps import Clock, Stamp


class Fate(Enum):
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


class Surplus(Enum):
    """What a datagram is that decided no probe's fate."""

    DUPLICATE = "duplicate"
    """It answers a probe whose fate was known."""
    FORGED = "forged"
    """It came from a target, to the right port, without the bytes of any probe remembered."""
    STRANGER = "stranger"
    """It came from nobody that was asked, or from another than was asked with these bytes."""

    __hash__ = object.__hash__


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

    fate: Fate | None = None


Arrival: TypeAlias = tuple[bytes, Peer, int | None, int | None]
"""A datagram, its sender, when it came by the kernel, in ns since 1970, and its TTL."""

Unsent: TypeAlias = tuple[Probe, int]
"""A probe, and the errno of its send."""


class Outcome(NamedTuple):
    """A probe's fate, or a surplus datagram. at_ns is when it was known, by the monotonic clock.

    sent_ns is by the same clock. A stranger has no flow; what is not known is None. The peer
    is whoever sent the datagram, or refused (None if that was our kernel: see reason).
    """

    kind: Fate | Surplus
    at_ns: int
    flow: Flow | None = None
    sequence: int | None = None
    flow_sequence: int | None = None
    sent_ns: int | None = None
    rtt_ns: int | None = None
    clock: Clock | None = None
    size: int | None = None
    ttl: int | None = None
    peer: Peer | None = None
    reason: str | None = None
