"""A live table on a terminal: a row for each host, or for each flow of a lone one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from udpecho.instrument.probe import Flow, Probe, ProbeFate
from udpecho.peer import format_peer
from udpecho.ping import Ping
from udpecho.ping.figures import Summary
from udpecho.ping.intervals import Interval
from udpecho.ping.outcome import Naming, Outcome
from udpecho.ping.plan import Target
from udpecho.show.interval_text import interval_text
from udpecho.show.live_rows import ASCII_SPARKS, LOOKED_AT, LOST, RECENT, SPARKS, LiveRow, Worst
from udpecho.show.remarks import standing_out
from udpecho.show.rows import GAP, Column, TableLayout, lay_out
from udpecho.show.sheet import Sheet
from udpecho.show.summary_tables import NARROWEST_NAME
from udpecho.show.terminal import Canvas, Spans
from udpecho.show.text import banner, summary_text

REFRESH_SECONDS = 0.25

MOST_ROWS = 100
"""Rows on however tall a terminal: more than 3 ms' work would hold up the probes."""

FIRST_LOOK = 1000
"""Rows, beside two for each host, from which to look for those of hosts that are probed no more;
then each time that there are twice as many."""

STOPPED_SECONDS = 2.0
"""Where so long nothing was drawn, the process was stopped, and the shell wrote below the table."""

BOLD, DIM, LOSES, LOSES_NONE, SPARK = "1", "2", "1;31", "32", "36"

_LOSS, _LATEST = 2, 7
_COLUMNS = (
    Column("probes", 4),
    Column("loss", 0),
    Column("last", 2, unit="ms"),
    Column("mean", 5, unit="ms"),
    Column("best", 7, unit="ms"),
    Column("worst", 6, unit="ms"),
    Column("latest", 3, 8),
)
_USUAL = ["", "00000", "00.00%", *["000.000"] * 4, "x" * RECENT]
"""As wide as columns are made from the start, so that they stay where they are."""


