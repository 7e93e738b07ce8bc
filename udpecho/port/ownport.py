"""OwnPort: a socket on a reactor, read in bounded turns, that no datagram and no ICMP closes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from errno import EALREADY
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IDelayedCall,
    IListeningPort,
    ILoggingContext,
    IPushProducer,
    IReadDescriptor,
    ISystemHandle,
    IUDPTransport,
)
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from udpecho.errors import DatagramTooLong, PortClosed
from udpecho.kernel.layout import IPV6
from udpecho.port.address import Address
from udpecho.port.asstock import AsStock
from udpecho.port.hooks import PortCounters, by_name, has_hook, teller_of_not_sent
from udpecho.port.port import DRAIN
from udpecho.port.portsocket import PortSocket
from udpecho.port.reader import Reader
from udpecho.port.sockets import set_receive_buffer
from udpecho.port.writer import Writer
from udpecho.reactors import monotonic_clock
from udpecho.sizes import MAX_IPV4_DATA, MAX_IPV6_DATA

RETRY = 0.01
"""Seconds after which what the kernel had no room for is tried again."""

DRAINED = 65536
"""Datagrams that it may take meanwhile: as many as fit in a receive buffer of 4 MiB, and more."""


@implementer(
    IListeningPort, IUDPTransport, ISystemHandle, IReadDescriptor, IPushProducer, ILoggingContext
)
class OwnPort(AsStock):
    """A UDP socket, read in bounded turns: a UdpPort."""

    _log = Logger()

    doRead: Callable[[], None]
    """Delivers what has arrived, as much as a turn may hold: the reader's own method."""

    def __init__(
        self,
        reactor: Any,
        protocol: DatagramProtocol,
        max_packet_size: int,
        skt: PortSocket,
        open_again: Callable[[], PortSocket],
        asked: tuple[int | None, str],
        *,
        receive_buffer: int | None = None,
        timestamps: bool = False,
    ) -> None:
        """Serve a socket; whoever listens again after a stop has another opened.

        asked are the port (None for what is adopted) and the interface to listen on.
        """
        super().__init__(reactor, protocol, *asked)
        self._now = monotonic_clock(reactor)
        self._limit = max_packet_size
        self._unserved: PortSocket | None = skt
        self._open_again = open_again
        self._receive_buffer = receive_buffer
        self._timestamps = timestamps
        self._later: IDelayedCall | None = None
        self._waiters: list[Deferred[None]] = []
        self._dropped = 0

    def serve(self, protocol: Any) -> None:
        """Have another protocol hear what comes."""
        self._protocol = protocol
        if self.connected:
            self._reader.serve(protocol)
            self._writer.tell(teller_of_not_sent(protocol))

    def limit(self, max_packet_size: int) -> None:
        """Deliver datagrams of this many bytes at most."""
        self._limit = max_packet_size
        if self.connected:
            self._reader.limit(max_packet_size)

    # IListeningPort

    def startListening(self) -> None:
        """Read from the socket, or from another one after a stop; raises CannotListenError.

        What startProtocol or logPrefix raises, this does; then nothing is left open.
        """
        if self.connected:
            here = self.getHost()
            raise CannotListenError(here.host, here.port, OSError(EALREADY, "it listens already"))
        self._socket = skt = self._unserved or self._open_again()
        self._unserved = None
        host, number = skt.handle.getsockname()[:2]
        try:
            self._open(skt)
        except OSError as error:  # there is no descriptor left, no memory, no room in an epoll
            skt.close()
            raise CannotListenError(host, number, error) from error
        try:
            self._say_that_it_starts()
            self._protocol.makeConnection(self)
        except BaseException:
            self._release()()
            raise

    def _open(self, skt: PortSocket) -> None:
        self._layout = skt.layout
        self.addressFamily = skt.handle.family
        self._max_write = MAX_IPV6_DATA if self._layout is IPV6 else MAX_IPV4_DATA
        set_receive_buffer(skt, self._receive_buffer)
        skt.open(
            by_batch=has_hook(self._protocol, "batchReceived"),
            trains=has_hook(self._protocol, "takesTrains") and self._protocol.takesTrains,
            timestamps=self._timestamps,
        )
        self._connection = skt.connection
        tell = teller_of_not_sent(self._protocol)
        self._writer = Writer(self.reactor, self._now, skt.outbox, tell, skt.inbox)
        self._reader = Reader(
            skt, self._now, self._protocol, self._limit, self._writer, self._retry
        )
        self.doRead = self._reader.turn
        self._watched = skt.watch.fileno()
        skt.start_reading(self, self.doRead)
        self.connected = True
        self.disconnected = False

    def stopListening(self) -> Deferred[None]:
        """Stop reading, deliver what was queued before (for 250 ms at most), and close.

        A port that is paused delivers nothing more. The Deferred fires with None when the port
        is closed: at once if it already is.
        """
        if not self.connected:
            return succeed(None)
        done: Deferred[None] = Deferred()
        self._waiters.append(done)
        if not self.disconnecting:
            self.disconnecting = True
            self._socket.stop_reading(self)
            until = self._now() + DRAIN
            self._do_later(0, self._drain, until, DRAINED)
        return done

    # IReadDescriptor

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Close, when the reactor ends: after a last look at what is queued."""
        if not self.connected:
            return
        until = self._now() + DRAIN
        while self._reader.read() > 0 and self._now() < until:
            pass
        if self.connected:
            self._close()

    def stopReading(self) -> None:
        """Deliver nothing until startReading(): what comes waits in the kernel's buffer."""
        if self.connected:
            self._reader.pause()
            self._socket.stop_reading(self)
            if not self.disconnecting:
                self._cancel()

    def startReading(self) -> None:
        """Deliver again what comes, and what has come."""
        if not self.connected or self.disconnecting:
            return
        waits = self._reader.resume()
        try:
            self._socket.start_reading(self, self.doRead)
        except OSError:  # an epoll has no room just now
            self._retry()
        else:
            if waits:
                self._do_later(0, self.doRead)

    # IUDPTransport

    def write(self, datagram: bytes, addr: tuple[str, int] | None = None) -> Any:  # an int
        """Send a datagram, with what else is written in this turn; return its length in bytes.

        An Address has it sent from where that one's datagram was asked. Raises PortClosed,
        DatagramTooLong, BadAddress and WrongFamily. What the kernel says against it is counted,
        and told to the protocol's datagramNotSent.
        """
        if not self.connected:
            raise PortClosed("the port is closed")
        connection = self._connection
        if type(addr) is Address and addr.layout is self._layout and connection.peer is None:
            destination = addr.destination
        else:
            destination = connection.destination(addr)
        if type(datagram) is not bytes:
            datagram = bytes(memoryview(datagram))  # an array's length is not its bytes
        if len(datagram) > self._max_write:
            raise DatagramTooLong(len(datagram), self._max_write)
        return self._writer.write(datagram, destination, addr)

    def writeSequence(self, seq: list[bytes], addr: tuple[str, int] | None = None) -> int:
        """Send a datagram that is in pieces."""
        return int(self.write(b"".join(seq), addr))

    def connect(self, host: str, port: int) -> None:
        """Talk to one peer only: a second time, to another one.

        Raises PortClosed, BadAddress, WrongFamily, and OSError if there is no way to it; then
        the port is as it was before.
        """
        self._check_open()
        self._writer.flush()  # what was written was for the first peer
        self._connection.connect(host, port)
        self._reader.queue_errors()

    # What Twisted's interfaces do not have.

    def flushed(self) -> tuple[float, float]:
        """Tell when what was written last left, and what before it.

        Both are seconds of the monotonic clock: whatever was written between left at the second.
        """
        return self._writer.flushed()

    def counters(self) -> PortCounters:
        """Count what has happened so far."""
        if self.connected:
            self._dropped = self._socket.dropped()
        not_sent = by_name(self._writer.not_sent)
        return PortCounters(dropped=self._dropped, **self._reader.counts, not_sent=not_sent)

    def _drain(self, until: float, most: int) -> None:
        """Deliver what is queued, a turn at a time, and close."""
        count = self._reader.read()
        if not self.connected:
            return
        if count > 0 and most > count and self._now() < until:
            self._do_later(0, self._drain, until, most - count)
        else:
            self._close()

    def _close(self) -> None:
        self._writer.close()
        with suppress(OSError):  # what was known last is told on
            self.getHost()
            self.counters()
        self._say(f"(UDP Port {self._host[1]} Closed)")
        close = self._release()  # stopProtocol may listen again, on another socket
        try:
            self._protocol.doStop()
        except BaseException:
            self._log.failure("{protocol} failed when it was stopped", protocol=self._protocol)
        close()

    def _release(self) -> Callable[[], None]:
        """Read no more; give what closes the socket, and tells those who wait for that."""
        skt, waiters, self._waiters = self._socket, self._waiters, []
        skt.stop_reading(self)
        skt.watch.close()
        self._watched = -1
        self.connected = self.disconnecting = False
        self.disconnected = True
        self._reader.close()
        self._cancel()

        def close() -> None:
            skt.close()
            for waiter in waiters:
                waiter.callback(None)

        return close

    def _retry(self) -> None:
        """Watch again soon what there was no room to watch, unless it is to stop."""
        if not self.disconnecting:
            self._do_later(RETRY, self.startReading)

    def _do_later(self, delay: float, call: Callable[..., None], *arguments: float) -> None:
        """Have something done after some seconds, in place of what was to be done then."""
        self._cancel()
        self._later = self.reactor.callLater(delay, call, *arguments)

    def _cancel(self) -> None:
        if self._later is not None and self._later.active():
            self._later.cancel()
