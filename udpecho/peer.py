"""A peer's address: its one canonical form, its text, and how a host's name becomes one."""

from __future__ import annotations

import socket
from functools import lru_cache
from typing import TypeAlias

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

Peer: TypeAlias = tuple[str, int]
"""An address in canonical form, as the kernel would print it, and a port."""


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
        return f"{text}%{_interface_name(scope)}" if percent and _has_scope(packed) else text
    return None


def _has_scope(packed: bytes) -> bool:
    """Tell link-local addresses (fe80::/10) and multicast's (RFC 4007, section 4)."""
    return packed[0] == 0xFF or (packed[0] == 0xFE and packed[1] >> 6 == 0b10)


def _interface_name(scope: str) -> str:
    try:
        return socket.if_indextoname(int(scope))
    except (OSError, ValueError, OverflowError):  # a name already, or no such interface
        return scope


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


def checked_peer(address: tuple[str, int]) -> Peer:
    """Return an IP address and port in canonical form, or raise BadAddress."""
    host, port = address[:2]
    canonical = canonical_host(host)
    if canonical is None:
        raise BadAddress(host, f"expected an IPv4 or IPv6 address, got {host!r}")
    check_port(port)
    return canonical, port


@lru_cache(maxsize=65536)  # so that to ask the same peer again is one look-up
def known_peer(address: tuple[str, int]) -> Peer | None:
    """Return a host and port in canonical form, or None if the host is no IP address.

    Raises BadAddress for the port.
    """
    host, port = address[:2]
    check_port(port)
    canonical = canonical_host(host)
    return None if canonical is None else (canonical, port)


def check_port(port: int) -> None:
    """Raise BadAddress if nothing can be sent to this port."""
    if not (isinstance(port, int) and 0 < port < 65536):
        raise BadAddress(port, f"expected a port from 1 to 65535, got {port!r}")


def check_name(host: str) -> None:
    """Raise BadAddress for what can't be a host's name; Twisted's resolver would never answer."""
    try:
        host.encode("idna")
    except UnicodeError:
        raise BadAddress(host, f"expected a host's name or address, got {host!r}") from None


def resolve(
    reactor: IReactorPluggableNameResolver, host: str, port: int, *, ipv6: bool | None = None
) -> Deferred[Peer]:
    """Find the address of a host that is given by address or by name.

    ipv6 asks for one family; None takes the first address that the reactor's resolver gives.
    The Deferred fires with the peer or fails with ResolveFailed or BadAddress.
    """
    canonical = canonical_host(host)
    try:
        check_port(port)
        if canonical is not None:
            if ipv6 is not None and ipv6 != is_ipv6(canonical):
                wanted = "an IPv6" if ipv6 else "an IPv4"
                raise WrongFamily(host, f"expected {wanted} address, got {canonical}")
            return succeed((canonical, port))
        check_name(host)
    except BadAddress as error:
        return fail(error)
    families: dict[bool | None, list[type[IAddress]]] = {
        None: [IPv4Address, IPv6Address],
        True: [IPv6Address],
        False: [IPv4Address],
    }
    found = _FirstAddress(host, port)
    reactor.nameResolver.resolveHostName(found, host, port, families[ipv6], "UDP")
    return found.deferred


@implementer(IResolutionReceiver)
class _FirstAddress:
    """Takes the first of the addresses that a name resolves to."""

    def __init__(self, host: str, port: int) -> None:
        self.deferred: Deferred[Peer] = Deferred(lambda _: None)
        self._host = host
        self._port = port
        self._first: str | None = None

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        """Take no hold of it: Twisted's own resolver can't be cancelled."""

    def addressResolved(self, address: IAddress) -> None:
        """Keep the first: the resolver puts the best first (RFC 6724)."""
        if self._first is None and isinstance(address, IPv4Address | IPv6Address):
            self._first = canonical_host(address.host)

    def resolutionComplete(self) -> None:
        """Fire, unless whoever asked has cancelled."""
        if self.deferred.called:
            return
        if self._first is None:
            self.deferred.errback(ResolveFailed(f"no address found for {self._host!r}"))
        else:
            self.deferred.callback((self._first, self._port))
