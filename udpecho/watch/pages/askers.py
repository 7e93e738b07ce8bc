"""Who asks most, counted in bounded memory however many there are. Pure.

Counts by Misra and Gries (1982): whoever asks more than one in MOST_ASKERS + 1 of all is counted,
and each count is too small by that share of all at most.
"""

from __future__ import annotations

from collections.abc import Callable

from udpecho.columns import Columns, Sources

MOST_ASKERS = 256
LISTENED_SECONDS = 60.0
"""For how long it is counted after somebody looked: it costs 2 µs a batch."""


class Askers:
    """Counts who asks, while somebody looks."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self.counts: dict[bytes, int] = {}
        """Datagrams by packed address."""

        self._seconds = seconds
        self._since = self._until = seconds()

    def look(self) -> None:
        """Count on for a while; from nothing, if nobody looked for longer."""
        now = self._seconds()
        if now > self._until:
            self.counts.clear()
            self._since = now
        self._until = now + LISTENED_SECONDS

    def listened(self) -> float:
        """Tell for how many seconds it was counted."""
        return self._seconds() - self._since

    def hear(self, columns: Columns) -> bool:
        """Count a batch; tell whether to go on."""
        size = len(columns.ports) // 2
        trains = [columns.datagrams(each) for each in range(size)] if columns.trains else ()
        for source, times in Sources(columns.sources, size).tally(trains, ()).items():
            self.add(source, times)
        return self._seconds() <= self._until

    def add(self, source: bytes, times: int) -> None:
        """Count an address."""
        if source in self.counts or len(self.counts) < MOST_ASKERS:
            self.counts[source] = self.counts.get(source, 0) + times
            return
        least = min(times, *self.counts.values())
        self.counts = {each: count - least for each, count in self.counts.items() if count > least}
        if times > least:
            self.add(source, times - least)

    def most(self, number: int) -> list[tuple[bytes, int]]:
        """Give those who ask most, and how often they did."""
        return sorted(self.counts.items(), key=lambda pair: (-pair[1], pair[0]))[:number]
