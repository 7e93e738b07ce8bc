"""KernelPort: a socket on a reactor, read in bounded turns, that no datagram and no ICMP closes."""

from __future__ import annotations

import socket
from collections.abc import Callable
from errno import EALREADY, errorcode
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IDelayedCall,
    IListeningPort,
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
from udpecho.port.hooks import PortCounters, has_hook, teller_of_not_sent
from udpecho.port.port import DRAIN
from udpecho.port.portsocket import PortSocket
from udpecho.port.reader import Reader
from udpecho.port.writer import Writer
from udpecho.reactors import monotonic_clock
from udpecho.scopes import without_scope
from udpecho.sizes import MAX_IPV4_DATA, MAX_IPV6_DATA

DRAINED = 65536
"""Datagrams that it may take meanwhile: as many as fit in a receive buffer of 4 MiB, and more."""


@implementer(IListeningPort, IUDPTransport, ISystemHandle, IReadDescriptor)
class KernelPort:
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
        *,
        receive_buffer: int | None = None,
        timestamps: bool = False,
    ) -> None:
        """Serve a socket; whoever listens again after a stop has another opened."""
        self._reactor = reactor
        self._now = monotonic_clock(reactor)
        self._protocol: Any = protocol
        self._limit = max_packet_size
        self._unserved: PortSocket | None = skt
        self._open_again = open_again
        self._receive_buffer = receive_buffer
        self._timestamps = timestamps
        self._log_prefix = f"{type(protocol).__qualname__} (UDP)"
        self._watched = -1
        self.connected = self._stopping = False
        self._draining: IDelayedCall | None = None
        self._waiters: list[Deferred[None]] = []
        self._dropped = 0

    def __repr__(self) -> str:
        """Name the protocol and the port, as Twisted's do."""
        name = type(self._protocol).__qualname__
        return f"<{name} on {self.getHost().port}>" if self.connected else f"<{name} not listening>"

    # IListeningPort

    def startListening(self) -> None:
        """Read from the socket, or from another one after a stop; raises CannotListenError."""
        if self.connected:
            here = self.getHost()
            raise CannotListenError(here.host, here.port, OSError(EALREADY, "it listens already"))
        self._socket = skt = self._unserved or self._open_again()
        self._unserved = None
        self._layout = skt.layout
        self._max_write = MAX_IPV6_DATA if self._layout is IPV6 else MAX_IPV4_DATA
        self._set_receive_buffer()
        skt.open(
            by_batch=has_hook(self._protocol, "batchReceived"),
            trains=has_hook(self._protocol, "takesTrains") and self._protocol.takesTrains,
            timestamps=self._timestamps,
        )
        self._connection = skt.connection
        not_sent = teller_of_not_sent(self._protocol)
        self._writer = Writer(self._reactor, self._now, skt.outbox, not_sent, skt.inbox)
        self._reader = Reader(skt, self._now, self._protocol, self._limit, self._writer)
        self.doRead = self._reader.turn
        if has_hook(self._protocol, "peerRefused"):
            self._reader.queue_errors()
        self._watched = skt.watch.fileno()
        self.connected = True
        self._protocol.makeConnection(self)
        skt.start_reading(self, self.doRead)

    def stopListening(self) -> Deferred[None]:
        """Stop reading, deliver what was queued before (for 250 ms at most), and close.

        The Deferred fires with None when the port is closed: at once if it already is.
        """
        if not self.connected:
            return succeed(None)
        done: Deferred[None] = Deferred()
        self._waiters.append(done)
        if not self._stopping:
            self._stopping = True
            self._socket.stop_reading(self)
            until = self._now() + DRAIN
            self._draining = self._reactor.callLater(0, self._drain, until, DRAINED)
        return done

    def loseConnection(self) -> None:
        """Stop listening."""
        self.stopListening()

    def getHost(self) -> IPv4Address | IPv6Address:
        """Return the local address; that of a closed port is its last."""
        if self.connected:
            self._host = without_scope(self._socket.handle.getsockname())
        kind = IPv6Address if self._layout is IPV6 else IPv4Address
        return kind("UDP", *self._host)

    # ISystemHandle, IReadDescriptor

    def getHandle(self) -> socket.socket:
        """Return the socket; where the reactor has its own kind, what stands for one."""
        handle: socket.socket = self._socket.handle
        return handle

    def fileno(self) -> int:
        """Return the descriptor that the reactor watches: not the socket's, but its epoll's."""
        return self._watched

    def logPrefix(self) -> str:
        """Return the name that log lines bear."""
        return self._log_prefix

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Close, when the reactor ends: after a last look at what is queued."""
        if not self.connected:
            return
        until = self._now() + DRAIN
        while self._reader.read() > 0 and self._now() < until:
            pass
        if self.connected:
            self._close()

    # IUDPTransport

    def write(self, datagram: bytes, addr: tuple[str, int] | None = None) -> Any:  # an int
        """Send a datagram, with what else is written in this turn; return its length in bytes.

        An Address has it sent from where that one's datagram was asked. Raises PortClosed,
        DatagramTooLong, BadAddress and WrongFamily. What the kernel says against it is counted,
        and told to the protocol's datagramNotSent.
        """
        if not self.connected:
            raise PortClosed("the port is closed")
        if len(datagram) > self._max_write:
            raise DatagramTooLong(len(datagram), self._max_write)
        connection = self._connection
        if type(addr) is Address and addr.layout is self._layout and connection.peer is None:
            destination = addr.destination
        else:
            destination = connection.destination(addr)
        return self._writer.write(datagram, destination, addr)

    def writeSequence(self, seq: list[bytes], addr: tuple[str, int] | None = None) -> int:
        """Send a datagram that is in pieces."""
        return int(self.write(b"".join(seq), addr))

    def connect(self, host: str, port: int) -> None:
        """Talk to one peer only: a second time, to another one.

        Raises PortClosed, BadAddress, WrongFamily, and OSError if there is no way to it; then
        the port is as it was before.
        """
        if not self.connected:
            raise PortClosed("the port is closed")
        self._writer.flush()  # what was written was for the first peer
        self._connection.connect(host, port)
        self._reader.queue_errors()

    def setBroadcastAllowed(self, enabled: bool) -> None:
        """Let broadcast addresses be written to. Raises PortClosed."""
        if not self.connected:
            raise PortClosed("the port is closed")
        self._socket.handle.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, enabled)

    def getBroadcastAllowed(self) -> bool:
        """Tell whether broadcast addresses may be written to. Raises PortClosed."""
        if not self.connected:
            raise PortClosed("the port is closed")
        handle = self._socket.handle
        return bool(handle.getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST))

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
        not_sent = {
            errorcode.get(number, str(number)): times
            for number, times in self._writer.not_sent.items()
        }
        return PortCounters(dropped=self._dropped, **self._reader.counts, not_sent=not_sent)

    # Stopping.

    def _drain(self, until: float, most: int) -> None:
        """Deliver what is queued, a turn at a time, and close."""
        self._draining = None
        count = self._reader.read()
        if not self.connected:
            return
        if count > 0 and most > count and self._now() < until:
            self._draining = self._reactor.callLater(0, self._drain, until, most - count)
        else:
            self._close()

    def _close(self) -> None:
        self._writer.close()
        self._socket.stop_reading(self)
        self.getHost()
        self.counters()
        self.connected = self._stopping = False
        self._reader.close()
        if self._draining is not None:
            self._draining.cancel()
            self._draining = None
        self._socket.watch.close()
        self._watched = -1
        skt = self._socket  # stopProtocol may listen again, on another
        waiters, self._waiters = self._waiters, []
        try:
            self._protocol.doStop()
        except BaseException:
            self._log.failure("{protocol} failed when it was stopped", protocol=self._protocol)
        skt.close()
        for waiter in waiters:
            waiter.callback(None)

    # Options of the socket.

    def _set_receive_buffer(self) -> None:
        asked = self._receive_buffer
        if asked is None:
            return
        granted = self._socket.set_receive_buffer(asked)
        if granted < asked:
            self._log.warn(
                "receive buffer: {asked} bytes asked for, {granted} granted"
                " (sysctl net.core.rmem_max, or CAP_NET_ADMIN)",
                asked=asked,
                granted=granted,
            )
