"""The error queue: which datagram ICMP refused, and whose fault it was (ip(7), IP_RECVERR)."""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from socket import AF_INET, AF_INET6, IPPROTO_IP, IPPROTO_IPV6, inet_ntop
from typing import NamedTuple

from udpecho.kernel.layout import IP_RECVERR, IPV6_RECVERR, control_messages
from udpecho.peer import Peer
from udpecho.scopes import without_scope

_QUOTED = 65536
"""Bytes: an ICMP message quotes less, a local error the whole datagram."""

_ROOM = 512
"""Bytes for the control messages of an error."""


FROM_ICMP, FROM_ICMP6, FROM_TIMESTAMPING = 2, 3, 4
EXTENDED_ERROR = struct.Struct("=IBBBxII")  # sock_extended_err, linux/errqueue.h

_ERRORS = {(IPPROTO_IP, IP_RECVERR), (IPPROTO_IPV6, IPV6_RECVERR)}
_TIME_EXCEEDED = {(FROM_ICMP, 11), (FROM_ICMP6, 3)}
_SOCKADDR_IN, _SOCKADDR_IN6 = struct.Struct("=HH4s"), struct.Struct("=HHI16s")


@dataclass(frozen=True, slots=True)
class QueuedError:
    """What the error queue says of one ICMP message (struct sock_extended_err, ip(7))."""

    errno: int
    origin: int
    type: int
    code: int

    @property
    def is_refusal(self) -> bool:
        """Tell whether ICMP said "destination unreachable", whichever the reason.

        "Fragmentation needed" is no refusal, nor are ICMP's other messages.
        """
        if self.origin == FROM_ICMP:
            return self.type == 3 and self.code != 4
        return self.origin == FROM_ICMP6 and self.type == 1


@dataclass(frozen=True, slots=True)
class Refusal:
    """That a datagram could not be delivered, which ICMP says and anyone can forge.

    peer is where it was sent; data is as much of it as the message quoted, from the start.
    """

    peer: Peer
    data: bytes
    errno: int


def refusals(skt: socket.socket, most: int) -> Iterator[Refusal]:
    """Take errors from the queue, at most so many, and give those that are refusals."""
    for _ in range(most):
        try:
            data, ancillary, _, peer = skt.recvmsg(_QUOTED, _ROOM, socket.MSG_ERRQUEUE)
        except OSError:  # EAGAIN: the queue is empty
            return
        error = queued_error(ancillary)
        if error is not None and error.is_refusal:
            yield Refusal(without_scope(peer), data, error.errno)


class Refused(NamedTuple):
    """ICMP's answer to a datagram of which it quotes the data; by is who sent it."""

    data: bytes
    errno: int
    time_exceeded: bool
    by: Peer


def refusal(data: bytes, control: bytes) -> Refused | None:
    """Read an ICMP message from the error queue; None if it is our own kernel's word."""
    error = extended_error(control_messages(control))
    if len(error) < EXTENDED_ERROR.size:
        return None
    errno, origin, icmp_type, _, _, _ = EXTENDED_ERROR.unpack_from(error)
    if origin not in (FROM_ICMP, FROM_ICMP6):
        return None
    by = _offender(error[EXTENDED_ERROR.size :])
    return Refused(data, errno, (origin, icmp_type) in _TIME_EXCEEDED, by)


def extended_error(found: dict[tuple[int, int], bytes]) -> bytes:
    """Find a sock_extended_err, and what follows it, in control messages; empty if none."""
    return next((found[key] for key in _ERRORS & found.keys()), b"")


def _offender(sockaddr: bytes) -> Peer:
    """Read who sent an ICMP message; its port is 0."""
    try:
        if int.from_bytes(sockaddr[:2], sys.byteorder) == AF_INET6:
            return inet_ntop(AF_INET6, _SOCKADDR_IN6.unpack_from(sockaddr)[3]), 0
        return inet_ntop(AF_INET, _SOCKADDR_IN.unpack_from(sockaddr)[2]), 0
    except (struct.error, ValueError):
        return "", 0


def queued_error(ancillary: list[tuple[int, int, bytes]]) -> QueuedError | None:
    """Find the error in what socket.recvmsg() gives from the error queue."""
    for level, kind, data in ancillary:
        ours = (level, kind) in ((IPPROTO_IP, IP_RECVERR), (IPPROTO_IPV6, IPV6_RECVERR))
        if ours and len(data) >= EXTENDED_ERROR.size:
            number, origin, icmp_type, code, *_ = EXTENDED_ERROR.unpack_from(data)
            return QueuedError(number, origin, icmp_type, code)
    return None
