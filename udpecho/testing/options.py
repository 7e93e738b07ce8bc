"""What is set on a socket in memory: a few options have an effect, the others are remembered."""

from __future__ import annotations

import errno
import socket

from udpecho.datagrams import DEFAULT_TTL
from udpecho.testing.stack import IPV4_ANY, IPV6_ANY, os_error

LEVELS = frozenset({socket.SOL_SOCKET, socket.IPPROTO_IP, socket.IPPROTO_IPV6, socket.IPPROTO_UDP})

SOCKET_SWITCHES = ("BROADCAST", "REUSEADDR", "KEEPALIVE")

SMALLEST_BUFFER = 2304
"""Bytes that Linux gives at least (SOCK_MIN_RCVBUF)."""

IP_MTU_DISCOVER, IPV6_MTU_DISCOVER = 10, 23
DONT, WANT, DO, PROBE, INTERFACE, OMIT = range(6)
"""Of IP_MTU_DISCOVER: whether the path's MTU is heeded, and datagrams may be cut (ip(7))."""

Option = tuple[int, int]
"""A level and a number."""

BUFFERS = {(socket.SOL_SOCKET, socket.SO_RCVBUF), (socket.SOL_SOCKET, socket.SO_SNDBUF)}
TTLS = {
    (socket.IPPROTO_IP, socket.IP_TTL): DEFAULT_TTL,
    (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS): DEFAULT_TTL,
    (socket.IPPROTO_IP, socket.IP_MULTICAST_TTL): 1,
    (socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS): 1,
}
CLASSES = {(socket.IPPROTO_IP, socket.IP_TOS), (socket.IPPROTO_IPV6, socket.IPV6_TCLASS)}
LOOPS = {
    (socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP),
    (socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP),
}
SWITCHES = {
    *((socket.SOL_SOCKET, getattr(socket, f"SO_{name}")) for name in SOCKET_SWITCHES),
    *LOOPS,
}
DISCOVERY = {
    (socket.IPPROTO_IP, IP_MTU_DISCOVER): WANT,
    (socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER): WANT,
}
NUMBERS = {*BUFFERS, *TTLS, *CLASSES, *SWITCHES, *DISCOVERY}

JOINS = {
    (socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP): True,
    (socket.IPPROTO_IP, socket.IP_DROP_MEMBERSHIP): False,
    (socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP): True,
    (socket.IPPROTO_IPV6, socket.IPV6_LEAVE_GROUP): False,
}
"""Whether it lets a socket join a multicast group, or leave it; its value begins with the group."""


class MemoryOptions:
    """The options of one socket, by level and number, as getsockopt and setsockopt have them.

    Its attributes are those that have an effect.
    """

    def __init__(self, family: socket.AddressFamily, buffer: int) -> None:
        """Begin with Linux's defaults, and with receive and send buffers of this many bytes."""
        self._own = socket.IPPROTO_IP if family == socket.AF_INET else socket.IPPROTO_IPV6
        self._missing = socket.IPPROTO_IPV6 if family == socket.AF_INET else None
        self._set: dict[Option, int | bytes] = {
            (socket.SOL_SOCKET, socket.SO_TYPE): socket.SOCK_DGRAM,
            **TTLS,
            **DISCOVERY,
            **dict.fromkeys(LOOPS, 1),
            **dict.fromkeys(BUFFERS, buffer),
        }
        self._take_effect()

    def _take_effect(self) -> None:
        own = {
            option: self._set.get((level, option), 0)
            for level, option in NUMBERS
            if level == self._own
        }
        ipv4 = self._own == socket.IPPROTO_IP
        self.ttl = int(own[socket.IP_TTL if ipv4 else socket.IPV6_UNICAST_HOPS])
        """The TTL with which datagrams leave."""
        self.multicast_ttl = int(
            own[socket.IP_MULTICAST_TTL if ipv4 else socket.IPV6_MULTICAST_HOPS]
        )
        """The TTL with which they leave for a multicast group."""
        self.multicast_loop = bool(
            own[socket.IP_MULTICAST_LOOP if ipv4 else socket.IPV6_MULTICAST_LOOP]
        )
        """Whether this host hears them, too."""
        self.tos = int(own[socket.IP_TOS if ipv4 else socket.IPV6_TCLASS])
        """The traffic class with which they leave."""
        self.mtu_discover = int(own[IP_MTU_DISCOVER if ipv4 else IPV6_MTU_DISCOVER])
        """What is done about the path's MTU."""
        self.receive_buffer = int(self._set[socket.SOL_SOCKET, socket.SO_RCVBUF])
        """How many bytes may be queued, as Linux counts them."""
        self.broadcast = bool(self._set.get((socket.SOL_SOCKET, socket.SO_BROADCAST)))
        """Whether a broadcast address may be sent to."""

    def get(self, level: int, option: int, size: int = 0) -> int | bytes:
        """Tell what is set: as a number, or as this many bytes."""
        self._check(level)
        value = self._set.get((level, option), 0)
        if not size:
            return value
        return (value if isinstance(value, bytes) else value.to_bytes(4, "little"))[:size]

    def set(self, level: int, option: int, value: int | bytes) -> None:
        """Set an option, as Linux would: it doubles buffers, and has no TTL of 0."""
        self._check(level)
        which = level, option
        if which in NUMBERS and not isinstance(value, int):
            value = int.from_bytes(value, "little")
        self._set[which] = self._kept(which, value) if isinstance(value, int) else bytes(value)
        self._take_effect()

    def let_fragment(self, allowed: bool, heeds: bool) -> None:
        """Let datagrams be cut on their way, or not; then heeding what ICMP said, or not."""
        ipv4 = self._own == socket.IPPROTO_IP
        option = IP_MTU_DISCOVER if ipv4 else IPV6_MTU_DISCOVER
        self.set(self._own, option, DONT if allowed else DO if heeds else PROBE)

    def _kept(self, which: Option, value: int) -> int:
        if which in BUFFERS:
            return max(2 * value, SMALLEST_BUFFER)
        if which in SWITCHES:
            return int(bool(value))
        if which in TTLS:
            value = TTLS[which] if value == -1 else value
            lowest = 0 if TTLS[which] != DEFAULT_TTL else 1  # 0 keeps multicast in the host
            if not lowest <= value <= 255:
                raise os_error(errno.EINVAL)
        if which == (socket.IPPROTO_IPV6, socket.IPV6_TCLASS):
            value = 0 if value == -1 else value
            if not 0 <= value <= 255:
                raise os_error(errno.EINVAL)
        if which in DISCOVERY and not DONT <= value <= OMIT:
            raise os_error(errno.EINVAL)
        return value & 0xFF if which in CLASSES else value

    def _check(self, level: int) -> None:
        """Refuse options of another protocol, and IPv6's on a socket of IPv4's."""
        if level not in LEVELS or level == self._missing:
            raise os_error(errno.ENOPROTOOPT)


def membership(level: int, option: int, value: int | bytes) -> tuple[str, bool] | None:
    """Tell which group a socket is to join (True) or leave, if an option is about that."""
    joins = JOINS.get((level, option))
    if joins is None:
        return None
    family = socket.AF_INET if level == socket.IPPROTO_IP else socket.AF_INET6
    length = len(socket.inet_pton(family, IPV4_ANY if family == socket.AF_INET else IPV6_ANY))
    if isinstance(value, int) or len(value) < length:
        raise os_error(errno.EINVAL)
    return socket.inet_ntop(family, value[:length]), joins
