"""The wire between the hosts of a network in memory: who is where, and how datagrams get there."""

from __future__ import annotations

import errno
from collections.abc import Callable
from functools import partial
from itertools import islice
from random import Random

from udpecho.peer import Peer, is_loopback
from udpecho.refusal import Refusal
from udpecho.testing.icmp import refused
from udpecho.testing.link import PERFECT, Link
from udpecho.testing.packet import Packet
from udpecho.testing.record import Datagram, Fate, Fault, Record
from udpecho.testing.stack import Stack
from udpecho.testing.timeline import Timeline


class Wire:
    """Takes datagrams from host to host, through the link between them."""

    def __init__(self, seed: int) -> None:
        self.timeline = Timeline()
        self.record = Record(self.timeline.seconds)
        self.stacks: dict[str, Stack] = {}
        self.links: dict[tuple[Stack, Stack], Link] = {}
        self.names: dict[str, tuple[str, ...]] = {"localhost": ("127.0.0.1", "::1")}
        self._random = Random(seed)

    def transmit(self, sender: Stack, packet: Packet) -> None:
        """Take a datagram to the host that has the address, if there is one."""
        target = self._find(packet.destination[0], sender)
        if target is None or (is_loopback(packet.source[0]) and target is not sender):
            self.record.settle(self.record.add(packet), Fate.UNREACHABLE)
            return
        copies = list(self._link(sender, target).copies(packet.data, self._random))
        if not copies:
            self.record.settle(self.record.add(packet), Fate.LOST)
        for delay, arriving, faults in copies:
            datagram = self.record.add(packet._replace(data=arriving), faults)
            self._after(delay, partial(target.receive, datagram))

    def forge(self, packet: Packet, delay: float, target: Stack | None) -> None:
        """Take a datagram to a host, whoever sent it; no link touches it."""
        datagram = self.record.add(packet, frozenset({Fault.FORGED}))
        if target is None:
            self.record.settle(datagram, Fate.UNREACHABLE)
        else:
            self._after(delay, partial(target.receive, datagram))

    def refuse(self, refuser: Stack, datagram: Datagram) -> None:
        """Take an ICMP port unreachable back over the link, which may lose it."""
        sender = self._find(datagram.source[0], refuser)
        if sender is not None:
            link = self._link(refuser, sender)
            for delay, _, _ in islice(link.copies(b"", self._random), 1):
                refusal = refused(datagram.destination, datagram.data, errno.ECONNREFUSED)
                self.tell(sender, datagram.source, refusal, delay)

    def tell(self, host: Stack, local: Peer, refusal: Refusal, delay: float) -> None:
        """Take what ICMP says of something sent from an address to the host that has it."""
        self._after(delay, partial(host.hear, local, refusal))

    def _find(self, host: str, near: Stack) -> Stack | None:
        return near if near.owns(host) else self.stacks.get(host)

    def _link(self, sender: Stack, receiver: Stack) -> Link:
        return self.links.get((sender, receiver), PERFECT)

    def _after(self, delay: float, event: Callable[[], None]) -> None:
        if delay:
            self.timeline.at(self.timeline.now + delay, event)
        else:
            event()
