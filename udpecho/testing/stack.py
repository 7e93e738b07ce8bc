"""One host's addresses and ports in memory, with Linux's rules: who binds what, who gets what.

Knows no time, no Twisted and no other host.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from udpecho.errors import BadAddress
from udpecho.hosts import canonical_host
from udpecho.peer import MAX_PORT, Peer, is_ipv6, is_loopback
from udpecho.refusal import Refusal
from udpecho.testing.groups import Groups, is_group
from udpecho.testing.packet import Packet
from udpecho.testing.passage import Fate, Passage
from udpecho.testing.record import Record

RECEIVE_BUFFER = 212_992
"""Linux's default for a socket's receive buffer (net.core.rmem_default), in bytes."""

QUEUE_OVERHEAD = 768
"""Bytes charged for a queued datagram beside its data, of which SHORT are charged at least: so
256 small datagrams or three of 65507 bytes fill the default buffer, as on Linux."""

SHORT = 64
"""Bytes that are charged for data at least."""

EPHEMERAL_PORTS = range(32768, 61000)
"""Linux's default for net.ipv4.ip_local_port_range, whose upper end, 60999, is within."""

NO_DATA = errno.EAGAIN, os.strerror(errno.EAGAIN)
"""What is said of an empty queue: at the end of each turn, so it is looked up once."""

IPV4_ANY = "0.0.0.0"
IPV6_ANY = "::"


def canonical_peer(peer: Peer) -> Peer:
    """Return an address and port in canonical form, or raise BadAddress."""
    host, port = peer
    if not isinstance(host, str):
        raise BadAddress(host, f"an IPv4 or IPv6 address was expected, not {host!r}")
    if "%" in host:
        raise BadAddress(host, f"{host}: hosts in memory have one link, give no scope")
    canonical = canonical_host(host)
    if canonical is None:
        raise BadAddress(host, f"an IPv4 or IPv6 address was expected, not {host!r}")
    if not (isinstance(port, int) and 0 <= port <= MAX_PORT):
        raise BadAddress(port, f"a port from 0 to {MAX_PORT} was expected, not {port!r}")
    return canonical, port


def _covers(bound: str, host: str, ipv6_only: bool) -> bool:
    """Tell whether a socket bound to one address receives what is sent to another."""
    if bound == IPV6_ANY:
        return is_ipv6(host) or not ipv6_only
    return bound == host or (bound == IPV4_ANY and not is_ipv6(host))


def cost_of(data: bytes) -> int:
    """Tell what a queued datagram takes of the receive buffer, in bytes."""
    length = len(data)
    return QUEUE_OVERHEAD + (length if length > SHORT else SHORT)


def os_error(number: int) -> OSError:
    """Make the exception that the socket module raises for an errno."""
    return OSError(number, os.strerror(number))


class Bound(Protocol):
    """What a stack asks of a socket that is bound on it."""

    local: Peer
    remote: Peer | None
    ipv6_only: bool

    @property
    def ready(self) -> bool:
        """Whether there is something to read, be it an error."""

    def enqueue(self, passage: Passage) -> None:
        """Take a datagram that has arrived."""

    def refuse(self, refusal: Refusal) -> None:
        """Hear what ICMP refused of what was sent from its address."""


class Carrier(Protocol):
    """What a stack, and the sockets on it, ask of the wire that it is joined to."""

    record: Record

    def transmit(self, sender: Stack, packet: Packet, own: bool = True) -> None:
        """Take a datagram to the host that has the address, or to those in a group."""

    def refuse(self, refuser: Stack, packet: Packet) -> None:
        """Take a refusal back."""

    def join(self, group: str, host: Stack) -> None:
        """Have a host hear a multicast group."""

    def leave(self, group: str, host: Stack) -> None:
        """Have a host hear a multicast group no more."""


@dataclass(slots=True)
class _SendFailure:
    """An error that a host's next sends are to meet."""

    error: int
    times: int
    to: Peer | None


