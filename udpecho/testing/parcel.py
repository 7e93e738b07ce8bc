"""What routers pass on: a datagram, or an ICMP message about one."""

from __future__ import annotations

from dataclasses import replace

from udpecho.peer import Peer, is_ipv6
from udpecho.refusal import Refusal
from udpecho.testing.forwarding import Key, picked
from udpecho.testing.packet import Packet
from udpecho.testing.passage import NO_FAULTS, Fault, Passage

LABELS = 1 << 20
"""Flow labels that there are (RFC 6437)."""


class Parcel:
    """A datagram on its way over routers."""

    __slots__ = ("faults", "key", "known_mtu", "packet", "passage")

    def __init__(self, passage: Passage, known_mtu: int | None) -> None:
        """Take a datagram that leaves its host, which knows this much of the path's MTU."""
        self.passage = passage
        self.known_mtu = known_mtu
        self.faults: frozenset[Fault] = NO_FAULTS
        self._becomes(passage.packet)

    def altered(self, packet: Packet, faults: frozenset[Fault]) -> None:
        """Be what a link made of it."""
        self._becomes(packet)
        self.faults |= faults

    def leaves(self, packet: Packet) -> None:
        """Go on from a router, with another TTL or traffic class."""
        self.packet = packet

    def _becomes(self, packet: Packet) -> None:
        self.packet = packet
        self.key = (packet.source, packet.destination)
        """What routers hash: the ends of a flow."""

    @property
    def labelled(self) -> Key:
        """What is hashed by a router that goes by IPv6's flow label.

        Linux makes that of addresses and ports, unless the socket is connected (ip-sysctl,
        auto_flowlabels).
        """
        source, destination = self.packet.source[0], self.packet.destination[0]
        return (source, destination, picked(0, self.key, LABELS)) if is_ipv6(source) else self.key

    def translated(self, host: str, new: str) -> None:
        """Replace an address where it stands."""
        packet = self.packet
        source, destination = _renamed(packet.source, host, new), packet.destination
        destination = _renamed(destination, host, new)
        self._becomes(packet._replace(source=source, destination=destination))


class Message:
    """An ICMP message on its way; who quotes it, and to whom it goes, are the quoted one's ends."""

    __slots__ = ("key", "local", "packet", "refusal")

    def __init__(self, refusal: Refusal, local: Peer) -> None:
        """Tell whoever sent something from an address what became of it."""
        self._becomes(refusal, local, None)

    def _becomes(self, refusal: Refusal, local: Peer, before: Packet | None) -> None:
        self.refusal, self.local = refusal, local
        self.key = ("icmp", local, refusal.to)
        by, to = refusal.by or local, (local[0], 0)
        made = Packet(by, to, refusal.data)
        self.packet = made if before is None else made._replace(ttl=before.ttl, tos=before.tos)

    def leaves(self, packet: Packet) -> None:
        """Go on from a router, with another TTL or traffic class."""
        self.packet = packet

    @property
    def labelled(self) -> Key:
        """What is hashed by a router that goes by flow labels: its own tells nothing of ports."""
        source, destination = self.packet.source[0], self.packet.destination[0]
        return (source, destination) if is_ipv6(source) else self.key

    def named(self, by: str) -> None:
        """Come from this address."""
        self._becomes(replace(self.refusal, by=(by, 0)), self.local, self.packet)

    def translated(self, host: str, new: str) -> None:
        """Replace an address in what is quoted, and to whom the message goes."""
        to = self.refusal.to
        told = replace(self.refusal, to=to and _renamed(to, host, new))
        self._becomes(told, _renamed(self.local, host, new), self.packet)


def _renamed(peer: Peer, host: str, new: str) -> Peer:
    return (new, peer[1]) if peer[0] == host else peer
