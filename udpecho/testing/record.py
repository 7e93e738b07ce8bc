"""The record of a network in memory: every datagram, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from udpecho.datagrams import DEFAULT_TTL
from udpecho.peer import Peer
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
    UNREACHABLE = "unreachable"
    """No host has the address: nobody got it and nobody answered."""
    REFUSED = "refused"
    """The host has no socket there and said so to the sender (ICMP port unreachable)."""
    STRANGER = "stranger"
    """The socket there is connected to another peer: the kernel refused it."""
    OVERFLOWED = "overflowed"
    """Dropped, for the socket's receive buffer was full; nothing told anybody."""
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
    faults: frozenset[Fault] = frozenset()


class Record(list[Datagram]):
    """Every datagram in the order of sending; an entry is replaced as its fate becomes known."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        super().__init__()
        self._seconds = seconds

    def add(self, packet: Packet, faults: frozenset[Fault] = frozenset()) -> Datagram:
        """Enter a datagram that is sent now."""
        source, destination, data, ttl, tos, _ = packet
        now = self._seconds()
        datagram = Datagram(len(self), now, source, destination, data, ttl, tos, faults=faults)
        self.append(datagram)
        return datagram

    def queued(self, datagram: Datagram) -> None:
        """Note that a datagram has reached a socket's receive queue."""
        self[datagram.number] = replace(datagram, fate=Fate.QUEUED)

    def settle(self, datagram: Datagram, fate: Fate) -> None:
        """Note a datagram's final fate."""
        self[datagram.number] = replace(datagram, fate=fate, ended=self._seconds())
