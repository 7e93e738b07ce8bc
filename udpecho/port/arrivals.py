"""When datagrams came, taken aside as they are received, so that their records are like any other.

The kernel puts the time of arrival first of a datagram's control messages, and no two times are
the same: records that had them would never be as the last (see columns). So the control messages
begin where the sender's name is to stand, which is as long as that one; the names are received
elsewhere, and put in its place when it is read.
"""

from __future__ import annotations

from udpecho.kernel.layout import NAME, TIMESPEC
from udpecho.kernel.messages import Memory

BEFORE = NAME
"""Bytes by which the control messages begin earlier: CMSG_SPACE(sizeof(struct timespec))."""

_SECONDS, _NANOSECONDS = NAME - TIMESPEC.size, NAME - TIMESPEC.size // 2


class TimesOfArrival:
    """Takes the times out of a memory's records, and puts the names in."""

    def __init__(self, memory: Memory) -> None:
        self.names = Memory(record=NAME, slot=0)
        self._map, self._names_map = memory.map, self.names.map
        self._seconds = memory.column("Q", _SECONDS)
        self._nanoseconds = memory.column("Q", _NANOSECONDS)
        self._words = list(zip(memory.columns(0, NAME), self.names.columns(0, NAME), strict=True))

    def take(self, count: int) -> list[int]:
        """Tell when this many datagrams came, in ns since 1970, and complete their records."""
        if count == 1:
            came = self._seconds[0] * 1_000_000_000 + self._nanoseconds[0]
            self.complete(count)
            return [came]
        seconds, nanoseconds = self._seconds[:count].tolist(), self._nanoseconds[:count].tolist()
        self.complete(count)  # over the times
        if seconds.count(seconds[0]) == count:
            whole = seconds[0] * 1_000_000_000
            return [whole + each for each in nanoseconds]
        return [s * 1_000_000_000 + ns for s, ns in zip(seconds, nanoseconds, strict=True)]

    def complete(self, count: int) -> None:
        """Put the names of this many senders into their records."""
        if count == 1:
            self._map[:NAME] = self._names_map[:NAME]
            return
        for there, here in self._words:
            there[:count] = here[:count]
