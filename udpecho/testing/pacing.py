"""How a link's rate makes its datagrams wait: pure, and told the time."""

from __future__ import annotations

from collections import deque


class Queue:
    """What waits for a link that sends a number of bytes a second, one datagram after the other."""

    def __init__(self) -> None:
        self._free_at = 0.0
        self._waiting: deque[tuple[float, int]] = deque()  # from when each is sent, and its size
        self._bytes = 0

    def enter(
        self, size: int, now: float, rate: float, most: int, most_bytes: int | None
    ) -> float | None:
        """Take a datagram of this many bytes; tell when its last has left, or None: no room.

        Beside the one that is being sent, most datagrams may wait, of most_bytes together.
        """
        waiting = self._waiting
        while waiting and waiting[0][0] <= now:
            self._bytes -= waiting.popleft()[1]
        start = max(now, self._free_at)
        if start > now:
            too_many_bytes = most_bytes is not None and self._bytes + size > most_bytes
            if len(waiting) >= most or too_many_bytes:
                return None
            waiting.append((start, size))
            self._bytes += size
        self._free_at = start + size / rate
        return self._free_at
