"""SeamSocket: what a socket in memory has beyond socket.socket's methods, for udpecho's own port.

That is what Linux has in recvmmsg(2), sendmmsg(2) and the error queue: batches, with all that is
known of each datagram, and what was refused (see reactors.DatagramSocket).
"""

from __future__ import annotations

import errno
import socket
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from udpecho.datagrams import Received, ToSend
from udpecho.refusal import Refusal
from udpecho.testing.passage import Passage
from udpecho.testing.routes import is_mapped
from udpecho.testing.sockets import ROUTES, MemorySocket, SocketAddress
from udpecho.testing.stack import Stack, os_error

Watch = Callable[["SeamSocket", Callable[[], None] | None], None]
"""Has a socket's reactor call something when there is something to read, or leave it alone."""


class SeamSocket(MemorySocket):
    """A socket of one family: a DatagramSocket."""

    def __init__(
        self, stack: Stack, family: socket.AddressFamily, watch: Watch, now: Callable[[], float]
    ) -> None:
        """Make a socket that is to be bound; an IPv6 one takes IPv6 alone."""
        super().__init__(stack, family, ipv6_only=True)
        self._watch, self._now = watch, now
        self._bound = self.local[0]
        self._ends: dict[tuple[str, str], tuple[str, str]] = {}
        self._failed: tuple[ToSend, int] | None = None

    def bind(self, address: SocketAddress) -> None:
        """Take an address and port of the host; one of IPv4 in disguise is refused."""
        if is_mapped(address[0]):
            raise os_error(errno.EINVAL)
        super().bind(address)
        self._bound = self.local[0]

    def disconnect(self) -> None:
        """Be connected to nobody; the address that connecting chose is undone."""
        self.remote = None
        self._moved(self._stack.rebind(self, self._bound))

    def watch(self, ready: Callable[[], None] | None) -> None:
        """Have this called in each turn in which there is something to read; None: not now."""
        self._watch(self, ready)

    def refuse(self, refusal: Refusal) -> None:
        """Hear what ICMP refused, connected or not."""
        super().refuse(replace(refusal, when=in_ns(self._now())))

    def receive(self, most: int, size: int = 65535) -> Sequence[Received]:
        """Take what is queued: this many datagrams at most, each cut to size bytes."""
        if number := self._take_error():
            raise os_error(number)
        return [self._told(self._take(size), size) for _ in range(min(most, len(self._queue)))]

    def _told(self, passage: Passage, size: int) -> Received:
        """Tell what is known of a datagram."""
        source, (asked, _), data, ttl, tos, _ = passage.packet
        found = self._ends.get((asked, source[0])) or self._end(asked, source[0])
        return Received(
            data[:size],
            len(data),
            source,
            asked,
            *found,
            ttl,
            tos,
            in_ns(passage.arrived),
        )

    def _end(self, asked: str, source: str) -> tuple[str, str]:
        """Tell the address that answers, and by which interface a datagram came."""
        stack = self._stack
        local = asked if stack.owns(asked) else stack.source_for(source) or asked
        found = local, "lo" if stack.owns(source) else "eth0"
        if len(self._ends) < ROUTES:
            self._ends[asked, source] = found
        return found

    def transmit(self, datagram: ToSend) -> None:
        """Send a datagram, or raise OSError; a pending error is raised in its place.

        What can't be sent stays unsent, however often it is tried.
        """
        if number := self._take_error():
            raise os_error(number)  # of something sent earlier
        if self._failed is not None and self._failed[0] is datagram:
            raise os_error(self._failed[1])
        try:
            self._send(*datagram)
        except OSError as error:
            self._failed = datagram, error.errno or errno.EIO
            raise

    def queue_errors(self) -> None:
        """Keep what ICMP refuses from now on, connected or not."""
        if self._errors is None:
            self._errors = deque()

    def take_errors(self, most: int) -> Sequence[Refusal]:
        """Take what ICMP refused, at most this many; the pending error is then the next one's."""
        errors = self._errors or deque()
        taken = [errors.popleft() for _ in range(min(most, len(errors)))]
        if taken:
            self.error = errors[0].errno if errors else 0
        return taken

    def dropped(self) -> int:
        """Count the datagrams lost because the receive buffer was full."""
        return self._overflowed

    def set_receive_buffer(self, size: int) -> int:
        """Ask for a receive buffer of this many bytes; all is granted."""
        self.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
        return self._options.receive_buffer // 2

    def let_fragment(self, allowed: bool, *, heeds: bool = True) -> None:
        """Let routers cut its datagrams into fragments where a link is too narrow, or not.

        One that may not be cut, and is too long by what ICMP said, meets EMSGSIZE if it heeds that.
        """
        self._options.let_fragment(allowed, heeds)


def in_ns(seconds: float) -> int:
    """Give a time of the network's in ns."""
    return round(seconds * 1e9)
