"""Sockets and timers as any reactor has them; their times include the process's delays."""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import CannotListenError, MessageLengthError
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import DatagramProtocol

from udpecho.instrument.instrument import Observer, ProbeSocket, SocketOptions
from udpecho.instrument.probe import Probe, Unsent
from udpecho.instrument.stamps import Stamp
from udpecho.peer import Peer, is_ipv6
from udpecho.port import listen_udp
from udpecho.reactors import IDatagramReactor, monotonic_clock
from udpecho.refusal import Refusal

BLAMED = 1024
"""Probes of one socket among which a refusal that names none finds the oldest."""


class ToldSocket(ProbeSocket, Protocol):
    """What this instrument asks of its sockets."""

    def connect(self, peer: Peer) -> None:
        """Hear one peer only."""

    def tell(self, observer: Observer) -> None:
        """Tell an observer what comes from now on."""

    def close(self) -> Deferred[None]:
        """Close it; the Deferred fires when that is done."""


class ReactorInstrument:
    """Sockets and timers as any reactor has them."""

    def __init__(self, reactor: IDatagramReactor, options: SocketOptions) -> None:
        self._reactor = reactor
        self._seconds = monotonic_clock(reactor)
        self._source = options.source
        self._sockets: list[ToldSocket] = []
        self._observer: Observer | None = None
        self._alarm: IDelayedCall | None = None
        self._look: IDelayedCall | None = None

    def now(self) -> int:
        """Read the reactor's monotonic clock, in ns."""
        return round(self._seconds() * 1e9)

    def stamp(self) -> Stamp:
        """Read the clocks: that the wall clock was set does not matter here."""
        now_ns = self.now()
        return Stamp(now_ns, now_ns)

    def open(self, peer: Peer, *, connected: bool, port: int = 0) -> ProbeSocket:
        """Open a socket of a peer's family; if connected, for that peer alone. Raises OSError."""
        wildcard = "::" if is_ipv6(peer[0]) else "0.0.0.0"
        socket = self._make(self._source or wildcard, port)
        self._sockets.append(socket)
        if connected:
            try:
                socket.connect(peer)
            except BaseException:
                self.shut(socket)
                raise
        if self._observer is not None:
            socket.tell(self._observer)
        return socket

    def _make(self, address: str, port: int) -> ToldSocket:
        """Make a socket that is bound there. Raises OSError."""
        try:
            return ReactorSocket(self._reactor, (address, port), self.stamp)
        except CannotListenError as error:
            raise error.socketError from error

    def shut(self, socket: ProbeSocket) -> None:
        """Close one of the sockets, for good."""
        [opened] = [opened for opened in self._sockets if opened is socket]
        opened.close().addBoth(lambda _: self._sockets.remove(opened))

    def start(self, observer: Observer) -> Stamp:
        """Tell the observer from now on, and return when that is."""
        self._observer = observer
        for socket in self._sockets:
            socket.tell(observer)
        return self.stamp()

    def wake_at(self, monotonic_ns: int) -> None:
        """Call due() at that time, and caught_up() when what came before it has been read."""
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
        delay = max(0.0, monotonic_ns / 1e9 - self._seconds())
        self._alarm = self._reactor.callLater(delay, self._due)

    def dropped(self) -> int | None:
        """Return None: a reactor does not know."""
        return None

    def close(self) -> Deferred[None]:
        """Close everything; the Deferred fires when all ports are closed."""
        for call in (self._alarm, self._look):
            if call is not None and call.active():
                call.cancel()
        closing = [socket.close() for socket in self._sockets]
        return gatherResults(closing).addCallback(lambda _: None)

    def _due(self) -> None:
        """Let the reactor then read what came while it was busy: timers run before sockets do."""
        observer = self._observer
        assert observer is not None
        if self._look is None or not self._look.active():
            self._look = self._reactor.callLater(0, observer.caught_up)
        observer.due()


