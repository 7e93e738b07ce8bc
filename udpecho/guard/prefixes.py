"""Networks, and which of many holds an address: the longest prefix wins.

Opens nothing and resolves nothing. Addresses are packed: 4 or 16 bytes in network order.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Generic, TypeAlias, TypeVar

Network: TypeAlias = IPv4Network | IPv6Network

Value = TypeVar("Value")

LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
"""RFC 1122, section 3.2.1.3 (g), and RFC 4291, section 2.5.3: what never leaves the host."""


def pack_host(host: str) -> bytes:
    """Pack an address in canonical form; an IPv6 scope is left out."""
    if ":" in host:
        return inet_pton(AF_INET6, host.partition("%")[0])
    return inet_pton(AF_INET, host)


def unpack_host(packed: bytes) -> str:
    """Write a packed address in canonical form."""
    return inet_ntop(AF_INET if len(packed) == 4 else AF_INET6, packed)


def parse_network(text: str) -> Network:
    """Read ADDRESS/LENGTH, or an address alone for a network of one.

    Raise ValueError, with one line that says what was expected and what came.
    """
    address, slash, length = text.strip().partition("/")
    if (slash and not (length.isascii() and length.isdigit())) or "%" in address:
        raise ValueError(_not_a_network(text))
    try:
        return ip_network(address + slash + length)
    except ValueError:
        pass
    try:
        wider = ip_network(address + slash + length, strict=False)
    except ValueError:
        raise ValueError(_not_a_network(text)) from None
    raise ValueError(f"{_not_a_network(text)}: it has bits beyond its prefix; {wider} has none")


def _not_a_network(text: str) -> str:
    return f"expected a network such as 192.0.2.0/24 or 2001:db8::/32, not {text!r}"


class Prefixes(Generic[Value]):
    """A value for each of some networks of both families, looked up by address."""

    def __init__(self, values: Mapping[Network, Value]) -> None:
        tables: dict[tuple[int, int], dict[int, Value]] = {}
        for network, value in values.items():
            shift = network.max_prefixlen - network.prefixlen
            table = tables.setdefault((network.max_prefixlen // 8, shift), {})
            table[int(network.network_address) >> shift] = value
        # One table for each prefix length in use: a lookup costs as many steps as there are
        # lengths, however many networks there are.
        self._tables = {
            width: [(shift, tables[w, shift]) for w, shift in sorted(tables) if w == width]
            for width in (4, 16)
        }

    def lookup(self, packed: bytes) -> Value | None:
        """Return the value of the longest prefix that holds the address, or None."""
        address = int.from_bytes(packed, "big")
        for shift, table in self._tables[len(packed)]:
            value = table.get(address >> shift)
            if value is not None:
                return value
        return None

    def first_bytes(self, width: int) -> set[int]:
        """Return the first bytes that an address (of 4 or 16) can have to be in any of them."""
        return {
            byte
            for shift, table in self._tables[width]
            for prefix in table
            for byte in range(
                (prefix << shift) >> (8 * width - 8),
                (((prefix + 1) << shift) - 1 >> (8 * width - 8)) + 1,
            )
        }
