"""Where the kernel's bytes say what about a datagram: socket addresses and control messages.

Pure layout, on bytes: no sockets, no system calls. About each datagram there is a record of
192 bytes: the sender's socket address in 32, then control messages. Those of a datagram that
came by itself have one fixed length and order, so that columns can be cut through the records
of a batch. What else may come (a train's segment size, a timestamp) is moved behind them by
canonical(); then every record can be read by the same offsets, and sent back as it is.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from socket import AF_INET, AF_INET6, IPPROTO_IP, IPPROTO_IPV6, SOL_SOCKET

# uapi/linux/in.h, in6.h, udp.h; asm-generic/socket.h
IP_TOS, IP_TTL, IP_PKTINFO, IP_RECVERR, IP_RECVTTL, IP_RECVTOS = 1, 2, 8, 11, 12, 13
IP_MTU_DISCOVER, IP_PMTUDISC_OMIT, IP_UNICAST_IF = 10, 5, 50
IPV6_MTU_DISCOVER, IPV6_UNICAST_IF = 23, 76
IPV6_RECVERR, IPV6_RECVPKTINFO, IPV6_PKTINFO = 25, 49, 50
IP_RECVERR_RFC4884, IPV6_RECVERR_RFC4884 = 26, 31
IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT, IPV6_RECVTCLASS, IPV6_TCLASS = 51, 52, 66, 67
SOL_UDP, UDP_SEGMENT, UDP_GRO = 17, 103, 104
SO_TIMESTAMPNS, SO_TIMESTAMPING, SO_MEMINFO = 35, 37, 55

RECORD = 192
"""Bytes: a multiple of a cache line's 64."""

NAME = 32
"""Bytes of a record before its control messages; sockaddr_in6, the longest, has 28."""

CONTROL = RECORD - NAME
"""Bytes of room for control messages, of which 144 can be needed."""

CONTROL_HEADER = struct.Struct("=Qii")
"""struct cmsghdr: a control message's length with this header, its level and its type."""

TIMESPEC = struct.Struct("=qq")
"""struct timespec: seconds and nanoseconds."""

_SEGMENT = struct.Struct("=QiiH6x")
_STAMP = CONTROL_HEADER.pack(32, SOL_SOCKET, SO_TIMESTAMPNS)


def _padded(data: int) -> int:
    """Give the room of a control message with this many bytes of data (CMSG_SPACE)."""
    return CONTROL_HEADER.size + (data + 7) // 8 * 8


def control_message(level: int, kind: int, data: bytes) -> bytes:
    """Lay out one control message, padded to where a next one begins (cmsg(3))."""
    size = CONTROL_HEADER.size + len(data)
    return (CONTROL_HEADER.pack(size, level, kind) + data).ljust(_padded(len(data)), b"\0")


@dataclass(frozen=True, slots=True, eq=False)  # there are two: hashed by identity, and fast
class Layout:
    """A family's offsets within a record, in bytes; asked and local may be one place."""

    family: int
    name: int
    host: int
    host_size: int
    asked: int
    local: int
    interface: int
    ttl: int
    tos: int
    source: int
    """How long the first control message is, which names the address to send from."""

    plain: tuple[bytes, bytes, bytes]
    """The control messages of a datagram by itself, with data that says nothing."""

    control: int = field(init=False)
    """How long the control messages of a datagram by itself are."""

    segment: int = field(init=False)
    """The offset of a train's segment size."""

    timestamp: int = field(init=False)
    """The offset of the time of arrival."""

    def __post_init__(self) -> None:
        control = sum(map(len, self.plain))
        object.__setattr__(self, "control", control)
        object.__setattr__(self, "segment", NAME + control + CONTROL_HEADER.size)
        object.__setattr__(self, "timestamp", NAME + control + _SEGMENT.size + CONTROL_HEADER.size)


_DEFAULT_TTL = b"\x40\0\0\0"

