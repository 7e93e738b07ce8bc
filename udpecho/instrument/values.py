"""Sockets that a reactor without descriptors has of its own (IDatagramSockets), as in memory.

They take a TTL for each datagram and tell what ICMP quoted, as Linux does; the reactor's clock is
the only one.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, succeed

from udpecho.datagrams import ToSend
from udpecho.instrument.instrument import Observer, SocketOptions
from udpecho.instrument.probe import Probe, Unsent
from udpecho.instrument.reactor import ReactorInstrument
from udpecho.instrument.stamps import Stamp
from udpecho.peer import Peer
from udpecho.reactors import DatagramSocket, IDatagramReactor, IDatagramSockets

AT_A_TIME = 64
"""Datagrams, and errors, that are taken in a turn."""

SENDS_TRIED = 3
"""At a call that may report what an earlier datagram met with, in place of doing its work."""


class ValueInstrument(ReactorInstrument):
    """A ReactorInstrument over such sockets."""

    def __init__(self, reactor: IDatagramReactor, options: SocketOptions) -> None:
        """Take the options for all sockets. Raises OSError for an interface: it has no choice."""
        super().__init__(reactor, options)
        if options.device is not None:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        self._options = options
        self._values: list[ValueProbeSocket] = []

    def _make(self, address: str, port: int) -> ValueProbeSocket:
        made = IDatagramSockets(self._reactor).open_datagram_socket(address, port)
        opened = ValueProbeSocket(made, self._options, self.stamp)
        self._values.append(opened)
        return opened

    def dropped(self) -> int:
        """Count the datagrams that came and found no room."""
        return sum(each.dropped for each in self._values)


class ValueProbeSocket:
    """A ProbeSocket over one of them."""

    def __init__(
        self, skt: DatagramSocket, options: SocketOptions, stamp: Callable[[], Stamp]
    ) -> None:
        """Take a bound socket."""
        self._socket = skt
        self._options = options
        self._stamp = stamp
        as_socket: Any = skt  # which has a socket's methods, too
        self._connected = False
        self._observer: Observer | None = None
        self.port = int(as_socket.getsockname()[1])
        self._connect = as_socket.connect
        self.dropped = 0
        skt.queue_errors()
        if options.mtu_discovery is not None:
            skt.let_fragment(
                options.mtu_discovery in ("want", "dont"),
                heeds=options.mtu_discovery != "probe",
            )

    def connect(self, peer: Peer) -> None:
        """Hear one peer only."""
        self._connect(peer)
        self._connected = True

    def tell(self, observer: Observer) -> None:
        """Tell an observer what comes from now on."""
        self._observer = observer
        self._socket.watch(self._read)

    def close(self) -> Deferred[None]:
        """Close it, at once."""
        self._observer = None
        self.dropped = self._socket.dropped()
        self._socket.watch(None)
        self._socket.close()
        return succeed(None)

    def expect(self, peer: Peer) -> None:
        """Do nothing: the socket is told with each datagram."""

    def forget(self, peer: Peer) -> None:
        """Do nothing, likewise."""

    def send(self, probes: Sequence[Probe], payloads: Sequence[bytes]) -> list[Unsent]:
        """Send each probe, noting when; return those that won't go."""
        return [*filter(None, map(self.send_alone, probes, payloads))]

    def ready(self) -> None:
        """Do nothing, either."""

    def send_alone(self, probe: Probe, payload: bytes, now: Stamp | None = None) -> Unsent | None:
        """Send a probe, noting when by its own clocks; return it if it won't go."""
        failed = self._send(probe, payload, self._options.ttl)
        return Unsent(probe, failed) if failed else None

    def send_hop(self, probe: Probe, payload: bytes, ttl: int) -> int:
        """Send a probe that is to end at a hop; return 0, or the errno if it won't go."""
        return self._send(probe, payload, ttl)

    def send_sized(self, probe: Probe, payload: bytes) -> Unsent | None:
        """Send a probe of whatever size; return it if it won't go."""
        return self.send_alone(probe, payload)

    def _send(self, probe: Probe, payload: bytes, ttl: int | None) -> int:
        probe.leaves(self._stamp())
        to = None if self._connected else probe.flow.peer
        datagram = ToSend(payload, to, None, ttl, self._options.traffic_class)
        failed = 0
        for _ in range(SENDS_TRIED):
            try:
                self._socket.transmit(datagram)
            except OSError as error:  # perhaps of an earlier one, whose error this took
                failed = error.errno or errno.EIO
            else:
                return 0
        return failed

    def _read(self) -> None:
        """Take what came: refusals first, as what they say is older than a reply."""
        for refusal in self._socket.take_errors(AT_A_TIME):
            if self._observer is not None:
                quoted = refusal if refusal.data else replace(refusal, port=self.port)
                self._observer.refused(quoted)
        try:
            received = self._socket.receive(AT_A_TIME)
        except OSError:  # the pending error of a refusal, which is told by itself
            return
        self.dropped = self._socket.dropped()
        if received and self._observer is not None:
            hears = self._options.hears_class
            arrivals = [
                (each.data, each.source, None, each.ttl, each.tos if hears else None)
                for each in received
            ]
            self._observer.came(self, arrivals, self._stamp())
