"""A UDP socket in memory, with Linux's rules: what it takes, what it gives, which call fails how.

Knows no time and no Twisted. Each rule was seen on a real socket, and the tests of these
rules run against real sockets too.
"""

from __future__ import annotations

import errno
import socket
from collections import deque
from typing import TypeAlias

from udpecho.datagrams import ToSend
from udpecho.names import canonical_host
from udpecho.peer import MAX_PORT, Peer, is_ipv6, is_loopback
from udpecho.refusal import Refusal
from udpecho.sizes import MAX_IPV4_DATA, MAX_IPV6_DATA
from udpecho.testing.options import MemoryOptions
from udpecho.testing.packet import Packet
from udpecho.testing.record import Datagram, Fate
from udpecho.testing.stack import IPV4_ANY, IPV6_ANY, Stack, os_error

QUEUE_OVERHEAD = 768
"""Bytes charged for a queued datagram beside its data, of which 64 are charged at least: so
256 small datagrams or three of 65507 bytes fill the default buffer, as on Linux."""

QUEUED_ERRORS = 256
"""Errors kept for whoever wants them, about as many as fit in the default buffer."""

IPV4_BROADCAST = "255.255.255.255"

LOOPBACK = {IPV4_ANY: "127.0.0.1", IPV6_ANY: "::1"}
"""A datagram to the wildcard goes to the host itself: so on Linux."""

MAPPED = "::ffff:"
"""Before an IPv4 address, how an IPv6 socket writes it (RFC 4291, section 2.5.5.2)."""

SocketAddress: TypeAlias = tuple[str, int] | tuple[str, int, int, int]


def is_mapped(host: str) -> bool:
    """Tell an IPv4 address that is written as one of IPv6's, in canonical form."""
    return host.startswith(MAPPED) and "." in host


