"""Time that moves when told to, and what is to happen in it."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

MAX_EVENTS_AT_ONCE = 100_000
"""More at one instant is a loop without delay: time would never move on."""


class Timeline:
    """A clock and its events, in seconds since it was made."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, bool, int, Callable[[], None]]] = []
        self._order = count()
        self._turns = 0, 0  # in which of this instant's turns is what comes next: first or last

    def seconds(self) -> float:
        """Return the time, in seconds since the network was made."""
        return self.now

    def at(self, time: float, event: Callable[[], None], *, last: bool = False) -> None:
        """Have something happen at a time: of two at the same time, the first told is first.

        As in a reactor's turn, what is to be last (reading) happens after all else (calls), but
        before what else the events of this turn add to it.
        """
        turn = self._turns[last] if time <= self.now else 0
        heapq.heappush(self._events, (time, turn, last, next(self._order), event))

    def advance(self, seconds: float) -> None:
        """Move time on, and let everything due until then happen at its own time."""
        if not 0 <= seconds < float("inf"):
            raise ValueError(f"time moves forward, by 0 seconds or more, not {seconds!r}")
        end = self.now + seconds
        at_once = 0
        while self._events and self._events[0][0] <= end:
            time, turn, last, _, event = heapq.heappop(self._events)
            at_once = at_once + 1 if time <= self.now else 0
            if at_once > MAX_EVENTS_AT_ONCE:
                raise RuntimeError(f"a loop without delay: time stands still at {self.now} s")
            self.now = max(self.now, time)
            self._turns = turn + 1, turn + last
            event()
        self._turns = 0, 0
        self.now = max(self.now, end)  # an event may have moved time on itself
