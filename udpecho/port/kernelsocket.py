"""KernelSocket: a socket of the kernel's, with the arrays that recvmmsg(2) and sendmmsg(2) fill."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

from twisted.logger import Logger

from udpecho.kernel import calls, errqueue, forks, inherited
from udpecho.kernel.errbatch import ErrorBatch
from udpecho.kernel.layout import IPV4, IPV6, sent_to
from udpecho.kernel.wake import Watch
from udpecho.port.connection import Connection
from udpecho.port.echo import Echo
from udpecho.port.inbox import Inbox
from udpecho.port.outbox import Outbox
from udpecho.port.sockets import only_address
from udpecho.reactors import shares_its_epoll
from udpecho.refusal import Refusal

_log = Logger()


class KernelSocket:
    """A bound socket of a reactor that watches descriptors: a PortSocket."""

    def __init__(self, reactor: Any, skt: socket.socket) -> None:
        """Take a socket, and open nothing more yet."""
        self._reactor = reactor
        self.handle = skt
        self._queues_errors = self._said = False
        self._notes_times = self._tells_times = False
        self._errors: ErrorBatch | None = None
        self._opened = ExitStack()
        self._opened.callback(skt.close)
        self.layout = IPV6 if skt.family == socket.AF_INET6 else IPV4

    def open(self, *, by_batch: bool, trains: bool, timestamps: bool) -> None:
        """Get ready to receive: batches or one by one, trains together, with times of arrival.

        Raises OSError if there is no descriptor left, or no memory.
        """
        skt, fd = self.handle, self.handle.fileno()
        self.watch = Watch(fd)
        self._opened.callback(self.watch.close)
        known = self._known_of_arrivals() if by_batch and not timestamps else b""
        self._wanted = not known, timestamps, trains
        self._notes_times = self._tells_times = timestamps
        self._describe()
        self.inbox = Inbox(
            fd, self.layout, known, told_too_much=self._describe_less, timed=timestamps
        )
        self.outbox = Outbox(fd, self.layout)
        self.echo = Echo(skt, self.inbox)
        self.connection = Connection(skt, self.layout)
        forks.tell(self)

    def tell_times(self, wanted: bool) -> None:
        """Have what is received next come with its times of arrival, if they are noted, or not.

        The kernel goes on noting them, since it was asked once (sock_enable_timestamp).
        """
        wanted = wanted and self._notes_times
        if wanted is not self._tells_times:
            self._tells_times = wanted
            calls.stamp_arrivals(self.handle, wanted)
            self.inbox.be_timed(wanted)

    def set_receive_buffer(self, size: int) -> int:
        """Ask for a receive buffer of this many bytes; return what was granted."""
        return calls.set_buffer(self.handle, socket.SO_RCVBUF, size)

    def dropped(self) -> int:
        """Count the datagrams lost to a full receive buffer."""
        return calls.dropped(self.handle)

    def queue_errors(self) -> None:
        """Have what ICMP refuses kept, for refusals()."""
        self._queues_errors = True
        calls.queue_errors(self.handle)

    def refusals(self, most: int) -> Iterator[Refusal]:
        """Take what ICMP refused, at most this many."""
        return errqueue.refusals(self.handle, most)

    def queue_all_errors(self) -> None:
        """Have all that ICMP says kept, for errors(), without room taken from datagrams."""
        self._queues_errors = True
        if self._errors is None:
            self._errors = ErrorBatch(self.handle, self.layout)

    def errors(self, most: int) -> list[Refusal]:
        """Take what ICMP said, about this many at most; if there is more, it is thrown away."""
        return [] if self._errors is None else self._errors.take(most)

    def start_reading(self, port: Any, turn: Callable[[], None]) -> None:
        """Have the reactor watch the port, whose doRead is its turn."""
        self._reactor.addReader(port)

    def stop_reading(self, port: Any) -> None:
        """Have the reactor watch the port no more.

        Where epoll_ctl(2) fails, Twisted's epoll reactor has forgotten the port, but neither its
        descriptor nor that it watches it. So it is told again, and tries again. That fails for
        good where another process, with which it shares the epoll, has been faster.
        """
        reactor = self._reactor
        try:
            reactor.removeReader(port)
        except OSError:
            reactor._selectables[port.fileno()] = port
            with suppress(OSError):
                reactor.removeReader(port)
            reactor._reads.discard(port.fileno())

    def forked(self, in_child: bool) -> None:
        """Part with the other process, as far as the reactor's own epoll is not shared.

        What is being delivered is the parent's to deliver.
        """
        if shares_its_epoll(self._reactor):
            self.watch.share()
        elif in_child:
            self.watch.part()
        if in_child:
            self.inbox.forget()

    def close(self) -> None:
        """Close it; what is queued is lost."""
        self._opened.close()

    def _describe(self) -> None:
        """Have the kernel say of each datagram what is wanted."""
        destination, timestamps, trains = self._wanted
        calls.describe_arrivals(self.handle, destination)
        if timestamps:
            calls.stamp_arrivals(self.handle)  # once at least, to have them noted
            calls.stamp_arrivals(self.handle, self._tells_times)
        if trains:
            calls.take_trains(self.handle)
        if self._queues_errors:
            calls.queue_errors(self.handle)

    def _describe_less(self) -> None:
        """Have it say no more, where someone has asked for more than there is room for.

        A TTL or a destination may have been cut off, which answers need.
        """
        inherited.describe_nothing(self.handle)
        self._describe()
        if not self._said:
            self._said = True
            _log.warn("{socket}: options that others have set are off again", socket=self.handle)

    def _known_of_arrivals(self) -> bytes:
        """Give what need not be said of each datagram, to a protocol that takes whole batches.

        That is where it was sent, if there is but one address. (Through which interface it came
        is then not said either, which others may want to know.)
        """
        host = only_address(self.handle)
        return b"" if host is None else sent_to(self.layout, host)
