"""One host's UDP sockets in memory, with Linux's rules: who binds, who receives, what fails how.

Knows no time, no Twisted and no other host. Each rule was seen on a real socket, and the
tests of these rules run against real sockets too.
"""

from __future__ import annotations

import errno
import os
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from udpecho._memory_record import Datagram, Fate, Record
from udpecho.peer import Peer, canonical_host, is_ipv6

MAX_IPV4_DATA = 65507
"""65535 bytes of IPv4 packet, less 20 of its header and 8 of UDP's (RFC 791, RFC 768)."""

MAX_IPV6_DATA = 65527
"""65535 bytes of IPv6 payload, which the IPv6 header is no part of, less 8 (RFC 8200)."""

RECEIVE_BUFFER = 212_992
"""Linux's default for a socket's receive buffer (net.core.rmem_default), in bytes."""

QUEUE_OVERHEAD = 768
"""Bytes charged for a queued datagram beside its data, of which 64 are charged at least: so
256 small datagrams or three of 65507 bytes fill the default buffer, as on Linux."""

EPHEMERAL_PORTS = range(32768, 61000)
"""Linux's default for net.ipv4.ip_local_port_range."""

IPV4_ANY = "0.0.0.0"
IPV6_ANY = "::"
IPV4_BROADCAST = "255.255.255.255"
MAPPED = "::ffff:"
"""Before an IPv4 address, how an IPv6 socket writes it (RFC 4291, section 2.5.5.2)."""


class Wire(Protocol):
    """What a host's sockets need of the network."""

    record: Record

    def transmit(self, sender: Stack, source: Peer, destination: Peer, data: bytes) -> None:
        """Take a datagram to wherever it belongs."""

    def refuse(self, refuser: Stack, datagram: Datagram) -> None:
        """Take an ICMP port unreachable back to the datagram's sender."""


def is_loopback(host: str) -> bool:
    """Tell whether an address in canonical form never leaves its host."""
    return host == "::1" or host.startswith("127.")


def _covers(bound: str, host: str) -> bool:
    """Tell whether a socket bound to one address receives what is sent to another."""
    return bound in (host, IPV6_ANY) or (bound == IPV4_ANY and not is_ipv6(host))


def _os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


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
        wire: Wire,
        addresses: tuple[str, ...],
        receive_buffer: int,
        wake: Callable[[MemorySocket], None],
    ) -> None:
        self.wire = wire
        self.addresses = addresses
        self.receive_buffer = receive_buffer
        self.wake = wake
        self._bound: dict[int, list[MemorySocket]] = {}
        self._next_port = EPHEMERAL_PORTS.start
        self._failures: list[_SendFailure] = []

    def owns(self, host: str) -> bool:
        """Tell whether a datagram from this host to the address stays here."""
        return is_loopback(host) or host in self.addresses

    def source_for(self, destination: str) -> str | None:
        """Return the address from which a wildcard socket sends there; None says no route."""
        if is_loopback(destination):
            return "::1" if is_ipv6(destination) else "127.0.0.1"
        if is_ipv6(destination) and destination in self.addresses:
            return destination
        same_family = (a for a in self.addresses if is_ipv6(a) == is_ipv6(destination))
        return next(same_family, None)

    def bind(self, sock: MemorySocket, local: Peer) -> Peer:
        """Take an address and a port, 0 for an ephemeral one, for a socket (bind(2))."""
        host, port = local
        if host not in (IPV4_ANY, IPV6_ANY) and not self.owns(host):
            raise _os_error(errno.EADDRNOTAVAIL)
        if not port:
            port = self._free_port(host)
        elif self._taken(host, port):
            raise _os_error(errno.EADDRINUSE)
        self._bound.setdefault(port, []).append(sock)
        return host, port

    def _taken(self, host: str, port: int) -> bool:
        bound = (sock.local[0] for sock in self._bound.get(port, ()))
        return any(_covers(other, host) or _covers(host, other) for other in bound)

    def _free_port(self, host: str) -> int:
        for _ in EPHEMERAL_PORTS:
            port = self._next_port
            self._next_port = port + 1 if port + 1 in EPHEMERAL_PORTS else EPHEMERAL_PORTS.start
            if not self._taken(host, port):
                return port
        raise _os_error(errno.EADDRINUSE)

    def release(self, sock: MemorySocket) -> None:
        """Free a socket's port."""
        sockets = self._bound[sock.local[1]]
        sockets.remove(sock)
        if not sockets:
            del self._bound[sock.local[1]]

    def fail_sends(self, error: int, times: int, to: Peer | None) -> None:
        """Have the next sends meet an error."""
        self._failures.append(_SendFailure(error, times, to))

    def take_failure(self, destination: Peer) -> int:
        """Return the errno that a send there is to meet, or 0."""
        for failure in self._failures:
            if failure.to in (None, destination):
                failure.times -= 1
                if not failure.times:
                    self._failures.remove(failure)
                return failure.error
        return 0

    def receive(self, datagram: Datagram) -> None:
        """Queue a datagram at the socket it belongs to, or refuse it."""
        host, port = datagram.destination
        sockets = [s for s in self._bound.get(port, ()) if _covers(s.local[0], host)]
        for sock in sockets:
            if sock.remote in (None, datagram.source):
                sock.enqueue(datagram)
                return
        self.wire.record.settle(datagram, Fate.STRANGER if sockets else Fate.REFUSED)
        self.wire.refuse(self, datagram)

    def fail_peer(self, local: Peer, remote: Peer, error: int) -> None:
        """Leave an ICMP error with the socket connected to the peer; others never hear of it."""
        for sock in self._bound.get(local[1], ()):
            if sock.local == local and sock.remote == remote:
                sock.fail(error)


