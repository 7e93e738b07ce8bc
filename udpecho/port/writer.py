"""When written datagrams leave: gathered by turns of the reactor, and what becomes of errors.

A datagram that is written alone leaves at once. Those of a burst, and those written while a
batch is being read, gather and leave together when the turn ends, in the order of writing.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from time import monotonic
from typing import Any, Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from udpecho.kernel.layout import NAME, Layout
from udpecho.kernel.messages import BATCH, Headers, Memory, send_all

BURST = 0.00005
"""Seconds: two writes so close together are taken for a burst, and the rest of it gathers."""

NotSent = Callable[[bytes, Any, OSError], None]
"""Told of a datagram, the address that it was written to, and what the kernel said."""


class Reading(Protocol):
    """What is being delivered: an inbox."""

    count: int
    """How many items there are; 0 when nothing is."""


class Writer:
    """Sends through a socket what is written to it."""

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        fd: int,
        layout: Layout,
        not_sent: NotSent | None,
        reading: Reading,
    ) -> None:
        """Send for whoever reads, and will flush() when what it delivers has been answered."""
        self._reading = reading
        self._reactor = reactor
        self._fd = fd
        self.outbox = Outbox(layout)
        self._tell = not_sent
        self._telling = False
        self._untold: list[tuple[bytes, Any, int]] = []
        self._later: IDelayedCall | None = None
        self._flushed_at = 0.0
        self.met_errors = False
        """Whether an error was met, of a datagram or of an earlier one, since note_errors()."""

        self.not_sent: Counter[int] = Counter()
        """How many datagrams the kernel would not send, by errno."""

    def write(self, data: bytes, destination: bytes, address: object) -> int:
        """Take a datagram for a destination (see Outbox.add); return its length in bytes."""
        if not self.outbox.add(data, destination, address):
            self.flush()
        elif not self._reading.count and self._later is None:
            if monotonic() - self._flushed_at > BURST:
                self.flush()
            else:
                self._later = self._reactor.callLater(0, self._end_turn)
        return len(data)

    def flush(self) -> None:
        """Send what has gathered, and tell what could not be sent."""
        if not self.outbox.written:
            return
        unsent = self.outbox.flush(self._fd)
        self.met_errors |= self.outbox.met_errors
        self._flushed_at = monotonic()
        if unsent:
            self.not_sent.update(errno for _, _, errno in unsent)
            self._untold += unsent
            if not self._telling:
                self._tell_unsent()

    def note_errors(self) -> None:
        """Take the errors that were met as known."""
        self.met_errors = False

    def close(self) -> None:
        """Send what has gathered, and be done."""
        self.flush()
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def _end_turn(self) -> None:
        self._later = None
        self.flush()
        if not self._telling:
            self._tell_unsent()

    def _tell_unsent(self) -> None:
        """Tell what was not sent. If that leads to more, it is told a turn later: no recursion."""
        untold, self._untold = self._untold, []
        if self._tell is None:
            return
        self._telling = True
        for data, address, errno in untold:
            try:
                self._tell(data, address, OSError(errno, os.strerror(errno)))
            except Exception:
                self._log.failure("datagramNotSent failed")
        self._telling = False
        if self._untold and self._later is None:
            self._later = self._reactor.callLater(0, self._end_turn)


class Outbox:
    """Up to 128 written datagrams that leave together."""

    def __init__(self, layout: Layout) -> None:
        self._memory = memory = Memory()
        self._map = memory.map
        self._slot_at = memory.slot_at
        self._headers = headers = Headers(memory, layout)
        self._name_size = layout.name
        self._sizes = headers.sizes
        self._destinations: list[bytes | None] = [None] * BATCH
        self.written: list[object] = []
        """The addresses of what waits, as its writer gave them."""

        self.met_errors = False
        """Whether the last flush met an error, be it of the datagram or of an earlier one."""

    def add(self, data: bytes, destination: bytes, address: object) -> int:
        """Take a datagram; destination is a record, or empty on a connected socket.

        address is that place as its writer gave it. Return the room that is left then.
        """
        index = len(self.written)
        length = len(data)
        slot = self._slot_at[index]
        self._map[slot : slot + length] = data
        self._sizes[index] = length
        if self._destinations[index] is not destination:
            self._direct(index, destination)
        self.written.append(address)
        return BATCH - 1 - index

    def _direct(self, index: int, destination: bytes) -> None:
        """Have what stands at an index go somewhere else than what stood there last."""
        self._destinations[index] = destination
        self._memory.write(self._memory.record_at[index], destination)
        self._headers.name_sizes[index] = self._name_size if destination else 0
        self._headers.control_sizes[index] = max(len(destination) - NAME, 0)

    def flush(self, fd: int) -> list[tuple[bytes, object, int]]:
        """Send what was added; return (data, address, errno) of each that the kernel refused."""
        written, self.written = self.written, []
        unsent: list[tuple[bytes, object, int]] = []

        def failed(index: int, errno: int) -> None:
            slot = self._slot_at[index]
            data = self._memory.read(slot, slot + self._sizes[index])
            unsent.append((data, written[index], errno))

        def send(start: int, stop: int) -> int:
            sent = self._headers.send(fd, start, stop)
            self.met_errors |= sent < 0
            return sent

        self.met_errors = False
        send_all(send, 0, len(written), failed)
        return unsent
