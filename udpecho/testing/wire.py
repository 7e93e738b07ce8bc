"""The wire between the hosts of a network in memory: who is where, and how datagrams get there."""

from __future__ import annotations

import errno
from collections.abc import Callable
from functools import partial
from random import Random

from udpecho.peer import Peer, is_ipv6, is_loopback
from udpecho.refusal import Refusal
from udpecho.testing.faults import PERFECT
from udpecho.testing.groups import IPV4_BROADCAST, group_of, is_group
from udpecho.testing.icmp import expired, refused, too_long
from udpecho.testing.packet import Packet
from udpecho.testing.passage import Fate, Fault, Passage
from udpecho.testing.record import Record
from udpecho.testing.stack import Stack
from udpecho.testing.timeline import Timeline
from udpecho.testing.topology import Topology
from udpecho.testing.transit import Transit
from udpecho.testing.way import Stopped, Way

ROUTER, ROUTER6 = "198.18.0.{}", "2001:2::{:x}"
"""The addresses of a link's routers, by number: of networks for benches (RFC 2544, RFC 5180)."""


class Wire:
    """Takes datagrams from host to host, through the link between them."""

    def __init__(self, seed: int) -> None:
        self.timeline = Timeline()
        self.record = Record(self.timeline)
        self.stacks: dict[str, Stack] = {}
        self.ways: dict[tuple[Stack, Stack], Way] = {}
        self.names: dict[str, tuple[str, ...]] = {"localhost": ("127.0.0.1", "::1")}
        self._groups: dict[str, dict[Stack, None]] = {}
        self._random = Random(seed)
        self.transit: Transit | None = None
        """What moves over routers, once there are any."""

    def routed(self) -> Transit:
        """Give what moves over routers, from now on."""
        if self.transit is None:
            topology = Topology(self.stacks)
            self.transit = Transit(self.timeline, self.record, self._random, topology)
        return self.transit

    def router_at(self, host: str) -> str | None:
        """Name the router that has an address."""
        owner = None if self.transit is None else self.transit.topology.owner(host)
        return None if owner is None else owner.name

    def _by_router(self, sender: Stack, host: str) -> Transit | None:
        """Give what takes datagrams to an address over routers, if they go there so."""
        transit = self.transit
        if transit is None or is_group(host) or not transit.carries(sender, host):
            return None
        target = self.stacks.get(host)
        return None if target is not None and (sender, target) in self.ways else transit

    def transmit(self, sender: Stack, packet: Packet, own: bool = True) -> None:
        """Take a datagram to whoever has the address, if there is anyone.

        own says whether its sender's host hears it, if that is in the group which it is sent to.
        """
        host = packet.destination[0]
        if self.transit is not None and (transit := self._by_router(sender, host)) is not None:
            transit.send(sender, packet)
            return
        target = self.stacks.get(host)
        if target is None and is_loopback(host):
            target = sender
        if target is None:
            self._to_many(sender, packet, own)
        elif target is not sender and is_loopback(packet.source[0]):
            self.record.settle(self.record.add(packet), Fate.UNREACHABLE)
        else:
            self._pass(sender, target, packet, target.receive)

    def _to_many(self, sender: Stack, packet: Packet, own: bool) -> None:
        """Take a datagram to each host that hears its group, or to nobody."""
        targets = self._hearers(packet) if is_group(packet.destination[0]) else []
        if is_loopback(packet.source[0]) or packet.ttl == 0:
            targets = [each for each in targets if each is sender]
        if not own:
            targets = [each for each in targets if each is not sender]
        for target in targets:
            self._pass(sender, target, packet, target.receive_group)
        if not targets:
            self.record.settle(self.record.add(packet), Fate.UNREACHABLE)

    def _hearers(self, packet: Packet) -> list[Stack]:
        """List the hosts that hear a group; broadcast is heard by all that have IPv4."""
        host = packet.destination[0]
        if host != IPV4_BROADCAST:
            return [*self._groups.get(group_of(host), ())]
        return [*dict.fromkeys(s for a, s in self.stacks.items() if not is_ipv6(a))]

    def _pass(
        self,
        sender: Stack,
        target: Stack,
        packet: Packet,
        receive: Callable[[Passage], None],
    ) -> None:
        """Take a datagram over the link between two hosts."""
        way = self.ways.get((sender, target))
        if way is None:
            receive(self.record.add(packet))
            return
        if way.only_delay:
            passage = self.record.add(packet)
            if way.delay:
                self.timeline.at(self.timeline.now + way.delay, partial(receive, passage))
            else:
                receive(passage)
            return
        known = sender.path_mtus.get(packet.destination[0])
        taken = way.take(packet, self.timeline.now, self._random, known)
        if isinstance(taken, Stopped):
            self.record.settle(self.record.add(packet), taken.fate)
            if taken.router is not None and is_told(packet, taken):
                self._said_by_router(sender, target, packet, taken, way.delay)
            return
        for when, arriving, faults in taken:
            passage = self.record.add(arriving, faults)
            if when > self.timeline.now:
                self.timeline.at(when, partial(receive, passage))
            else:
                receive(passage)

    def _said_by_router(
        self, sender: Stack, target: Stack, packet: Packet, stopped: Stopped, delay: float
    ) -> None:
        """Take a router's ICMP message back; routers stand at equal distances on the link."""
        way, number = self.ways[sender, target], stopped.router or 1
        part = number / (max(way.faults.hops, 1) + 1)
        router = (ROUTER6 if is_ipv6(packet.destination[0]) else ROUTER).format(number)
        if stopped.mtu is None:
            refusal = expired(packet, router)
        else:
            refusal = too_long(packet, router, stopped.mtu)
        self._back(target, sender, packet.source, refusal, delay * part, part)

    def forge(self, packet: Packet, delay: float, target: Stack | None) -> None:
        """Take a datagram to a host, or to a group, whoever sent it; no link touches it."""
        receivers = [target.receive] if target is not None else []
        if target is None and is_group(packet.destination[0]):
            receivers = [each.receive_group for each in self._hearers(packet)]
        for receive in receivers:
            passage = self.record.add(packet, frozenset({Fault.FORGED}))
            self._after(delay, partial(receive, passage))
        if not receivers:
            passage = self.record.add(packet, frozenset({Fault.FORGED}))
            self.record.settle(passage, Fate.UNREACHABLE)

    def refuse(self, refuser: Stack, packet: Packet) -> None:
        """Take an ICMP port unreachable back over the link, which may lose it."""
        host = packet.source[0]
        refusal = refused(packet.destination, packet.data, errno.ECONNREFUSED)
        if (transit := self._by_router(refuser, host)) is not None:
            transit.tell(refuser, refusal, packet.source)
            return
        sender = refuser if refuser.owns(host) else self.stacks.get(host)
        if sender is not None:
            self._back(refuser, sender, packet.source, refusal)

    def _back(
        self,
        refuser: Stack,
        sender: Stack,
        local: Peer,
        refusal: Refusal,
        later: float = 0.0,
        part: float = 1.0,
    ) -> None:
        """Take an ICMP message over a link, or over a part of it; it may be lost as any other."""
        way = self.ways.get((refuser, sender)) or Way(PERFECT)
        message = Packet(refusal.by or local, local, refusal.data)
        taken = way.through(message, self.timeline.now, self._random)
        if taken is not None:
            delay = later + (taken - self.timeline.now) * part
            self.tell(sender, local, refusal, delay)

    def tell(self, host: Stack, local: Peer, refusal: Refusal, delay: float) -> None:
        """Take what ICMP says of something sent from an address to the host that has it."""
        self._after(delay, partial(host.hear, local, refusal))

    def join(self, group: str, host: Stack) -> None:
        """Have a host hear a multicast group."""
        self._groups.setdefault(group, {})[host] = None

    def leave(self, group: str, host: Stack) -> None:
        """Have a host hear a multicast group no more."""
        del self._groups[group][host]

    def _after(self, delay: float, event: Callable[[], None]) -> None:
        if delay > 0:
            self.timeline.at(self.timeline.now + delay, event)
        else:
            event()


def is_told(packet: Packet, stopped: Stopped) -> bool:
    """Tell whether a router says what it did to a datagram: of multicast, only IPv6's too long."""
    host = packet.destination[0]
    return not is_group(host) or (is_ipv6(host) and stopped.mtu is not None)  # RFC 1122, RFC 4443
