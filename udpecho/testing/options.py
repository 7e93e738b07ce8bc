"""What is set on a socket in memory: a few options have an effect, the others are remembered."""

from __future__ import annotations

import errno
import socket

from udpecho.datagrams import DEFAULT_TTL
from udpecho.testing.stack import os_error

LEVELS = frozenset({socket.SOL_SOCKET, socket.IPPROTO_IP, socket.IPPROTO_IPV6, socket.IPPROTO_UDP})

SMALLEST_BUFFER = 2304
"""Bytes that Linux gives at least (SOCK_MIN_RCVBUF)."""

BUFFERS = {(socket.SOL_SOCKET, socket.SO_RCVBUF), (socket.SOL_SOCKET, socket.SO_SNDBUF)}
TTLS = {
    (socket.IPPROTO_IP, socket.IP_TTL),
    (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS),
}
CLASSES = {(socket.IPPROTO_IP, socket.IP_TOS), (socket.IPPROTO_IPV6, socket.IPV6_TCLASS)}
SWITCHES = {
    (socket.SOL_SOCKET, option)
    for option in (socket.SO_BROADCAST, socket.SO_REUSEADDR, socket.SO_KEEPALIVE)
}


class MemoryOptions:
    """The options of one socket, by level and number, as getsockopt and setsockopt have them."""

    def __init__(self, family: socket.AddressFamily, buffer: int) -> None:
        """Begin with Linux's defaults, and with receive and send buffers of this many bytes."""
        own = socket.IPPROTO_IP if family == socket.AF_INET else socket.IPPROTO_IPV6
        [self._ttl] = (each for each in TTLS if each[0] == own)
        [self._tos] = (each for each in CLASSES if each[0] == own)
        self._missing = socket.IPPROTO_IPV6 if family == socket.AF_INET else None
        self._set: dict[tuple[int, int], int | bytes] = {
            (socket.SOL_SOCKET, socket.SO_TYPE): socket.SOCK_DGRAM,
            self._ttl: DEFAULT_TTL,
            self._tos: 0,
            **dict.fromkeys(BUFFERS, buffer),
        }

    @property
    def ttl(self) -> int:
        """The TTL with which datagrams leave."""
        return int(self._set[self._ttl])

    @property
    def tos(self) -> int:
        """The traffic class with which they leave."""
        return int(self._set[self._tos])

    @property
    def receive_buffer(self) -> int:
        """How many bytes may be queued, as Linux counts them."""
        return int(self._set[socket.SOL_SOCKET, socket.SO_RCVBUF])

    @property
    def broadcast(self) -> bool:
        """Whether a broadcast address may be sent to."""
        return bool(self._set.get((socket.SOL_SOCKET, socket.SO_BROADCAST)))

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
        self._set[which] = self._kept(which, value) if isinstance(value, int) else bytes(value)

    def _kept(self, which: tuple[int, int], value: int) -> int:
        if which in BUFFERS:
            return max(2 * value, SMALLEST_BUFFER)
        if which in SWITCHES:
            return int(bool(value))
        if which in TTLS:
            value = DEFAULT_TTL if value == -1 else value
            if not 1 <= value <= 255:
                raise os_error(errno.EINVAL)
        if which == (socket.IPPROTO_IPV6, socket.IPV6_TCLASS):
            value = 0 if value == -1 else value
            if not 0 <= value <= 255:
                raise os_error(errno.EINVAL)
        return value & 0xFF if which in CLASSES else value

    def _check(self, level: int) -> None:
        """Refuse options of another protocol, and IPv6's on a socket of IPv4's."""
        if level not in LEVELS or level == self._missing:
            raise os_error(errno.ENOPROTOOPT)
