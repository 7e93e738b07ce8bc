"""Events in the log, in words: no more in a minute than somebody might read."""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from udpecho.watch.events.event_lines import event_words
from udpecho.watch.events.happenings import Happening
from udpecho.watch.events.outlet_counts import OutletCounts

MOST_A_MINUTE = 100
PERIOD_SECONDS = 60.0


class EventLog:
    """Writes events into the log; of a mesh that fell apart the first hundred a minute."""

    def __init__(self, seconds: Callable[[], float], counts: OutletCounts, log: Logger) -> None:
        """Write nothing yet. seconds is a monotonic clock."""
        self._seconds = seconds
        self._counts = counts
        self._log = log
        self._since = seconds()
        self._written = self._left_out = 0

    def hear(self, happening: Happening) -> None:
        """Write an event."""
        if self._seconds() - self._since >= PERIOD_SECONDS:
            self._say_what_was_left_out()
            self._since, self._written = self._seconds(), 0
        if self._written < MOST_A_MINUTE:
            self._written += 1
            self._counts.sends()
            self._log.info("event: {words}", words=event_words(happening.event))
        else:
            self._left_out += 1
            self._counts.drops()

    def end(self) -> None:
        """Write no more."""
        self._say_what_was_left_out()

    def _say_what_was_left_out(self) -> None:
        if self._left_out:
            self._log.warn("{number} more events, not written here", number=self._left_out)
            self._left_out = 0
