"""A router: its links, where it sends what, what it rewrites, and how it speaks.

Knows no time and no Twisted. Of equal ways a flow takes the one that a hash of its two ends
chooses, with the router's own seed: so routers choose differently, and each run is the same.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from ipaddress import ip_address
from typing import Literal, TypeAlias, get_args

from udpecho.extensions import Label
from udpecho.testing.filters import Filter, Network
from udpecho.testing.limits import IcmpLimits
from udpecho.testing.passage import Fate
from udpecho.testing.stack import Stack
from udpecho.testing.way import UDP_HEADER, Way

Key: TypeAlias = Hashable
"""What is hashed: the ends of a flow, or those that an ICMP message quotes."""

Hashes: TypeAlias = Literal["ports", "label"]
"""By what a router tells flows apart: their ports, or over IPv6 their labels (RFC 6438)."""

Quotes: TypeAlias = int | Literal["all"]

MAX_DSCP = 63
"""The DSCP has six bits (RFC 2474)."""

REMEMBERED = 1 << 16
"""Flows of which a router remembers the way; then it chooses anew, and the same."""


@dataclass(eq=False, slots=True)
class Interface:
    """One end of a link, and the way from it to the other end."""

    neighbour: Router | Stack
    way: Way
    name: str
    """From whom to whom."""

    addresses: dict[bool, str]
    """Its own, by whether it is IPv6's."""

    router: Router
    """Who says by ICMP what became of a datagram on it: the router at this end, or at the other."""

    def change(self, way: Way) -> None:
        """Lead over another way from now on."""
        self.way = way


@dataclass(frozen=True, slots=True)
class Translation:
    """An address that stands for another, one for one."""

    outside: str
    inside: str
    hides: bool
    """Whether what ICMP says from inside seems to come from outside, too, as Linux does."""


@dataclass(eq=False, slots=True)
class Router:
    """What a router is, between its links."""

    name: str
    seed: int
    addresses: dict[bool, str]
    """What it speaks from, by family; without one from the interface that ICMP leaves by."""

    hashes: Hashes
    quotes: Quotes
    limits: IcmpLimits
    silent: Collection[Fate]
    """Of what it says nothing."""

    dscp: int | None
    labels: Sequence[Label]
    """What it says that an MPLS header bore, beside each message."""

    interfaces: dict[Router | Stack, Interface] = field(default_factory=dict)
    routes: list[tuple[Network, Sequence[Interface]]] = field(default_factory=list)
    """The longest prefix first."""

    filters: list[Filter] = field(default_factory=list)
    translations: dict[str, Translation] = field(default_factory=dict)
    """By both addresses."""

    chosen: dict[Key, Interface] = field(default_factory=dict)
    """The ways of flows that have been chosen."""

    def __post_init__(self) -> None:
        if self.hashes not in get_args(Hashes):
            raise ValueError(f'hashes is "ports" or "label", not {self.hashes!r}')
        if self.quotes != "all" and not (
            isinstance(self.quotes, int) and self.quotes >= UDP_HEADER
        ):
            raise ValueError(f'quotes is "all" or a number of bytes from 8, not {self.quotes!r}')
        if self.dscp is not None and not 0 <= self.dscp <= MAX_DSCP:
            raise ValueError(f"dscp is from 0 to {MAX_DSCP}, or None, not {self.dscp!r}")

    def route(self, prefix: Network, via: Sequence[Interface]) -> None:
        """Send what is for a network over these from now on; of no way there is none."""
        kept = [each for each in self.routes if each[0] != prefix]
        self.routes = sorted([*kept, (prefix, via)], key=lambda each: -each[0].prefixlen)
        self.chosen.clear()

    def routed(self, host: str) -> Sequence[Interface] | None:
        """Give the ways that it was told for an address; None if it was told nothing."""
        address = ip_address(host)
        return next((via for prefix, via in self.routes if address in prefix), None)

    def choose(self, key: Key, ways: Sequence[Interface]) -> Interface:
        """Choose one of some equal ways, always the same for one flow."""
        if len(self.chosen) >= REMEMBERED:
            self.chosen.clear()
        found = self.chosen[key] = ways[picked(self.seed, key, len(ways))]
        return found

    def quote(self, data: bytes) -> bytes:
        """Quote as much of a datagram's data as it does: its UDP header is quoted first."""
        return data if self.quotes == "all" else data[: self.quotes - UDP_HEADER]

    def speaks_from(self, interface: Interface, ipv6: bool) -> str | None:
        """Tell the address of a message that leaves by an interface."""
        return self.addresses.get(ipv6) or interface.addresses.get(ipv6)


def picked(seed: int, key: Key, count: int) -> int:
    """Pick one of so many by a hash, as good as by chance, and the same in each process."""
    if count == 1:
        return 0
    digest = blake2b(f"{seed} {key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % count
