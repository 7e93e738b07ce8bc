"""At most one log line for each kind of trouble in 30 s, however often it happens.

Decides when a line is due and what it must count; it writes nothing itself and is told the
time. The exact figures are in the counters of whoever asks; a line only says when to look.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

QUIET_SECONDS = 30.0
"""Two lines a minute for each kind: seen by whoever reads the log, invisible in its size."""


class Notices(Generic[Key]):
    """Counts troubles by kind, and says which of them deserve a line now."""

    def __init__(self, quiet: float = QUIET_SECONDS) -> None:
        self._quiet = quiet
        self._last: dict[Key, float] = {}
        self._unsaid: dict[Key, int] = {}

    def count(self, key: Key, now: float, times: int = 1) -> int:
        """Count a trouble; return how many to report in a line now, or 0 to be silent.

        The first of its kind is reported at once, those of the next 30 s (now is in seconds)
        together with the first that comes after them.
        """
        unsaid = self._unsaid.get(key, 0) + times
        last = self._last.get(key)
        if last is not None and now - last < self._quiet:
            self._unsaid[key] = unsaid
            return 0
        self._last[key] = now
        self._unsaid[key] = 0
        return unsaid
