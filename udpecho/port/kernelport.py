"""KernelPort: a socket on a reactor, read in bounded turns, that no datagram and no ICMP closes."""

from __future__ import annotations

import socket
from collections.abc import Callable
from errno import errorcode
from time import monotonic
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, succeed
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
from udpecho.kernel import calls
from udpecho.kernel.layout import IPV4, IPV6, sent_to
from udpecho.kernel.wake import Watch
from udpecho.port.address import Address
from udpecho.port.connection import Connection
from udpecho.port.hooks import PortCounters
from udpecho.port.inbox import Inbox
from udpecho.port.port import DRAIN
from udpecho.port.reader import Reader
from udpecho.port.sockets import only_address
from udpecho.port.writer import Writer
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
        skt: socket.socket,
        open_again: Callable[[], socket.socket],
        *,
        receive_buffer: int | None = None,
        timestamps: bool = False,
    ) -> None:
        """Serve a socket; whoever listens again after a stop has another opened."""
        self._reactor = reactor
        self._protocol: Any = protocol
        self._limit = max_packet_size
        self._unserved: socket.socket | None = skt
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
        self._socket = skt = self._unserved or self._open_again()
        self._unserved = None
        self._layout = IPV6 if skt.family == socket.AF_INET6 else IPV4
        self._max_write = MAX_IPV6_DATA if self._layout is IPV6 else MAX_IPV4_DATA
        known = self._known_of_arrivals()
        calls.describe_arrivals(skt, destination=not known)
        if self._timestamps:
            calls.stamp_arrivals(skt)
        if getattr(self._protocol, "takesTrains", False):
            calls.take_trains(skt)
        self._set_receive_buffer()
        not_sent = getattr(self._protocol, "datagramNotSent", None)
        inbox = Inbox(self._layout, known)
        self._writer = Writer(self._reactor, skt.fileno(), self._layout, not_sent, inbox)
        self._connection = Connection(skt, self._layout)
        self._watch = Watch(skt.fileno())
        self._reader = Reader(
            skt,
            self._layout,
            self._protocol,
            self._limit,
            self._connection,
            self._writer,
            self._watch,
            inbox,
        )
        self.doRead = self._reader.turn
        if hasattr(self._protocol, "peerRefused"):
            self._reader.queue_errors()
        self._watched = self._watch.fileno()
        self.connected = True
        self._protocol.makeConnection(self)
        self._reactor.addReader(self)

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
            self._reactor.removeReader(self)
            self._draining = self._reactor.callLater(0, self._drain, monotonic() + DRAIN, DRAINED)
        return done

    def loseConnection(self) -> None:
        """Stop listening."""
        self.stopListening()

    def getHost(self) -> IPv4Address | IPv6Address:
        """Return the local address; that of a closed port is its last."""
        if self.connected:
            self._host = without_scope(self._socket.getsockname())
        kind = IPv6Address if self._layout is IPV6 else IPv4Address
        return kind("UDP", *self._host)

    # ISystemHandle, IReadDescriptor

    def getHandle(self) -> socket.socket:
        """Return the socket."""
        return self._socket

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
        until = monotonic() + DRAIN
        while self._reader.read() > 0 and monotonic() < until:
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
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, enabled)

    def getBroadcastAllowed(self) -> bool:
        """Tell whether broadcast addresses may be written to. Raises PortClosed."""
        if not self.connected:
            raise PortClosed("the port is closed")
        return bool(self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST))

    # What Twisted's interfaces do not have.

    def counters(self) -> PortCounters:
        """Count what has happened so far."""
        if self.connected:
            self._dropped = calls.dropped(self._socket)
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
        if count > 0 and most > count and monotonic() < until:
            self._draining = self._reactor.callLater(0, self._drain, until, most - count)
        else:
            self._close()

    def _close(self) -> None:
        self._writer.close()
        self._reactor.removeReader(self)
        self.getHost()
        self.counters()
        self.connected = self._stopping = False
        self._reader.close()
        if self._draining is not None:
            self._draining.cancel()
            self._draining = None
        self._watch.close()
        self._watched = -1
        self._protocol.doStop()
        self._socket.close()
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.callback(None)

    # Options of the socket.

    def _known_of_arrivals(self) -> bytes:
        """Give what need not be said of each datagram, to a protocol that takes whole batches.

        That is where it was sent, if there is but one address. (Through which interface it came
        is then not said either, which others may want to know.)
        """
        host = only_address(self._socket) if hasattr(self._protocol, "batchReceived") else None
        return b"" if host is None else sent_to(self._layout, host)

    def _set_receive_buffer(self) -> None:
        asked = self._receive_buffer
        if asked is None:
            return
        granted = calls.set_buffer(self._socket, socket.SO_RCVBUF, asked)
        if granted < asked:
            self._log.warn(
                "receive buffer: {asked} bytes asked for, {granted} granted"
                " (sysctl net.core.rmem_max, or CAP_NET_ADMIN)",
                asked=asked,
                granted=granted,
            )
