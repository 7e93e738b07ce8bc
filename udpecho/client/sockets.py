"""A client's sockets: one of each family, opened as they are needed, or one that an app gave."""

from __future__ import annotations

from collections.abc import Iterator
from socket import SO_ERROR, SOL_SOCKET, socket
from typing import Protocol, cast, runtime_checkable

from twisted.internet.interfaces import IReactorFDSet, ISystemHandle, IUDPTransport
from twisted.internet.protocol import DatagramProtocol

from udpecho.errors import SendFailed, WrongFamily
from udpecho.peer import Peer, is_ipv6
from udpecho.port import Batch, UdpPort, listen_udp
from udpecho.reactors import IDatagramReactor
from udpecho.refusal import Refusal


class Owner(Protocol):
    """Whose sockets they are: the client."""

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Take a datagram."""

    def batchReceived(self, batch: Batch) -> None:
        """Take what arrived together."""

    def wantsTimestamps(self) -> bool:
        """Tell whether it matters when what is read next came."""

    def refused(self, transport: UdpPort) -> None:
        """Hear that ICMP refused something."""

    def peerRefused(self, refusal: Refusal) -> None:
        """Hear that ICMP refused a datagram, and which."""

    def datagramNotSent(self, data: bytes, addr: Peer | None, error: OSError) -> None:
        """Hear that the kernel did not send what it was given with others."""

    def closed(self, transport: UdpPort) -> None:
        """Hear that a socket is closed."""


@runtime_checkable
class Flushing(Protocol):
    """A port that holds back what is written: ours."""

    def flushed(self) -> tuple[float, float]:
        """Tell when the last two flushes were."""


class Leg(DatagramProtocol):
    """One of a client's own sockets; what comes from it is the client's."""

    noisy = False

    def __init__(self, client: Owner) -> None:
        self._client = client

    def listen(self, reactor: IDatagramReactor, interface: str) -> UdpPort:
        """Open the socket, whose kernel tells when a datagram came. Raises CannotListenError."""
        timed = IReactorFDSet.providedBy(reactor)
        self._socket = listen_udp(reactor, 0, self, interface, timestamps=timed)
        return self._socket

    def stopProtocol(self) -> None:
        """Tell that it is closed."""
        self._client.closed(self._socket)

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Hand on a datagram."""
        self._client.datagramReceived(datagram, addr)

    def connectionRefused(self) -> None:
        """Hand on a refusal that names nobody."""
        self._client.refused(self._socket)

    def batchReceived(self, batch: Batch) -> None:
        """Hand on what arrived together."""
        self._client.batchReceived(batch)

    def wantsTimestamps(self) -> bool:
        """Hand on what is wanted."""
        return self._client.wantsTimestamps()

    def peerRefused(self, refusal: Refusal) -> None:
        """Hand on a refusal."""
        self._client.peerRefused(refusal)

    def datagramNotSent(self, data: bytes, addr: Peer | None, error: OSError) -> None:
        """Hand on a send error."""
        self._client.datagramNotSent(data, addr, error)


class Sockets:
    """The sockets that a client asks from; what comes from its own is the client's."""

    def __init__(self, reactor: IDatagramReactor, client: Owner) -> None:
        self._reactor = reactor
        self._client = client
        self._interface: str | None = None  # where it may open sockets itself, if it may
        self.by_family: dict[bool, UdpPort] = {}
        """Those in use, by "is it IPv6"."""

        self.given: UdpPort | None = None
        """The socket of an app that listens with the client itself; it may close it at will."""

        self.open = False
        """Whether there is one, or may be."""

    def __iter__(self) -> Iterator[UdpPort]:
        """Go through those in use."""
        return iter(list(self.by_family.values()))

    def give(self, transport: IUDPTransport) -> UdpPort:
        """Use an app's socket: ours, or Twisted's own port, which has what a client calls."""
        self.given = cast(UdpPort, transport)
        self.use(self.given)
        return self.given

    def listen(self, interface: str) -> UdpPort:
        """Open a socket, and do not use it yet. Raises CannotListenError."""
        return Leg(self._client).listen(self._reactor, interface)

    def listen_at(self, interface: str) -> None:
        """Open and use the first socket; without an interface others may follow."""
        self._interface = interface
        self.use(self.listen(interface))

    def use(self, transport: UdpPort) -> None:
        """Ask from this socket those peers that are of its family."""
        self.open = True
        self.by_family[is_ipv6(transport.getHost().host)] = transport

    def open_for(self, peer: Peer) -> UdpPort:
        """Open a socket of the peer's family, if that is for us to do; else raise WrongFamily."""
        ipv6 = is_ipv6(peer[0])
        if self._interface != "":
            has = "IPv4" if ipv6 else "IPv6"
            text = f"expected an {has} address for this socket, got {peer[0]}"
            raise WrongFamily(peer[0], text)
        transport = self.listen("::" if ipv6 else "")
        self.use(transport)
        return transport

    def only_family(self) -> bool | None:
        """Tell which family the sockets are bound to: IPv6 (True), IPv4 (False), or either."""
        if self._interface == "" or len(self.by_family) != 1:
            return None
        return next(iter(self.by_family))

    def addresses(self) -> list[Peer]:
        """List the addresses and ports of those in use."""
        hosts = [transport.getHost() for transport in self]
        return [(host.host, host.port) for host in hosts]

    def flushed(self) -> list[tuple[float, float]]:
        """List when each flushed last and before; Twisted's own port holds nothing back."""
        return [port.flushed() for port in self.by_family.values() if isinstance(port, Flushing)]

    def forget(self, transport: UdpPort) -> bool:
        """Use a socket no more; tell whether that was the last one."""
        used = [ipv6 for ipv6, other in self.by_family.items() if other is transport]
        for ipv6 in used:
            del self.by_family[ipv6]
        last = bool(used) and not self.by_family
        self.open &= not last
        return last

    def forget_all(self) -> list[UdpPort]:
        """Use none of them any more; return what they were. Others may follow."""
        transports = list(self)
        self.by_family.clear()
        return transports

    def close(self) -> list[UdpPort]:
        """Use none of them any more, nor open others; return what is to be closed."""
        self.open = False
        return self.forget_all()


def connect(transport: IUDPTransport | UdpPort, peer: Peer) -> None:
    """Connect a client's socket; raises SendFailed if there is no way to the peer."""
    try:
        transport.connect(*peer)
    except OSError as error:
        raise SendFailed(error.errno, f"can't reach {peer[0]}: {error.strerror}") from error


def connect_again(transport: UdpPort, peer: Peer) -> bool:
    """Connect to a second peer; tell whether the port can: Twisted's own can't."""
    try:
        connect(transport, peer)
    except RuntimeError:  # of Twisted's own, which an app gave; StockPortOnly is one, too
        return False
    return True


def pending_error(transport: UdpPort) -> int:
    """Read the errno that ICMP left on a socket, or 0 (socket(7), SO_ERROR)."""
    handle = ISystemHandle(transport, None)
    if handle is None:
        return 0
    return cast(socket, handle.getHandle()).getsockopt(SOL_SOCKET, SO_ERROR)
