"""A router in memory, made by MemoryNetwork.router: its routes, filters and translations."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence

from udpecho.testing.filters import Filter, network
from udpecho.testing.forwarding import Interface, Router, Translation
from udpecho.testing.host import MemoryHost
from udpecho.testing.passage import Fate
from udpecho.testing.stack import Stack, canonical_peer
from udpecho.testing.topology import Topology


class MemoryRouter:
    """A router of a MemoryNetwork. It knows the shortest ways to all hosts by itself."""

    def __init__(self, core: Router, topology: Topology) -> None:
        """Take what it is between its links; net.router() makes it."""
        self.core = core
        self._topology = topology

    @property
    def name(self) -> str:
        """Its name, by which the record tells where a datagram ended."""
        return self.core.name

    @property
    def addresses(self) -> tuple[str, ...]:
        """All addresses that it may answer from: its own, and those of its links."""
        links = (each.addresses for each in self.core.interfaces.values())
        return tuple(host for each in (self.core.addresses, *links) for host in each.values())

    def address(self, neighbour: MemoryRouter | MemoryHost, *, ipv6: bool = False) -> str | None:
        """Tell its address on the link to a neighbour, if it has one of that family."""
        return self._interface(neighbour).addresses.get(ipv6)

    def route(self, prefix: str, via: Sequence[MemoryRouter | MemoryHost]) -> None:
        """Send what is for a network to these neighbours, rather than the shortest way.

        Of several a flow takes the one that the router's hash chooses. Of no neighbours there is
        no route, which it says by ICMP. The longest prefix counts; hosts at its own links are
        reached directly. Raises ValueError for what is no network, or no neighbour.
        """
        self.core.route(network(prefix), [self._interface(each) for each in via])

    def drop(
        self,
        share: float = 1.0,
        *,
        towards: MemoryRouter | MemoryHost | None = None,
        to: str | None = None,
        source_ports: Container[int] | None = None,
    ) -> Callable[[], None]:
        """Drop a share of the datagrams that would leave by it, and say nothing.

        Only those towards a neighbour, to a network, or from these source ports, if that is
        said. Call what is returned to have it no more. ICMP messages always pass.
        """
        return self._filter(Fate.FILTERED, share, towards, to, source_ports)

    def prohibit(
        self,
        share: float = 1.0,
        *,
        towards: MemoryRouter | MemoryHost | None = None,
        to: str | None = None,
        source_ports: Container[int] | None = None,
    ) -> Callable[[], None]:
        """Do the same, and say so: communication administratively prohibited (RFC 1812, 4443)."""
        return self._filter(Fate.PROHIBITED, share, towards, to, source_ports)

    def translate(self, outside: str, inside: str, *, hides: bool = True) -> None:
        """Have an address that no host has stand for a host's, one for one.

        What is for the one outside comes to this router, and goes on to the one inside; what
        comes from inside by this router seems to come from outside. So does what ICMP says from
        inside, as on Linux; without hides it comes from whoever says it. Raises BadAddress.
        """
        outer, inner = (canonical_peer((host, 0))[0] for host in (outside, inside))
        made = Translation(outer, inner, hides)
        self.core.translations.update({outer: made, inner: made})
        self._topology.translate(outer, self.core)

    def _filter(
        self,
        fate: Fate,
        share: float,
        towards: MemoryRouter | MemoryHost | None,
        to: str | None,
        source_ports: Container[int] | None,
    ) -> Callable[[], None]:
        neighbour = None if towards is None else self._interface(towards).neighbour
        prefix = None if to is None else network(to)
        made = Filter(fate, share, neighbour, prefix, source_ports)
        self.core.filters.append(made)

        def no_more() -> None:
            if made in self.core.filters:
                self.core.filters.remove(made)

        return no_more

    def _interface(self, neighbour: MemoryRouter | MemoryHost) -> Interface:
        node = node_of(neighbour)
        found = self.core.interfaces.get(node)
        if found is None:
            raise ValueError(f"{self.name} has no link to {name_of(node)}")
        return found


def node_of(end: MemoryRouter | MemoryHost) -> Router | Stack:
    """Give what a link knows an end by, or raise TypeError if it is neither host nor router."""
    if isinstance(end, MemoryRouter):
        return end.core
    if isinstance(end, MemoryHost):
        return end.stack
    raise TypeError(f"a link joins hosts and routers, not {end!r}")


def name_of(node: Router | Stack) -> str:
    """Name a router, or a host by its first address."""
    if isinstance(node, Router):
        return node.name
    return next(iter(node.addresses), "a host without an address")