class Stack:
    """One host's addresses, its bound sockets, and who of them gets what arrives."""

    def __init__(
        self,
        wire: Carrier,
        addresses: Iterable[str],
        receive_buffer: int,
        wake: Callable[[Bound], None],
    ) -> None:
        self.wire = wire
        self.receive_buffer = receive_buffer
        self.wake = wake
        """Called with a socket that has something to read."""
        self.addresses = dict.fromkeys(addresses)  # in order, and quick to look up
        self._first = {is_ipv6(each): each for each in reversed(self.addresses)}  # by family
        self._bound: dict[int, dict[str, Bound]] = {}  # by port, then by address
        self._next_port = EPHEMERAL_PORTS.start
        self.failures: list[_SendFailure] = []
        """The errors that the next sends are to meet."""
        self.path_mtus: dict[str, int] = {}
        """How long packets to a host may be, in bytes, where ICMP has said so."""
        self.groups = Groups(
            lambda group: wire.join(group, self), lambda group: wire.leave(group, self)
        )

    def owns(self, host: str) -> bool:
        """Tell whether a datagram from this host to the address stays here."""
        return is_loopback(host) or host in self.addresses

    def source_for(self, destination: str) -> str | None:
        """Return the address from which a wildcard socket sends there; None says no route.

        It is the host's first one of the family, whichever the peer knows. (Among several of
        IPv6, Linux chooses by RFC 6724.)
        """
        if is_loopback(destination):
            return "::1" if is_ipv6(destination) else "127.0.0.1"
        if is_ipv6(destination) and destination in self.addresses:
            return destination
        return self._first.get(is_ipv6(destination))

    def bind(self, sock: Bound, local: Peer) -> Peer:
        """Take an address and a port, 0 for an ephemeral one, for a socket (bind(2))."""
        host, port = local
        if host not in (IPV4_ANY, IPV6_ANY) and not self.owns(host) and not is_group(host):
            raise os_error(errno.EADDRNOTAVAIL)
        if not port:
            port = self._free_port(sock, host)
        elif self._taken(sock, host, port):
            raise os_error(errno.EADDRINUSE)
        self._bound.setdefault(port, {})[host] = sock
        return host, port

    def _taken(self, sock: Bound, host: str, port: int) -> bool:
        if self._find(host, port) is not None:
            return True
        others = self._bound.get(port, ()) if host in (IPV4_ANY, IPV6_ANY) else ()
        return any(_covers(host, other, sock.ipv6_only) for other in others)

    def _find(self, host: str, port: int) -> Bound | None:
        """Return the socket bound to the address or to a wildcard: there can't be two."""
        bound = self._bound.get(port)
        if bound is None:
            return None
        found = bound.get(host) or bound.get(IPV6_ANY if is_ipv6(host) else IPV4_ANY)
        if found is None and IPV6_ANY in bound and not bound[IPV6_ANY].ipv6_only:
            found = bound[IPV6_ANY]
        return found

    def _free_port(self, sock: Bound, host: str) -> int:
        for _ in EPHEMERAL_PORTS:
            port = self._next_port
            self._next_port = port + 1 if port + 1 in EPHEMERAL_PORTS else EPHEMERAL_PORTS.start
            if not self._taken(sock, host, port):
                return port
        raise os_error(errno.EADDRINUSE)

    def rebind(self, sock: Bound, host: str) -> Peer:
        """Give a bound socket another address of the host, as its connect(2) does."""
        port = self.release(sock)
        self._bound.setdefault(port, {})[host] = sock
        return host, port

    def release(self, sock: Bound) -> int:
        """Free a socket's port, and return it."""
        host, port = sock.local
        del self._bound[port][host]
        if not self._bound[port]:
            del self._bound[port]
        return port

    def fail_sends(self, error: int, times: int, to: Peer | None) -> None:
        """Have the next sends meet an error."""
        self.failures.append(_SendFailure(error, times, to))

    def take_failure(self, destination: Peer) -> int:
        """Return the errno that a send there is to meet, or 0."""
        for failure in self.failures:
            if failure.to in (None, destination):
                failure.times -= 1
                if not failure.times:
                    self.failures.remove(failure)
                return failure.error
        return 0

    def receive(self, passage: Passage) -> None:
        """Queue a datagram at the socket it belongs to, or refuse it."""
        packet = passage.packet
        sock = self._find(*packet.destination)
        if sock is not None and (sock.remote is None or sock.remote == packet.source):
            sock.enqueue(passage)
            return
        self.wire.record.settle(passage, Fate.STRANGER if sock else Fate.REFUSED)
        self.wire.refuse(self, packet)

    def receive_group(self, passage: Passage) -> None:
        """Queue a datagram that was sent to many, if a socket takes it; nobody refuses it."""
        packet = passage.packet
        sock = self._find(*packet.destination)
        if sock is not None and sock.remote in (None, packet.source):
            sock.enqueue(passage)
        else:
            self.wire.record.settle(passage, Fate.UNHEARD)

    def hear(self, local: Peer, refusal: Refusal) -> None:
        """Take what ICMP says of something sent from an address to the socket that has it."""
        sock = self._find(*local)
        if sock is None:
            return
        if refusal.mtu is not None and refusal.to is not None:
            self.path_mtus[refusal.to[0]] = refusal.mtu
        sock.refuse(refusal)
