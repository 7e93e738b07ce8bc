"""The error queue: which datagram ICMP refused, and whose word it was (ip(7), IP_RECVERR).

One reader for all: refusals() for a socket that has nothing else in its queue, refusal() for
whoever takes the queue by the batch, with stamps of departures in it.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator, Mapping
from errno import EMSGSIZE
from functools import lru_cache
from socket import AF_INET, AF_INET6, IPPROTO_IP, IPPROTO_IPV6, SOL_SOCKET, inet_ntop
from typing import TypeAlias

from udpecho.extensions import is_extension
from udpecho.kernel.layout import (
    IP_RECVERR,
    IPV6_RECVERR,
    SO_TIMESTAMPING,
    SO_TIMESTAMPNS,
    TIMESPEC,
)
from udpecho.peer import Peer
from udpecho.refusal import Refusal
from udpecho.scopes import without_scope

Found: TypeAlias = Mapping[tuple[int, int], bytes]
"""Control messages, by level and type."""

FROM_OUR_KERNEL, FROM_ICMP, FROM_ICMP6, FROM_TIMESTAMPING = 1, 2, 3, 4
EXTENDED_ERROR = struct.Struct("=IBBBxII")  # sock_extended_err, linux/errqueue.h

_QUOTED_BEFORE = 128 - 20 - 8
"""Bytes of a datagram's data that such a router quotes, with filling, behind its headers."""

_DAMAGED = 1
"""SO_EE_RFC4884_FLAG_INVALID."""

_QUOTED = 65536
"""Bytes: an ICMP message quotes less, a local error the whole datagram."""

_ROOM = 512
"""Bytes for the control messages of an error."""

_PEERS = 1024
"""Socket addresses kept decoded, at about 300 bytes each: a few routers say nearly all."""

_ERRORS = {(IPPROTO_IP, IP_RECVERR), (IPPROTO_IPV6, IPV6_RECVERR)}
_STAMPS = {(SOL_SOCKET, SO_TIMESTAMPING), (SOL_SOCKET, SO_TIMESTAMPNS)}
_SOCKADDR_IN, _SOCKADDR_IN6 = struct.Struct("=HH4s"), struct.Struct("=HHI16sI")


def refusals(skt: socket.socket, most: int) -> Iterator[Refusal]:
    """Take errors from the queue, at most this many, and give those that say "unreachable"."""
    for _ in range(most):
        try:
            data, ancillary, _, to = skt.recvmsg(_QUOTED, _ROOM, socket.MSG_ERRQUEUE)
        except OSError:  # EAGAIN: the queue is empty
            return
        found = {(level, kind): message for level, kind, message in ancillary}
        refused = refusal(data, without_scope(to) if to else None, found)  # a stamp has none
        if refused is not None and refused.is_unreachable:
            yield refused


def refusal(data: bytes, to: Peer | None, found: Found) -> Refusal | None:
    """Read an ICMP message from what the queue gives; None if it is our own kernel's word."""
    error = extended_error(found)
    if len(error) < EXTENDED_ERROR.size:
        return None
    errno, origin, icmp_type, icmp_code, info, beside = EXTENDED_ERROR.unpack_from(error)
    if origin not in (FROM_ICMP, FROM_ICMP6):
        return None
    quoted, extension = _divided(data, beside, origin)
    by = read_peer(error[EXTENDED_ERROR.size :])  # its port is 0
    mtu = info if errno == EMSGSIZE else None
    return Refusal(
        to, quoted, errno, by, icmp_type, icmp_code, stamp_ns(found), mtu, extension=extension
    )


def _divided(data: bytes, beside: int, origin: int) -> tuple[bytes, bytes]:
    """Part what an ICMP message quotes from its extension, which is empty if there is none.

    Where is told in half a word, with whether it is damaged in the other (RECVERR_RFC4884). Of
    routers from before RFC 4884, which say no length, it follows upon 128 bytes.
    """
    at, flags = beside & 0xFFFF, beside >> 16
    if sys.byteorder == "big":
        at, flags = beside >> 16, beside >> 8 & 0xFF
    if not at and origin == FROM_ICMP and is_extension(data[_QUOTED_BEFORE:]):
        at = _QUOTED_BEFORE
    if not 0 < at <= len(data):
        return data, b""
    return data[:at], b"" if flags & _DAMAGED else data[at:]


def local_mtu(found: Found) -> int | None:
    """Find what a way takes, in bytes, in our own kernel's word that a datagram was too long."""
    error = extended_error(found)
    if len(error) < EXTENDED_ERROR.size:
        return None
    errno, origin, _, _, info, _ = EXTENDED_ERROR.unpack_from(error)
    return int(info) if (errno, origin) == (EMSGSIZE, FROM_OUR_KERNEL) else None


def extended_error(found: Found) -> bytes:
    """Find a sock_extended_err, and what follows it, in control messages; empty if none."""
    return next((found[key] for key in _ERRORS & found.keys()), b"")


def stamp_ns(found: Found) -> int | None:
    """Find the kernel's stamp, in ns since 1970; None if there is none, or all of it is 0.

    It is the first of the three times of struct scm_timestamping, or the only one.
    """
    stamp = next((found[key] for key in _STAMPS & found.keys()), b"")
    if len(stamp) < TIMESPEC.size:
        return None
    seconds, nanoseconds = TIMESPEC.unpack_from(stamp)
    return int(seconds) * 1_000_000_000 + int(nanoseconds) or None


@lru_cache(maxsize=_PEERS)
def read_peer(sockaddr: bytes) -> Peer | None:
    """Read a socket address; None if there is none."""
    try:
        port = int.from_bytes(sockaddr[2:4], "big")
        if int.from_bytes(sockaddr[:2], sys.byteorder) == AF_INET6:
            _, _, _, packed, scope = _SOCKADDR_IN6.unpack_from(sockaddr)
            return without_scope((inet_ntop(AF_INET6, packed), port, 0, scope))
        return inet_ntop(AF_INET, _SOCKADDR_IN.unpack_from(sockaddr)[2]), port
    except (struct.error, ValueError):
        return None
