"""A peer's address: its one canonical form, its text, and how a host's name becomes one."""

from __future__ import annotations

import socket
from functools import lru_cache
from typing import TypeAlias

Peer: TypeAlias = tuple[str, int]
"""An address in canonical form, as the kernel would print it, and a port."""


@lru_cache(maxsize=65536)  # asking the same hosts again and again is the usual case
def canonical_host(host: str) -> str | None:
    """Return an IP address as the kernel prints it, or None if the text is not one.

    An IPv6 scope is kept: fe80::1%eth0 and fe80::1%eth1 are two hosts.
    """
    address, percent, scope = host.partition("%")
    for family in (socket.AF_INET, socket.AF_INET6):
        if percent and (family == socket.AF_INET or not scope):
            continue
        try:
            text = socket.inet_ntop(family, socket.inet_pton(family, address))
        except (OSError, UnicodeError, ValueError):  # ValueError: an embedded NUL
            continue
        return f"{text}%{scope}" if percent else text
    return None


def is_ipv6(host: str) -> bool:
    """Tell the family of an address in canonical form: only IPv6's has a colon."""
    return ":" in host


def format_peer(peer: tuple[str, int]) -> str:
    """Write ADDRESS:PORT, the address of an IPv6 peer in brackets (RFC 3986, section 3.2.2)."""
    host, port = peer[:2]
    return f"[{host}]:{port}" if is_ipv6(host) else f"{host}:{port}"
