"""Twisted's own UDP port in place of ours: where ours can't serve, and in memory.

What is peculiar to it stands here: it reads far too much in a turn, drops what is queued when it
stops, can't be stopped nor connected twice, forgets its address, and counts nothing.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError, InvalidAddressError, MessageLengthError
from twisted.internet.interfaces import (
    IListeningPort,
    ILoggingContext,
    IPushProducer,
    IReactorSocket,
    IReactorTime,
    IReactorUDP,
    ISystemHandle,
    IUDPTransport,
)
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import deferLater
from twisted.internet.udp import Port
from twisted.python.failure import Failure
from zope.interface import implementer

from udpecho.errors import BadAddress, DatagramTooLong, PortClosed, StockPortOnly
from udpecho.kernel.layout import IPV4, IPV6
from udpecho.port.address import encode_any, encode_peer
from udpecho.port.hooks import PortCounters
from udpecho.port.port import DRAIN
from udpecho.port.sockets import cannot_listen
from udpecho.reactors import monotonic_clock
from udpecho.sizes import MAX_IPV4_DATA

QUIET_TURNS = 2
"""The queue is empty when the reactor has turned this often and nothing waits."""

TURN = 16384
"""Bytes that Twisted's port may read in a turn, in place of 256 KiB: of small datagrams, so many
that timers and SIGTERM wait for seconds. (Empty ones it does not count at all.)"""

_MISUSED = (TypeError, ValueError, AttributeError, LookupError, OverflowError, BufferError)
"""What Twisted's port stumbles over when an address or the data is of another type."""

UNCOUNTED = PortCounters(None, None, None, None, None, None)
"""What Twisted's port counts."""


