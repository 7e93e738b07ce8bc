"""A fair sample of times, of bounded size: all of them as long as they are few. Pure."""

from __future__ import annotations

from array import array
from math import exp, log

from udpecho.watch.remembering.history import QUANTILES

MOST_TIMES = 256
"""Kept of a minute: its 99th percentile is then among the three highest."""

_FACTOR, _MODULUS = 48_271, 2**31 - 1
"""Park and Miller's generator (1993): quick, fair enough, and the same each time."""


class TimeSample:
    """Times, of which each had the same chance to be kept.

    Of many only those are looked at that are kept (Li, Reservoir-Sampling Algorithms of Time
    Complexity O(n(1 + log(N/n))), 1994: algorithm L).
    """

    __slots__ = ("_next", "_seed", "_times", "_weight", "seen")

    def __init__(self) -> None:
        self._times = array("Q")
        self.clear()

    def clear(self) -> None:
        """Begin again; what comes is drawn as if nothing had been."""
        del self._times[:]
        self.seen = 0
        """How many times there were."""

        self._seed, self._weight, self._next = 1, 1.0, 0

    def add(self, time_ns: int) -> None:
        """Take a time, or leave it."""
        self.seen += 1
        if self.seen < self._next:
            return
        if self.seen <= MOST_TIMES:
            self._times.append(time_ns)
        else:
            self._times[int(self._random() * MOST_TIMES)] = time_ns
        if self.seen >= MOST_TIMES:
            self._weight *= exp(log(self._random()) / MOST_TIMES)
            self._next = self.seen + int(log(self._random()) / log(1 - self._weight)) + 1

    def quantiles(self) -> tuple[int, ...]:
        """Give the history's QUANTILES of what was kept; nothing of nothing."""
        ordered = sorted(self._times)
        most = len(ordered) - 1
        return tuple(ordered[round(each * most)] for each in QUANTILES) if ordered else ()

    def _random(self) -> float:
        """Draw a number between 0 and 1, and neither."""
        self._seed = self._seed * _FACTOR % _MODULUS
        return self._seed / _MODULUS
