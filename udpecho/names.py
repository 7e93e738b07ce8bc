"""Names, addresses and ports from text, and the addresses that a name has."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from functools import lru_cache

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, DeferredList, fail, succeed
from twisted.internet.interfaces import (
    IAddress,
    IHostResolution,
    IReactorPluggableNameResolver,
    IResolutionReceiver,
)
from zope.interface import implementer

from udpecho.errors import BadAddress, ResolveFailed, UdpEchoError, WrongFamily
from udpecho.peer import MAX_PORT, Peer, is_ipv6, is_wildcard
from udpecho.reactors import IDatagramReactor
from udpecho.scopes import interface_name
from udpecho.values import port_number, wrong

DEFAULT_PORT = 1060
"""Not 7, which is echo's own (RFC 862) but takes a privilege to listen on."""

_SCOPES = 1 << 32
"""A scope's number is less: the kernel writes it in four bytes."""

LOOKUPS = 64
"""Names looked up at a time: a resolver that is asked for 10,000 at once drops most."""


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


def checked_peer(address: tuple[str, int]) -> Peer:
    """Return an IP address and port in canonical form, or raise BadAddress."""
    host, port = address[:2]
    canonical = canonical_host(host)
    if canonical is None:
        raise BadAddress(host, f"expected an IPv4 or IPv6 address, got {host!r}")
    check_host(canonical)
    check_port(port)
    return canonical, port


@lru_cache(maxsize=65536)  # so that to ask the same peer again is one look-up
def known_peer(address: tuple[str, int]) -> Peer | None:
    """Return a host and port in canonical form, or None if the host is no IP address.

    Raises BadAddress for the port, and for an address that is no host's.
    """
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
    if not (isinstance(port, int) and 0 < port <= MAX_PORT):
        raise BadAddress(port, f"expected a port from 1 to {MAX_PORT}, got {port!r}")


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
            check_host(canonical)
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
        elif is_wildcard(self._first):  # so hosts files block names
            self.deferred.errback(ResolveFailed(f"{self._host!r} has no address but {self._first}"))
        else:
            self.deferred.callback((self._first, self._port))


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
    port = match["port6"] if match["port6"] is not None else match["port"]
    if port is None:
        return match["host"] or match["v6"], default_port
    return match["host"] or match["v6"], port_number("HOST[:PORT]")(port)


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
    raise BadAddress(name, f"expected the name of a network interface, got {name!r}")


async def resolve_all(
    reactor: IDatagramReactor, hosts: Sequence[tuple[str, int]], *, ipv6: bool | None = None
) -> tuple[list[tuple[str, Peer]], list[UdpEchoError]]:
    """Find the hosts' names with their addresses, in order, and what is wrong with the others."""
    found: list[tuple[str, Peer]] = []
    failures: list[UdpEchoError] = []
    for start in range(0, len(hosts), LOOKUPS):
        some = hosts[start : start + LOOKUPS]
        lookups = [resolve(reactor, host, port, ipv6=ipv6) for host, port in some]
        results: list[tuple[bool, Peer]] = await DeferredList(lookups, consumeErrors=True)
        for (name, _), (resolved, result) in zip(some, results, strict=True):
            if resolved:
                found.append((name, result))
            else:
                failures.append(result.value)  # type: ignore[attr-defined] # a Failure
    return found, failures
