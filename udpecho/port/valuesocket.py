"""ValueSocket: a socket that a reactor without descriptors has of its own, as in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from socket import AF_INET6
from typing import Any

from udpecho.kernel.layout import IPV4, IPV6
from udpecho.port.connection import Connection
from udpecho.port.sockets import may_be_one_hosts
from udpecho.port.valuebox import ValueEcho, ValueInbox, ValueOutbox
from udpecho.reactors import DatagramSocket
from udpecho.refusal import Refusal


class Unwatched:
    """Stands where a descriptor would be watched."""

    away = False

    def fileno(self) -> int:
        """Return -1: there is no descriptor."""
        return -1

    def look_away(self) -> None:
        """Do nothing: the reactor's own socket tells when there is something to read."""

    def look_again(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class ValueSocket:
    """A bound socket of a reactor that provides IDatagramSockets: a PortSocket."""

    def __init__(self, skt: DatagramSocket) -> None:
        """Take a socket."""
        self._socket = skt
        self.handle: Any = skt
        self.layout = IPV6 if skt.family == AF_INET6 else IPV4
        self._timestamps = False

    def open(self, *, by_batch: bool, trains: bool, timestamps: bool) -> None:
        """Get ready to receive; there are no trains."""
        skt, layout = self._socket, self.layout
        self._timestamps = timestamps
        told = (  # as of kernel's
            not by_batch or timestamps or not may_be_one_hosts(self.handle.getsockname()[0])
        )
        self.inbox = ValueInbox(skt, layout, interfaces=told, timestamps=timestamps)
        self.outbox = ValueOutbox(skt, layout)
        self.echo = ValueEcho(skt, self.inbox)
        self.connection = Connection(skt, layout, lambda each: skt.disconnect())
        self.watch = Unwatched()

    def tell_times(self, wanted: bool) -> None:
        """Have what is received next come with its times of arrival, if they are noted, or not."""
        self.inbox.be_timed(wanted and self._timestamps)

    def set_receive_buffer(self, size: int) -> int:
        """Ask for a receive buffer of this many bytes; return what was granted."""
        return self._socket.set_receive_buffer(size)

    def dropped(self) -> int:
        """Count the datagrams lost to a full receive buffer."""
        return self._socket.dropped()

    def queue_errors(self) -> None:
        """Have what ICMP refuses kept, for refusals()."""
        self._socket.queue_errors()

    def refusals(self, most: int) -> Iterator[Refusal]:
        """Take what ICMP refused, at most this many; when is told where timestamps are."""
        for _ in range(most):  # one by one: whoever stops in between leaves the rest
            for refusal in self._socket.take_errors(1):
                if refusal.is_unreachable:
                    yield refusal if self._timestamps else replace(refusal, when=None)

    def queue_all_errors(self) -> None:
        """Have all that ICMP says kept, for errors(); it takes no room from datagrams here."""
        self._socket.queue_errors()

    def errors(self, most: int) -> list[Refusal]:
        """Take what ICMP said, at most this many."""
        return list(self._socket.take_errors(most))

    def start_reading(self, port: Any, turn: Callable[[], None]) -> None:
        """Have the port's turn called when there is something to read."""
        self._socket.watch(turn)

    def stop_reading(self, port: Any) -> None:
        """Leave the port alone."""
        self._socket.watch(None)

    def close(self) -> None:
        """Close it; what is queued is lost."""
        self._socket.close()
