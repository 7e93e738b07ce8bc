"""Datagrams as a socket takes and gives them, with all that is told of one. Values, and no code."""

from __future__ import annotations

from typing import NamedTuple

from udpecho.peer import Peer

DEFAULT_TTL = 64
"""Hops that a datagram may take, if nobody says otherwise (net.ipv4.ip_default_ttl)."""


class Received(NamedTuple):
    """A datagram that a socket has received."""

    data: bytes
    """As much of it as there was room for."""

    length: int
    """How many bytes it had."""

    source: Peer
    asked: str
    """The address that it was sent to; broadcast and multicast ones too."""

    local: str
    """The address of ours that answers to it."""

    interface: str
    """The name of the network interface it came in through."""

    ttl: int
    """The TTL or hop limit with which it arrived."""

    tos: int
    """Its traffic class: DSCP in the upper six bits, ECN in the lower two."""

    when: int
    """When it arrived, in ns: since 1970, or by the clock that stands for that one."""


class ToSend(NamedTuple):
    """A datagram that a socket is to send; None has the socket, or the system, choose."""

    data: bytes
    to: Peer | None = None
    """None is the peer that the socket is connected to."""

    local: str | None = None
    """The address to send from."""

    ttl: int | None = None
    tos: int | None = None