class MemorySocket:
    """A UDP socket in memory; its methods are those of socket.socket that a Twisted port calls.

    local and remote are as on the wire: of an IPv4 peer, an IPv6 socket holds the IPv4 address.
    """

    def __init__(self, stack: Stack, family: socket.AddressFamily, ipv6_only: bool = False) -> None:
        self._stack = stack
        self.family = family
        self._ipv6 = family == socket.AF_INET6
        self.ipv6_only = ipv6_only and self._ipv6
        """Whether an IPv6 socket leaves IPv4 alone (IPV6_V6ONLY)."""
        self.local: Peer = (IPV6_ANY if self._ipv6 else IPV4_ANY, 0)
        self.remote: Peer | None = None
        self.error = 0
        """The pending error, as SO_ERROR tells it (socket(7))."""
        self._errors: deque[Refusal] | None = None  # where they are wanted (ip(7), IP_RECVERR)
        self._queue: deque[Datagram] = deque()
        self._options = MemoryOptions(family, stack.receive_buffer)
        self._used = self._overflowed = self._turn = 0
        self._may_fragment = True

    # Addresses

    def bind(self, address: SocketAddress) -> None:
        """Take an address and port of the host."""
        self.local = self._stack.bind(self, self._to_wire(address))

    def connect(self, address: SocketAddress) -> None:
        """Send to one peer only, receive from it only, and hear of its refusals."""
        remote = self._destination(address)
        source = self._source(remote[0], None)
        self.remote = remote
        self.local = self._stack.rebind(self, source)

    def getsockname(self) -> SocketAddress:
        """Return the local address, which a connect makes specific."""
        return self._from_wire(self.local)

    def getpeername(self) -> SocketAddress:
        """Return the peer."""
        if self.remote is None:
            raise os_error(errno.ENOTCONN)
        return self._from_wire(self.remote)

    def close(self) -> None:
        """Free the port; what is queued is lost."""
        self._stack.release(self)
        while self._queue:
            self._stack.wire.record.settle(self._queue.popleft(), Fate.UNREAD)

    def fileno(self) -> int:
        """Return -1: there is no descriptor."""
        return -1

    def _to_wire(self, address: SocketAddress) -> Peer:
        host, port = address[:2]
        if not 0 <= port <= MAX_PORT:
            raise OverflowError(f"port must be 0-{MAX_PORT}, not {port}.")
        host = {"": self.local[0], "<broadcast>": IPV4_BROADCAST}.get(host, host)
        canonical = canonical_host(host)
        if canonical is None or is_ipv6(canonical) != self._ipv6:
            raise socket.gaierror(
                socket.EAI_ADDRFAMILY, "Address family for hostname not supported"
            )
        if is_mapped(canonical):
            canonical = canonical.removeprefix(MAPPED)
        return canonical, port

    def _destination(self, address: SocketAddress) -> Peer:
        host, port = self._to_wire(address)
        return LOOPBACK.get(host, host), port

    def _from_wire(self, peer: Peer) -> SocketAddress:
        host, port = peer
        if not self._ipv6:
            return host, port
        return host if is_ipv6(host) else MAPPED + host, port, 0, 0

    def _source(self, destination: str, local: str | None) -> str:
        """Return the address that a datagram is sent from: local, if the socket is told to."""
        source: str | None = local or self.local[0]
        if source in (IPV4_ANY, IPV6_ANY):
            source = self._stack.source_for(destination)
        other_family = self.ipv6_only and not is_ipv6(destination)
        if source is None or is_ipv6(source) != is_ipv6(destination) or other_family:
            raise os_error(errno.ENETUNREACH)
        if local is not None and not self._stack.owns(local):
            raise os_error(errno.EINVAL)
        if not is_ipv6(source) and is_loopback(source) and not self._stack.owns(destination):
            raise os_error(errno.EINVAL)
        return source

    # Sending

    def send(self, data: bytes) -> int:
        """Send to the connected peer."""
        return self._send(ToSend(bytes(memoryview(data))))

    def sendto(self, data: bytes, address: SocketAddress) -> int:
        """Send to any peer."""
        return self._send(ToSend(bytes(memoryview(data)), address[:2]))

    def _send(self, datagram: ToSend) -> int:
        destination = self.remote if datagram.to is None else self._destination(datagram.to)
        if destination is None:
            raise os_error(errno.EDESTADDRREQ)
        wire, options = self._stack.wire, self._options
        packet = Packet(
            self.local,
            destination,
            datagram.data,
            options.ttl if datagram.ttl is None else datagram.ttl,
            options.tos if datagram.tos is None else datagram.tos,
            self._may_fragment,
        )
        try:
            source = self._check(packet, datagram.local)
        except OSError:
            wire.record.settle(wire.record.add(packet), Fate.UNSENT)
            raise
        wire.transmit(self._stack, packet._replace(source=source))
        return len(datagram.data)

    def _check(self, packet: Packet, local: str | None) -> Peer:
        """Return where a datagram is sent from, or raise what the kernel would, in its order."""
        host, port = packet.destination
        if (not port and self.remote is None) or not 1 <= packet.ttl <= 255:
            raise os_error(errno.EINVAL)
        if host == IPV4_BROADCAST and not self._options.broadcast:
            raise os_error(errno.EACCES)
        source = self._source(host, local)
        if len(packet.data) > (MAX_IPV6_DATA if is_ipv6(host) else MAX_IPV4_DATA):
            raise os_error(errno.EMSGSIZE)
        if number := self._take_error() or self._stack.take_failure(packet.destination):
            raise os_error(number)
        return source, self.local[1]

    # Receiving

    @property
    def ready(self) -> bool:
        """Whether there is something to read, be it an error."""
        return bool(self._queue or self.error or self._errors)

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
        if self._used + cost > self._options.receive_buffer:
            self._overflowed += 1
            self._stack.wire.record.settle(datagram, Fate.OVERFLOWED)
            return
        self._used += cost
        self._queue.append(datagram)
        self._stack.wire.record.queued(datagram)
        self._stack.wake(self)

    def refuse(self, refusal: Refusal) -> None:
        """Hear what ICMP refused, if it is the peer's or whoever's it is wanted.

        It is left as the pending error, to be told by whichever call comes next.
        """
        if self._errors is not None and self.remote in (None, refusal.to):
            if len(self._errors) < QUEUED_ERRORS:
                self._errors.append(refusal)
        elif self.remote != refusal.to:
            return
        self.error = refusal.errno
        self._stack.wake(self)

    def recvfrom(self, size: int) -> tuple[bytes, SocketAddress]:
        """Return the next datagram, cut to size, and its source."""
        if number := self._take_error():
            raise os_error(number)
        if not self._turn:
            raise os_error(errno.EAGAIN)
        self._turn -= 1
        datagram = self._take(size)
        return datagram.data[:size], self._from_wire(datagram.source)

    def _take(self, size: int) -> Datagram:
        """Take the next datagram from the queue, of which there is room for this many bytes."""
        datagram = self._queue.popleft()
        self._used -= self._cost(datagram)
        whole = len(datagram.data) <= size
        self._stack.wire.record.settle(datagram, Fate.DELIVERED if whole else Fate.TRUNCATED)
        return datagram

    # Options

    def getsockopt(self, level: int, option: int, size: int = 0) -> int | bytes:
        """Tell an option, as a number or as this many bytes; SO_ERROR is cleared by that."""
        if (level, option) == (socket.SOL_SOCKET, socket.SO_ERROR):
            return self._take_error()
        return self._options.get(level, option, size)

    def setsockopt(self, level: int, option: int, value: int | bytes) -> None:
        """Set an option: TTL, traffic class, receive buffer and SO_BROADCAST have an effect."""
        self._options.set(level, option, value)

    def _take_error(self) -> int:
        error, self.error = self.error, 0
        return error

    @staticmethod
    def _cost(datagram: Datagram) -> int:
        return QUEUE_OVERHEAD + max(len(datagram.data), 64)
