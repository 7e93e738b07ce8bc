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
from udpecho.hosts import canonical_host
from udpecho.instrument.probe import MTU_DISCOVERY, Arrival, MtuDiscovery, Probe, Unsent
from udpecho.instrument.stamps import Stamp
from udpecho.peer import Peer
from udpecho.refusal import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketOptions:
    """How probes leave: from which address or interface, with which TTL and traffic class.

    That is the byte of which DSCP is the upper six bits (RFC 2474), ECN the lower two (RFC 3168).
    """

    source: str | None = None
    device: str | None = None
    ttl: int | None = None
    traffic_class: int | None = None
    hears_class: bool = False
    """Whether the traffic class of what comes is told, in place of its TTL."""

    mtu_discovery: MtuDiscovery | None = None

    def __post_init__(self) -> None:
        """Refuse what the kernel would take for something else, or look up as a name."""
        if self.source is not None and canonical_host(self.source) is None:
            raise BadAddress(self.source, f"source: expected an IP address, got {self.source!r}")
        if self.ttl is not None and not 1 <= self.ttl <= 255:
            raise ValueError(f"ttl: expected 1 to 255, got {self.ttl!r}")
        if self.traffic_class is not None and not 0 <= self.traffic_class <= 255:
            raise ValueError(f"tos: expected 0 to 255, got {self.traffic_class!r}")
        if self.mtu_discovery is not None and self.mtu_discovery not in MTU_DISCOVERY:
            one_of = ", ".join(MTU_DISCOVERY)
            raise ValueError(f"mtu_discovery: expected one of {one_of}, got {self.mtu_discovery!r}")

    @property
    def needs_linux(self) -> bool:
        """Tell whether a reactor's own sockets can't do it."""
        others = (self.device, self.ttl, self.traffic_class, self.mtu_discovery)
        return others != (None,) * len(others)


class Observer(Protocol):
    """Whom an instrument tells what it sees: the ping."""

    def due(self) -> bool:
        """Hear that the time asked for with wake_at has come; before anything else is told.

        Return whether to be told at once what has come, though it may wait.
        """

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

    def forget(self, peer: Peer) -> None:
        """Learn that no more will go to a peer that was expected."""

    def send(self, probes: Sequence[Probe], payloads: Sequence[bytes]) -> list[Unsent]:
        """Send each probe, noting when; return those that our own kernel would not send.

        When the kernel sent it is noted later, but before any reply to it is told.
        """

    def ready(self) -> None:
        """Be ready for send_alone(): hear of what would fail it."""

    def send_alone(self, probe: Probe, payload: bytes, now: Stamp | None = None) -> Unsent | None:
        """Send a probe as send() does; return it if our own kernel would not send it.

        now is what the clocks said a moment ago, for where the kernel tells better when it left.
        """

    def send_hop(self, probe: Probe, payload: bytes, ttl: int) -> int:
        """Send a probe with a TTL of its own, that is to end at a hop, noting when.

        Return 0, or the errno if our own kernel would not send it: ENOTSUP where a datagram
        can't have a TTL of its own. Who says that it ended there is told as a refusal.
        """

    def send_sized(self, probe: Probe, payload: bytes) -> Unsent | None:
        """Send a probe of whatever size by itself, noting when; return it if it won't go."""


class Instrument(Protocol):
    """Sockets, clocks and a timer."""

    def now(self) -> int:
        """Read the monotonic clock, in ns."""

    def stamp(self) -> Stamp:
        """Read both clocks."""

    def open(self, peer: Peer, *, connected: bool, port: int = 0) -> ProbeSocket:
        """Open a socket of a peer's family; if connected, for that peer alone.

        The system chooses a source port unless it is given. Raises OSError.
        """

    def shut(self, socket: ProbeSocket) -> None:
        """Close one of the sockets, for good."""

    def start(self, observer: Observer) -> Stamp:
        """Tell the observer from now on, and return when that is."""

    def wake_at(self, monotonic_ns: int) -> None:
        """Call due() at that time, once, and caught_up() after it; not at the one asked before."""

    def dropped(self) -> int | None:
        """Count the datagrams that came and found no room; None if nothing tells."""

    def close(self) -> Deferred[None]:
        """Close everything; the Deferred fires when all ports are closed."""
