"""Links with a router at an end: the addresses of both ends, given or chosen."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import count

from udpecho.errors import BadAddress
from udpecho.extensions import Label
from udpecho.peer import is_ipv6
from udpecho.testing.forwarding import Hashes, Interface, Quotes, Router, picked
from udpecho.testing.limits import IcmpLimits
from udpecho.testing.passage import Fate
from udpecho.testing.router import MemoryRouter, name_of
from udpecho.testing.stack import Stack, canonical_peer
from udpecho.testing.topology import Topology
from udpecho.testing.way import Way

Node = Router | Stack

IPV4_POOL, IPV6_POOL = "198.19.{}.{}", "2001:2:0:{:x}::{}"
"""Addresses of links that are given none: of networks for benches (RFC 2544, RFC 5180)."""

PER_BYTE, PAIR = 128, 2
"""Pairs of addresses that a byte tells apart, and how many a pair has."""

MOST_CHOSEN = PER_BYTE * 256

SEEDS = 1 << 62


class Joints:
    """The routers of a network, and their links."""

    def __init__(self, topology: Topology, hosts: dict[str, Stack], seed: int) -> None:
        """Take the hosts by their addresses, which may grow, and the network's seed."""
        self._topology, self._hosts = topology, hosts
        self._seed = seed
        self._links, self._routers = count(), count(1)

    def add(
        self,
        addresses: Sequence[str],
        name: str | None,
        seed: int | None,
        hashes: Hashes,
        quotes: Quotes,
        limits: IcmpLimits,
        silent: bool | Collection[Fate],
        dscp: int | None,
        labels: Sequence[Label],
    ) -> MemoryRouter:
        """Make a router; a seed of None is one that follows from the network's."""
        own = {}
        for address in addresses:
            host = canonical_peer((address, 0))[0]
            self._check_free(host)
            own[is_ipv6(host)] = host
        number = next(self._routers)
        named = name or f"r{number}"
        mute = tuple(Fate) if silent is True else tuple(map(Fate, silent or ()))
        chosen = picked(self._seed, number, SEEDS) if seed is None else seed
        core = Router(named, chosen, own, hashes, quotes, limits, mute, dscp, labels)
        self._topology.add(core)
        return MemoryRouter(core, self._topology)

    def has(self, router: Router) -> bool:
        """Tell whether it is of this network."""
        return self._topology.has(router)

    def join(self, a: Node, b: Node, ways: Sequence[Way], addresses: Sequence[str]) -> None:
        """Link two nodes over ways, one for each direction; or put other ways under their link."""
        known = self._topology.link(a, b), self._topology.link(b, a)
        if known[0] is not None:
            if addresses:
                names = f"{name_of(a)} and {name_of(b)}"
                raise ValueError(f"the link of {names} has its addresses already")
            for interface, way in zip(known, ways, strict=False):
                assert interface is not None
                interface.change(way)
            return
        if len(ways) != 2:
            raise ValueError("a link with a router leads both ways at first")
        ends = self._addresses(a, b, addresses)
        routers = [node for node in (a, b) if isinstance(node, Router)]
        for node, other, way, own, says in (
            (a, b, ways[0], ends[0], routers[0]),
            (b, a, ways[1], ends[1], routers[-1]),
        ):
            name = f"{name_of(node)} > {name_of(other)}"
            self._topology.join(node, Interface(other, way, name, own, says))

    def _addresses(
        self, a: Node, b: Node, given: Sequence[str]
    ) -> tuple[dict[bool, str], dict[bool, str]]:
        """Give the addresses of both ends, of the families that are given, or of both."""
        if isinstance(given, str) or len(given) % PAIR:
            raise ValueError(f"a link's addresses are pairs, one for each end, not {given!r}")
        hosts = [canonical_peer((each, 0))[0] for each in given] or self._chosen()
        ends: tuple[dict[bool, str], dict[bool, str]] = {}, {}
        for node, own, of in ((a, ends[0], hosts[::PAIR]), (b, ends[1], hosts[1::PAIR])):
            for host in of:
                if given:
                    self._check(node, host)
                own[is_ipv6(host)] = host
        return ends

    def _check(self, node: Node, host: str) -> None:
        if isinstance(node, Stack):
            if not node.owns(host):
                raise BadAddress(host, f"{host} is no address of the host {name_of(node)}")
            return
        self._check_free(host)

    def _check_free(self, host: str) -> None:
        if host in self._hosts or self._topology.is_taken(host):
            raise BadAddress(host, f"{host} is taken: an address belongs to one end of a link")

    def _chosen(self) -> list[str]:
        number = next(self._links)
        if number >= MOST_CHOSEN:
            raise ValueError(f"{MOST_CHOSEN} links have chosen addresses: give this one its own")
        high, low = divmod(number, PER_BYTE)
        ipv4 = (IPV4_POOL.format(high, PAIR * low + end) for end in range(PAIR))
        return [*ipv4, *(IPV6_POOL.format(number, end) for end in (1, 2))]
