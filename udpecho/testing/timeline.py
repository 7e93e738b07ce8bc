"""Time that moves when told to, and what is to happen in it."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from typing import TypeAlias

MAX_EVENTS_AT_ONCE = 100_000
"""More at one instant is a loop without delay: time would never move on."""

FIRST_RANKS = 16
"""Those of an instant's first turns, which are not counted: many may be due together, and be
answered; what goes on in turn after turn is a loop."""

FIRST, CALL, READ = -1, 0, 1
"""Ranks within an instant: a turn's calls have the even ones, what it reads the odd ones. What is
added while time stands comes after FIRST, as what is added by the event of that rank."""


Event: TypeAlias = tuple[float, int, int, Callable[[], None]]
"""When, its rank then, its place among those of the rank, and what happens."""


class Timeline:
    """A clock and its events, in seconds since it was made."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[Event] = []
        self._present: list[Event] = []  # due now: apart from the many that are still to come
        self._order = count()
        self._rank = FIRST  # of the event that happens

    def seconds(self) -> float:
        """Return the time, in seconds since the network was made."""
        return self.now

    def at(
        self, time: float, event: Callable[[], None], *, last: bool = False, first: bool = False
    ) -> None:
        """Have something happen at a time: of two at the same time, the first told is first.

        As in a reactor's turn, what is to be last (reading) happens after all else (calls), but
        before what else the events of this turn add to it. What is to be first, at a time that
        is still to come, happens before all else.
        """
        if time > self.now:
            heap = self._events
            rank = FIRST if first else READ if last else CALL
        else:  # in the turn that comes next
            heap = self._present
            odd = self._rank & 1
            rank = self._rank + (1 + odd if last else 2 - odd)
        heapq.heappush(heap, (time, rank, next(self._order), event))

    def advance(self, seconds: float) -> None:
        """Move time on, and let everything due until then happen at its own time."""
        if not isinstance(seconds, (int, float)) or not 0 <= seconds < float("inf"):
            raise ValueError(f"time moves forward, by 0 seconds or more, not {seconds!r}")
        self.run(self.now + seconds, never)

    def run(self, end: float, done: Callable[[], bool]) -> None:
        """Let happen what is due until a time, each at its own; or until all is done."""
        events, present = self._events, self._present
        at_once = 0
        while not done():
            heap = present if present and not (events and events[0] < present[0]) else events
            if not heap or heap[0][0] > end:
                break
            time, self._rank, _, event = heapq.heappop(heap)
            if time > self.now:
                self.now = time
                at_once = 0
            elif self._rank > FIRST_RANKS and (at_once := at_once + 1) > MAX_EVENTS_AT_ONCE:
                raise RuntimeError(f"a loop without delay: time stands still at {self.now} s")
            event()
        self._rank = FIRST
        if not done():
            self.now = max(self.now, end)  # an event may have moved time on itself


def never() -> bool:
    """Tell that there is always more to do."""
    return False
