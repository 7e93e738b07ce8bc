"""A peer: an address in its one canonical form, and a port. Resolves nothing (see names)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

Peer: TypeAlias = tuple[str, int]
"""An address in canonical form, as the kernel would print it, and a port."""


MAX_PORT = 65535
"""A port has 16 bits (RFC 768)."""


def is_ipv6(host: str) -> bool:
    """Tell the family of an address in canonical form: only IPv6's has a colon."""
    return ":" in host


def is_loopback(host: str) -> bool:
    """Tell whether an address in canonical form never leaves its machine."""
    return host == "::1" or host.startswith("127.")


def format_peer(peer: tuple[str, int]) -> str:
    """Write ADDRESS:PORT, the address of an IPv6 peer in brackets (RFC 3986, section 3.2.2)."""
    host, port = peer[:2]
    return f"[{host}]:{port}" if is_ipv6(host) else f"{host}:{port}"


def is_wildcard(host: str) -> bool:
    """Tell whether a socket bound to this address takes what is sent to any of ours."""
    return host in ("0.0.0.0", "::")


def is_group(host: str) -> bool:
    """Tell multicast groups, and IPv4's broadcast to all, by the canonical form: no one host."""
    if is_ipv6(host):
        return host.startswith("ff") and host.index(":") == 4
    return host == "255.255.255.255" or 224 <= int(host.partition(".")[0]) < 240
