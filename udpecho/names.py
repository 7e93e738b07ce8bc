"""The addresses that a name has, and what may be asked of a host and a port at all."""

from __future__ import annotations

import socket
from functools import lru_cache
from math import inf
from typing import Any, TypeAlias

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import (
    IAddress,
    IHostResolution,
    IReactorPluggableNameResolver,
    IResolutionReceiver,
)
from zope.interface import implementer

from udpecho.errors import BadAddress, ResolveFailed, WrongFamily
from udpecho.hosts import DOTTED, canonical_host, is_link_local, is_of_numbers
from udpecho.peer import MAX_PORT, Peer, is_group, is_ipv6, is_wildcard
from udpecho.reactors import IDatagramReactor
from udpecho.shown import quoted, short

_SCOPES = 1 << 32
"""A scope's number is less: the kernel writes it in four bytes."""

NamedHost: TypeAlias = tuple[str, int] | tuple[str, int, str]
"""A host and a port, and what it is to be called, if that is not the host."""

_IPV4_IN_IPV6 = "::ffff:"

MOST_ADDRESSES = 256
"""Of a name, kept at most: an answer of DNS over UDP has room for fewer."""


def checked_peer(address: tuple[str, int]) -> Peer:
    """Return an IP address and port in canonical form, or raise BadAddress."""
    host, port = address[:2]
    canonical = canonical_host(host)
    if canonical is None:
        raise BadAddress(host, f"expected an IPv4 or IPv6 address, got {quoted(host)}")
    check_host(canonical)
    check_port(port)
    return canonical, port


@lru_cache(maxsize=65536, typed=True)  # to ask again is one look-up; 7.0 is not 7, nor True 1
def known_peer(*address: Any) -> Peer | None:
    """Return a host and port in canonical form, or None if the host is no IP address.

    Raises BadAddress for the port, and for an address that is no host's.
    """
    if len(address) < 2:
        raise BadAddress(address, f"expected a host and a port, got {quoted(address)}")
    host, port = address[:2]
    check_port(port)
    canonical = canonical_host(host)
    if canonical is None:
        return None
    check_host(canonical)
    return canonical, port


def check_host(canonical: str) -> None:
    """Raise BadAddress for 0.0.0.0 and ::, which are nobody's.

    Linux takes them for this machine, and what is sent there is answered from another address.
    """
    if is_wildcard(canonical):
        raise BadAddress(canonical, f"expected the address of a host, got {canonical}")


def check_port(port: int) -> None:
    """Raise BadAddress if nothing can be sent to this port."""
    if not (isinstance(port, int) and type(port) is not bool and 0 < port <= MAX_PORT):
        raise BadAddress(port, f"expected a port from 1 to {MAX_PORT}, got {port!r}")


def check_name(host: str) -> None:
    """Raise BadAddress for what can't be a host's name; Twisted's resolver would never answer.

    So is what a resolver would make an address of that nobody means: 1.2.3 is 1.2.0.3 to it.
    """
    if is_of_numbers(host):
        raise BadAddress(host, f"expected a host's name, or {DOTTED}, got {quoted(host)}")
    try:
        host.encode("idna")
    except UnicodeError:
        raise BadAddress(host, f"expected a host's name or address, got {quoted(host)}") from None


def link_of(source: str | None, device: str | None) -> str | None:
    """Name the interface that datagrams leave by, if that is said: itself, or a source's scope."""
    return device or (source or "").partition("%")[2] or None


def scoped(host: str, interface: str | None) -> str:
    """Give a link-local address its interface, which may be said apart from it (RFC 4007).

    Raises BadAddress if it has none, or another.
    """
    address, percent, scope = host.partition("%")
    if not is_link_local(address) or scope == interface:
        return host
    if percent and interface is not None:
        raise BadAddress(host, f"expected a host behind {interface}, got {short(host)}")
    if not percent and interface is None:
        why = "each link has link-local addresses of its own"
        raise BadAddress(host, f"expected {host}%INTERFACE, got {short(host)}: {why}")
    return host if percent else f"{host}%{interface}"


def resolve(
    reactor: IReactorPluggableNameResolver,
    host: str,
    port: int,
    *,
    ipv6: bool | None = None,
    interface: str | None = None,
) -> Deferred[Peer]:
    """Find the address of a host that is given by address or by name.

    ipv6 asks for one family; None takes the first address that the reactor's resolver gives.
    A link-local address without a scope gets this interface's. The Deferred fires with the peer
    or fails with ResolveFailed or BadAddress.
    """
    found = addresses(reactor, host, port, ipv6=ipv6, interface=interface)
    return found.addCallback(lambda hosts: (hosts[0], port))


