"""What ICMP says of a datagram that did not get there, as Linux would tell it."""

from __future__ import annotations

from dataclasses import replace
from errno import ECONNREFUSED, EHOSTUNREACH, EMSGSIZE, ENETUNREACH

from udpecho.peer import Peer, is_ipv6
from udpecho.refusal import Refusal
from udpecho.testing.packet import Packet
from udpecho.testing.passage import Fate

IPV4_QUOTE, IPV6_QUOTE = 520, 1184
"""Bytes of data that a message quotes at most: it is 576 or 1,280 bytes long (RFC 1812, 4443)."""

PORT_UNREACHABLE, PORT_UNREACHABLE6 = (3, 3), (1, 4)
PROHIBITED, PROHIBITED6 = (3, 13), (1, 1)
TOO_LONG, TOO_LONG6 = (3, 4), (2, 0)
EXPIRED, EXPIRED6 = (11, 0), (3, 0)
NO_ROUTE, NO_ROUTE6 = (3, 0), (1, 0)

MEANS = {
    ECONNREFUSED: (PORT_UNREACHABLE, PORT_UNREACHABLE6),
    EHOSTUNREACH: (PROHIBITED, PROHIBITED6),
    EMSGSIZE: (TOO_LONG, TOO_LONG6),
    ENETUNREACH: (NO_ROUTE, NO_ROUTE6),
}
"""The type and code, ICMP's and ICMPv6's, of which Linux makes an errno (icmp(7))."""


def refused(to: Peer, data: bytes, error: int, by: str | None = None) -> Refusal:
    """Say that what was sent to a peer did not get there; it says so itself if nobody else does."""
    ipv6 = is_ipv6(to[0])
    kind, code = MEANS.get(error, MEANS[EHOSTUNREACH])[ipv6]
    quoted = data[: IPV6_QUOTE if ipv6 else IPV4_QUOTE]
    return Refusal(to, quoted, error, (by or to[0], 0), kind, code, None)


def too_long(packet: Packet, by: str, mtu: int) -> Refusal:
    """Have a router say that a datagram is too long for the next link, and how long it may be."""
    return replace(refused(packet.destination, packet.data, EMSGSIZE, by), mtu=mtu)


def expired(packet: Packet, by: str) -> Refusal:
    """Have a router say that a datagram's TTL, or hop limit, ended there."""
    kind, code = EXPIRED6 if is_ipv6(packet.destination[0]) else EXPIRED
    told = refused(packet.destination, packet.data, EHOSTUNREACH, by)
    return replace(told, icmp_type=kind, icmp_code=code)


ERRORS = {
    Fate.REFUSED: ECONNREFUSED,
    Fate.PROHIBITED: EHOSTUNREACH,
    Fate.TOO_LONG: EMSGSIZE,
    Fate.UNREACHABLE: ENETUNREACH,
}
"""The errno that Linux makes of what a router says of a datagram, by its fate."""


def said(packet: Packet, fate: Fate, mtu: int | None) -> Refusal:
    """Have a router that is yet to be named say what became of a datagram there."""
    if fate is Fate.EXPIRED:
        return expired(packet, packet.destination[0])
    told = refused(packet.destination, packet.data, ERRORS[fate])
    return replace(told, mtu=mtu)
