"""A UDP socket in memory, with Linux's rules: what it takes, what it gives, which call fails how.

Knows no time and no Twisted. Each rule was seen on a real socket, and the tests of these
rules run against real sockets too.
"""

from __future__ import annotations

import errno
import socket
from collections import deque
from typing import TypeAlias

from udpecho.peer import Peer, is_ipv6, is_loopback
from udpecho.refusal import Refusal
from udpecho.sizes import MAX_IPV4_DATA, MAX_IPV6_DATA
from udpecho.testing.groups import IPV4_BROADCAST, is_group, is_multicast
from udpecho.testing.options import DO, DONT, OMIT, WANT, MemoryOptions, membership
from udpecho.testing.packet import Packet
from udpecho.testing.passage import Fate, Passage
from udpecho.testing.routes import LOOPBACK, MAPPED, Route, plain, wire_address
from udpecho.testing.stack import IPV4_ANY, IPV6_ANY, NO_DATA, Stack, cost_of, os_error
from udpecho.testing.way import fragments

ROUTES = 65536
"""Addresses to which a socket keeps the way."""

QUEUED_ERRORS = 256
"""Errors kept for whoever wants them, about as many as fit in the default buffer."""

SocketAddress: TypeAlias = tuple[str, int] | tuple[str, int, int, int]


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
        self._queue: deque[Passage] = deque()
        self._options = MemoryOptions(family, stack.receive_buffer)
        self._used = self._overflowed = self._turn = 0
        self._routes: dict[tuple[SocketAddress | None, str | None], Route] = {}
        self._record = stack.wire.record

    # Addresses

    def bind(self, address: SocketAddress) -> None:
        """Take an address and port of the host."""
        self._moved(self._stack.bind(self, self._to_wire(address)))

    def connect(self, address: SocketAddress) -> None:
        """Send to one peer only, receive from it only, and hear of its refusals."""
        remote = self._destination(address)
        source = self._source(remote[0], None)
        self.remote = remote
        self._moved(self._stack.rebind(self, source))

    def _moved(self, local: Peer) -> None:
        self.local = local
        self._routes.clear()

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
        self._stack.groups.leave_all(self)
        self._stack.release(self)
        while self._queue:
            self._record.settle(self._queue.popleft(), Fate.UNREAD)

    def fileno(self) -> int:
        """Return -1: there is no descriptor."""
        return -1

    def _to_wire(self, address: SocketAddress) -> Peer:
        host, port = plain(address)[:2]
        return wire_address(host or self.local[0], port, self._ipv6)

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
        owns = self._stack.owns
        source: str | None = local or self.local[0]
        if local is None and not owns(self.local[0]):  # bound to all addresses, or a group
            source = self._stack.source_for(destination)
        other_family = self.ipv6_only and not is_ipv6(destination)
        if source is None or is_ipv6(source) != is_ipv6(destination) or other_family:
            raise os_error(errno.ENETUNREACH)
        if local is not None and not owns(local):
            raise os_error(errno.EINVAL)
        if (
            not is_ipv6(source)
            and is_loopback(source)
            and not owns(destination)
            and not is_group(destination)
        ):
            raise os_error(errno.EINVAL)
        return source

    # Sending

    def send(self, data: bytes) -> int:
        """Send to the connected peer."""
        return self._send(as_bytes(data), None, None, None, None)

    def sendto(self, data: bytes, address: SocketAddress) -> int:
        """Send to any peer."""
        to = address if type(address[1]) is int else plain(address)  # 7.0 would find 7's route
        return self._send(as_bytes(data), to, None, None, None)

    def _send(
        self,
        data: bytes,
        to: SocketAddress | None,
        local: str | None,
        ttl: int | None,
        tos: int | None,
    ) -> int:
        options, stack = self._options, self._stack
        route = self._routes.get((to, local)) or self._route(to, local)
        if ttl is None:
            ttl = options.multicast_ttl if route.multicast else options.ttl
        if tos is None:
            tos = options.tos
        packet = Packet(route.source, route.destination, data, ttl, tos, False)
        if error := self._error(packet, route):
            self._record.settle(self._record.add(packet), Fate.UNSENT)
            raise os_error(error)
        if options.mtu_discover != WANT or stack.path_mtus:
            packet = packet._replace(may_fragment=self._may_be_cut(packet))
        stack.wire.transmit(stack, packet, options.multicast_loop or not route.multicast)
        return len(data)

    def _route(self, to: SocketAddress | None, local: str | None) -> Route:
        """Find how a datagram gets to an address, or with which error it does not."""
        destination = self.remote if to is None else self._destination(to)
        if destination is None:
            raise os_error(errno.EDESTADDRREQ)
        host, port = destination
        multicast = is_multicast(host)
        longest = MAX_IPV6_DATA if is_ipv6(host) else MAX_IPV4_DATA
        error, source = 0, self.local
        if not port and self.remote is None:
            error = errno.EINVAL
        elif host == IPV4_BROADCAST and not self._options.broadcast:
            error = errno.EACCES
        else:
            try:
                source = self._source(host, local), self.local[1]
            except OSError as failed:
                error = failed.errno or errno.EIO
        route = Route(destination, source, longest, multicast, error)
        if not error and len(self._routes) < ROUTES:
            self._routes[to, local] = route
        return route

    def _error(self, packet: Packet, route: Route) -> int:
        """Tell which errno the kernel would answer with, in its order, or 0."""
        if not 1 <= packet.ttl <= 255 and not (route.multicast and packet.ttl == 0):
            return errno.EINVAL
        if route.error:
            return route.error
        if len(packet.data) > route.longest:
            return errno.EMSGSIZE
        if self.error:
            return self._take_error()
        return self._stack.take_failure(route.destination) if self._stack.failures else 0

    def _may_be_cut(self, packet: Packet) -> bool:
        """Tell whether a datagram may be fragmented, or raise EMSGSIZE (ip(7), IP_MTU_DISCOVER)."""
        discover, host = self._options.mtu_discover, packet.destination[0]
        known = self._stack.path_mtus.get(host)
        too_long = known is not None and fragments(packet, known)[0] > 1
        if discover == DO and too_long:
            self._record.settle(self._record.add(packet), Fate.UNSENT)
            raise os_error(errno.EMSGSIZE)
        if discover in (DONT, OMIT) and not is_ipv6(host):
            return True
        return too_long and discover in (DONT, WANT)

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

    def enqueue(self, passage: Passage) -> None:
        """Take a datagram that has arrived, if the receive buffer has room."""
        used = self._used + cost_of(passage.packet.data)
        if used > self._options.receive_buffer:
            self._overflowed += 1
            self._record.settle(passage, Fate.OVERFLOWED)
            return
        self._used = used
        self._queue.append(passage)
        self._record.queued(passage)
        self._stack.wake(self)

    def refuse(self, refusal: Refusal) -> None:
        """Hear what ICMP refused, if it is the peer's or whoever's it is wanted.

        It is left as the pending error, to be told by whichever call comes next.
        """
        if self._errors is not None and self.remote in (None, refusal.to):
            if len(self._errors) < QUEUED_ERRORS:
                self._errors.append(refusal)
        elif self.remote != refusal.to or refusal.is_time_exceeded:
            return
        self.error = refusal.errno
        self._stack.wake(self)

    def recvfrom(self, size: int) -> tuple[bytes, SocketAddress]:
        """Return the next datagram, cut to size, and its source."""
        if self.error:
            raise os_error(self._take_error())
        if not self._turn:
            raise BlockingIOError(*NO_DATA)
        self._turn -= 1
        packet = self._take(size).packet
        source = packet.source
        return packet.data[:size], self._from_wire(source) if self._ipv6 else source

    def _take(self, size: int) -> Passage:
        """Take the next datagram from the queue, of which there is room for this many bytes."""
        passage = self._queue.popleft()
        data = passage.packet.data
        self._used -= cost_of(data)
        fate = Fate.DELIVERED if len(data) <= size else Fate.TRUNCATED
        self._record.settle(passage, fate)
        return passage

    # Options

    def getsockopt(self, level: int, option: int, size: int = 0) -> int | bytes:
        """Tell an option, as a number or as this many bytes; SO_ERROR is cleared by that."""
        if (level, option) == (socket.SOL_SOCKET, socket.SO_ERROR):
            return self._take_error()
        return self._options.get(level, option, size)

    def setsockopt(self, level: int, option: int, value: int | bytes) -> None:
        """Set an option, or join or leave a group; MemoryOptions tells what has an effect."""
        change = membership(level, option, value)
        if change is not None:
            group, joins = change
            groups = self._stack.groups
            (groups.join if joins else groups.leave)(self, group)
            return
        self._options.set(level, option, value)
        self._routes.clear()

    def _take_error(self) -> int:
        error, self.error = self.error, 0
        return error


def as_bytes(data: bytes) -> bytes:
    """Take data as the socket module does: anything that is bytes in memory, and no text."""
    return data if type(data) is bytes else bytes(memoryview(data))
