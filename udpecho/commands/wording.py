"""How what came is worded: a line each, which any terminal takes and none is steered by."""

from __future__ import annotations

import re
from collections.abc import Callable

from udpecho.client import Reply
from udpecho.peer import Peer, format_peer

_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
"""The control characters, but for the end of a line."""

Say = Callable[[str], None]
"""Whoever is told a line."""


def printable(text: str) -> str:
    """Write text so that any terminal and any encoding takes it."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def harmless(text: str) -> str:
    """Write text as printable() does, with its control characters spelt: none steers a terminal."""
    return printable(_CONTROL.sub(lambda found: repr(found[0])[1:-1], text))


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