class LiveTable:
    """The table, drawn anew a few times a second; the summary takes its place."""

    def __init__(
        self, say: Callable[[str], None], canvas: Canvas, *, numeric: bool = False
    ) -> None:
        self._say = say
        self._numeric = numeric
        self._canvas = canvas
        self._by_key: dict[tuple[object, ...], LiveRow] = {}
        self._rows: list[LiveRow] = []
        self._by_name: dict[str, LiveRow] = {}
        self._worst = Worst()
        self._known = 0
        self._by_flow = False

    def start(self, run: Ping, reactor: Any) -> None:
        """Show the table from now on."""
        self._run = run
        self._seconds: Callable[[], float] = reactor.seconds
        self._drawn_at = self._seconds()
        self._by_flow = run.plan.hosts == 1 and run.plan.flows > 1
        self._most_rows = FIRST_LOOK + 2 * len(run.plan.targets)
        for line in banner(run.plan, numeric=self._numeric):
            self._say(line)
        self._drawing = LoopingCall(self._draw)
        self._drawing.clock = reactor
        drawn = self._drawing.start(REFRESH_SECONDS, now=False)
        drawn.addErrback(self._has_gone)

    def beside(self, say: Callable[[str], None]) -> Callable[[str], None]:
        """Make what says a line above the table; it is drawn again when its time has come."""

        def above(line: str) -> None:
            self._canvas.erase()
            say(line)

        return above

    def outcome(self, outcome: Outcome) -> None:
        """Count a fate in its row."""
        if outcome.flow is not None and isinstance(outcome.kind, ProbeFate):
            row = self._row(outcome.flow)
            before = row.known
            row.add(outcome)
            self._known += row.known - before

    def overdue(self, probe: Probe) -> None:
        """Show a loss before it is certain: certainty takes as long as a late reply may."""
        self._row(probe.flow).give_up(probe.sequence)
        self._known += 1

    def named(self, naming: Naming) -> None:
        """Show nothing: a line says it, and whoever moved has another row."""

    def interval(self, interval: Interval) -> None:
        """Say what it was like, above the table."""
        say = self.beside(self._say)
        for line in interval_text(interval, self._run.started.wall_ns, self._canvas.sheet):
            say(line)

    def end(self, summary: Summary) -> None:
        """Put the summary in the table's place."""
        if self._drawing.running:
            self._drawing.stop()
        self._canvas.erase()
        self._say("")
        for line in summary_text(summary, self._canvas.sheet):
            self._say(line)

    def lines(self, sheet: Sheet, rows: int) -> list[Spans]:
        """Write what is shown now: the rows that lose most, as many as fit."""
        if len(self._rows) > self._most_rows:
            self._forget_retired()
        foot = list(sheet.wrap(self._progress()))
        if len(self._rows) <= LOOKED_AT and (names := standing_out(self._run.losers())):
            foot[:0] = sheet.wrap(names)
        room = max(1, min(MOST_ROWS, rows - len(foot) - 1))
        if len(self._rows) > room:
            room = max(1, room - 1)
            foot.insert(0, f"... and {len(self._rows) - room:,} that lost no more"[: sheet.columns])
        shown = self._worst.first(self._rows, room)
        if any(map(self._is_retired, shown)):
            self._forget_retired()
            return self.lines(sheet, rows)
        sparks = SPARKS if sheet.has(SPARKS) else ASCII_SPARKS
        cells = [row.cells(sparks) for row in shown]
        named = Column("source port" if self._by_flow else "host", 0, NARROWEST_NAME)
        layout = lay_out((named, *_COLUMNS), [*cells, _USUAL], sheet)
        return [
            [(layout.header(), BOLD)],
            *(_spans(layout, row) for row in cells),
            *([(line, DIM)] for line in foot),
        ]

    def _has_gone(self, why: Failure) -> None:
        """End the run: there is no terminal any more."""
        why.trap(OSError)
        self._run.stop()

    def _row(self, flow: Flow) -> LiveRow:
        key = (flow.target, flow.peer, flow.port if self._by_flow else 0)
        row = self._by_key.get(key)
        if row is None:
            name = format_peer(flow.peer) if self._numeric else flow.target
            name = str(flow.port) if self._by_flow else name
            row = self._by_key[key] = LiveRow(name, flow)
            if name in self._by_name and not (self._by_flow or self._numeric):
                for each in (self._by_name[name], row):
                    each.tell_apart()
            self._by_name[name] = row
            self._rows.append(row)
        return row

    def _is_retired(self, row: LiveRow) -> bool:
        """Tell whether a row's host is probed no more, though the run has no end."""
        if row.flow is None or self._run.plan.count is not None:
            return False
        return Target(row.flow.target, row.flow.peer) not in self._run.roster

    def _forget_retired(self) -> None:
        self._by_key = {key: row for key, row in self._by_key.items() if not self._is_retired(row)}
        self._rows = list(self._by_key.values())
        self._by_name = {row.name: row for row in self._rows}
        self._most_rows = max(FIRST_LOOK, 2 * len(self._rows))
        self._worst = Worst()

    def _progress(self) -> str:
        planned = self._run.plan.probes
        if planned is None:
            return f"{self._known:,} probes; Ctrl-C for the summary"
        return f"{self._known:,} of {planned:,} probes, {100 * self._known // planned} %"

    def _draw(self) -> None:
        now = self._seconds()
        if now - self._drawn_at > STOPPED_SECONDS:
            self._canvas.leave()
        self._drawn_at = now
        self._canvas.draw(self.lines(self._canvas.sheet, self._canvas.rows))


def _spans(layout: TableLayout, row: Sequence[str]) -> Spans:
    """Write a row with its looks: what was lost stands out."""
    spans: list[tuple[str, str]] = []
    for index in layout.widths:
        if spans:
            spans.append((GAP, ""))
        if index == _LATEST:
            latest = row[index][-layout.widths[index] :]
            pieces = re.findall(f"{LOST}+|[^{LOST}]+", latest)
            spans += [(piece, LOSES if piece[0] == LOST else SPARK) for piece in pieces]
        else:
            loses = row[index] not in ("0%", "-")
            look = (LOSES if loses else LOSES_NONE) if index == _LOSS else ""
            spans.append((layout.cell(index, row[index]), look))
    return spans
