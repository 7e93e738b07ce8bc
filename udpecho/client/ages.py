"""How long ago datagrams came: the kernel's stamps, where they agree with the monotonic clock.

A stamp is of the wall clock, which may step. What that clock and the monotonic one show differs by
the same all the time, unless one steps; then what was stamped before that tells nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

AGREE = 1_000
"""Nanoseconds by which the clocks' difference may seem another: rounding of a float of seconds."""

AT_ONCE = 1_000_000
"""Nanoseconds within which both clocks are to be read, or nothing is told."""

_SECOND = 1_000_000_000


class Ages:
    """Tells how long before now something was stamped, by two clocks."""

    def __init__(self, now: Callable[[], float], wall: Callable[[], int] | None = None) -> None:
        """Read the clocks: seconds that truly pass, and ns since 1970.

        Without wall, that is the system's, or the same clock where that is moved by hand.
        """
        self._now = now
        if wall is None:
            wall = time.time_ns if now is time.monotonic else lambda: round(now() * _SECOND)
        self._wall = wall
        self._low = self._high = 0  # bounds of what the wall clock shows more than the other
        self._note(now())

    def since(self, stamp: int, now: float) -> float:
        """Give at most how many seconds ago something was stamped, without a look at the clocks.

        If one has stepped since the last look, it may be less, as if all had come just now.
        """
        return max(int(now * _SECOND) + self._high - stamp, 0) / _SECOND

    def of(self, stamps: Sequence[int], now: float) -> Sequence[float]:
        """Give the seconds since each stamp, by which it came at the latest; none if unsure.

        now is what the clock has just shown.
        """
        if not (stamps and self._note(now)):
            return ()
        latest = int(now * _SECOND) + self._low
        return [(latest - stamp) / _SECOND if stamp < latest else 0.0 for stamp in stamps]

    def _note(self, now: float) -> bool:
        """Look at both clocks; tell whether they differ as they did."""
        wall, after = self._wall(), self._now()
        low, high = wall - int(after * _SECOND), wall - int(now * _SECOND)
        if high - low > AT_ONCE:
            return False
        if low > self._high + AGREE or high < self._low - AGREE:
            self._low, self._high = low, high
            return False
        if low > self._low:
            self._low = low
        if high < self._high:
            self._high = high
        return True
