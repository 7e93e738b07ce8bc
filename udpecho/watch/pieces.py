"""Long work in pieces: each holds the reactor for a millisecond, and then it is others' turn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from udpecho.reactors import TURN_SECONDS, monotonic_clock

Made = TypeVar("Made")

PIECE_SECONDS = TURN_SECONDS / 2
"""How long a piece goes on: a turn has probes to send and replies to read, too."""


class Pieces:
    """One work, done a piece a turn; every step of the iterator is a short one."""

    def __init__(self, reactor: IReactorTime, work: Iterator[object]) -> None:
        """Begin with the first piece at once."""
        self._reactor = reactor
        self._seconds = monotonic_clock(reactor)
        self._work = work
        self._next: IDelayedCall | None = None
        self.done: Deferred[None] = Deferred(lambda _: self._stop())
        """Fires with None when all is done, or fails with what the work raised; cancelling it ends
        the work where it is."""

        self._go_on()

    def _go_on(self) -> None:
        ends = self._seconds() + PIECE_SECONDS
        try:
            for _ in self._work:
                if self._seconds() >= ends:
                    self._next = self._reactor.callLater(0, self._go_on)
                    return
        except Exception:
            self.done.errback(Failure())
        else:
            self.done.callback(None)

    def _stop(self) -> None:
        if self._next is not None and self._next.active():
            self._next.cancel()


def in_pieces(reactor: IReactorTime, work: Iterator[object]) -> Deferred[None]:
    """Do a work in pieces; see Pieces.done for the Deferred."""
    return Pieces(reactor, work).done


async def all_of(reactor: IReactorTime, work: Iterator[Made | None]) -> list[Made]:
    """Do a work in pieces; return what its steps gave but for None. Raises what the work raises."""
    made: list[Made] = []

    def steps() -> Iterator[None]:
        for each in work:
            if each is not None:
                made.append(each)
            yield

    await in_pieces(reactor, steps())
    return made
