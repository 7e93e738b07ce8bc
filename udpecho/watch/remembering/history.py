"""What a node remembers of its peers, for the page: a day, a minute each, in 60 bytes.

Pure, and told the time. What must last longer Prometheus keeps: this is lost with the process.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

MINUTES = 24 * 60
"""How many a peer has; the oldest makes room."""

FLOWS_KEPT = 16
"""Shares of loss kept of a minute; of more flows, the worst of each of so many groups."""

QUANTILES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
"""Of the round trips of a minute, which bound the bands of smoke."""

MEDIAN = QUANTILES.index(0.5)

_BYTES = struct.Struct(f"=IHHHHI{len(QUANTILES)}I{FLOWS_KEPT}s")
_HIGHEST_WORD = (struct.calcsize("=IHHHHI") // 4) + len(QUANTILES) - 1
USUAL_MINUTES = 10
"""Minutes of replies from which there is a usual time."""

_LEAST = 16
"""Minutes for which room is made at first: many a peer is not watched for a day."""

_UNKNOWN = 255
_ALL_LOST = 254
_MOST_COUNT, _MOST_NS = (1 << 16) - 1, (1 << 32) - 1


class Minute(NamedTuple):
    """What became of the probes of one peer in one minute, or in several.

    rtt_ns has the round trips' QUANTILES, or nothing if no reply came; flows_lost each flow's
    share of loss, from 0 to 1, or None where nothing ended.
    """

    minute: int
    sent: int
    replied: int
    late: int
    lost: int
    refused: int
    corrupt: int
    rtt_ns: tuple[int, ...] = ()
    flows_lost: tuple[float | None, ...] = ()

    @property
    def loss(self) -> float | None:
        """The share of probes without a whole reply in time, from 0 to 1; None if none ended."""
        ended = self.replied + self.late + self.lost + self.refused + self.corrupt
        return (ended - self.replied) / ended if ended else None


class History:
    """The last day of one peer: a ring of minutes, which grows with what is known."""

    def __init__(self) -> None:
        self._block = _empty(_LEAST)
        self._first, self._last = 0, -1

    def add(self, minute: Minute) -> None:
        """Remember a minute that is over. What is told of one twice counts as told last.

        A count beyond 65,535, and a time beyond 4.2 s, are kept as these.
        """
        number = minute.minute
        if number <= self._last - MINUTES:
            return
        if self._last < 0:
            self._first, self._last = number, number - 1
        elif number - self._last >= MINUTES:
            self._block = _empty(_LEAST)
            self._first, self._last = number, number - 1
        first, last = min(self._first, number), max(self._last, number)
        first = max(first, last - MINUTES + 1)
        self._grow(last - first + 1)
        for passed in range(self._last + 1, last + 1):
            _BYTES.pack_into(self._block, self._at(passed), *_NOTHING)
        self._first, self._last = first, last
        _BYTES.pack_into(self._block, self._at(number), *_packed(minute))

    def __iter__(self) -> Iterator[Minute]:
        """Go through the minutes of which something is known, in order."""
        return self.between(self._first, self._last + 1)

    def between(self, start: int, stop: int) -> Iterator[Minute]:
        """Go through those from start up to stop."""
        for number in range(max(start, self._first), min(stop, self._last + 1)):
            found = _unpacked(number, _BYTES.unpack_from(self._block, self._at(number)))
            if found is not None:
                yield found

    def usual_highest(self, stop: int) -> int | None:
        """Give the median of the highest quantile of all minutes before one, in ns.

        None if there are fewer than USUAL_MINUTES with a reply.
        """
        words = memoryview(self._block).cast("I")[_HIGHEST_WORD :: _BYTES.size // 4].tolist()
        first = self._first % len(words)
        ring = words[first:] + words[:first]
        before = max(min(stop, self._last + 1) - self._first, 0)
        known = sorted(filter(None, ring[:before]))
        return known[len(known) // 2] if len(known) >= USUAL_MINUTES else None

    @property
    def first(self) -> int | None:
        """The number of the first minute; None before there is one."""
        return self._first if self._last >= 0 else None

    @property
    def last(self) -> int | None:
        """The number of the last minute; None before the first."""
        return self._last if self._last >= 0 else None

    @property
    def nbytes(self) -> int:
        """How many bytes the minutes take."""
        return len(self._block)

    def _at(self, minute: int) -> int:
        room = len(self._block) // _BYTES.size
        return minute % room * _BYTES.size

    def _grow(self, minutes: int) -> None:
        """Have room for so many: twice as much, and again. All peers do so in the same minute."""
        block, size = self._block, _BYTES.size
        before = room = len(block) // size
        if minutes <= room:
            return
        while room < minutes:
            room = min(2 * room, MINUTES)
        self._block = larger = _empty(room)
        for number in range(self._first, self._last + 1):
            was, now = number % before * size, number % room * size
            larger[now : now + size] = block[was : was + size]


_NOTHING = (*[0] * (6 + len(QUANTILES)), bytes([_UNKNOWN] * FLOWS_KEPT))


def _empty(minutes: int) -> bytearray:
    """Make room for so many minutes of which nothing is known."""
    return bytearray(_BYTES.pack(*_NOTHING) * minutes)


def _packed(minute: Minute) -> tuple[object, ...]:
    """Make numbers that fit; which minute it is is told by where it stands."""
    counts = (minute.late, minute.lost, minute.refused, minute.corrupt)
    rtt = minute.rtt_ns or (0,) * len(QUANTILES)
    return (
        minute.sent,
        *(min(count, _MOST_COUNT) for count in counts),
        minute.replied,
        *(min(each, _MOST_NS) for each in rtt),
        bytes(map(_octet, grouped(minute.flows_lost))),
    )


def _unpacked(number: int, fields: tuple[int, ...]) -> Minute | None:
    sent, late, lost, refused, corrupt, replied, *rtt, flows = fields
    if not (sent or replied or late or lost or refused or corrupt):
        return None
    shares = tuple(None if each == _UNKNOWN else each / _ALL_LOST for each in bytes(flows))
    quantiles = tuple(rtt) if replied else ()
    return Minute(number, sent, replied, late, lost, refused, corrupt, quantiles, shares)


def grouped(shares: Sequence[float | None], groups: int = FLOWS_KEPT) -> list[float | None]:
    """Give the worst of each of so many groups of flows; fewer flows than that stay, padded."""
    if len(shares) <= groups:
        return [*shares, *[None] * (groups - len(shares))]
    worst: list[float | None] = [None] * groups
    for flow, share in enumerate(shares):
        group = flow * groups // len(shares)
        if share is not None:
            worst[group] = max(share, worst[group] or 0.0)
    return worst


def _octet(share: float | None) -> int:
    """Make a byte of a share: what lost anything is above 0, what lost not all below the most."""
    if share is None:
        return _UNKNOWN
    if 0 < share < 1:
        return min(max(round(share * _ALL_LOST), 1), _ALL_LOST - 1)
    return _ALL_LOST if share else 0


def together(minutes: Iterable[Minute]) -> Minute | None:
    """Make one of several; None of none.

    Counts are added. Of the round trips it has the least and the greatest, and of what is between
    the middle one of the minutes; of each flow the worst.
    """
    some = list(minutes)
    if len(some) < 2:
        return some[0] if some else None
    counts = [sum(column) for column in zip(*(each[1:7] for each in some), strict=True)]
    columns = list(zip(*(each.rtt_ns for each in some if each.rtt_ns), strict=True))
    middle = tuple(sorted(column)[len(column) // 2] for column in columns[1:-1])
    rtt = (min(columns[0]), *middle, max(columns[-1])) if columns else ()
    flows = zip(*(grouped(each.flows_lost) for each in some), strict=True)
    worst = tuple(max((s for s in shares if s is not None), default=None) for shares in flows)
    return Minute._make([some[0].minute, *counts, rtt, worst])


def thinned(history: History, start: int, stop: int, columns: int) -> Iterator[Minute | None]:
    """Give what is known of a stretch of time, in so many pieces; None of what isn't."""
    pieces = min(columns, stop - start)
    for piece in range(pieces):
        first, end = (start + (stop - start) * at // pieces for at in (piece, piece + 1))
        yield together(history.between(first, end))
