"""UdpPort: what listen_udp and adopt_udp give, whoever serves it. A type, and no code.

Our own port (ownport) is one, on a real reactor or a MemoryNetwork host, and so is Twisted's
behind a thin wrapper (stock).
"""

from __future__ import annotations

import socket
from typing import Protocol

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred

from udpecho.port.hooks import PortCounters

DRAIN = 0.25
"""Seconds that a port which stops may take for what was queued."""


class UdpPort(Protocol):
    """A UDP port that listens.

    It provides IListeningPort, IUDPTransport, ISystemHandle, IPushProducer and ILoggingContext, and
    has the public attributes of Twisted's own.
    """

    def getHost(self) -> IPv4Address | IPv6Address:
        """Return the local address; that of a closed port is its last."""

    def stopListening(self) -> Deferred[None]:
        """Stop reading, deliver what was queued before (for 250 ms at most), and close.

        The Deferred fires with None when the port is closed: at once if it already is.
        """

    def loseConnection(self) -> None:
        """Stop listening."""

    def pauseProducing(self) -> None:
        """Deliver nothing until resumeProducing(): what comes waits in the kernel's buffer.

        A port that is stopped meanwhile delivers nothing more.
        """

    def resumeProducing(self) -> None:
        """Deliver again what comes, and what has come."""

    def stopProducing(self) -> None:
        """Stop listening."""

    def write(self, datagram: bytes, addr: tuple[str, int] | None = None) -> int:
        """Send a datagram, and return how many bytes it has.

        addr is an IP address and a port, None for the peer that the port is connected to.
        Raises DatagramTooLong (Twisted's MessageLengthError), BadAddress or PortClosed; Twisted's
        own port also raises what the kernel says.
        """

    def writeSequence(self, seq: list[bytes], addr: tuple[str, int] | None = None) -> int:
        """Send a datagram that is in pieces."""

    def connect(self, host: str, port: int) -> None:
        """Talk to one peer only: a second time, to another one.

        host is an IP address. Raises BadAddress, OSError if there is no way to it, PortClosed,
        or StockPortOnly for what Twisted's own port can't do: connect again.
        """

    def setBroadcastAllowed(self, enabled: bool) -> None:
        """Let broadcast addresses be written to. Raises PortClosed."""

    def getBroadcastAllowed(self) -> bool:
        """Tell whether broadcast addresses may be written to. Raises PortClosed."""

    def getHandle(self) -> socket.socket:
        """Return the socket, closed if the port is; in memory, what stands for one."""

    def counters(self) -> PortCounters:
        """Count what has happened so far; what this port can't count is None."""
