"""One direction of a link: what arrives of each datagram, when, or why nothing does.

Pure, but for the dice it is given; told the time.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple, TypeAlias

from udpecho.peer import is_ipv6
from udpecho.testing.faults import Faults
from udpecho.testing.pacing import Queue
from udpecho.testing.packet import Packet
from udpecho.testing.passage import NO_FAULTS, Fate, Fault

UDP_HEADER, IPV4_HEADER, IPV6_HEADER, FRAGMENT_HEADER = 8, 20, 40, 8
"""Bytes (RFC 768, RFC 791, RFC 8200)."""

IPV6_SMALLEST_MTU = 1280
"""Bytes that each link for IPv6 takes in one piece (RFC 8200)."""

NO_LIMIT = 1 << 17
"""More bytes than any packet has."""

FRAGMENT_UNIT = 8
"""Each fragment but the last has a multiple of this many bytes (RFC 791)."""


MOST_TTL = 255


Arrival: TypeAlias = tuple[float, Packet, frozenset[Fault]]
"""What arrives of a datagram: when, what, and what was done to it."""


class Stopped(NamedTuple):
    """That a datagram does not arrive."""

    fate: Fate
    router: int | None = None
    """Which router on the way says so to the sender, by ICMP; the first is 1."""

    mtu: int | None = None
    """How long a packet may be there, in bytes."""


CUT = frozenset({Fault.FRAGMENTED})
LOST, CONGESTED = Stopped(Fate.LOST), Stopped(Fate.CONGESTED)


class Way:
    """One direction between two hosts."""

    def __init__(self, faults: Faults) -> None:
        self._queue = Queue()
        self._bad = False  # in a burst of losses
        self.change(faults)

    def change(self, faults: Faults) -> None:
        """Do something else to what comes from now on."""
        self.faults = faults
        self.only_delay = faults.only_delay
        self.delay = faults.delay
        self._bad = self._bad and faults.bursts is not None
        # What this link never asks of a datagram costs a datagram nothing.
        self._measures = faults.mtu is not None or faults.rate is not None
        self._may_lose = faults.loss > 0 or faults.bursts is not None
        self._may_alter = faults.reorder > 0 or faults.corrupt > 0

    def take(
        self, packet: Packet, now: float, random: Random, known_mtu: int | None = None
    ) -> Stopped | list[Arrival]:
        """Tell what arrives of a datagram that is sent now; known_mtu is what its sender knows."""
        faults = self.faults
        if faults.hops:
            if packet.ttl <= faults.hops:
                return Stopped(Fate.EXPIRED, packet.ttl)
            packet = packet.after(faults.hops)
        pieces, left = 1, now
        if self._measures:
            pieces, size = fragments(packet, faults.mtu)
            if pieces > 1 and not may_be_cut(packet, known_mtu, faults.mtu):
                return Stopped(Fate.TOO_LONG, 1, narrowest(packet, faults.mtu))
            if faults.rate is not None:
                queue, most, most_bytes = self._queue, faults.queue, faults.queue_bytes
                leaves = queue.enter(size, now, faults.rate, most, most_bytes)
                if leaves is None:
                    return CONGESTED
                left = leaves
        if self._may_lose and self._loses(pieces, random):
            return LOST
        cut = NO_FAULTS if pieces == 1 else CUT
        if not hit(faults.duplicate, random):
            return [self._copy(packet, left, cut, random)]
        copies = cut, cut | {Fault.DUPLICATE}
        return [self._copy(packet, left, each, random) for each in copies]

    def through(self, message: Packet, now: float, random: Random) -> float | None:
        """Tell when a message arrives that routers know how to take, or None: it is lost."""
        taken = self.take(message._replace(ttl=MOST_TTL), now, random)
        return None if isinstance(taken, Stopped) else taken[0][0]

    def _loses(self, pieces: int, random: Random) -> bool:
        """Tell whether one of a datagram's pieces is lost, and with it the whole."""
        bursts, loss = self.faults.bursts, self.faults.loss
        lost = False
        for _ in range(pieces):
            chance = loss
            if bursts is not None:
                self._bad ^= hit(bursts.end if self._bad else bursts.start, random)
                chance = bursts.loss if self._bad else loss
            lost |= hit(chance, random)
        return lost

    def _copy(
        self, packet: Packet, left: float, faults: frozenset[Fault], random: Random
    ) -> Arrival:
        """Let one copy arrive, perhaps late and perhaps with another bit."""
        link = self.faults
        when = left + link.delay
        if link.jitter:
            when += link.jitter * random.random()
        if not self._may_alter:
            return when, packet, faults
        if hit(link.reorder, random):
            when += link.hold
            faults |= {Fault.REORDERED}
        if packet.data and hit(link.corrupt, random):
            bit = random.randrange(8 * len(packet.data))
            flipped = bytearray(packet.data)
            flipped[bit // 8] ^= 1 << bit % 8
            packet = packet._replace(data=bytes(flipped))
            faults |= {Fault.CORRUPTED}
        return when, packet, faults


def hit(probability: float, random: Random) -> bool:
    """Throw the dice, if there is anything to decide."""
    return probability > 0 and random.random() < probability


def narrowest(packet: Packet, mtu: int | None) -> int:
    """Give the bytes that a link takes in one packet of this family."""
    if mtu is None:
        return NO_LIMIT
    return max(mtu, IPV6_SMALLEST_MTU) if is_ipv6(packet.destination[0]) else mtu


def may_be_cut(packet: Packet, known_mtu: int | None, mtu: int | None) -> bool:
    """Tell whether a datagram passes in fragments.

    Routers of IPv4 cut it, unless its sender forbids that; of IPv6 its sender alone does, if he
    knows how short.
    """
    if not packet.may_fragment:
        return False
    limit = narrowest(packet, mtu)
    return not is_ipv6(packet.destination[0]) or (known_mtu is not None and known_mtu <= limit)


def fragments(packet: Packet, mtu: int | None) -> tuple[int, int]:
    """Count the packets in which a datagram passes, and all their bytes, headers included."""
    ipv6 = is_ipv6(packet.destination[0])
    payload = UDP_HEADER + len(packet.data)
    whole = payload + (IPV6_HEADER if ipv6 else IPV4_HEADER)
    if mtu is None or whole <= mtu or whole <= (limit := narrowest(packet, mtu)):
        return 1, whole
    header = IPV6_HEADER + FRAGMENT_HEADER if ipv6 else IPV4_HEADER
    each = (limit - header) // FRAGMENT_UNIT * FRAGMENT_UNIT
    pieces = -(-payload // each)
    return pieces, payload + pieces * header
