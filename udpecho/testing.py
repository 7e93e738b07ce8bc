"""UDP in memory: hosts that any DatagramProtocol runs on unchanged, time moved by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, cast

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.base import DelayedCall
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHostnameResolver,
    IHostResolution,
    IReactorTime,
    IResolutionReceiver,
)
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.udp import Port
from twisted.logger import Logger
from zope.interface import implementer

from udpecho._memory_record import Datagram, Fate, Fault, Record
from udpecho._memory_socket import RECEIVE_BUFFER, MemorySocket, Stack, is_loopback
from udpecho._memory_wire import Link, Wire
from udpecho.errors import BadAddress
from udpecho.peer import Peer, canonical_host, is_ipv6
from udpecho.reactors import IDatagramReactor

__all__ = ["Datagram", "Fate", "Fault", "Link", "MemoryHost", "MemoryNetwork"]

_log = Logger()


class MemoryPort(Port):
    """Twisted's own UDP port, over a socket in memory."""

    stack: Stack
    memory_socket: MemorySocket

    def createInternetSocket(self) -> Any:
        """Make the socket, which the port then binds."""
        self.memory_socket = MemorySocket(self.stack, self.addressFamily)
        return self.memory_socket


@implementer(IHostResolution)
class _Resolution:
    def __init__(self, name: str) -> None:
        self.name = name
        self.call: IDelayedCall | None = None

    def cancel(self) -> None:
        """Tell the receiver nothing more."""
        if self.call is not None and self.call.active():
            self.call.cancel()


@implementer(IHostnameResolver)
class MemoryResolver:
    """Resolves the names of a network's hosts, localhost, and addresses written out."""

    def __init__(self, clock: IReactorTime, names: dict[str, tuple[str, ...]]) -> None:
        self._clock = clock
        self._names = names

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """Tell the receiver the name's addresses at the next turn; an unknown name has none."""
        literal = canonical_host(hostName)
        hosts = (literal,) if literal else self._names.get(hostName.lower(), ())
        wanted = addressTypes or (IPv4Address, IPv6Address)
        kind = cast("Literal['TCP', 'UDP']", transportSemantics)

        def tell() -> None:
            for host in hosts:
                address_type = IPv6Address if is_ipv6(host) else IPv4Address
                if address_type in wanted:
                    resolutionReceiver.addressResolved(address_type(kind, host, portNumber))
            resolutionReceiver.resolutionComplete()

        resolution = _Resolution(hostName)
        resolutionReceiver.resolutionBegan(resolution)
        resolution.call = self._clock.callLater(0, tell)
        return resolution


@implementer(IDatagramReactor)
class MemoryHost:
    """A host of a MemoryNetwork, which is a reactor to the protocols that run on it."""

    def __init__(
        self,
        wire: Wire,
        addresses: tuple[str, ...],
        resolve: dict[str, tuple[str, ...]],
        refusals: Literal["called", "closed"],
        receive_buffer: int,
    ) -> None:
        self.addresses = addresses
        self.refusals = refusals
        self.nameResolver: IHostnameResolver = MemoryResolver(self, resolve)
        self._timeline = wire.timeline
        self._stack = Stack(wire, addresses, receive_buffer, self._wake)
        self._calls: set[DelayedCall] = set()
        self._readers: dict[MemorySocket, MemoryPort] = {}
        self._ready: dict[MemorySocket, None] = {}

    # IReactorUDP

    def listenUDP(
        self,
        port: int,
        protocol: DatagramProtocol,
        interface: str = "",
        maxPacketSize: int = 8192,
    ) -> MemoryPort:
        """Give the protocol a port: Twisted's own, with a socket in memory under it."""
        new_port: Any = MemoryPort  # Twisted's port has no annotations
        listening = new_port(port, protocol, interface, maxPacketSize, self)
        listening.stack = self._stack
        listening.startListening()
        return cast(MemoryPort, listening)

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
        """Call something later; what it raises leaves MemoryNetwork.advance."""
        if not delay >= 0:
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
        """Return this host's calls that are still to come."""
        return tuple(self._calls)

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

    def getReaders(self) -> list[MemoryPort]:
        """Return the ports that are open."""
        return list(self._readers.values())

    def _wake(self, sock: MemorySocket) -> None:
        if not self._ready:
            self._timeline.at(self.seconds(), self._turn)
        self._ready[sock] = None

    def _turn(self) -> None:
        """Read what is ready, as one turn of a real reactor does."""
        ready, self._ready = self._ready, {}
        for sock in ready:
            port = self._readers.get(sock)
            if port is not None:
                try:
                    self._read(sock, port)
                except Exception:
                    _log.failure("{port!r} failed", port=port)
                if sock in self._readers and sock.ready:
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

    # Faults

    def fail_sends(self, error: int, *, times: int = 1, to: Peer | None = None) -> None:
        """Have the next sends from this host, or those to one peer, fail with an errno."""
        self._stack.fail_sends(error, times, None if to is None else _peer(to))


class MemoryNetwork:
    """A network in memory."""

    def __init__(self, seed: int = 0) -> None:
        self._wire = Wire(seed)
        self._names: dict[str, tuple[str, ...]] = {"localhost": ("127.0.0.1", "::1")}

    @property
    def record(self) -> Record:
        """Every datagram in the order of sending, with what became of it."""
        return self._wire.record

    def host(
        self,
        *addresses: str,
        names: Sequence[str] = (),
        refusals: Literal["called", "closed"] = "closed",
        receive_buffer: int = RECEIVE_BUFFER,
    ) -> MemoryHost:
        """Add a host."""
        hosts = tuple(_host(address) for address in addresses)
        for host in hosts:
            if is_loopback(host) or host in self._wire.stacks:
                raise BadAddress(host, f"{host} is every host's or another's")
        made = MemoryHost(self._wire, hosts, self._names, refusals, receive_buffer)
        self._wire.stacks.update(dict.fromkeys(hosts, made._stack))
        for name in names:
            self._names[name.lower()] = self._names.get(name.lower(), ()) + hosts
        return made

    def link(
        self,
        a: MemoryHost,
        b: MemoryHost,
        *,
        one_way: bool = False,
        delay: float = 0.0,
        jitter: float = 0.0,
        loss: float = 0.0,
        duplicate: float = 0.0,
        reorder: float = 0.0,
        corrupt: float = 0.0,
        hold: float = 0.1,
    ) -> None:
        """Set the link between two hosts, both ways or only from a to b."""
        link = Link(delay, jitter, loss, duplicate, reorder, corrupt, hold)
        self._wire.links[a._stack, b._stack] = link
        if not one_way:
            self._wire.links[b._stack, a._stack] = link

    def forge(
        self,
        data: bytes,
        *,
        source: Peer,
        to: Peer,
        delay: float = 0.0,
        on: MemoryHost | None = None,
    ) -> None:
        """Send a datagram from any source; on names the host if it is to a loopback address."""
        target = None if on is None else on._stack
        self._wire.forge(data, _peer(source), _peer(to), delay, target)

    def advance(self, seconds: float = 0.0) -> None:
        """Move time on by seconds, and let everything due until then happen at its own time."""
        self._wire.timeline.advance(seconds)


def _host(address: str) -> str:
    host = canonical_host(address)
    if host is None:
        raise BadAddress(address, f"an IPv4 or IPv6 address was expected, not {address!r}")
    return host


def _peer(peer: Peer) -> Peer:
    return _host(peer[0]), peer[1]
