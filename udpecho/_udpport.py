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
from udpecho._errqueue import refusals
from udpecho._messages import BATCH, LONGEST
from udpecho._outbox import Outbox
from udpecho.address import Address, encode
from udpecho.batch import Batch
from udpecho.errors import BadAddress, DatagramTooLong, PortClosed
from udpecho.hooks import PortCounters

TURN = 0.002
"""Seconds after which a turn takes no further batch, so that timers keep their time."""

BATCHES = 4
"""Batches in a turn at most: the reactor's own work, spread over more, is lost in theirs."""

ERRORS = 64
"""Errors taken from the queue in a turn, where the kernel lets hundreds wait."""

BURST = 0.00005
"""Seconds: two writes so close together are taken for a burst, and the rest of it gathers."""

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
        self._limit = max_packet_size
        self._open = open_socket
        self._receive_buffer = receive_buffer
        self._timestamps = timestamps
        self.connected = False
        self._reading = False
        self._telling = False
        self._unsent: list[tuple[bytes, Any, int]] = []
        self._later: IDelayedCall | None = None
        self._flushed_at = 0.0
        self._peer: bytes | None = None
        self._connected_to: tuple[Any, ...] | None = None
        self._errors_wait = False
        self._draining: IDelayedCall | None = None
        self._waiters: list[Deferred[None]] = []
        self._counts: Counter[str] = Counter()
        self._not_sent: Counter[int] = Counter()

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
        self._bound = skt.getsockname()
        _linux.describe_arrivals(skt)
        if self._timestamps:
            _linux.stamp_arrivals(skt)
        batch_received = getattr(self._protocol, "batchReceived", None)
        self._deliver = batch_received or self._deliver_each
        if batch_received:
            _linux.take_trains(skt)
        self._batches = BATCHES if batch_received else 1
        self._queues_errors = False
        if hasattr(self._protocol, "peerRefused"):
            self._queue_errors()
        self._set_receive_buffer()
        self._fd = skt.fileno()
        self._batch = Batch(skt, self._layout)
        self._outbox = Outbox(self._layout)
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
        if self._draining is None:
            self._reactor.removeReader(self)
            self._draining = self._reactor.callLater(0, self._drain, monotonic() + DRAIN, DRAINED)
        return done

    def loseConnection(self) -> None:
        """Stop listening."""
        self.stopListening()

    def getHost(self) -> IPv4Address | IPv6Address:
        """Return the local address; that of a closed port is its last."""
        if self.connected:
            self._bound_now = self._socket.getsockname()
        kind = IPv6Address if self._layout is IPV6 else IPv4Address
        return kind("UDP", *self._bound_now[:2])

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
        if self._errors_wait and self.connected:
            self._take_errors()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Close, when the reactor ends: after a last look at what is queued."""
        if not self.connected:
            return
        until = monotonic() + DRAIN
        while self._read() > 0 and monotonic() < until:
            pass
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
        if type(addr) is Address and addr.layout is self._layout and self._peer is None:
            destination = addr.destination
        else:
            destination = self._destination(addr)
        outbox = self._outbox
        length = outbox.add(datagram, destination, addr)
        if outbox.full:
            self._flush()
        elif not self._reading and self._later is None:
            if monotonic() - self._flushed_at > BURST:
                self._flush()
            else:
                self._later = self._reactor.callLater(0, self._flush_in_time)
        return length

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
        encode(self._layout, host, port)  # or no address
        self._flush()  # what was written was for the first peer
        self._forget_peer()
        try:
            self._socket.connect((host, port))
        except OSError:
            if self._connected_to is not None:
                self._socket.connect(self._connected_to)
            raise
        self._connected_to = self._socket.getpeername()
        self._peer = self._name(self._connected_to)
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
        return PortCounters(**self._counts, not_sent=dict(self._not_sent))

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
        self._reading = True
        try:
            self._deliver(batch)
        except Exception:
            self._log.failure("{protocol} failed on a datagram", protocol=self._protocol)
        finally:
            batch.over()
            self._reading = False
        self._flush()
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
        too_long = batch.cut_short
        if self._limit < LONGEST:
            too_long = too_long + batch.longer_than(self._limit)
        if too_long:
            self._counts["too_long"] += batch.drop(too_long)
        if self._layout is IPV6 and (mapped := batch.mapped()):
            self._counts["mapped"] += batch.drop(mapped)
        if self._peer is not None and (others := batch.not_from(self._peer)):
            self._counts["strangers"] += batch.drop(others)

    def _take_errors(self) -> None:
        """Tell the protocol who refused."""
        self._errors_wait = False
        for refusal in refusals(self._socket, ERRORS):
            self._counts["refused"] += 1
            try:
                if self._peer is not None:
                    if self._name(refusal.peer) == self._peer:  # not an earlier one's
                        self._protocol.connectionRefused()
                elif hasattr(self._protocol, "peerRefused"):
                    self._protocol.peerRefused(refusal.peer, refusal.data, refusal.errno)
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
        self._flush()
        self._reactor.removeReader(self)
        self.getHost()
        self.counters()
        self.connected = False
        for call in (self._later, self._draining):
            if call is not None:
                call.cancel()
        self._later = self._draining = None
        self._epoll.close()
        self._protocol.doStop()
        self._socket.close()
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.callback(None)

    # Writing.

    def _destination(self, addr: tuple[str, int] | None) -> bytes:
        """Lay out where a datagram goes: nothing, where the socket knows."""
        if self._peer is not None:
            if addr is not None and self._name(addr) != self._peer:
                raise BadAddress(addr, f"connected to {self._connected_to}, not to {addr}")
            return b""
        if addr is None:
            raise BadAddress(addr, "expected an address: the port is not connected")
        return encode(self._layout, *addr)

    def _name(self, addr: tuple[Any, ...]) -> bytes:
        """Lay out a socket address."""
        return encode(self._layout, *addr[:2])[: self._layout.name]

    def _forget_peer(self) -> None:
        """Make a connected socket what it was before, so that its next peer sets its address."""
        if self._connected_to is None or self._bound[0] not in ("0.0.0.0", "::"):
            return
        _linux.disconnect(self._socket)
        if not self._socket.getsockname()[1]:  # Linux forgets a port that it chose itself
            self._socket.bind(self._bound)

    def _flush_in_time(self) -> None:
        self._later = None
        self._flush()

    def _flush(self) -> None:
        """Send what was written, and tell what could not be sent."""
        if not self._outbox:
            return
        if self._later is not None:
            self._later.cancel()
            self._later = None
        unsent = self._outbox.flush(self._fd)
        self._errors_wait |= self._outbox.met_errors
        self._flushed_at = monotonic()
        if unsent:
            self._unsent += unsent
            if not self._telling:
                self._tell_unsent()

    def _tell_unsent(self) -> None:
        """Count, and tell the protocol, what was not sent; what that leads to, a turn later."""
        unsent, self._unsent = self._unsent, []
        self._not_sent.update(errno for _, _, errno in unsent)
        tell = getattr(self._protocol, "datagramNotSent", None)
        if tell is None:
            return
        self._telling = True
        try:
            for data, addr, errno in unsent:
                tell(data, addr, errno)
        except Exception:
            self._log.failure("{protocol} failed on a send error", protocol=self._protocol)
        finally:
            self._telling = False
        if self._unsent:
            self._later_told = self._reactor.callLater(0, self._tell_unsent)

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
