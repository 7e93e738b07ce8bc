"""The error queue: which datagram ICMP refused, and whose fault it was (ip(7), IP_RECVERR)."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass

from udpecho._cmsg import queued_error
from udpecho.address import without_scope
from udpecho.peer import Peer

_QUOTED = 65536
"""Bytes: an ICMP message quotes less, a local error the whole datagram."""

_ROOM = 512
"""Bytes for the control messages of an error."""


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
