"""What is seen of a run while it goes on, and at its end: nothing, lines, or JSON.

The live table of a terminal is in table.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain, islice
from time import time_ns
from typing import Any, Protocol

from udpecho.instrument.probe import Probe
from udpecho.ping import Ping
from udpecho.ping.figures import Summary
from udpecho.ping.intervals import Interval
from udpecho.ping.outcome import Naming, Outcome
from udpecho.ping.plan import Plan
from udpecho.show.interval_text import interval_text
from udpecho.show.record import (
    Start,
    interval_line,
    naming_line,
    outcome_line,
    start_line,
    summary_line,
)
from udpecho.show.sheet import Sheet
from udpecho.show.text import banner, outcome_text, overdue_text, summary_text

Say = Callable[[str], None]

TABLE_FROM_NS = 100_000_000
"""On a terminal, faster than this a table is shown: nobody reads ten lines a second."""

PORTION = 64
"""Lines of an interval's hosts that are made in one turn of the reactor, at 10 µs each."""

FLUSH_NS = 10_000_000
"""Faster than this, lines of JSON are written as the buffer fills, not one by one."""


class TextOut(Protocol):
    """What lines are written to."""

    def write(self, text: str, /) -> object:
        """Take some text."""

    def flush(self) -> object:
        """Write what was taken."""


class View(Protocol):
    """Who is told of a run."""

    def start(self, run: Ping, reactor: Any) -> None:
        """Begin; what came before is nothing."""

    def outcome(self, outcome: Outcome) -> None:
        """Show an outcome."""

    def overdue(self, probe: Probe) -> None:
        """Show that a probe has had no answer in time."""

    def named(self, naming: Naming) -> None:
        """Show that a host has no address, or a new one, beside the line that says so."""

    def interval(self, interval: Interval) -> None:
        """Show what an interval was like."""

    def end(self, summary: Summary) -> None:
        """Show the summary."""

    def beside(self, say: Say) -> Say:
        """Make what says a line that is none of the view's while the view is there."""


def wants_table(plan: Plan) -> bool:
    """Tell whether lines would say less than a table, if there is a terminal."""
    return plan.hosts > 1 or plan.interval_ns < TABLE_FROM_NS


class Quiet:
    """The summary only."""

    _numeric = False

    def __init__(self, say: Say, sheet: Callable[[], Sheet] = Sheet) -> None:
        self._say = say
        self._sheet = sheet

    def start(self, run: Ping, reactor: Any) -> None:
        """Say what is pinged."""
        self._began_ns = run.started.wall_ns
        for line in banner(run.plan, numeric=self._numeric):
            self._say(line)

    def outcome(self, outcome: Outcome) -> None:
        """Say nothing."""

    def overdue(self, probe: Probe) -> None:
        """Say nothing."""

    def named(self, naming: Naming) -> None:
        """Say nothing more."""

    def beside(self, say: Say) -> Say:
        """Say it as it comes."""
        return say

    def interval(self, interval: Interval) -> None:
        """Say what it was like."""
        for line in interval_text(interval, self._began_ns, self._sheet()):
            self._say(line)

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
        self._alone = run.plan.hosts == 1

    def outcome(self, outcome: Outcome) -> None:
        """Write a line, unless it is a loss."""
        line = outcome_text(outcome, numeric=self._numeric, alone=self._alone)
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

    def __init__(self, out: TextOut) -> None:
        self._out = out
        self._portions: deque[Iterator[str]] = deque()

    def start(self, run: Ping, reactor: Any) -> None:
        """Write what was asked."""
        self._reactor = reactor
        began = run.started
        self._start = Start(run.plan, began.wall_ns, began.monotonic_ns)
        self._flush = run.plan.interval_ns // run.plan.hosts >= FLUSH_NS
        self._write(start_line(self._start))

    def outcome(self, outcome: Outcome) -> None:
        """Write an outcome."""
        self._write(outcome_line(outcome, self._start))

    def overdue(self, probe: Probe) -> None:
        """Write nothing: its outcome is to come."""

    def named(self, naming: Naming) -> None:
        """Write it."""
        self._write(naming_line(naming, self._start))

    def beside(self, say: Say) -> Say:
        """Say it as it comes."""
        return say

    def interval(self, interval: Interval) -> None:
        """Write what an interval was like: in portions, since there may be many hosts."""
        span_ns = interval.from_ns, interval.to_ns
        turnouts = chain([interval.whole()], interval.hosts())
        self._portions.append(interval_line(each, *span_ns) for each in turnouts)
        if len(self._portions) == 1:
            self._write_portion()

    def end(self, summary: Summary) -> None:
        """Write what was measured."""
        for line in chain.from_iterable(self._portions):
            self._write(line)
        self._portions.clear()
        self._write(summary_line(summary))
        self._out.flush()

    def _write_portion(self) -> None:
        if not self._portions:
            return
        lines = list(islice(self._portions[0], PORTION))
        for line in lines:
            self._write(line)
        if len(lines) < PORTION:
            self._portions.popleft()
        if self._portions:
            self._reactor.callLater(0, self._write_portion)

    def _write(self, line: str) -> None:
        self._out.write(line)
        if self._flush:
            self._out.flush()


class Recorder(Json):
    """The record, beside another view, into what is begun when the run has."""

    def __init__(self, out: TextOut, begin: Callable[[Any], None]) -> None:
        super().__init__(out)
        self._begin = begin

    def start(self, run: Ping, reactor: Any) -> None:
        """Begin, and write what was asked."""
        self._begin(reactor)
        super().start(run, reactor)


class Together:
    """Several views of one run; the first is the one that a line is said beside."""

    def __init__(self, first: View, *others: View) -> None:
        self._first = first
        self._views = (first, *others)

    def start(self, run: Ping, reactor: Any) -> None:
        """Begin each."""
        for view in self._views:
            view.start(run, reactor)

    def outcome(self, outcome: Outcome) -> None:
        """Show an outcome in each."""
        for view in self._views:
            view.outcome(outcome)

    def overdue(self, probe: Probe) -> None:
        """Show in each that a probe has had no answer in time."""
        for view in self._views:
            view.overdue(probe)

    def named(self, naming: Naming) -> None:
        """Show in each what became of a host's name."""
        for view in self._views:
            view.named(naming)

    def interval(self, interval: Interval) -> None:
        """Show in each what an interval was like."""
        for view in self._views:
            view.interval(interval)

    def end(self, summary: Summary) -> None:
        """Show the summary in each."""
        for view in self._views:
            view.end(summary)

    def beside(self, say: Say) -> Say:
        """Say it beside the first."""
        return self._first.beside(say)
