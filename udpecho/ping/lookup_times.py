"""When each of a ping's names is to be looked up (again). Resolves nothing, and is told the time.

Names that have an address are looked up in turn, spread over the interval, so that 10,000 of
them are never asked at once; more often while their host is silent; those that failed are
tried again, ever more seldom. All times are seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from math import inf

RESOLVE = 60.0
"""How often a name is looked up, unless told otherwise: what a short-lived record lives."""

SILENT = 10.0
"""How often at most, while its host is silent."""

RETRIES = (10.0, 20.0, 40.0, 60.0)
"""After how long a name that failed is tried again: the last for all further times."""

GOLDEN = 0.6180339887
"""Whole numbers times this, less what is whole of that, are spread evenly from 0 to 1."""


@dataclass(slots=True)
class _Turn:
    """What is known of a name since it was last looked up."""

    looked: float = 0.0
    failures: int = 0
    sent: int = 0
    heard: int = 0
    waiting: bool = False
    """Whether probes had been sent, and none answered, when it was last asked about."""


class LookupTimes:
    """The names, by number: whose turn it is."""

    def __init__(self, every: float) -> None:
        """Look each up every so many seconds; 0: never again, even if it failed."""
        self._every = every
        self._check = min(SILENT, every)
        self._turns: dict[int, _Turn] = {}
        self._due: list[tuple[float, int]] = []

    @property
    def next(self) -> float:
        """When somebody's turn is, at the earliest; infinite if never."""
        return self._due[0][0] if self._due else inf

    def begin(self, number: int, now: float) -> None:
        """Have a name that has an address looked up in turn."""
        share = 1 - number * GOLDEN % 1
        self._turns[number] = _Turn(looked=now - self._every * (1 - share))
        self._push(now + self._check * share, number)

    def found(self, number: int, now: float) -> None:
        """Note that a name has been looked up and has an address."""
        turn = self._turns.get(number)
        if turn is None or turn.failures:
            self.begin(number, now)
        else:
            turn.looked = now

    def failed(self, number: int, now: float) -> None:
        """Note that a name has none: try again later."""
        turn = self._turns.setdefault(number, _Turn())
        delay = RETRIES[min(turn.failures, len(RETRIES) - 1)]
        turn.failures += 1
        self._push(now + delay, number)

    def forget(self, number: int) -> None:
        """Look a name up no more."""
        self._turns.pop(number, None)

    def due(self, now: float, counts: Callable[[int], tuple[int, int] | None]) -> list[int]:
        """Tell who is to be looked up now.

        counts gives what was sent to a name's host and came back, None if it has no address.
        """
        numbers = []
        while self._due and self._due[0][0] <= now:
            _, number = heappop(self._due)
            if number not in self._turns:
                continue
            turn, counted = self._turns[number], counts(number)
            if counted is None:  # who asked will say whether it failed again
                numbers.append(number)
                continue
            if self._is_silent(turn, *counted) or now - turn.looked >= self._every:
                turn.looked = now
                numbers.append(number)
            self._push(now + self._check, number)
        return numbers

    def _is_silent(self, turn: _Turn, sent: int, heard: int) -> bool:
        """Tell whether what had been sent when this was last asked has no reply even now."""
        silent = turn.waiting and heard == turn.heard
        turn.waiting = heard == turn.heard and sent > turn.sent
        if heard != turn.heard:
            turn.sent, turn.heard = sent, heard
        return silent

    def _push(self, when: float, number: int) -> None:
        if self._every:
            heappush(self._due, (when, number))
