"""What a ping measures with: sockets, clocks and a timer, of any reactor or of Linux's best.

The kernel's stamps and an exact timer need Linux and a reactor with descriptors (see kernel).
Everywhere else, and on a MemoryNetwork host, a reactor's own sockets and timers serve; their
times include the delays of the process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from twisted.internet.defer import Deferred

from udpecho.errors import BadAddress
from udpecho.instrument.probe import Arrival, Probe, Unsent
from udpecho.instrument.stamps import Stamp
from udpecho.names import canonical_host
from udpecho.peer import Peer
from udpecho.refusal import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketOptions:
    """How probes leave: from which address or interface, with which TTL and DSCP (RFC 2474)."""

    source: str | None = None
    device: str | None = None
    ttl: int | None = None
    dscp: int | None = None

    def __post_init__(self) -> None:
        """Refuse what the kernel would take for something else, or look up as a name."""
        if self.source is not None and canonical_host(self.source) is None:
            raise BadAddress(self.source, f"source: expected an IP address, got {self.source!r}")
        if self.ttl is not None and not 1 <= self.ttl <= 255:
            raise ValueError(f"ttl: expected 1 to 255, got {self.ttl!r}")
        if self.dscp is not None and not 0 <= self.dscp <= 63:
            raise ValueError(f"dscp: expected 0 to 63, got {self.dscp!r}")

    @property
    def traffic_class(self) -> int | None:
        """The whole byte of which DSCP is the upper six bits."""
        return None if self.dscp is None else self.dscp << 2


class Observer(Protocol):
    """Whom an instrument tells what it sees: the ping."""

    def due(self) -> None:
        """Hear that the time asked for with wake_at has come; before anything else is told."""

    def caught_up(self) -> None:
        """Hear that all that came before due() has been told: what is missing has not come."""

    def came(self, socket: ProbeSocket, arrivals: Sequence[Arrival], stamp: Stamp) -> None:
        """Take datagrams, and the moment when they were taken from the kernel."""

    def refused(self, refusal: Refusal) -> None:
        """Hear that ICMP refused a probe, or what it quotes."""


class ProbeSocket(Protocol):
    """One source port."""

    @property
    def port(self) -> int:
        """Its number."""

    def expect(self, peer: Peer) -> None:
        """Learn that probes will go to a peer. Raises BadAddress if they can't."""

    def send(self, probes: Sequence[Probe], payloads: Sequence[bytes]) -> list[Unsent]:
        """Send each probe, noting when; return those that our own kernel would not send.

        When the kernel sent it is noted later, but before any reply to it is told.
        """


class Instrument(Protocol):
    """Sockets, clocks and a timer."""

    def now(self) -> int:
        """Read the monotonic clock, in ns."""

    def open(self, peer: Peer, *, connected: bool) -> ProbeSocket:
        """Open a socket of a peer's family; if connected, for that peer alone. Raises OSError."""

    def start(self, observer: Observer) -> Stamp:
        """Tell the observer from now on, and return when that is."""

    def wake_at(self, monotonic_ns: int) -> None:
        """Call due() at that time, and caught_up() after it; not at the one asked for before."""

    def dropped(self) -> int | None:
        """Count the datagrams that came and found no room; None if nothing tells."""

    def close(self) -> Deferred[None]:
        """Close everything; the Deferred fires when all ports are closed."""
