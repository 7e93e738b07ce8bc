"""What else Twisted's own port has, by its names: for programs that were written for that one."""

from __future__ import annotations

import socket as sockets
from collections.abc import Callable
from socket import AF_INET, AF_INET6, SO_BROADCAST, SOCK_DGRAM, SOL_SOCKET
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import ILoggingContext
from twisted.python import log

from udpecho.errors import PortClosed
from udpecho.port.hooks import check_hooks
from udpecho.port.portsocket import PortSocket
from udpecho.scopes import without_scope

_BROADCAST = SOL_SOCKET, SO_BROADCAST


class AsStock:
    """The public attributes of twisted.internet.udp.Port, and what needs no more than these.

    What Twisted's port inherits for streams (producers, write buffers, half-closing) it has not.
    """

    socketType = SOCK_DGRAM

    maxThroughput = 256 * 1024
    """Twisted's bytes in a turn. It says nothing here: a turn's datagrams and time are bounded."""

    connected = False
    """Whether it listens; disconnecting: whether it is about to stop; disconnected: it has."""

    disconnecting = disconnected = False

    logstr = "-"
    """The name that log lines bear."""

    _socket: PortSocket
    _host: tuple[str, int]
    _limit: int
    serve: Callable[[Any], None]
    limit: Callable[[int], None]
    startReading: Callable[[], None]
    stopReading: Callable[[], None]
    stopListening: Callable[[], Deferred[None]]

    def __init__(self, reactor: Any, protocol: Any, port: int | None, interface: str) -> None:
        """Note what was asked for: port is None, and interface the address, of what is adopted."""
        self.reactor = reactor
        self.port = port
        self.interface = interface
        self._protocol = protocol
        self._watched = -1
        self.addressFamily = AF_INET6 if ":" in interface else AF_INET

    def __repr__(self) -> str:
        """Name the protocol and the port, as Twisted's does."""
        name = type(self._protocol).__qualname__
        return f"<{name} on {self.getHost().port}>" if self.connected else f"<{name} not listening>"

    @property
    def protocol(self) -> Any:
        """Who hears what comes; it may be replaced.

        Setting it raises TypeError for one whose peerRefused does not take a Refusal alone.
        """
        return self._protocol

    @protocol.setter
    def protocol(self, protocol: Any) -> None:
        check_hooks(protocol)
        self.serve(protocol)

    @property
    def maxPacketSize(self) -> int:
        """How many bytes a datagram may have that is to be delivered; it may be changed."""
        return self._limit

    @maxPacketSize.setter
    def maxPacketSize(self, limit: int) -> None:
        self.limit(limit)

    @property
    def socket(self) -> sockets.socket:
        """The socket: see getHandle()."""
        return self.getHandle()

    @property
    def _realPortNumber(self) -> int | None:
        """Where it listens: not public, but Twisted's own tests ask for it."""
        return self.getHost().port if self.connected else None

    def getHandle(self) -> sockets.socket:
        """Return the socket; where the reactor has its own kind, what stands for one."""
        handle: sockets.socket = self._socket.handle
        return handle

    def fileno(self) -> int:
        """Return the descriptor that the reactor watches: not the socket's, but its epoll's."""
        return self._watched

    def getHost(self) -> IPv4Address | IPv6Address:
        """Return the local address; that of a closed port is its last."""
        if self.connected:
            self._host = without_scope(self._socket.handle.getsockname())
        kind = IPv6Address if self.addressFamily == AF_INET6 else IPv4Address
        return kind("UDP", *self._host)

    def setBroadcastAllowed(self, enabled: bool) -> None:
        """Let broadcast addresses be written to. Raises PortClosed."""
        self._check_open()
        self._socket.handle.setsockopt(*_BROADCAST, enabled)

    def getBroadcastAllowed(self) -> bool:
        """Tell whether broadcast addresses may be written to. Raises PortClosed."""
        self._check_open()
        return bool(self._socket.handle.getsockopt(*_BROADCAST))

    def loseConnection(self) -> None:
        """Stop listening."""
        self.stopListening()

    def stopProducing(self) -> None:
        """Stop listening."""
        self.stopListening()

    def pauseProducing(self) -> None:
        """Deliver nothing until resumeProducing(): what comes waits in the kernel's buffer."""
        self.stopReading()

    def resumeProducing(self) -> None:
        """Deliver again what comes, and what has come."""
        self.startReading()

    # ILoggingContext

    def setLogStr(self) -> None:
        """Ask the protocol for the name that log lines bear."""
        self.logstr = f"{name_in_log(self._protocol)} (UDP)"

    def logPrefix(self) -> str:
        """Return the name that log lines bear."""
        return self.logstr

    def _say_that_it_starts(self) -> None:
        self.setLogStr()
        self._say(f"{name_in_log(self._protocol)} starting on {self.getHost().port}")

    def _say(self, what: str) -> None:
        """Log a line of the port's life, in Twisted's words, unless the protocol is not noisy."""
        if getattr(self._protocol, "noisy", True):
            log.msg(what)

    def _check_open(self) -> None:
        if not self.connected:
            raise PortClosed("the port is closed")


def name_in_log(protocol: Any) -> str:
    """Ask a protocol for the name that log lines are to bear."""
    if ILoggingContext.providedBy(protocol):
        return str(protocol.logPrefix())
    return type(protocol).__name__
