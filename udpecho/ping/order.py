"""What depends on the order of a flow's probes and replies: reordering, jitter, bursts, IPDV.

Told one fate after the other, it keeps what the next one needs and no more. Reads no clock;
times are nanoseconds.
"""

from __future__ import annotations

from collections import deque

REMEMBERED_RECORDS = 256
"""Replies that came before one to an earlier probe, remembered until that is decided, to tell how
far it came behind them. A reply overtaken by more has an extent of at least this."""

MOST_HELD = 1 << 18
"""Fates held because an earlier probe has none, at most: as many probes as a run remembers."""


class Arrivals:
    """The order in which a flow's replies come: RFC 4737's reordering, RFC 3550's jitter."""

    __slots__ = (
        "_count",
        "_highest",
        "_jitter_ns",
        "_last_rtt_ns",
        "extent",
        "records",
        "reordered",
    )

    def __init__(self) -> None:
        self.reordered = self.extent = self._count = self._highest = 0
        self.records: deque[tuple[int, int]] = deque(maxlen=REMEMBERED_RECORDS)
        """Replies that one to an earlier probe may still come behind: their probe, their place."""

        self._last_rtt_ns: int | None = None
        self._jitter_ns: float | None = None

    @property
    def jitter_ns(self) -> int | None:
        """RFC 3550's estimate; None before the second reply."""
        return None if self._jitter_ns is None else round(self._jitter_ns)

    def record(self, index: int, rtt_ns: int, undecided: int) -> None:
        """Note the first whole reply to a probe, given by its place in its flow.

        undecided is the place of the first probe whose fate is not known: what came before it
        overtakes nothing more, and is forgotten.
        """
        self._count += 1
        if index < self._highest:
            self.reordered += 1
            self.extent = max(self.extent, self._count - self._first_beyond(index))
        else:
            self._highest = index
            if index > undecided:
                self.records.append((index, self._count))
        while self.records and self.records[0][0] < undecided:
            self.records.popleft()
        if self._last_rtt_ns is not None:
            difference = abs(rtt_ns - self._last_rtt_ns)
            jitter = self._jitter_ns or 0.0
            self._jitter_ns = jitter + (difference - jitter) / 16
        self._last_rtt_ns = rtt_ns

    def _first_beyond(self, index: int) -> int:
        """Return the place of the first reply to a later probe: it was a record then."""
        place = self._count
        for record, when in reversed(self.records):
            if record < index:
                break
            place = when
        return place


class Successions:
    """What needs the probes in the order they were sent: loss bursts (RFC 3357) and IPDV.

    Fates come in any order; each is held until those of all earlier probes are known. Where more
    than most_held are, an earlier one will never be: it is no loss, and a burst ends there.
    """

    __slots__ = (
        "_burst",
        "_most_held",
        "_previous_rtt_ns",
        "bursts",
        "held",
        "ipdv_count",
        "ipdv_max_ns",
        "ipdv_sum_ns",
        "longest",
        "undecided",
    )

    def __init__(self, most_held: int = MOST_HELD) -> None:
        self.bursts = self.longest = 0
        self._most_held = most_held
        self.ipdv_count = self.ipdv_sum_ns = self.ipdv_max_ns = 0
        self._burst = 0
        self.undecided = 1
        self.held: dict[int, int | None] = {}
        """Fates that wait for those of earlier probes."""

        self._previous_rtt_ns: int | None = None

    def record(self, index: int, rtt_ns: int | None) -> None:
        """Note a fate: the round trip of a whole reply, or None."""
        if index != self.undecided:
            if index > self.undecided:
                self.held[index] = rtt_ns
                if len(self.held) > self._most_held:
                    self.go_on(self._most_held // 2)
            return
        self._follow(rtt_ns)
        while self.held and self.undecided in self.held:
            self._follow(self.held.pop(self.undecided))

    def go_on(self, held: int = 0) -> None:
        """Wait no more for the fates that are missing, until this many are held at most."""
        for index in sorted(self.held):
            if len(self.held) <= held:
                return
            if index in self.held:
                self.undecided, self._burst, self._previous_rtt_ns = index, 0, None
                self.record(index, self.held.pop(index))

    def _follow(self, rtt_ns: int | None) -> None:
        self.undecided += 1
        if rtt_ns is None:
            self._burst += 1
            self.bursts += self._burst == 1
            self.longest = max(self.longest, self._burst)
        else:
            self._burst = 0
            if self._previous_rtt_ns is not None:
                ipdv_ns = abs(rtt_ns - self._previous_rtt_ns)
                self.ipdv_count += 1
                self.ipdv_sum_ns += ipdv_ns
                if ipdv_ns > self.ipdv_max_ns:
                    self.ipdv_max_ns = ipdv_ns
        self._previous_rtt_ns = rtt_ns