class ReactorSocket(DatagramProtocol):
    """A ProbeSocket; a refusal on Twisted's port names no probe, so the oldest takes it."""

    transport: Any
    _observer: Observer

    def __init__(self, reactor: IDatagramReactor, local: Peer, stamp: Callable[[], Stamp]) -> None:
        """Listen on an address and a port; 0 is one that the system chooses.

        Raises CannotListenError.
        """
        self._stamp = stamp
        self._connected = False
        self._sent: deque[tuple[Probe, bytes]] = deque(maxlen=BLAMED)
        self._unsent: list[Unsent] | None = None  # while probes are being sent
        address, port = local
        self._listening = listen_udp(reactor, port, self, address)

    @property
    def port(self) -> int:
        """Its number."""
        return self._listening.getHost().port

    def connect(self, peer: Peer) -> None:
        """Hear one peer only."""
        self.transport.connect(*peer)
        self._connected = True

    def tell(self, observer: Observer) -> None:
        """Tell an observer what comes from now on."""
        self._observer = observer

    def close(self) -> Deferred[None]:
        """Close it; the Deferred fires when that is done."""
        return self._listening.stopListening()

    def expect(self, peer: Peer) -> None:
        """Do nothing: a transport is told with each datagram."""

    def forget(self, peer: Peer) -> None:
        """Do nothing, either."""

    def send(self, probes: Sequence[Probe], payloads: Sequence[bytes]) -> list[Unsent]:
        """Send each probe, noting when; return those that won't go."""
        unsent = self._unsent = []
        for probe, payload in zip(probes, payloads, strict=True):
            probe.leaves(self._stamp())
            try:
                self._send(probe, payload)
            except OSError as error:
                unsent.append(Unsent(probe, error.errno or 0))
            except MessageLengthError:  # as Twisted's own port says EMSGSIZE
                unsent.append(Unsent(probe, errno.EMSGSIZE))
        self._unsent = None
        return unsent

    def ready(self) -> None:
        """Do nothing."""

    def send_alone(self, probe: Probe, payload: bytes, now: Stamp | None = None) -> Unsent | None:
        """Send a probe, noting when by its own clocks; return it if it won't go."""
        unsent = self.send([probe], [payload])
        return unsent[0] if unsent else None

    def send_hop(self, probe: Probe, payload: bytes, ttl: int) -> int:
        """Return ENOTSUP: a reactor gives no datagram a TTL of its own."""
        return errno.ENOTSUP

    def send_sized(self, probe: Probe, payload: bytes) -> Unsent | None:
        """Send a probe of whatever size; return it if it won't go."""
        return self.send_alone(probe, payload)

    def _send(self, probe: Probe, payload: bytes) -> None:
        if self.transport is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        self._sent.append((probe, payload))
        self.transport.write(payload, None if self._connected else probe.flow.peer)

    def datagramReceived(self, data: bytes, peer: tuple[str, int]) -> None:
        """Tell the observer."""
        arrival = (data, (peer[0], peer[1]), None, getattr(peer, "ttl", None), None)
        self._observer.came(self, [arrival], self._stamp())

    def datagramNotSent(self, data: bytes, addr: Peer | None, error: OSError) -> None:
        """Hear what was not sent: while it is being sent, or at the end of the turn."""
        number = error.errno or 0
        if self._unsent is None:
            self._observer.refused(Refusal(addr, data, number, None, None, None, None))
        else:
            self._unsent += [Unsent(probe, number) for probe, sent in self._sent if sent == data]

    def peerRefused(self, refusal: Refusal) -> None:
        """Tell the observer which probe was refused, where our own port serves."""
        self._observer.refused(refusal)

    def connectionRefused(self) -> None:
        """Tell the observer that the oldest probe without a fate was refused."""
        while self._sent:
            probe, data = self._sent.popleft()
            if probe.fate is None:
                peer = probe.flow.peer
                refusal = Refusal(peer, data, errno.ECONNREFUSED, peer, None, None, None)
                self._observer.refused(refusal)
                return
