"""Twisted's own UDP port in place of ours: where ours can't serve, and in memory.

What is peculiar to it stands here: it reads far too much in a turn, drops what is queued when it
stops, can't be connected twice, and counts nothing.
"""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import InvalidAddressError, MessageLengthError
from twisted.internet.interfaces import (
    IListeningPort,
    IReactorSocket,
    IReactorTime,
    IReactorUDP,
    ISystemHandle,
    IUDPTransport,
)
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import deferLater
from twisted.internet.udp import Port
from zope.interface import implementer

from udpecho.errors import BadAddress, DatagramTooLong, PortClosed, StockPortOnly
from udpecho.port.hooks import PortCounters
from udpecho.reactors import monotonic_clock
from udpecho.sizes import MAX_IPV4_DATA

DRAIN = 0.25
"""Seconds that a port which stops may take for what was queued."""

QUIET_TURNS = 2
"""The queue is empty when the reactor has turned this often and nothing waits."""

TURN = 16384
"""Bytes that Twisted's port may read in a turn, in place of 256 KiB: of small datagrams, so many
that timers and SIGTERM wait for seconds. (Empty ones it does not count at all.)"""

UNCOUNTED = PortCounters(None, None, None, None, None, None)
"""What Twisted's port counts."""


@implementer(IListeningPort, IUDPTransport, ISystemHandle)
class StockPort:
    """A thin wrapper around Twisted's port: a UdpPort."""

    def __init__(self, reactor: IReactorTime, port: Any) -> None:
        """Wrap a port that listens."""
        self._reactor = reactor
        self._port = port

    def __repr__(self) -> str:
        """Name the port that is wrapped."""
        return repr(self._port)

    def startListening(self) -> None:
        """Listen again."""
        self._port.startListening()

    def stopListening(self) -> Deferred[None]:
        """Let the reactor turn until nothing more is queued, for 250 ms at most, and close.

        The Deferred fires with None when the port is closed.
        """
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        now = monotonic_clock(self._reactor)
        until, quiet = now() + DRAIN, 0
        while self._port.connected and quiet < QUIET_TURNS and now() < until:
            await deferLater(self._reactor, 0)
            quiet = 0 if self._has_more() else quiet + 1
        await maybeDeferred(self._port.stopListening)

    def loseConnection(self) -> None:
        """Stop listening."""
        self.stopListening()

    def getHost(self) -> IPv4Address | IPv6Address:
        """Return the local address."""
        host: IPv4Address | IPv6Address = self._port.getHost()
        return host

    def getHandle(self) -> socket.socket:
        """Return the socket."""
        handle: socket.socket = self._port.getHandle()
        return handle

    def write(self, datagram: bytes, addr: tuple[str, int] | None = None) -> Any:  # an int
        """Send a datagram; return its length in bytes. Raises what the kernel says, too."""
        if not self._port.connected:
            raise PortClosed("the port is closed")
        try:
            return int(self._port.write(datagram, addr) or 0)
        except MessageLengthError:
            raise DatagramTooLong(len(datagram), MAX_IPV4_DATA) from None
        except (InvalidAddressError, AssertionError) as error:  # asserted: there is an address
            raise BadAddress(addr, f"expected an IP address and a port, got {addr!r}") from error

    def writeSequence(self, seq: list[bytes], addr: tuple[str, int] | None = None) -> int:
        """Send a datagram that is in pieces."""
        return int(self.write(b"".join(seq), addr))

    def connect(self, host: str, port: int) -> None:
        """Talk to one peer only. Raises StockPortOnly for a second one."""
        if not self._port.connected:
            raise PortClosed("the port is closed")
        try:
            self._port.connect(host, port)
        except InvalidAddressError as error:
            raise BadAddress(host, f"expected an IP address, got {host!r}") from error
        except RuntimeError as error:
            raise StockPortOnly(f"Twisted's own port can't be connected again: {error}") from None

    def setBroadcastAllowed(self, enabled: bool) -> None:
        """Let broadcast addresses be written to."""
        self._port.setBroadcastAllowed(enabled)

    def getBroadcastAllowed(self) -> bool:
        """Tell whether broadcast addresses may be written to."""
        return bool(self._port.getBroadcastAllowed())

    def counters(self) -> PortCounters:
        """Return None for each figure: Twisted's port counts nothing."""
        return UNCOUNTED

    def _has_more(self) -> bool:
        """Tell whether something is queued (an error, too, is something to read)."""
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
    """Have Twisted's port serve a socket, of which it makes a copy."""
    if receive_buffer is not None:
        skt.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if IReactorSocket.providedBy(reactor):
        served = reactor.adoptDatagramPort(skt.fileno(), skt.family, protocol, max_packet_size)
    else:
        host, port = skt.getsockname()[:2]
        skt.close()
        served = IReactorUDP(reactor).listenUDP(port, protocol, host, max_packet_size)
    if isinstance(served, Port):
        served.maxThroughput = TURN
    return StockPort(reactor, served)
