"""Names in memory: a network's hosts, localhost, and addresses written out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, cast

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHostnameResolver,
    IHostResolution,
    IReactorTime,
    IResolutionReceiver,
)
from zope.interface import implementer

from udpecho.hosts import canonical_host
from udpecho.peer import is_ipv6
from udpecho.reactors import IReverseResolver
from udpecho.testing.stack import IPV4_ANY


@implementer(IHostResolution)
class _Resolution:
    """A question that is answered at the next turn."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.call: IDelayedCall | None = None

    def cancel(self) -> None:
        """Tell the receiver nothing more."""
        if self.call is not None and self.call.active():
            self.call.cancel()


@implementer(IHostnameResolver, IReverseResolver)
class MemoryResolver:
    """Resolves the names of a network's hosts, localhost, and addresses written out; and back."""

    def __init__(
        self,
        clock: IReactorTime,
        names: Mapping[str, tuple[str, ...]],
        router_at: Callable[[str], str | None],
    ) -> None:
        """Take the hosts' names, and what tells the name of a router by its address."""
        self._clock = clock
        self._names = names
        self._router_at = router_at

    def name_of(self, address: str) -> Deferred[str | None]:
        """Tell the name of a router, or the first that a host was given."""
        names = (name for name, hosts in self._names.items() if address in hosts)
        return succeed(self._router_at(address) or next(names, None))

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """Tell the receiver the name's addresses at the next turn; an unknown name has none."""
        literal = canonical_host(hostName)
        hosts = (literal,) if literal else self._names.get(hostName.lower(), ())
        wanted = (IPv4Address, IPv6Address) if addressTypes is None else addressTypes
        kind = cast("Literal['TCP', 'UDP']", transportSemantics)

        def tell() -> None:
            for host in hosts:
                address_type = IPv6Address if is_ipv6(host) else IPv4Address
                if address_type in wanted:
                    resolutionReceiver.addressResolved(address_type(kind, host, portNumber))
            resolutionReceiver.resolutionComplete()

        resolution = _Resolution(hostName)
        resolutionReceiver.resolutionBegan(resolution)
        resolution.call = self._clock.callLater(0, tell)
        return resolution

    def resolve(self, name: str, timeout: object = None) -> Deferred[str]:
        """Look a name's first IPv4 address up, or fail with DNSLookupError; "" is the wildcard."""
        if not name:
            return succeed(IPV4_ANY)
        literal = canonical_host(name)
        hosts = (literal,) if literal else self._names.get(name.lower(), ())
        for host in hosts:
            if not is_ipv6(host):
                return succeed(host)
        return fail(DNSLookupError(f"no host in memory has the name {name!r}, and IPv4"))
