"""A client's own sockets: what comes from them is the client's."""

from __future__ import annotations

from socket import SO_ERROR, SOL_SOCKET, socket
from typing import Protocol, cast

from twisted.internet.interfaces import ISystemHandle, IUDPTransport
from twisted.internet.protocol import DatagramProtocol

from udpecho.errors import SendFailed
from udpecho.peer import Peer
from udpecho.port import Batch
from udpecho.refusal import Refusal


class Owner(Protocol):
    """Whose sockets they are: the client."""

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Take a datagram."""

    def batchReceived(self, batch: Batch) -> None:
        """Take what arrived together."""

    def refused(self, transport: IUDPTransport) -> None:
        """Hear that ICMP refused something."""

    def peerRefused(self, refusal: Refusal) -> None:
        """Hear that ICMP refused a datagram, and which."""

    def datagramNotSent(self, data: bytes, addr: Peer | None, error: OSError) -> None:
        """Hear that the kernel did not send what it was given with others."""

    def closed(self, transport: IUDPTransport) -> None:
        """Hear that a socket is closed."""


class Leg(DatagramProtocol):
    """One of a client's own sockets; what comes from it is the client's."""

    noisy = False

    def __init__(self, client: Owner) -> None:
        self._client = client

    def startProtocol(self) -> None:
        """Learn the socket."""
        assert self.transport is not None
        self._given = self.transport

    def stopProtocol(self) -> None:
        """Tell that it is closed."""
        self._client.closed(self._given)

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Hand on a datagram."""
        self._client.datagramReceived(datagram, addr)

    def connectionRefused(self) -> None:
        """Hand on a refusal that names nobody."""
        self._client.refused(self._given)

    def batchReceived(self, batch: Batch) -> None:
        """Hand on what arrived together."""
        self._client.batchReceived(batch)

    def peerRefused(self, refusal: Refusal) -> None:
        """Hand on a refusal."""
        self._client.peerRefused(refusal)

    def datagramNotSent(self, data: bytes, addr: Peer | None, error: OSError) -> None:
        """Hand on a send error."""
        self._client.datagramNotSent(data, addr, error)


def connect(transport: IUDPTransport, peer: Peer) -> None:
    """Connect a client's socket; raises SendFailed if there is no way to the peer."""
    try:
        transport.connect(*peer)
    except OSError as error:
        raise SendFailed(error.errno, f"can't reach {peer[0]}: {error.strerror}") from error


def pending_error(transport: IUDPTransport) -> int:
    """Read the errno that ICMP left on a socket, or 0 (socket(7), SO_ERROR)."""
    handle = ISystemHandle(transport, None)
    if handle is None:
        return 0
    return cast(socket, handle.getHandle()).getsockopt(SOL_SOCKET, SO_ERROR)
