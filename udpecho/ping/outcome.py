"""What became of a probe, or of a datagram that decided none. Values only; times are ns.

What an outcome speaks of is the instrument's; the door hands it on from here.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, TypeAlias

from udpecho.instrument.probe import Flow as Flow
from udpecho.instrument.probe import Probe as Probe
from udpecho.instrument.probe import ProbeFate as ProbeFate
from udpecho.instrument.stamps import Clock as Clock
from udpecho.peer import Peer


class Surplus(Enum):
    """What a datagram is that decided no probe's fate."""

    DUPLICATE = "duplicate"
    """It answers a probe whose fate was known."""
    FORGED = "forged"
    """It came from a target, to the right port, without the bytes of any probe remembered."""
    STRANGER = "stranger"
    """It came from nobody that was asked, or from another than was asked with these bytes."""

    __hash__ = object.__hash__


class Outcome(NamedTuple):
    """A probe's fate, or a surplus datagram. at_ns is when it was known, by the monotonic clock.

    sent_ns is by the same clock. A stranger has no flow; what is not known is None. The peer
    is whoever sent the datagram, or refused (None if that was our kernel). The reason of a
    refusal is an errno by name, beside ICMP's type and code where the kernel tells them; mtu is
    what the link takes for which the probe was too long, in bytes, with the headers.
    """

    kind: ProbeFate | Surplus
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
    icmp_type: int | None = None
    icmp_code: int | None = None
    mtu: int | None = None


class Unresolved(NamedTuple):
    """A host that was asked for and has no address yet, or can't be probed there; and why.

    The port is None if that could not be read, either.
    """

    at_ns: int
    name: str
    port: int | None
    reason: str


class Readdressed(NamedTuple):
    """A host that is probed at a new address from now on; old is None if it had none."""

    at_ns: int
    name: str
    old: Peer | None
    new: Peer


Naming: TypeAlias = Unresolved | Readdressed
"""What becomes of a host's name. Times are by the monotonic clock."""