def resolve_within(
    reactor: IDatagramReactor,
    host: str,
    port: int,
    timeout: float,
    *,
    ipv6: bool | None = None,
    interface: str | None = None,
) -> Deferred[Peer]:
    """Find the address of a host as resolve() does, in so many seconds or not (ResolveFailed)."""
    if not 0 < timeout < inf:  # written so that NaN fails it, too
        return fail(ValueError(f"timeout: expected seconds above 0, got {timeout!r}"))

    def too_late(_: object, waited: float) -> Peer:
        raise ResolveFailed(f"no answer about {quoted(host)} within {waited:g} s")

    found = resolve(reactor, host, port, ipv6=ipv6, interface=interface)
    return found.addTimeout(timeout, reactor, too_late)


def addresses(
    reactor: IReactorPluggableNameResolver,
    host: str,
    port: int,
    *,
    ipv6: bool | None = None,
    interface: str | None = None,
) -> Deferred[list[str]]:
    """Find all addresses of a host, the best first, as resolve() finds one; there is one at least.

    The port is looked at alone. The Deferred fails as that of resolve(), or with TypeError.
    """
    if not isinstance(host, str):
        return fail(TypeError(f"host: expected a name or an address, got {quoted(host)}"))
    canonical = canonical_host(host)
    try:
        check_port(port)
        if canonical is not None:
            check_host(canonical)
            if ipv6 is not None and ipv6 != is_ipv6(canonical):
                wanted = "an IPv6" if ipv6 else "an IPv4"
                raise WrongFamily(host, f"expected {wanted} address, got {canonical}")
            return succeed([scoped(canonical, interface)])
        check_name(host)
    except BadAddress as error:
        return fail(error)
    families: dict[bool | None, list[type[IAddress]]] = {
        None: [IPv4Address, IPv6Address],
        True: [IPv6Address],
        False: [IPv4Address],
    }
    found = _Addresses(host)
    try:
        reactor.nameResolver.resolveHostName(found, host, port, families[ipv6], "UDP")
    except Exception as error:  # which may be an app's own
        found.failed(error)
    return found.deferred.addCallback(lambda found: [scoped(each, interface) for each in found])


def unmapped(canonical: str) -> str:
    """Give an IPv4 address that is written as an IPv6 one (RFC 4291, 2.5.5.2) as what it is.

    A socket of IPv6 alone can't send there.
    """
    return canonical.removeprefix(_IPV4_IN_IPV6) if "." in canonical else canonical


@implementer(IResolutionReceiver)
class _Addresses:
    """Takes the addresses that a name resolves to."""

    def __init__(self, host: str) -> None:
        self.deferred: Deferred[list[str]] = Deferred(lambda _: None)
        self._host = host
        self._found: dict[str, None] = {}

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        """Take no hold of it: Twisted's own resolver can't be cancelled."""

    def addressResolved(self, address: IAddress) -> None:
        """Keep the order: the resolver puts the best first (RFC 6724)."""
        if isinstance(address, IPv4Address | IPv6Address) and len(self._found) < MOST_ADDRESSES:
            canonical = canonical_host(address.host)
            if canonical is not None:
                self._found[canonical] = None

    def failed(self, error: Exception) -> None:
        """Fail, for a resolver that has, unless it had told the end."""
        if not self.deferred.called:
            why = f"the resolver failed on {self._host!r}: {error!r}"
            self.deferred.errback(ResolveFailed(why))

    def resolutionComplete(self) -> None:
        """Fire, unless whoever asked has cancelled."""
        if self.deferred.called:
            return
        usable = [each for each in self._found if not is_nobodys(each)]
        if usable:
            self.deferred.callback(usable)
        elif self._found:  # so hosts files block names
            blocked = next(iter(self._found))
            self.deferred.errback(
                ResolveFailed(f"{quoted(self._host)} has no address but {blocked}")
            )
        else:
            self.deferred.errback(ResolveFailed(f"no address found for {quoted(self._host)}"))


def is_nobodys(canonical: str) -> bool:
    """Tell addresses that are no one host's: groups, broadcast, 0.0.0.0; or mapped."""
    address = unmapped(canonical)
    return is_wildcard(address) or is_group(address)


def with_scope(host: str, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    """Give an address as Python's socket methods need it, who overlook a scope in the host.

    Raises BadAddress if there is no such interface.
    """
    address, percent, scope = host.partition("%")
    return (address, port, 0, interface_index(scope)) if percent else (host, port)


def interface_index(name: str) -> int:
    """Find an interface's number by its name, or raise BadAddress."""
    try:
        index = int(name) if name.isdecimal() else socket.if_nametoindex(name)
    except (OSError, ValueError):  # ValueError: a NUL, or thousands of digits
        index = _SCOPES
    if index < _SCOPES:
        return index
    raise BadAddress(name, f"expected the name of a network interface, got {quoted(name)}")