IPV4 = Layout(
    family=AF_INET,
    name=16,
    host=4,
    host_size=4,
    asked=NAME + 24,
    local=NAME + 20,
    interface=NAME + 16,
    ttl=NAME + 48,
    tos=NAME + 72,
    source=32,
    plain=(
        control_message(IPPROTO_IP, IP_PKTINFO, bytes(12)),
        control_message(IPPROTO_IP, IP_TTL, _DEFAULT_TTL),
        control_message(IPPROTO_IP, IP_TOS, bytes(1)),
    ),
)
IPV6 = Layout(
    family=AF_INET6,
    name=28,
    host=8,
    host_size=16,
    asked=NAME + 16,
    local=NAME + 16,
    interface=NAME + 32,
    ttl=NAME + 56,
    tos=NAME + 80,
    source=40,
    plain=(
        control_message(IPPROTO_IPV6, IPV6_PKTINFO, bytes(20)),
        control_message(IPPROTO_IPV6, IPV6_HOPLIMIT, _DEFAULT_TTL),
        control_message(IPPROTO_IPV6, IPV6_TCLASS, bytes(4)),
    ),
)


def sent_to(layout: Layout, host: bytes) -> bytes:
    """Lay out the control message of a datagram that was sent to this address of ours."""
    message = bytearray(layout.plain[0])
    for at in (layout.asked - NAME, layout.local - NAME):
        message[at : at + layout.host_size] = host
    return bytes(message)


def all_for_us(
    layout: Layout, first_octets: Callable[[], bytes], asked: object, local: object
) -> bool:
    """Tell whether all of a batch was sent to this host alone, by no broadcast and to no group.

    Over IPv6 that is told by the first octet of each address asked (RFC 4291, 2.7), over IPv4 by
    whether asked and local, the same columns of both, are equal.
    """
    return 0xFF not in first_octets() if layout is IPV6 else asked == local


def described(
    layout: Layout, name: bytes, asked: bytes, local: bytes, ttl: int, tos: int, when: int | None
) -> bytes:
    """Lay out the record of a datagram as the kernel would; when is in ns since 1970."""
    record = bytearray(name.ljust(NAME, b"\0") + b"".join(layout.plain))
    for at, host in ((layout.asked, asked), (layout.local, local)):
        record[at : at + layout.host_size] = host
    record[layout.ttl], record[layout.tos] = ttl, tos
    return bytes(record) if when is None else stamped(bytes(record), when)


def stamped(record: bytes, when: int) -> bytes:
    """Add the time of arrival, in ns since 1970, to the record of a datagram by itself."""
    stamp = TIMESPEC.pack(*divmod(when, 1_000_000_000))
    return record + bytes(_SEGMENT.size) + control_message(SOL_SOCKET, SO_TIMESTAMPNS, stamp)


def control_messages(control: bytes) -> dict[tuple[int, int], bytes]:
    """Take control messages apart: level and type to data."""
    found = {}
    at = 0
    while at + CONTROL_HEADER.size <= len(control):
        size, level, kind = CONTROL_HEADER.unpack_from(control, at)
        if size < CONTROL_HEADER.size or at + size > len(control):
            break
        found[level, kind] = control[at + CONTROL_HEADER.size : at + size]
        at += _padded(size - CONTROL_HEADER.size)
    return found


@lru_cache(maxsize=1024)  # the trains of a flow come alike
def canonical(layout: Layout, control: bytes) -> tuple[bytes, int]:
    """Put control messages in the order of a record; return them and a train's segment size.

    What is missing, or cut off, says nothing: a TTL of 64, no destination. The size is 0 for a
    datagram by itself. It is received as an int, but must be sent as 16 bits under another name;
    that is how it is put.
    """
    found = control_messages(control)
    parts = []
    for default in layout.plain:
        size, level, kind = CONTROL_HEADER.unpack_from(default)
        usual = default[CONTROL_HEADER.size : size]
        data = found.get((level, kind), usual)
        if len(data) < len(usual):  # there was no room for all of it
            data = usual
        parts.append(control_message(level, kind, data))
    segment = int.from_bytes(found.get((SOL_UDP, UDP_GRO), b"")[:2], "little")
    parts.append(_SEGMENT.pack(18, SOL_UDP, UDP_SEGMENT, segment) if segment else bytes(24))
    stamp = found.get((SOL_SOCKET, SO_TIMESTAMPNS))
    if stamp is not None and len(stamp) == TIMESPEC.size:
        parts.append(control_message(SOL_SOCKET, SO_TIMESTAMPNS, stamp))
    return b"".join(parts), segment


def timestamp_ns(layout: Layout, record: bytes) -> int | None:
    """Read the time of arrival from a record, in ns since 1970, if it has one."""
    at = layout.timestamp - CONTROL_HEADER.size
    if record[at : layout.timestamp] != _STAMP:
        return None
    seconds, nanoseconds = TIMESPEC.unpack_from(record, layout.timestamp)
    return int(seconds * 1_000_000_000 + nanoseconds)
