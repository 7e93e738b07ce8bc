"""A host in memory, which is a reactor to the protocols that run on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from socket import AF_INET, AF_INET6
from typing import Any, Literal, TypeAlias

from twisted.internet.base import DelayedCall
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IHostnameResolver, IMulticastTransport, IReactorMulticast
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.udp import MulticastPort, Port
from twisted.logger import Logger
from zope.interface import implementer

from udpecho.peer import MAX_PORT, Peer, is_ipv6
from udpecho.reactors import IDatagramReactor, IDatagramSockets
from udpecho.testing.resolver import MemoryResolver
from udpecho.testing.script import ScriptedPeer, Step
from udpecho.testing.seam import SeamSocket
from udpecho.testing.sockets import MemorySocket
from udpecho.testing.stack import Bound, Stack, canonical_peer
from udpecho.testing.wire import Wire

_log = Logger()


Refusals: TypeAlias = Literal["called", "closed"]


class MemoryPort(Port):
    """Twisted's own UDP port, over a socket in memory."""

    memory_socket: MemorySocket

    def __init__(
        self,
        reactor: MemoryHost,
        port: int,
        protocol: DatagramProtocol,
        interface: str,
        size: int,
    ) -> None:
        self._stack = reactor.stack
        init: Any = super().__init__  # Twisted's port has no annotations
        init(port, protocol, interface, size, reactor)

    def createInternetSocket(self) -> Any:
        """Make the socket, which the port then binds."""
        self.memory_socket = MemorySocket(self._stack, self.addressFamily)
        return self.memory_socket


@implementer(IMulticastTransport)
class MemoryMulticastPort(MemoryPort, MulticastPort):
    """The same, which can join multicast groups."""