class MemorySocket:
    """A UDP socket in memory; its methods are those of socket.socket that a Twisted port calls.

    local and remote are as on the wire: of an IPv4 peer, an IPv6 socket holds the IPv4 address.
    """

    def __init__(self, stack: Stack, family: socket.AddressFamily) -> None:
        self._stack = stack
        self._ipv6 = family == socket.AF_INET6
        self.local: Peer = (IPV6_ANY if self._ipv6 else IPV4_ANY, 0)
        self.remote: Peer | None = None
        self.error = 0
        """The pending error, as SO_ERROR tells it (socket(7))."""
        self._queue: deque[Datagram] = deque()
        self._free = stack.receive_buffer
        self._turn = 0
        self._broadcast = 0

    # Addresses

    def bind(self, address: Peer) -> None:
        """Take an address and port of the host."""
        self.local = self._stack.bind(self, self._to_wire(address))

    def connect(self, address: Peer) -> None:
        """Send to one peer only, receive from it only, and hear of its refusals."""
        remote = self._to_wire(address)
        source = self._source(remote[0])
        self.remote = remote
        self.local = (source, self.local[1])

    def getsockname(self) -> tuple[str, int] | tuple[str, int, int, int]:
        """Return the local address, which a connect makes specific."""
        return self._from_wire(self.local)

    def close(self) -> None:
        """Free the port; what is queued is lost."""
        self._stack.release(self)
        while self._queue:
            self._stack.wire.record.settle(self._queue.popleft(), Fate.UNREAD)

    def _to_wire(self, address: Peer) -> Peer:
        host, port = address[:2]
        if not 0 <= port <= 65535:
            raise OverflowError(f"port must be 0-65535, not {port}.")
        host = {"": self.local[0], "<broadcast>": IPV4_BROADCAST}.get(host, host)
        canonical = canonical_host(host)
        if canonical is None or is_ipv6(canonical) != self._ipv6:
            raise socket.gaierror(
                socket.EAI_ADDRFAMILY, "Address family for hostname not supported"
            )
        if canonical.startswith(MAPPED) and "." in canonical:
            canonical = canonical.removeprefix(MAPPED)
        return canonical, port

    def _from_wire(self, peer: Peer) -> tuple[str, int] | tuple[str, int, int, int]:
        host, port = peer
        if not self._ipv6:
            return host, port
        return host if is_ipv6(host) else MAPPED + host, port, 0, 0

    def _source(self, destination: str) -> str:
        source: str | None = self.local[0]
        if source in (IPV4_ANY, IPV6_ANY):
            source = self._stack.source_for(destination)
        if source is None or is_ipv6(source) != is_ipv6(destination):
            raise _os_error(errno.ENETUNREACH)
        if not is_ipv6(source) and is_loopback(source) and not self._stack.owns(destination):
            raise _os_error(errno.EINVAL)
        return source

    # Sending

    def send(self, data: bytes) -> int:
        """Send to the connected peer."""
        if self.remote is None:
            raise _os_error(errno.EDESTADDRREQ)
        return self._send(bytes(memoryview(data)), self.remote)

    def sendto(self, data: bytes, address: Peer) -> int:
        """Send to any peer."""
        host, port = self._to_wire(address)
        if host in (IPV4_ANY, IPV6_ANY):  # Linux takes it for the host itself
            host = self._stack.source_for("::1" if self._ipv6 else "127.0.0.1") or host
        return self._send(bytes(memoryview(data)), (host, port))

    def _send(self, data: bytes, destination: Peer) -> int:
        wire = self._stack.wire
        source = self.local
        try:
            source = (self._source(destination[0]), self.local[1])
            self._check(data, destination)
        except OSError:
            wire.record.settle(wire.record.add(source, destination, data), Fate.UNSENT)
            raise
        wire.transmit(self._stack, source, destination, data)
        return len(data)

    def _check(self, data: bytes, destination: Peer) -> None:
        """Raise what the kernel would, in its order."""
        host, port = destination
        if not port and self.remote is None:
            raise _os_error(errno.EINVAL)
        if host == IPV4_BROADCAST and not self._broadcast:
            raise _os_error(errno.EACCES)
        if len(data) > (MAX_IPV6_DATA if is_ipv6(host) else MAX_IPV4_DATA):
            raise _os_error(errno.EMSGSIZE)
        if number := self._take_error() or self._stack.take_failure(destination):
            raise _os_error(number)

    # Receiving

    @property
    def ready(self) -> bool:
        """Whether there is something to read, be it an error."""
        return bool(self._queue or self.error)

    @property
    def only_error(self) -> bool:
        """Whether there is an error to read and nothing else (EPOLLERR without EPOLLIN)."""
        return bool(self.error) and not self._queue

    def begin_turn(self) -> None:
        """Let recvfrom return what is queued now; what comes meanwhile waits for another turn.

        A real port would go on, and for ever if the protocol sends to itself.
        """
        self._turn = len(self._queue)

    def enqueue(self, datagram: Datagram) -> None:
        """Take a datagram that has arrived, if the receive buffer has room."""
        cost = self._cost(datagram)
        if cost > self._free:
            self._stack.wire.record.settle(datagram, Fate.OVERFLOWED)
            return
        self._free -= cost
        self._queue.append(datagram)
        self._stack.wire.record.queued(datagram)
        self._stack.wake(self)

    def fail(self, error: int) -> None:
        """Leave a pending error, to be told by whichever call comes next."""
        self.error = error
        self._stack.wake(self)

    def recvfrom(self, size: int) -> tuple[bytes, tuple[str, int] | tuple[str, int, int, int]]:
        """Return the next datagram, cut to size, and its source."""
        if number := self._take_error():
            raise _os_error(number)
        if not self._turn:
            raise _os_error(errno.EAGAIN)
        self._turn -= 1
        datagram = self._queue.popleft()
        self._free += self._cost(datagram)
        whole = len(datagram.data) <= size
        self._stack.wire.record.settle(datagram, Fate.DELIVERED if whole else Fate.TRUNCATED)
        return datagram.data[:size], self._from_wire(datagram.source)

    def getsockopt(self, level: int, option: int) -> int:
        """Tell SO_ERROR (which clears it) or SO_BROADCAST."""
        if (level, option) == (socket.SOL_SOCKET, socket.SO_ERROR):
            return self._take_error()
        if (level, option) == (socket.SOL_SOCKET, socket.SO_BROADCAST):
            return self._broadcast
        raise _os_error(errno.ENOPROTOOPT)

    def setsockopt(self, level: int, option: int, value: int) -> None:
        """Set SO_BROADCAST, which lets a send to 255.255.255.255 pass; it reaches nobody."""
        if (level, option) != (socket.SOL_SOCKET, socket.SO_BROADCAST):
            raise _os_error(errno.ENOPROTOOPT)
        self._broadcast = int(bool(value))

    def fileno(self) -> int:
        """Return -1: there is no descriptor."""
        return -1

    def _take_error(self) -> int:
        error, self.error = self.error, 0
        return error

    @staticmethod
    def _cost(datagram: Datagram) -> int:
        return QUEUE_OVERHEAD + max(len(datagram.data), 64)
