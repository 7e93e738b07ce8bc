"""Standard input and outputs in a reactor: whoever reads or writes there is never waited for.

What nobody reads is bounded: more is refused, and whoever says it may count that.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReadDescriptor, IWriteDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from udpecho.commands.ending import output_failed

READ_AT_ONCE = 1 << 16
MOST_UNREAD = 1 << 18
"""Bytes that wait for a reader: four times what a pipe itself holds."""


class Descriptor:
    """A file descriptor that a reactor looks at."""

    def __init__(self, reactor: Any, descriptor: int) -> None:
        self._reactor = reactor
        self._descriptor = descriptor

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def logPrefix(self) -> str:
        """Name it in a log."""
        return f"descriptor {self._descriptor}"


@implementer(IReadDescriptor)
class InputPipe(Descriptor):
    """Bytes as they come, and once their end: an error, or None where there simply are no more."""

    def __init__(
        self,
        reactor: Any,
        descriptor: int,
        take: Callable[[bytes], None],
        end: Callable[[OSError | None], None],
    ) -> None:
        super().__init__(reactor, descriptor)
        self._take = take
        self._end = end
        self._ended = False

    def resume(self) -> None:
        """Read on, or begin to."""
        if not self._ended:
            self._reactor.addReader(self)

    def pause(self) -> None:
        """Leave what comes where it is."""
        self._reactor.removeReader(self)

    def doRead(self) -> None:
        """Take what is there."""
        try:
            data = os.read(self._descriptor, READ_AT_ONCE)
        except BlockingIOError:
            return
        except OSError as error:
            self._stop(error)
            return
        if data:
            self._take(data)
        else:
            self._stop(None)

    def connectionLost(self, reason: Failure) -> None:
        """End: the reactor can't look at it."""
        self._stop(None)

    def _stop(self, why: OSError | None) -> None:
        self.pause()
        if not self._ended:
            self._ended = True
            self._end(why)


@implementer(IWriteDescriptor)
class OutputPipe(Descriptor):
    """Bytes that leave as they are read, up to a bound; where that fails, the process is to end."""

    def __init__(self, reactor: Any, descriptor: int, on_empty: Callable[[], None]) -> None:
        super().__init__(reactor, descriptor)
        self._on_empty = on_empty
        self._unread = bytearray()
        self._failed = False
        self._empty: Deferred[None] | None = None
        self._blocking = os.get_blocking(descriptor)
        os.set_blocking(descriptor, False)

    def offer(self, data: bytes) -> bool:
        """Take some more, unless too much waits already."""
        if len(self._unread) > MOST_UNREAD:
            return False
        self.take(data)
        return True

    def take(self, data: bytes) -> None:
        """Take some more, however much waits: of what comes once."""
        if not self._failed:
            self._unread += data
            self._reactor.addWriter(self)

    def empty(self) -> Deferred[None]:
        """Wait until nothing waits; cancelling that gives up the rest."""
        self._empty = Deferred()
        self._tell()
        return self._empty

    def close(self) -> None:
        """Let go of the descriptor, which is left as it was found."""
        self._rest()
        os.set_blocking(self._descriptor, self._blocking)

    def doWrite(self) -> None:
        """Write what there is room for."""
        try:
            written = os.write(self._descriptor, self._unread)
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(error)
            return
        del self._unread[:written]
        if not self._unread:
            self._rest()
            self._on_empty()
            self._tell()

    def connectionLost(self, reason: Failure) -> None:
        """Learn by writing what is wrong; the reactor will not ask again."""
        if self._unread:
            self.doWrite()

    def _fail(self, error: OSError) -> None:
        self._failed = True
        self._unread.clear()
        self._rest()
        output_failed(error, self._descriptor)
        self._tell()

    def _rest(self) -> None:
        with suppress(OSError):  # the descriptor is another file's since output failed
            self._reactor.removeWriter(self)

    def _tell(self) -> None:
        if not self._unread and self._empty is not None and not self._empty.called:
            self._empty.callback(None)
