"""Has each peer's minute end when it is over: a peer a step, so that no turn is long."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from udpecho.reactors import monotonic_clock
from udpecho.watch.counts import Histogram
from udpecho.watch.pieces import in_pieces
from udpecho.watch.probed import Roll
from udpecho.watch.remembering.minutes import LatenessDay

MINUTE = 60.0


class Hourglass:
    """Counts minutes by a clock that never jumps; what a wall clock calls them is the page's."""

    def __init__(
        self,
        reactor: IReactorTime,
        wall: Callable[[], float],
        roll: Roll,
        lateness: Histogram,
        log: Logger,
    ) -> None:
        self.lateness = LatenessDay(lateness)
        self._reactor = reactor
        self._wall = wall
        self._seconds = monotonic_clock(reactor)
        self._roll = roll
        self._log = log
        self._turning: Deferred[None] | None = None
        self.number = int(self._seconds() // MINUTE)
        """Of the minute that runs."""

    def wall_number(self) -> int:
        """Tell what a wall clock calls the minute that runs: minutes since 1970."""
        return int(self._wall() // MINUTE)

    def tick(self) -> None:
        """End the minute if it is over."""
        number = int(self._seconds() // MINUTE)
        if number == self.number or self._turning is not None:
            return
        over, self.number = self.number, number
        self._turning = turning = in_pieces(self._reactor, self._close(over))
        turning.addBoth(self._turned)

    def end(self) -> None:
        """Count no more."""
        if self._turning is not None:
            self._turning.cancel()

    def _close(self, over: int) -> Iterator[None]:
        self.lateness.close(over)
        for name in list(self._roll):
            probed = self._roll.get(name)
            if probed is not None:
                probed.day.close(over, probed.counts)
                yield

    def _turned(self, result: object) -> None:
        self._turning = None
        if isinstance(result, Failure) and not result.check(CancelledError):
            self._log.failure("a minute could not be kept", result)
