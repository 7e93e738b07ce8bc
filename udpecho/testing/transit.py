"""The way of datagrams, and of ICMP messages, over routers: from link to link, each in its time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from random import Random
from typing import TypeAlias

from udpecho.extensions import extension_of
from udpecho.peer import Peer, is_ipv6
from udpecho.refusal import Refusal
from udpecho.testing.forwarding import Interface, Router
from udpecho.testing.icmp import said
from udpecho.testing.packet import Packet
from udpecho.testing.parcel import Message, Parcel
from udpecho.testing.passage import Fate
from udpecho.testing.record import Record
from udpecho.testing.stack import Stack
from udpecho.testing.timeline import Timeline
from udpecho.testing.topology import Topology
from udpecho.testing.way import Stopped

ECN = 0x03
"""The bits of the traffic class that are not the DSCP's (RFC 3168)."""

Sent: TypeAlias = Parcel | Message


class Transit:
    """What moves between hosts and routers."""

    def __init__(
        self, timeline: Timeline, record: Record, random: Random, topology: Topology
    ) -> None:
        self.topology = topology
        self._timeline, self._record, self._random = timeline, record, random

    def carries(self, sender: Stack, host: str) -> bool:
        """Tell whether what a host sends to an address goes by a router."""
        return not sender.owns(host) and self.topology.has_uplink(sender)

    def send(self, sender: Stack, packet: Packet) -> None:
        """Take a datagram from a host to its router, and on."""
        known_mtu = sender.path_mtus.get(packet.destination[0])
        parcel = Parcel(self._record.add(packet), known_mtu)
        interface = self.topology.uplink(sender, parcel.key)
        assert interface is not None
        self._carry(interface, parcel)

    def tell(self, sender: Stack, refusal: Refusal, local: Peer) -> None:
        """Take what a host says of a datagram back to whoever sent that."""
        message = Message(refusal, local)
        interface = self.topology.uplink(sender, message.key)
        assert interface is not None
        self._carry(interface, message)

    def _carry(self, interface: Interface, sent: Sent) -> None:
        """Take something over a link, and on as far as it gets at this instant."""
        over: Interface | None = interface
        while over is not None:
            way = over.way
            if not way.only_delay:
                self._meet(over, sent)
                return
            if way.delay:
                self._timeline.at(self._timeline.now + way.delay, self._arrival(over, sent))
                return
            over = self._on(over, sent)

    def _arrival(self, over: Interface, sent: Sent) -> Callable[[], None]:
        return partial(self._arrive, over, sent)

    def _arrive(self, over: Interface, sent: Sent) -> None:
        """Let something come to the end of a link."""
        then = self._on(over, sent)
        if then is not None:
            self._carry(then, sent)

    def _on(self, over: Interface, sent: Sent) -> Interface | None:
        """Give it to the host at the end of a link, or let the router tell where it goes."""
        node = over.neighbour
        if isinstance(node, Router):
            return self._through(node, sent)
        self._deliver(node, sent, over)
        return None

    def _meet(self, over: Interface, sent: Sent) -> None:
        """Let a link do to something what it does."""
        if isinstance(sent, Message):
            when = over.way.through(sent.packet, self._timeline.now, self._random)
            if when is not None:
                self._timeline.at(when, self._arrival(over, sent))
            return
        before, now = sent.packet, self._timeline.now
        taken = over.way.take(before, now, self._random, sent.known_mtu)
        if isinstance(taken, Stopped):
            self._stopped(over, sent, taken)
            return
        copies = [sent, *(self._copied(sent) for _ in taken[1:])]
        for parcel, (when, packet, faults) in zip(copies, taken, strict=True):
            parcel.altered(packet, faults)
            self._timeline.at(when, self._arrival(over, parcel))

    def _copied(self, parcel: Parcel) -> Parcel:
        """Make a copy, which has an entry of its own in the record."""
        copy = Parcel(self._record.add(parcel.passage.packet), parcel.known_mtu)
        copy.altered(parcel.packet, parcel.faults)
        return copy

    def _stopped(self, over: Interface, parcel: Parcel, stopped: Stopped) -> None:
        """Note that a link stopped a datagram; what is too long its router says, or the next."""
        self._record.settle(parcel.passage, stopped.fate, over.name)
        if stopped.router is None:
            return
        self._say(over.router, parcel.packet, stopped.fate, stopped.mtu)

    def _deliver(self, stack: Stack, sent: Sent, over: Interface) -> None:
        """Give a host what has come to it."""
        host = sent.packet.destination[0]
        if isinstance(sent, Message):
            if stack.owns(host):
                stack.hear(sent.local, sent.refusal)
            return
        passage = sent.passage
        passage.changed(sent.packet)
        self._record.arrived(passage, sent.faults)
        if stack.owns(host):
            stack.receive(passage)
        else:  # a router was told to send it there
            self._record.settle(passage, Fate.UNREACHABLE, over.name)

    # At a router.

    def _through(self, router: Router, sent: Sent) -> Interface | None:
        """Let a router tell where something goes on; None if that ends there."""
        said_of = sent.packet
        if router.translations:
            _translate(router, sent)
        packet = sent.packet
        host = packet.destination[0]
        if packet.ttl <= 1:
            self._ends(router, sent, Fate.EXPIRED, said_of)
            return None
        over = self._way(router, sent, host)
        if over is None:
            refused = self.topology.owner(host) is router
            fate = Fate.REFUSED if refused else Fate.UNREACHABLE
            self._ends(router, sent, fate, said_of)
            return None
        for each in router.filters if isinstance(sent, Parcel) else ():
            if each.stops(packet, over.neighbour, self._random):
                self._ends(router, sent, each.fate, said_of)
                return None
        packet = packet.after(1)
        if router.dscp is not None:
            packet = packet._replace(tos=router.dscp << 2 | packet.tos & ECN)
        sent.leaves(packet)
        return over

    def _way(self, router: Router, sent: Sent, host: str) -> Interface | None:
        key = sent.labelled if router.hashes == "label" else sent.key
        found = router.chosen.get(key)
        if found is None:
            ways = self.topology.ways(router, host)
            if not ways:
                return None
            found = router.choose(key, ways)
        return found

    def _ends(self, router: Router, sent: Sent, fate: Fate, packet: Packet) -> None:
        """Note where a datagram ended, and say so; of ICMP messages nothing is said (RFC 1122)."""
        if isinstance(sent, Message):
            return
        self._record.settle(sent.passage, fate, router.name)
        if fate is not Fate.FILTERED:
            self._say(router, packet, fate)

    def _say(self, router: Router, packet: Packet, fate: Fate, mtu: int | None = None) -> None:
        """Have a router say what became of a datagram, if it does."""
        to = packet.source[0]
        if fate in router.silent:
            return
        if fate is not Fate.TOO_LONG and not router.limits.allow(to, self._timeline.now):
            return
        quoted = packet._replace(data=router.quote(packet.data))
        refusal = said(quoted, fate, mtu)
        if router.labels:
            refusal = replace(refusal, extension=extension_of(router.labels))
        message = Message(refusal, packet.source)
        over = self._way(router, message, to)
        by = None if over is None else router.speaks_from(over, is_ipv6(to))
        if over is None or by is None:
            return
        message.named(by)
        if router.translations:
            _translate(router, message)
        self._carry(over, message)


def _translate(router: Router, sent: Sent) -> None:
    """Replace the address that stands for another, or the other where it comes from."""
    packet = sent.packet
    inward = router.translations.get(packet.destination[0])
    if isinstance(sent, Message):
        _translate_message(router, sent)
    elif inward is not None and inward.outside == packet.destination[0]:
        sent.translated(inward.outside, inward.inside)
    elif (outward := router.translations.get(packet.source[0])) is not None:
        sent.translated(outward.inside, outward.outside)


def _translate_message(router: Router, message: Message) -> None:
    to, local = message.refusal.to, message.local[0]
    about = router.translations.get(to[0]) if to is not None else None
    if about is not None:  # what went in: it says so to somebody outside
        message.translated(about.inside, about.outside)
        if about.hides:
            message.named(about.outside)
    elif (of := router.translations.get(local)) is not None:
        message.translated(of.outside, of.inside)