@implementer(IListeningPort, IUDPTransport, ISystemHandle, IPushProducer, ILoggingContext)
class StockPort:
    """A thin wrapper around Twisted's port: a UdpPort."""

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Have what Twisted's port has, too."""
            return getattr(self._port, name)

    def __init__(self, reactor: IReactorTime, port: Any) -> None:
        """Wrap a port that listens."""
        self._reactor = reactor
        self._port = port
        self._waiters: list[Deferred[None]] = []
        self._paused = False
        self._note()

    @property
    def protocol(self) -> Any:
        """Who hears what comes; it may be replaced."""
        return self._port.protocol

    @protocol.setter
    def protocol(self, protocol: Any) -> None:
        self._port.protocol = protocol

    @property
    def maxPacketSize(self) -> int:
        """How many bytes of a datagram are delivered; it may be changed."""
        return int(self._port.maxPacketSize)

    @maxPacketSize.setter
    def maxPacketSize(self, limit: int) -> None:
        self._port.maxPacketSize = limit

    def __repr__(self) -> str:
        """Name the port that is wrapped."""
        return repr(self._port)

    def startListening(self) -> None:
        """Listen again. Raises StockPortOnly for what Twisted's port can't do."""
        if self._port.connected or self._port.port is None:  # None: it was given its socket
            raise StockPortOnly("Twisted's own port can't listen again")
        self._port.startListening()
        self._note()

    def stopListening(self) -> Deferred[None]:
        """Let the reactor turn until nothing more is queued, for 250 ms at most, and close.

        The Deferred fires with None when the port is closed: at once if it already is.
        """
        done: Deferred[None] = Deferred()
        self._waiters.append(done)
        if len(self._waiters) == 1:  # Twisted's port, stopped twice, fails and tells nobody
            Deferred.fromCoroutine(self._stop()).addBoth(self._tell_stopped)
        return done

    async def _stop(self) -> None:
        now = monotonic_clock(self._reactor)
        until, quiet = now() + DRAIN, 0
        while self._port.connected and not self._paused and quiet < QUIET_TURNS and now() < until:
            await deferLater(self._reactor, 0)
            quiet = 0 if self._has_more() else quiet + 1
        self._note()
        await maybeDeferred(self._port.stopListening)

    def _tell_stopped(self, result: Failure | None) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.callback(result)

    def loseConnection(self) -> None:
        """Stop listening."""
        self.stopListening()

    def stopProducing(self) -> None:
        """Stop listening."""
        self.stopListening()

    def pauseProducing(self) -> None:
        """Deliver nothing until resumeProducing(), nor if it is stopped meanwhile."""
        self._paused = True
        self._port.pauseProducing()

    def resumeProducing(self) -> None:
        """Deliver again what comes, and what has come."""
        self._paused = False
        if not self._waiters:
            self._port.resumeProducing()

    def logPrefix(self) -> str:
        """Return the name that log lines bear."""
        return str(self._port.logPrefix())

    def getHost(self) -> IPv4Address | IPv6Address:
        """Return the local address; that of a closed port is its last that was seen."""
        self._note()
        return self._host

    def getHandle(self) -> socket.socket:
        """Return the socket; that of a closed port is closed."""
        return self._handle

    def write(self, datagram: bytes, addr: tuple[str, int] | None = None) -> Any:  # an int
        """Send a datagram; return its length in bytes. Raises what the kernel says, too."""
        self._check_open()
        try:
            return int(self._port.write(datagram, addr) or 0)
        except MessageLengthError:
            raise DatagramTooLong(len(datagram), MAX_IPV4_DATA) from None
        except (InvalidAddressError, AssertionError, socket.gaierror) as error:
            raise self._misuse(addr) from error  # asserted: there is an address, the peer's
        except _MISUSED as error:
            if addr is not None:
                encode_any(self._layout, addr)
            text = f"expected bytes, and an address that is a tuple, got {datagram!r:.80}, {addr!r}"
            raise TypeError(text) from error

    def writeSequence(self, seq: list[bytes], addr: tuple[str, int] | None = None) -> int:
        """Send a datagram that is in pieces."""
        return int(self.write(b"".join(seq), addr))

    def connect(self, host: str, port: int) -> None:
        """Talk to one peer only. Raises StockPortOnly for a second one."""
        self._check_open()
        encode_peer(self._layout, host, port)  # or raises, before Twisted's port takes that peer
        try:
            self._port.connect(host, port)
        except RuntimeError as error:
            raise StockPortOnly(f"Twisted's own port can't be connected again: {error}") from None
        except OSError:
            self._port._connectedAddr = None  # it notes its peer before it has one
            raise

    def setBroadcastAllowed(self, enabled: bool) -> None:
        """Let broadcast addresses be written to."""
        self._check_open()
        self._port.setBroadcastAllowed(enabled)

    def getBroadcastAllowed(self) -> bool:
        """Tell whether broadcast addresses may be written to."""
        self._check_open()
        return bool(self._port.getBroadcastAllowed())

    def counters(self) -> PortCounters:
        """Return None for each figure: Twisted's port counts nothing."""
        return UNCOUNTED

    def _note(self) -> None:
        """Keep what Twisted's port forgets when it is closed."""
        if self._port.connected:
            self._host: IPv4Address | IPv6Address = self._port.getHost()
            self._handle: socket.socket = self._port.getHandle()
            self._layout = IPV6 if isinstance(self._host, IPv6Address) else IPV4

    def _check_open(self) -> None:
        if not self._port.connected:
            raise PortClosed("the port is closed")

    def _misuse(self, addr: object) -> BadAddress:
        """Name what is wrong with an address that Twisted's port did not take."""
        try:
            encode_any(self._layout, addr)
        except BadAddress as error:
            return error
        return BadAddress(addr, f"expected an IP address and a port, the peer's, got {addr!r}")

    def _has_more(self) -> bool:
        """Tell whether something is queued (an error, too, is something to read)."""
        if not self._port.connected:
            return False  # a refusal has closed it meanwhile
        skt = self._port.getHandle()
        if not isinstance(skt, socket.socket):
            return False  # in memory, where nothing waits longer than a turn
        try:
            skt.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            pass
        return True


def adopt_stock(
    reactor: Any,
    skt: socket.socket,
    protocol: DatagramProtocol,
    max_packet_size: int,
    receive_buffer: int | None,
) -> StockPort:
    """Have Twisted's port serve a socket, of which it makes a copy. Raises CannotListenError."""
    if receive_buffer is not None:
        skt.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    host, port = skt.getsockname()[:2]
    try:
        with cannot_listen(host, port):
            if IReactorSocket.providedBy(reactor):
                fd = skt.fileno()
                served = reactor.adoptDatagramPort(fd, skt.family, protocol, max_packet_size)
            else:
                skt.close()
                served = IReactorUDP(reactor).listenUDP(port, protocol, host, max_packet_size)
    except CannotListenError:
        if isinstance(protocol.transport, Port):  # the reactor has no room to watch it
            protocol.transport.connectionLost()
        raise
    if isinstance(served, Port):
        served.maxThroughput = TURN
    return StockPort(reactor, served)
