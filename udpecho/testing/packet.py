"""Packet: a datagram in flight."""

from __future__ import annotations

from math import inf
from typing import NamedTuple

from udpecho.datagrams import DEFAULT_TTL
from udpecho.peer import Peer


def checked(data: bytes, ttl: int = DEFAULT_TTL, tos: int = 0, delay: float = 0.0) -> bytes:
    """Copy the data of a datagram that a test makes up; raises TypeError, or ValueError."""
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"data is bytes, not {data!r}")
    for name, value in (("ttl", ttl), ("tos", tos)):
        if not (isinstance(value, int) and 0 <= value <= 255):
            raise ValueError(f"{name} is a whole number from 0 to 255, not {value!r}")
    if not (isinstance(delay, int | float) and 0 <= delay < inf):
        raise ValueError(f"delay is 0 seconds or more, not {delay!r}")
    return bytes(data)


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
