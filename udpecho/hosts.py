"""A host and a port from text, and an address in its one form. Resolves nothing; no Twisted."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from functools import lru_cache

from udpecho.scopes import interface_name
from udpecho.values import port_number, wrong

DEFAULT_PORT = 1060
"""Not 7, which is echo's own (RFC 862) but takes a privilege to listen on."""


_LINK_LOCAL = re.compile("fe[89ab][0-9a-f]:")
"""How fe80::/10 begins, in canonical form."""

_NUMBER = "(?:[0-9]+|0[xX][0-9a-fA-F]*)"
_NUMBERS = re.compile(rf"{_NUMBER}(?:\.{_NUMBER})*\.?")
"""What a resolver takes for an IPv4 address (inet_aton(3)): 1060 is 0.0.4.36, 1.2.3 is 1.2.0.3,
and 010.0.0.1 is 8.0.0.1. Nobody means that. No name is of numbers alone (RFC 3696, section 2)."""

DOTTED = "an IPv4 address of four decimal numbers, as 192.0.2.1"


@lru_cache(maxsize=65536)  # asking the same hosts again and again is the usual case
def canonical_host(host: str) -> str | None:
    """Return an IP address as the kernel prints it, or None if the text is not one.

    An address that each link has its own of keeps its scope, by the interface's name:
    fe80::1%eth0 and fe80::1%eth1 are two hosts. The kernel gives no scope with any other.
    """
    address, percent, scope = host.partition("%")
    for family in (socket.AF_INET, socket.AF_INET6):
        if percent and (family == socket.AF_INET or not scope):
            continue
        try:
            packed = socket.inet_pton(family, address)
        except (OSError, UnicodeError, ValueError):  # ValueError: an embedded NUL
            continue
        text = socket.inet_ntop(family, packed)
        return f"{text}%{interface_name(scope)}" if percent and _has_scope(packed) else text
    return None


def _has_scope(packed: bytes) -> bool:
    """Tell link-local addresses (fe80::/10) and multicast's (RFC 4007, section 4)."""
    return packed[0] == 0xFF or (packed[0] == 0xFE and packed[1] >> 6 == 0b10)


def is_of_numbers(host: str) -> bool:
    """Tell whether a host that is no IP address would be one to a resolver, read in another way.

    Digits and dots of other alphabets are ours to it (RFC 3491).
    """
    try:
        name = host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        return False
    return _NUMBERS.fullmatch(name) is not None


def is_link_local(host: str) -> bool:
    """Tell whether each link has an address of its own, in canonical form, like this (RFC 4007)."""
    return _LINK_LOCAL.match(host) is not None


def ip_address(option: str) -> Callable[[str], str]:
    """Make a coercer of an IPv4 or IPv6 address, with or without brackets."""

    def coerce(text: str) -> str:
        bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
        canonical = canonical_host(bare)
        if canonical is None:
            raise wrong(option, "an IPv4 or IPv6 address", text)
        return canonical

    return coerce


def host_and_port(text: str, default_port: int = DEFAULT_PORT) -> tuple[str, int]:
    """Read HOST, HOST:PORT, IPv6 or [IPv6]:PORT; a name is left for the resolver to judge."""
    if canonical_host(text) is not None:  # an IPv6 address needs no brackets without a port
        return text, default_port
    match = re.fullmatch(
        r"\[(?P<v6>[^\]]*)\](?::(?P<port6>.*))?|(?P<host>[^:\[\]]*)(?::(?P<port>[^:]*))?", text
    )
    if match is None or not (match["host"] or match["v6"]):
        raise wrong("HOST[:PORT]", "a host, HOST:PORT or [IPv6]:PORT", text)
    if match["v6"] is not None and ":" not in ip_address("HOST[:PORT]")(match["v6"]):
        raise wrong("HOST[:PORT]", "an IPv6 address in the brackets", text)
    if (host := match["host"]) and canonical_host(host) is None and is_of_numbers(host):
        raise wrong("HOST[:PORT]", DOTTED if "." in host else "a host, not a number alone", text)
    port = match["port6"] if match["port6"] is not None else match["port"]
    if port is None:
        return match["host"] or match["v6"], default_port
    return match["host"] or match["v6"], port_number("HOST[:PORT]")(port)
