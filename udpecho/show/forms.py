"""The forms in which a saved run is told: text as ping's, the summary as JSON, rows of CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from udpecho.path.hops import Paths
from udpecho.path.verdicts import Verdict
from udpecho.ping.figures import Summary
from udpecho.ping.outcome import Naming, Outcome
from udpecho.show.csv_rows import header, rows
from udpecho.show.packets_text import mtu_lines_of_hosts
from udpecho.show.path_record import path_lines, verdict_line
from udpecho.show.path_text import verdict_text
from udpecho.show.record import Start, summary_line
from udpecho.show.sheet import Sheet
from udpecho.show.text import banner, naming_text, outcome_text, summary_text

Say = Callable[[str], None]


class Form(Protocol):
    """Who is told of the runs of a record, one after the other; they count from 1."""

    def begin(self, number: int, start: Start) -> None:
        """Tell of a run's beginning."""

    def outcome(self, outcome: Outcome) -> None:
        """Tell of an outcome."""

    def named(self, naming: Naming) -> None:
        """Tell what became of a host's name."""

    def found(self, found: Paths | Verdict) -> None:
        """Tell a flow's path, or where flows die."""

    def end(self, number: int, start: Start, summary: Summary, remarks: Sequence[str]) -> None:
        """Tell what a run measured, and what must be said of that."""


MOST_SIZED = 1 << 14
"""Flows of a run whose path MTUs are told: as many as ping searches, at most."""


class AsText:
    """What ping prints; with lines, of each reply, too."""

    def __init__(
        self, say: Say, sheet: Callable[[], Sheet] = Sheet, *, lines: bool = False
    ) -> None:
        self._say = say
        self._sheet = sheet
        self._sized: list[Paths] = []
        self._lines = lines
        self._alone = True
        self._began = False

    def begin(self, number: int, start: Start) -> None:
        """Say what was pinged."""
        if self._began:
            self._say("")
        self._began = True
        self._alone = start.plan.hosts == 1
        for line in banner(start.plan):
            self._say(line)

    def outcome(self, outcome: Outcome) -> None:
        """Say what ping would."""
        if not self._lines:
            return
        line = outcome_text(outcome, alone=self._alone)
        if line is not None:
            self._say(line)

    def named(self, naming: Naming) -> None:
        """Say it."""
        for line in self._sheet().wrap(naming_text(naming)):
            self._say(line)

    def found(self, found: Paths | Verdict) -> None:
        """Say where flows die, as ping does; and their path MTUs, when all are known."""
        if isinstance(found, Verdict):
            for line in ("", *verdict_text(found, self._sheet())):
                self._say(line)
        elif any(path.mtu for path in found.paths) and len(self._sized) < MOST_SIZED:
            self._sized.append(found)

    def end(self, number: int, start: Start, summary: Summary, remarks: Sequence[str]) -> None:
        """Say the remarks and the summary."""
        sheet = self._sheet()
        mtus = [*mtu_lines_of_hosts(self._sized)]
        self._sized.clear()
        if mtus:
            self._say("")
        for line in (line for mtu in mtus for line in sheet.wrap(mtu)):
            self._say(line)
        told = (line for remark in remarks for line in sheet.wrap(remark))
        for line in ("", *told, *summary_text(summary, sheet)):
            self._say(line)


class _Data:
    """Summaries for programs, and the remarks elsewhere."""

    def __init__(self, say: Say, complain: Say) -> None:
        self._say = say
        self._complain = complain

    def begin(self, number: int, start: Start) -> None:
        """Say nothing."""

    def outcome(self, outcome: Outcome) -> None:
        """Say nothing."""

    def named(self, naming: Naming) -> None:
        """Say it as a remark."""
        self._complain(naming_text(naming))

    def found(self, found: Paths | Verdict) -> None:
        """Say nothing."""

    def end(self, number: int, start: Start, summary: Summary, remarks: Sequence[str]) -> None:
        """Say the remarks, then the summary."""
        for remark in remarks:
            self._complain(remark)
        for line in self.lines(number, start, summary):
            self._say(line)

    def lines(self, number: int, start: Start, summary: Summary) -> Iterable[str]:
        """Write the summary."""
        raise NotImplementedError


class AsJson(_Data):
    """The summary as the record has it, a line for each run; before it what was found of paths."""

    def found(self, found: Paths | Verdict) -> None:
        """Say it as the record has it."""
        lines = [verdict_line(found)] if isinstance(found, Verdict) else path_lines(found)
        for line in lines:
            self._say(line.rstrip("\n"))

    def lines(self, number: int, start: Start, summary: Summary) -> Iterable[str]:
        """Write the summary."""
        return [summary_line(summary).rstrip("\n")]


class AsCsv(_Data):
    """A row for each host, and for each of its flows where it has several, below one header."""

    def __init__(self, say: Say, complain: Say) -> None:
        super().__init__(say, complain)
        self._headed = False

    def begin(self, number: int, start: Start) -> None:
        """Say the header, once."""
        if not self._headed:
            self._say(header())
        self._headed = True

    def lines(self, number: int, start: Start, summary: Summary) -> Iterable[str]:
        """Write the rows."""
        return rows(number, start, summary)
