"""A datagram's passage through a network in memory: what may become of it, and what did."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from udpecho.datagrams import DEFAULT_TTL
from udpecho.peer import Peer, format_peer
from udpecho.testing.packet import Packet


class Fate(StrEnum):
    """What became of a datagram; each but IN_FLIGHT and QUEUED is final."""

    IN_FLIGHT = "in flight"
    """On its way."""
    QUEUED = "queued"
    """In a socket's receive queue: the application has not read it yet."""
    DELIVERED = "delivered"
    """Read by the application, whole."""
    TRUNCATED = "truncated"
    """Read by the application, but cut to maxPacketSize; nothing told the application."""
    LOST = "lost"
    """Lost on the link."""
    CONGESTED = "congested"
    """Lost before a link that has a rate: its queue was full."""
    TOO_LONG = "too long"
    """Longer than the link's MTU, and not to be cut; a router said so to the sender (ICMP)."""
    EXPIRED = "expired"
    """Its TTL ended at a router, which said so to the sender (ICMP)."""
    FILTERED = "filtered"
    """Dropped by a router's filter, which said nothing."""
    PROHIBITED = "prohibited"
    """Stopped by a router's filter, which said so to the sender (ICMP)."""
    UNREACHABLE = "unreachable"
    """No host has the address: nobody got it, and only a router, if there is one, answered."""
    REFUSED = "refused"
    """The host has no socket there and said so to the sender (ICMP port unreachable)."""
    STRANGER = "stranger"
    """The socket there is connected to another peer: the kernel refused it."""
    OVERFLOWED = "overflowed"
    """Dropped, for the socket's receive buffer was full; nothing told anybody."""
    UNHEARD = "unheard"
    """Broadcast, or sent to a multicast group, and no socket of this host took it."""
    UNREAD = "unread"
    """In the receive queue of a socket that was closed."""
    UNSENT = "unsent"
    """Never left: the kernel answered the write with an error."""


class Fault(StrEnum):
    """What a link, or a forger, did to a datagram."""

    FORGED = "forged"
    """Sent by MemoryNetwork.forge, not by the host of its source address."""
    DUPLICATE = "duplicate"
    """A second copy, made by the link; it has an entry of its own in the record."""
    REORDERED = "reordered"
    """Held back, so that datagrams sent after it may overtake it."""
    CORRUPTED = "corrupted"
    """One bit was flipped; data is what arrived."""
    FRAGMENTED = "fragmented"
    """It passed a link in several fragments, each of which could be lost."""


SHOWN = 32
"""How many bytes of a datagram's data its line shows."""

NO_FAULTS: frozenset[Fault] = frozenset()


@dataclass(frozen=True, slots=True)
class Datagram:
    """One datagram as the network saw it: times in seconds, its data, and what became of it."""

    number: int
    """Its place in the record."""
    sent: float
    source: Peer
    destination: Peer
    data: bytes
    ttl: int = DEFAULT_TTL
    """How many hops were left to it, when it was sent or, once it has arrived, then."""
    tos: int = 0
    """Its traffic class: DSCP in the upper six bits, ECN in the lower two."""
    fate: Fate = Fate.IN_FLIGHT
    ended: float | None = None
    """When its fate became final."""
    faults: frozenset[Fault] = NO_FAULTS
    where: str | None = None
    """The router where it ended, or the link, where there are routers."""

    def __str__(self) -> str:
        """Write it as one line of ASCII: when, from where, to where, how long, what, its fate."""
        data = repr(self.data[:SHOWN]) + ("..." if len(self.data) > SHOWN else "")
        ends = f"{format_peer(self.source)} > {format_peer(self.destination)}"
        ended = "" if self.ended is None else f" at {self.ended:.6f}"
        where = "" if self.where is None else f" by {self.where}"
        faults = f" ({', '.join(sorted(self.faults))})" if self.faults else ""
        count = len(self.data)
        return f"{self.sent:.6f} {ends} {count} bytes {data} {self.fate}{where}{ended}{faults}"


class Passage:
    """A packet on its way, and its number in the record; gone when its fate is final."""

    __slots__ = ("arrived", "number", "packet")

    def __init__(self, number: int, packet: Packet) -> None:
        self.number = number
        self.packet = packet
        self.arrived = 0.0
        """When it reached a socket's receive queue."""

    def changed(self, packet: Packet) -> None:
        """Be what routers made of it."""
        self.packet = packet
