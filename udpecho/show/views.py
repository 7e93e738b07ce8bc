"""What is seen of a run while it goes on, and at its end: nothing, lines, or JSON.

The live table of a terminal is in table.
"""

from __future__ import annotations

from collections.abc import Callable
from time import time_ns
from typing import Any, Protocol, TextIO

from udpecho.instrument.probe import Probe
from udpecho.ping import Ping
from udpecho.ping.figures import Summary
from udpecho.ping.outcome import Outcome
from udpecho.ping.plan import Plan
from udpecho.show.record import Start, outcome_line, start_line, summary_line
from udpecho.show.sheet import Sheet
from udpecho.show.text import banner, outcome_text, overdue_text, summary_text

Say = Callable[[str], None]

TABLE_FROM_NS = 100_000_000
"""On a terminal, faster than this a table is shown: nobody reads ten lines a second."""

FLUSH_NS = 10_000_000
"""Faster than this, lines of JSON are written as the buffer fills, not one by one."""


class View(Protocol):
    """Who is told of a run."""

    def start(self, run: Ping, reactor: Any) -> None:
        """Begin; what came before is nothing."""

    def outcome(self, outcome: Outcome) -> None:
        """Show an outcome."""

    def overdue(self, probe: Probe) -> None:
        """Show that a probe has had no answer in time."""

    def end(self, summary: Summary) -> None:
        """Show the summary."""

    def beside(self, say: Say) -> Say:
        """Make what says a line that is none of the view's while the view is there."""


def wants_table(plan: Plan) -> bool:
    """Tell whether lines would say less than a table, if there is a terminal."""
    return len(plan.targets) > 1 or plan.interval_ns < TABLE_FROM_NS


class Quiet:
    """The summary only."""

    _numeric = False

    def __init__(self, say: Say, sheet: Callable[[], Sheet] = Sheet) -> None:
        self._say = say
        self._sheet = sheet

    def start(self, run: Ping, reactor: Any) -> None:
        """Say what is pinged."""
        for line in banner(run.plan, numeric=self._numeric):
            self._say(line)

    def outcome(self, outcome: Outcome) -> None:
        """Say nothing."""

    def overdue(self, probe: Probe) -> None:
        """Say nothing."""

    def beside(self, say: Say) -> Say:
        """Say it as it comes."""
        return say

    def end(self, summary: Summary) -> None:
        """Say what was measured."""
        self._say("")
        for line in summary_text(summary, self._sheet()):
            self._say(line)


class Lines(Quiet):
    """A line for each reply, as ping's."""

    def __init__(
        self,
        say: Say,
        sheet: Callable[[], Sheet] = Sheet,
        *,
        numeric: bool,
        timestamps: bool,
        outstanding: bool,
    ) -> None:
        super().__init__(say, sheet)
        self._numeric = numeric
        self._timestamps = timestamps
        self._outstanding = outstanding
        self._alone = True

    def start(self, run: Ping, reactor: Any) -> None:
        """Say what is pinged."""
        super().start(run, reactor)
        self._alone = len(run.plan.targets) == 1

    def outcome(self, outcome: Outcome) -> None:
        """Write a line, unless it is a loss."""
        line = outcome_text(outcome, numeric=self._numeric)
        if line is not None:
            self._write(line)

    def overdue(self, probe: Probe) -> None:
        """Write a line, if that is wanted."""
        if self._outstanding:
            self._write(overdue_text(probe.sequence, probe.flow.target, self._alone))

    def _write(self, line: str) -> None:
        self._say(f"[{time_ns() / 1e9:.6f}] {line}" if self._timestamps else line)


class Json:
    """The record."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def start(self, run: Ping, reactor: Any) -> None:
        """Write what was asked."""
        began = run.started
        self._start = Start(run.plan, began.wall_ns, began.monotonic_ns)
        self._flush = run.plan.interval_ns // len(run.plan.targets) >= FLUSH_NS
        self._write(start_line(self._start))

    def outcome(self, outcome: Outcome) -> None:
        """Write an outcome."""
        self._write(outcome_line(outcome, self._start))

    def overdue(self, probe: Probe) -> None:
        """Write nothing: its outcome is to come."""

    def beside(self, say: Say) -> Say:
        """Say it as it comes."""
        return say

    def end(self, summary: Summary) -> None:
        """Write what was measured."""
        self._write(summary_line(summary))
        self._out.flush()

    def _write(self, line: str) -> None:
        self._out.write(line)
        if self._flush:
            self._out.flush()