@implementer(IDatagramReactor, IDatagramSockets, IReactorMulticast)
class MemoryHost:
    """A host of a MemoryNetwork, made by its host method: a reactor to what runs on it.

    It has its network's time, and calls of its own. refusals may be changed at any time.
    """

    def __init__(
        self, wire: Wire, addresses: tuple[str, ...], refusals: Refusals, receive_buffer: int
    ) -> None:
        self.addresses = addresses
        self.refusals = refusals
        resolver = MemoryResolver(self, wire.names, wire.router_at)
        self.nameResolver: IHostnameResolver = resolver
        self.resolve = resolver.resolve  # what a port of Twisted's asks for before it joins a group
        self.stack = Stack(wire, addresses, receive_buffer, self._wake)
        self._timeline = wire.timeline
        self._calls: set[DelayedCall] = set()
        self._readers: dict[Bound, MemoryPort] = {}
        self._watched: dict[Bound, Callable[[], None]] = {}
        self._ready: dict[Bound, None] = {}

    def fail_sends(self, error: int, *, times: int = 1, to: Peer | None = None) -> None:
        """Have the next datagrams from this host, or those to one peer, meet an errno.

        udpecho's own port counts it and tells datagramNotSent. Of Twisted's, most leave write as
        OSError, EMSGSIZE as MessageLengthError, and ECONNREFUSED calls connectionRefused if it
        is connected.
        """
        if times < 1:
            raise ValueError(f"times is 1 or more, not {times!r}")
        self.stack.fail_sends(error, times, None if to is None else canonical_peer(to))

    def peer(self, port: int, script: Sequence[Step]) -> ScriptedPeer:
        """Put a peer on a port, of both families, that does with each datagram what is next.

        Raises CannotListenError for a port that is taken.
        """
        if not isinstance(port, int) or not 0 <= port <= MAX_PORT:
            raise ValueError(f"a port is from 0 to {MAX_PORT}, not {port!r}")
        try:
            return ScriptedPeer(self.stack, self._timeline, port, script)
        except OSError as error:
            raise CannotListenError("", port, error) from None

    # IReactorUDP

    def listenUDP(
        self,
        port: int,
        protocol: DatagramProtocol,
        interface: str = "",
        maxPacketSize: int = 8192,
    ) -> MemoryPort:
        """Give the protocol a port: Twisted's own, with a socket in memory under it.

        Raises CannotListenError for a port that is taken and for an address of another host.
        """
        listening = MemoryPort(self, port, protocol, interface, maxPacketSize)
        _start(listening)
        return listening

    def listenMulticast(
        self,
        port: int,
        protocol: DatagramProtocol,
        interface: str = "",
        maxPacketSize: int = 8192,
        listenMultiple: bool = False,
    ) -> MemoryMulticastPort:
        """Give the protocol a port of Twisted's that can join multicast groups.

        listenMultiple has no effect: a port of a host belongs to one socket.
        """
        listening = MemoryMulticastPort(self, port, protocol, interface, maxPacketSize)
        _start(listening)
        return listening

    # IDatagramSockets

    def open_datagram_socket(self, interface: str, port: int) -> SeamSocket:
        """Open a socket for udpecho's own port: what listen_udp and its port ask for."""
        family = AF_INET6 if is_ipv6(interface) else AF_INET
        sock = SeamSocket(self.stack, family, self._watch, self.seconds)
        sock.bind((interface, port))
        return sock

    def _watch(self, sock: SeamSocket, ready: Callable[[], None] | None) -> None:
        if ready is None:
            self._watched.pop(sock, None)
            return
        self._watched[sock] = ready
        if sock.ready:
            self._wake(sock)

    # IReactorTime

    def seconds(self) -> float:
        """Return the network's time, in seconds since it was made."""
        return self._timeline.now

    def callLater(
        self,
        delay: float,
        callable: Callable[..., Any],  # noqa: A002 (the interface's name for it)
        *args: object,
        **kwargs: object,
    ) -> DelayedCall:
        """Call something later; what it raises leaves MemoryNetwork.advance, as with a Clock."""
        if not isinstance(delay, (int, float)) or not delay >= 0:
            raise AssertionError(f"a call is due in 0 seconds or more, not {delay!r}")
        call = DelayedCall(
            self.seconds() + delay,
            callable,
            args,
            kwargs,
            self._calls.remove,
            self._schedule,
            self.seconds,
        )
        self._calls.add(call)
        self._schedule(call)
        return call

    def getDelayedCalls(self) -> Sequence[DelayedCall]:
        """Return this host's calls that are still to come, the soonest first."""
        return tuple(sorted(self._calls, key=DelayedCall.getTime))

    def _schedule(self, call: DelayedCall) -> None:
        self._timeline.at(call.time, partial(self._run, call))

    def _run(self, call: DelayedCall) -> None:
        if not call.active() or call.time > self.seconds():
            return  # cancelled, or moved by reset() and scheduled anew
        if call.delayed_time > 0:
            call.activate_delay()
            self._schedule(call)
            return
        self._calls.remove(call)
        call.called = 1
        call.func(*call.args, **call.kw)

    # IReactorPluggableNameResolver

    def installNameResolver(self, resolver: IHostnameResolver) -> IHostnameResolver:
        """Replace the resolver and return the one before."""
        before, self.nameResolver = self.nameResolver, resolver
        return before

    # What a port asks of its reactor

    def addReader(self, reader: MemoryPort) -> None:
        """Have a port's doRead called when there is something to read."""
        sock = reader.memory_socket
        self._readers[sock] = reader
        if sock.ready:
            self._wake(sock)

    def removeReader(self, reader: MemoryPort) -> None:
        """Leave a port alone."""
        self._readers.pop(reader.memory_socket, None)

    def removeWriter(self, writer: MemoryPort) -> None:
        """Do nothing: a UDP port never waits for room to write."""

    def getReaders(self) -> list[Any]:
        """Return what is read from: nothing, when all that listened has stopped."""
        return [*self._readers.values(), *self._watched]

    def _wake(self, sock: Bound) -> None:
        if not self._ready:
            # A reactor makes the calls that are due, and then reads.
            self._timeline.at(self._timeline.now, self._turn, last=True)
        self._ready[sock] = None

    def _turn(self) -> None:
        """Read what is ready, as one turn of a real reactor does."""
        ready, self._ready = self._ready, {}
        for sock in ready:
            port = self._readers.get(sock)
            try:
                if port is not None:
                    self._read(port.memory_socket, port)
                elif sock in self._watched:
                    self._watched[sock]()
            except Exception:
                _log.failure("{port!r} failed", port=port or sock)
            if (sock in self._readers or sock in self._watched) and sock.ready:
                self._wake(sock)

    def _read(self, sock: MemorySocket, port: Any) -> None:
        if sock.only_error and self.refusals == "closed":
            lost = True  # what epoll makes of EPOLLERR alone
        else:
            sock.begin_turn()
            try:
                lost = port.doRead() is not None
            except Exception:
                _log.failure("{port!r} failed to read and is closed", port=port)
                lost = True
        if lost:
            self.removeReader(port)
            port.connectionLost()


def _start(port: Any) -> None:
    """Have a port listen: Twisted's has no annotations."""
    port.startListening()
