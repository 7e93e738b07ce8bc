"""How what came is worded: a line each."""

from __future__ import annotations

from collections.abc import Callable

from udpecho.client import Reply
from udpecho.peer import Peer, format_peer

Say = Callable[[str], None]
"""Whoever is told a line."""


def describe(data: bytes) -> str:
    """Write a datagram's text; nothing in it can steer a terminal."""
    try:
        return repr(data.decode())
    except UnicodeDecodeError:
        return repr(data)[1:]


def describe_reply(reply: Reply) -> str:
    """Write a reply's line, its round-trip time in milliseconds."""
    who, size, time = format_peer(reply.peer), len(reply.data), reply.rtt * 1000
    return f"reply {who} {size} bytes {time:.3f} ms {describe(reply.data)}"


def describe_stranger(data: bytes, peer: Peer) -> str:
    """Write the line of a datagram that is nobody's reply."""
    return f"stranger {format_peer(peer)} {len(data)} bytes {describe(data)}"
