"""UDPPort: a socket on a reactor, read in bounded turns, that no datagram and no ICMP can close."""

from __future__ import annotations

import select
import socket
from collections import Counter
from collections.abc import Callable
from errno import EAGAIN
from time import monotonic
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
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

from udpecho import _linux
from udpecho._cmsg import IPV4, IPV6
from udpecho._connection import Connection
from udpecho._errqueue import refusals
from udpecho._messages import BATCH, LONGEST
from udpecho._writer import Writer
from udpecho.address import Address, without_scope
from udpecho.batch import Batch
from udpecho.errors import DatagramTooLong, PortClosed
from udpecho.hooks import PortCounters

TURN = 0.002
"""Seconds after which a turn takes no further batch, so that timers keep their time."""

BATCHES = 2
"""Batches in a turn at most: the reactor's own work, spread over more, is lost in theirs."""

ERRORS = 64
"""Errors taken from the queue in a turn, where the kernel lets hundreds wait."""

DRAIN = 0.25
"""Seconds that a port which stops may take for what was queued."""

DRAINED = 65536
"""Datagrams that it may take meanwhile: as many as fit in a receive buffer of 4 MiB, and more."""


@implementer(IListeningPort, IUDPTransport, ISystemHandle, IReadDescriptor)
class UDPPort:
    """A UDP socket, read in bounded turns. Made by listen_udp() and adopt_udp()."""

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        protocol: DatagramProtocol,
        max_packet_size: int,
        open_socket: Callable[[], socket.socket],
        *,
        receive_buffer: int | None = None,
        timestamps: bool = False,
    ) -> None:
        self._reactor = reactor
        self._protocol: Any = protocol
        self._limit = min(max_packet_size, LONGEST - 1)  # what fills a slot may be longer yet
        self._open = open_socket
        self._receive_buffer = receive_buffer
        self._timestamps = timestamps
        self.connected = self._stopping = False
        self._errors_wait = False
        self._draining: IDelayedCall | None = None
        self._waiters: list[Deferred[None]] = []
        self._counts: Counter[str] = Counter()

    def __repr__(self) -> str:
        """Name the protocol and the port, as Twisted's do."""
        name = type(self._protocol).__qualname__
        return f"<{name} on {self.getHost().port}>" if self.connected else f"<{name} not listening>"

    # IListeningPort

    def startListening(self) -> None:
        """Open the socket and read from it; raises CannotListenError."""
        self._socket = skt = self._open()
        self._layout = IPV6 if skt.family == socket.AF_INET6 else IPV4
        self._max_write = 65527 if self._layout is IPV6 else 65507
        _linux.describe_arrivals(skt)
        if self._timestamps:
            _linux.stamp_arrivals(skt)
        batch_received = getattr(self._protocol, "batchReceived", None)
        self._deliver = batch_received or self._deliver_each
        if getattr(self._protocol, "takesTrains", False):
            _linux.take_trains(skt)
        self._batches = BATCHES if batch_received else 1
        self._queues_errors = False
        if hasattr(self._protocol, "peerRefused"):
            self._queue_errors()
        self._set_receive_buffer()
        self._fd = skt.fileno()
        self._batch = Batch(skt, self._layout)
        self._connection = Connection(skt, self._layout)
        not_sent = getattr(self._protocol, "datagramNotSent", None)
        self._writer = Writer(self._reactor, skt.fileno(), self._layout, not_sent)
        # The reactor watches an epoll of our own, not the socket: so an error on the socket
        # is something to read, which some reactors would take for the end of it.
        self._epoll = select.epoll()
        self._epoll.register(self._fd, select.EPOLLIN | select.EPOLLERR)
        self.connected = True
        self._protocol.makeConnection(self)
        self._reactor.addReader(self)

    def stopListening(self) -> Deferred[None] | None:
        """Stop reading, deliver what was queued before (for 250 ms at most), and close.

        The Deferred fires with None when the port is closed; if it is already, there is none.
        """
        if not self.connected:
            return None
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
        return self._epoll.fileno() if self.connected else -1

    def logPrefix(self) -> str:
        """Return the name that log lines bear."""
        return f"{type(self._protocol).__qualname__} (UDP)"

    def doRead(self) -> None:
        """Deliver what has arrived, as much as a turn may hold."""
        until = monotonic() + TURN
        for _ in range(self._batches):
            count = self._read()
            if count < BATCH or monotonic() > until or not self.connected:
                break
        if self.connected and (self._errors_wait or self._writer.met_errors):
            self._take_errors()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Close, when the reactor ends: after a last look at what is queued."""
        if not self.connected:
            return
        until = monotonic() + DRAIN
        while self._read() > 0 and monotonic() < until:
            pass
        if self.connected:
            self._close()

    # IUDPTransport

    def write(self, datagram: bytes, addr: tuple[str, int] | None = None) -> Any:
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

    def writeSequence(self, seq: list[bytes], addr: tuple[str, int] | None = None) -> Any:
        """Send a datagram that is in pieces."""
        return self.write(b"".join(seq), addr)

    def connect(self, host: str, port: int) -> None:
        """Talk to one peer only: a second time, to another one.

        Raises PortClosed, BadAddress, WrongFamily, and OSError if there is no way to it; then
        the port is as it was before.
        """
        if not self.connected:
            raise PortClosed("the port is closed")
        self._writer.flush()  # what was written was for the first peer
        self._connection.connect(host, port)
        self._queue_errors()

    def setBroadcastAllowed(self, enabled: bool) -> None:
        """Let broadcast addresses be written to."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, enabled)

    def getBroadcastAllowed(self) -> bool:
        """Tell whether broadcast addresses may be written to."""
        return bool(self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST))

    # What Twisted's interfaces do not have.

    def counters(self) -> PortCounters:
        """Count what has happened so far."""
        if self.connected:
            self._counts["dropped"] = _linux.dropped(self._socket)
        return PortCounters(**self._counts, not_sent=dict(self._writer.not_sent))

    # Reading.

    def _read(self) -> int:
        """Deliver a batch; return how many items it had, or 0 or less if none."""
        batch = self._batch
        count = batch.receive()
        if count < 0 and count != -EAGAIN:  # ICMP's, of something sent: taking it clears it
            self._errors_wait = True
            count = batch.receive()
        if count <= 0:
            self._errors_wait = self._queues_errors
            return count
        self._drop(batch)
        self._writer.gathering = True
        try:
            self._deliver(batch)
        except Exception:
            self._log.failure("{protocol} failed on a datagram", protocol=self._protocol)
        finally:
            batch.over()
            self._writer.gathering = False
        self._writer.flush()
        return count

    def _deliver_each(self, batch: Batch) -> None:
        received = self._protocol.datagramReceived
        for data, address in batch:
            try:
                received(data, address)
            except Exception:
                self._log.failure("{protocol} failed on a datagram", protocol=self._protocol)

    def _drop(self, batch: Batch) -> None:
        """Drop what is not to be delivered to any protocol."""
        if max(batch.lengths) > self._limit:
            self._counts["too_long"] += batch.drop(batch.longer_than(self._limit))
        if self._layout is IPV6 and (mapped := batch.mapped()):
            self._counts["mapped"] += batch.drop(mapped)
        peer = self._connection.peer
        if peer is not None and (others := batch.not_from(peer)):
            self._counts["strangers"] += batch.drop(others)

    def _take_errors(self) -> None:
        """Tell the protocol who refused."""
        self._errors_wait = self._writer.met_errors = False
        for refusal in refusals(self._socket, ERRORS):
            self._counts["refused"] += 1
            if self._connection.peer is not None and not self._connection.is_peer(refusal.peer):
                continue  # an earlier peer's
            try:
                if hasattr(self._protocol, "peerRefused"):
                    self._protocol.peerRefused(refusal.peer, refusal.data, refusal.errno)
                else:
                    self._protocol.connectionRefused()
            except Exception:
                self._log.failure("{protocol} failed on a refusal", protocol=self._protocol)
            if not self.connected:
                return

    def _drain(self, until: float, most: int) -> None:
        """Deliver what is queued, a turn at a time, and close."""
        self._draining = None
        count = self._read()
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
        if self._draining is not None:
            self._draining.cancel()
            self._draining = None
        self._epoll.close()
        self._protocol.doStop()
        self._socket.close()
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.callback(None)

    # Options of the socket.

    def _queue_errors(self) -> None:
        _linux.queue_errors(self._socket)
        self._queues_errors = True

    def _set_receive_buffer(self) -> None:
        asked = self._receive_buffer
        if asked is None:
            return
        granted = _linux.set_receive_buffer(self._socket, asked)
        if granted < asked:
            self._log.warn(
                "receive buffer: {asked} bytes asked for, {granted} granted"
                " (sysctl net.core.rmem_max, or CAP_NET_ADMIN)",
                asked=asked,
                granted=granted,
            )
