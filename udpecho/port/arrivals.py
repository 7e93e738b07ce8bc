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

_WORD = TIMESPEC.size // 2

_SECONDS, _NANOSECONDS = NAME - TIMESPEC.size, NAME - _WORD


class TimesOfArrival:
    """Takes the times out of a memory's records, and puts the names in."""

    def __init__(self, memory: Memory) -> None:
        self.names = Memory(record=NAME, slot=0)
        self._taken: tuple[bytes, list[int]] = b"", []
        self._map, self._names_map = memory.map, self.names.map
        self._seconds = memory.column("Q", _SECONDS)
        self._nanoseconds = memory.column("Q", _NANOSECONDS)
        self._words = list(zip(memory.columns(0, NAME), self.names.columns(0, NAME), strict=True))

    def take(self, count: int) -> int:
        """Set aside when this many datagrams came, and complete their records.

        Return when the first of them came, in ns since 1970: most need know no more.
        """
        first, seconds = self._seconds[0], self._seconds[:count].tobytes()
        nanoseconds = self._nanoseconds[:count].tolist()
        self._taken = seconds, nanoseconds
        self.complete(count)  # over the times
        if seconds == seconds[:_WORD] * count:
            return first * 1_000_000_000 + min(nanoseconds)
        return min(self.all())

    def all(self) -> list[int]:
        """Tell when each of them came, in ns since 1970."""
        seconds, nanoseconds = self._taken
        whole = memoryview(seconds).cast("Q")
        return [s * 1_000_000_000 + ns for s, ns in zip(whole, nanoseconds, strict=True)]

    def complete(self, count: int) -> None:
        """Put the names of this many senders into their records."""
        if count == 1:
            self._map[:NAME] = self._names_map[:NAME]
            return
        for there, here in self._words:
            there[:count] = here[:count]
