"""How a socket in memory gets to an address: from which of its own, and in which form."""

from __future__ import annotations

import operator
import socket
from functools import lru_cache
from typing import Any, NamedTuple

from udpecho.hosts import canonical_host
from udpecho.peer import MAX_PORT, Peer, is_ipv6
from udpecho.testing.groups import IPV4_BROADCAST
from udpecho.testing.stack import IPV4_ANY, IPV6_ANY

LOOPBACK = {IPV4_ANY: "127.0.0.1", IPV6_ANY: "::1"}
"""A datagram to the wildcard goes to the host itself: so on Linux."""

MAPPED = "::ffff:"
"""Before an IPv4 address, how an IPv6 socket writes it (RFC 4291, section 2.5.5.2)."""


def is_mapped(host: str) -> bool:
    """Tell an IPv4 address that is written as one of IPv6's, in canonical form."""
    return host.startswith(MAPPED) and "." in host


class Route(NamedTuple):
    """How datagrams get from a socket to an address: kept, for finding it takes its time."""

    destination: Peer
    source: Peer
    longest: int
    """How many bytes of data a datagram may have."""
    multicast: bool
    error: int
    """The errno that the kernel answers with, or 0."""


def plain(address: Any) -> Any:
    """Give a host as text and a port as a number, where they are other kinds of them.

    Raises TypeError as the socket module does: a port that only equals a number is none.
    """
    host, port, *scope = address
    if type(host) is str and type(port) is int:
        return address
    if isinstance(host, bytes | bytearray):
        host = host.decode("ascii")
    if not isinstance(host, str):
        raise TypeError(f"str, bytes or bytearray expected, not {type(host).__name__}")
    return host, operator.index(port), *scope


@lru_cache(maxsize=65536)  # sending to the same peers again and again is the usual case
def wire_address(host: str, port: int, ipv6: bool) -> Peer:
    """Give an address as it is on the wire, or raise what the socket module does."""
    if not 0 <= port <= MAX_PORT:
        raise OverflowError(f"port must be 0-{MAX_PORT}, not {port}.")
    canonical = canonical_host(IPV4_BROADCAST if host == "<broadcast>" else host)
    if canonical is None or is_ipv6(canonical) != ipv6:
        raise socket.gaierror(socket.EAI_ADDRFAMILY, "Address family for hostname not supported")
    if is_mapped(canonical):
        canonical = canonical.removeprefix(MAPPED)
    return canonical, port
