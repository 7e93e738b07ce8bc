"""What a live table shows of a host or a flow, and which of many lose most. Does no I/O."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from udpecho.instrument.probe import WHOLE, Flow
from udpecho.ping.outcome import Outcome
from udpecho.show.amounts import milliseconds, percent, with_address

SPARKS, ASCII_SPARKS = "▁▂▃▄▅▆▇█", "_.-~=+*#"
"""The latest round trips, each as a share of the longest of them."""

LOST = "x"
"""In place of a round trip that there was none of."""

RECENT = 24
"""Probes in a spark line."""

LOOKED_AT = 1000
"""Rows looked at each time that the worst are asked for: half a millisecond's work. Of more,
the others come in turn: of 10,000 each is looked at within ten drawings of the table."""


@dataclass(slots=True)
class LiveRow:
    """What is shown of a host or a flow."""

    name: str
    flow: Flow | None = None
    known: int = 0
    whole: int = 0
    total_ns: int = 0
    best_ns: int | None = None
    worst_ns: int = 0
    last_ns: int | None = None
    recent: deque[int | None] = field(default_factory=lambda: deque(maxlen=RECENT))
    _given_up: set[int] = field(default_factory=set)

    def tell_apart(self) -> None:
        """Add the address, where others have the name too."""
        if self.flow is not None:
            self.name = with_address(self.flow.target, self.flow.peer[0])

    def give_up(self, sequence: int) -> None:
        """Count a probe that is overdue as a loss, until its fate is known."""
        self._given_up.add(sequence)
        self.known += 1
        self.recent.append(None)

    def add(self, outcome: Outcome) -> None:
        """Count a fate."""
        if outcome.sequence in self._given_up:
            self._given_up.discard(outcome.sequence)
            if outcome.kind not in WHOLE:
                return
            self.known -= 1
        self.known += 1
        rtt_ns = outcome.rtt_ns if outcome.kind in WHOLE else None
        self.recent.append(rtt_ns)
        if rtt_ns is None:
            return
        self.whole += 1
        self.total_ns += rtt_ns
        self.last_ns = rtt_ns
        self.best_ns = rtt_ns if self.best_ns is None else min(self.best_ns, rtt_ns)
        self.worst_ns = max(self.worst_ns, rtt_ns)

    @property
    def loss(self) -> float | None:
        """The share that did not come back."""
        return 1 - self.whole / self.known if self.known else None

    def cells(self, sparks: str) -> list[str]:
        """Write the row; sparks are the eight heights of the last cell's characters."""
        mean_ns = self.total_ns // self.whole if self.whole else None
        times = (self.last_ns, mean_ns, self.best_ns, self.worst_ns if self.whole else None)
        latest = self._latest(sparks)
        return [self.name, str(self.known), percent(self.loss), *map(milliseconds, times), latest]

    def _latest(self, sparks: str) -> str:
        highest = max((rtt for rtt in self.recent if rtt is not None), default=1) or 1
        return "".join(
            LOST if rtt_ns is None else sparks[min(7, 8 * rtt_ns // highest)]
            for rtt_ns in self.recent
        )


class Worst:
    """The rows that lose most, of however many there are."""

    def __init__(self) -> None:
        self._from = 0
        self._places: dict[int, None] = {}

    def first(self, rows: list[LiveRow], number: int) -> list[LiveRow]:
        """Choose as many as that, the worst first and else in their own order."""
        looked_at = dict.fromkeys(self._places)
        looked_at.update(dict.fromkeys(range(self._from, min(self._from + LOOKED_AT, len(rows)))))
        self._from = self._from + LOOKED_AT if self._from + LOOKED_AT < len(rows) else 0
        by_loss = sorted(looked_at, key=lambda place: (-(rows[place].loss or 0.0), place))
        self._places = dict.fromkeys(by_loss[:number])
        return [rows[place] for place in self._places]
