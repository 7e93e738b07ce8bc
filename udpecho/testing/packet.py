"""Packet: a datagram in flight."""

from __future__ import annotations

from typing import NamedTuple

from udpecho.datagrams import DEFAULT_TTL
from udpecho.peer import Peer


class Packet(NamedTuple):
    """A datagram in flight, as hosts and links see it."""

    source: Peer
    destination: Peer
    data: bytes
    ttl: int = DEFAULT_TTL
    """How many hops are left to it: each router takes one."""

    tos: int = 0
    """Its traffic class: DSCP in the upper six bits, ECN in the lower two."""

    may_fragment: bool = True
    """Whether a router may cut it into fragments for a link that is too narrow."""

    def after(self, hops: int) -> Packet:
        """Give the datagram as it is so many routers later."""
        source, destination, data, ttl, tos, may_fragment = self
        return Packet(source, destination, data, ttl - hops, tos, may_fragment)
