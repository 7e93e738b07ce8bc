"""When written datagrams leave: gathered by turns of the reactor, and what becomes of errors.

A datagram that is written alone leaves at once. Those of a burst, and those written while a
batch is being read, gather and leave together when the turn ends, in the order of writing.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from math import inf
from typing import Any, Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from udpecho.kernel import forks
from udpecho.port.portsocket import Outgoing, Unsent

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
        now: Callable[[], float],
        outbox: Outgoing,
        not_sent: NotSent | None,
        reading: Reading,
    ) -> None:
        """Send for whoever reads, and will flush() when what it delivers has been answered.

        now tells seconds that truly pass, and reading.count whether something is being delivered.
        """
        self._reading = reading
        self._reactor = reactor
        self._now = now
        self.outbox = outbox
        self._tell = not_sent
        self._telling = False
        self._untold: list[Unsent] = []
        self._later: IDelayedCall | None = None
        self._flushed_at = self._flushed_before = -inf  # long ago, whatever the clock says
        self._at_once = False  # in a process that may end before a turn of the reactor does
        forks.tell(self)
        self.met_errors = False
        """Whether an error was met, of a datagram or of an earlier one, since note_errors()."""

        self.not_sent: Counter[int] = Counter()
        """How many datagrams the kernel would not send, by errno."""

    def write(self, data: bytes, destination: bytes, address: object) -> int:
        """Take a datagram for a destination (see Outbox.add); return its length in bytes."""
        if not self.outbox.add(data, destination, address):
            self.flush()
        elif not self._reading.count and self._later is None:
            if self._now() - self._flushed_at > BURST or self._at_once or not self._runs():
                self.flush()
            else:
                self._later = self._reactor.callLater(0, self._end_turn)
        return len(data)

    def _runs(self) -> bool:
        """Tell whether the reactor runs: a turn that never comes would send nothing."""
        return bool(getattr(self._reactor, "running", True))

    def forked(self, in_child: bool) -> None:
        """Leave what has gathered to the parent; a child may end before its reactor's next turn."""
        if in_child:
            self.outbox.written.clear()
            self._untold.clear()
            self._cancel()
            self._at_once = self._runs()

    def tell(self, not_sent: NotSent | None) -> None:
        """Tell this one what could not be sent."""
        self._tell = not_sent

    def flush(self) -> None:
        """Send what has gathered, and tell what could not be sent."""
        if not self.outbox.written:
            return
        unsent = self.outbox.flush()
        self.met_errors |= self.outbox.met_errors
        self._flushed_before, self._flushed_at = self._flushed_at, self._now()
        if unsent:
            self.not_sent.update(errno for _, _, errno in unsent)
            self._untold += unsent
            if not self._telling:
                self._tell_unsent()

    def flushed(self) -> tuple[float, float]:
        """Tell when the last two flushes were: what was written between left with the second."""
        return self._flushed_before, self._flushed_at

    def note_errors(self) -> None:
        """Take the errors that were met as known."""
        self.met_errors = False

    def close(self) -> None:
        """Send what has gathered, and be done."""
        self.flush()
        self._cancel()

    def _cancel(self) -> None:
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
            except BaseException:  # as Twisted's port does: what a hook raises closes nothing
                self._log.failure("datagramNotSent failed")
        self._telling = False
        if self._untold and self._later is None:
            self._later = self._reactor.callLater(0, self._end_turn)
