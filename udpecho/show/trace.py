"""What a picture needs of a run, gathered outcome by outcome, in memory that does not grow with it.

Of up to MOST_ROWS flows or hosts each probe's point, thinned to what can be seen; of more, how
many of the probes of each stretch of time were lost. Does no I/O.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

from udpecho.instrument.probe import Flow, ProbeFate
from udpecho.peer import Peer
from udpecho.ping.outcome import Outcome

MOST_POINTS = 10_000
"""Points of one panel: several for each dot of its width. Beyond, every other is left out."""

MOST_ROWS = 16
"""Rows that are drawn point by point: of more, each would be too low to read."""

PEAKS = 1024
"""Stretches of time of which the highest point is kept, whatever is left out beside it."""

CELLS = 400
"""Stretches of time of a row of a heat map, at most: two dots each."""

FIRST_CELL_S = 2.0**-13
"""How long a stretch is at first; twice as long, each time that the run outgrows its cells."""

Key = tuple[str, Peer, int]
"""A target's name and address, and a flow's source port, or 0 for all its flows."""


@dataclass(slots=True)
class Points:
    """Points over time, in bounded memory: as they grow too many, every other one goes.

    The highest of each of many stretches of time stays, so that no peak, and no lone loss, goes.
    """

    times_s: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    _stride: int = 1
    _seen: int = 0
    _peaks: dict[int, tuple[float, float]] = field(default_factory=dict)
    _peak_s: float = FIRST_CELL_S

    def add(self, time_s: float, value: float) -> None:
        """Add a point."""
        place = int(time_s / self._peak_s)
        peak = self._peaks.get(place)
        if peak is None or value > peak[1]:
            self._peaks[place] = (time_s, value)
            if len(self._peaks) > PEAKS:
                self._merge_peaks()
        self._seen += 1
        if self._seen % self._stride:
            return
        self.times_s.append(time_s)
        self.values.append(value)
        if len(self.times_s) > MOST_POINTS:
            del self.times_s[::2], self.values[::2]
            self._stride *= 2

    def shown(self) -> tuple[list[float], list[float]]:
        """Return the times and values of what is to be drawn."""
        if self._stride == 1:
            return self.times_s, self.values
        peaks = self._peaks.values()
        return (
            [*self.times_s, *(time_s for time_s, _ in peaks)],
            [*self.values, *(value for _, value in peaks)],
        )

    def _merge_peaks(self) -> None:
        peaks, self._peaks = self._peaks, {}
        self._peak_s *= 2
        for time_s, value in peaks.values():
            place = int(time_s / self._peak_s)
            if place not in self._peaks or value > self._peaks[place][1]:
                self._peaks[place] = (time_s, value)


@dataclass(slots=True)
class Row:
    """One flow's or host's points."""

    replies: Points = field(default_factory=Points)
    late: Points = field(default_factory=Points)
    losses: Points = field(default_factory=Points)

    def add(self, time_s: float, outcome: Outcome) -> None:
        """Take a fate."""
        match outcome.kind:
            case ProbeFate.REPLIED:
                self.replies.add(time_s, (outcome.rtt_ns or 0) / 1e6)
            case ProbeFate.LATE:
                self.late.add(time_s, (outcome.rtt_ns or 0) / 1e6)
            case _:
                self.losses.add(time_s, 0.0)


@dataclass(slots=True)
class Cells:
    """How many of a flow's or host's probes were sent, and lost, in each stretch of time."""

    cell_s: float = FIRST_CELL_S
    sent: array[int] = field(default_factory=lambda: array("I", [0]) * CELLS)
    lost: array[int] = field(default_factory=lambda: array("I", [0]) * CELLS)

    def add(self, time_s: float, lost: bool) -> None:
        """Count a probe."""
        while (place := int(time_s / self.cell_s)) >= CELLS:
            self.widen()
        self.sent[place] += 1
        self.lost[place] += lost

    def widen(self) -> None:
        """Make each stretch twice as long."""
        self.cell_s *= 2
        self.sent, self.lost = (
            array("I", map(sum, zip(counts[::2], counts[1::2], strict=True)))
            + array("I", [0]) * (CELLS // 2)
            for counts in (self.sent, self.lost)
        )


class Rows:
    """The flows or the hosts of a run: point by point while there are few, and by cells."""

    def __init__(self) -> None:
        self.points: dict[Key, Row] = {}
        self.cells: dict[Key, Cells] = {}

    def add(self, key: Key, time_s: float, outcome: Outcome) -> None:
        """Take a fate."""
        cells = self.cells.get(key)
        if cells is None:
            cells = self.cells[key] = Cells()
            if len(self.cells) > MOST_ROWS:
                self.points.clear()
        lost = outcome.kind not in (ProbeFate.REPLIED, ProbeFate.LATE)
        cells.add(time_s, lost)
        if len(self.cells) <= MOST_ROWS:
            self.points.setdefault(key, Row()).add(time_s, outcome)


class Trace:
    """What a picture needs of a run."""

    def __init__(self, start_ns: int = 0, unix_ns: int = 0) -> None:
        """Count times from start_ns, of the clock that outcomes tell; the wall clock's unix_ns."""
        self.start_ns = start_ns
        self.unix_ns = unix_ns
        self.ends_s = 0.0
        """When the last probe was sent, since the start."""

        self.hosts = Rows()
        self.flows = Rows()
        """Of a lone host; nothing, once there is another."""

    def add(self, outcome: Outcome) -> None:
        """Take a fate; what is none is not drawn."""
        flow = outcome.flow
        if flow is None or outcome.sent_ns is None or not isinstance(outcome.kind, ProbeFate):
            return
        time_s = max(outcome.sent_ns - self.start_ns, 0) / 1e9
        self.ends_s = max(self.ends_s, time_s)
        self.hosts.add(_key(flow, 0), time_s, outcome)
        if len(self.hosts.cells) == 1:
            self.flows.add(_key(flow, flow.port), time_s, outcome)
        elif self.flows.cells:
            self.flows = Rows()

    def row(self, key: Key) -> Row:
        """Return the points of one of few flows or hosts."""
        return (self.flows if key[2] else self.hosts).points.get(key, Row())


def _key(flow: Flow, port: int) -> Key:
    return flow.target, flow.peer, port
