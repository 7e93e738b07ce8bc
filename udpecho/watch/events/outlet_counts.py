"""What became of the events that one outlet was given: counted for ever. Does no I/O."""

from __future__ import annotations

MOST_UNSENT = 1000
"""Events that wait for an outlet, at most: 300 kB."""


class OutletCounts:
    """An outlet's counters; none goes back when another file or server takes its place."""

    __slots__ = ("dropped", "failures", "sent", "waiting")

    def __init__(self) -> None:
        self.sent = 0
        self.dropped = 0
        """Those that there was no room for, or that nobody would take."""

        self.failures = 0
        """Times that they could not be written or posted, and were tried again later."""

        self.waiting = 0

    def sends(self, number: int = 1) -> None:
        """Count events that are written or posted."""
        self.sent += number

    def drops(self, number: int = 1) -> None:
        """Count events that are left out."""
        self.dropped += number

    def fails(self) -> None:
        """Count that nothing could be written or posted."""
        self.failures += 1

    def waits(self, number: int) -> None:
        """Note how many wait now."""
        self.waiting = number
