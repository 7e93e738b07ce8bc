"""A record read back, line by line, in memory that does not grow with it.

A file may hold several runs, one after the other. What is damaged is left out and counted, and
so is what a later udpecho may have written: lines of unknown types. Does no I/O: it takes lines
of text, and believes nothing that they say before it has looked.
"""

from __future__ import annotations

import json
import reprlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from udpecho.instrument.probe import Flow
from udpecho.path.hops import Paths
from udpecho.path.verdicts import Verdict
from udpecho.peer import Peer
from udpecho.ping.figures import Summary
from udpecho.ping.outcome import Naming, Outcome
from udpecho.show.entries import (
    KINDS,
    NAMINGS,
    read_naming,
    read_outcome,
    read_start,
    read_summary,
)
from udpecho.show.fields import Fields
from udpecho.show.path_entries import read_path, read_verdict
from udpecho.show.record import Start

LONGEST_LINE = 1 << 26
"""Characters of a line. The summary of 10,000 hosts with 4 flows each has 30 million."""

STRANGE_LINES = 100
"""Lines of nothing that a ping writes before the first run's start: then it is no record."""

EXTRA_FLOWS = 1024
"""Flows of a run beyond those that its start foretells: of hosts that moved to another address."""

MOST_FLOWS = 1 << 17
"""Flows of a run, at most: what is remembered of each takes some kilobytes."""

START_MARK = '{"type":"start"'
"""How a run begins, wherever in a line: what was there before was cut by a kill."""

ASIDE = frozenset({"interval"})
"""Types of lines that tell nothing beside the others."""

FOUND: dict[str, Callable[[Fields], Paths | Verdict]] = {
    "path": read_path,
    "verdict": read_verdict,
}
"""What was found of where flows die, by the type of its line."""

Told: TypeAlias = Outcome | Naming | Paths | Verdict
"""What is told of a run between its start and its summary."""

Entry: TypeAlias = Start | Told | Summary

_NOT_JSON = (ValueError, RecursionError)


class NotARecord(ValueError):
    """A file that no ping wrote; the text says which line, what was expected and what came."""


@dataclass(slots=True)
class LeftOut:
    """What was not taken of a record: how many lines, and the first of the damaged, described."""

    damaged: int = 0
    first: str = ""
    unknown: int = 0


class Entries:
    """The runs of a record, entry by entry: each one's start, what is told, and its summary.

    A run without a summary was cut short, by a kill or within the file.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        """Read lines, each with its line end; a last one without was being written."""
        self._lines = lines
        self._flows: dict[tuple[str, str, int, int], Flow] = {}
        self._most_flows = 0
        self._begun = self._within = False
        self.left_out = LeftOut()

    def __iter__(self) -> Iterator[Entry]:
        """Yield the entries. Raises NotARecord if there is no run."""
        for where, line in enumerate(self._lines, 1):
            try:
                entry = self._read(line)
            except _NOT_JSON as error:
                self._leave_out(where, line, error)
                entry = self._start_within(line)
            if entry is not None:
                yield entry
        if not self._begun:
            raise NotARecord(self.left_out.first or _no_start(1, "nothing"))

    def _read(self, line: str) -> Entry | None:
        if line.isspace():
            return None
        try:
            value = json.loads(line)
        except _NOT_JSON:
            if line.endswith("\n") or not self._within:
                raise
            return None  # it was being written when the ping was killed
        found = Fields(value)
        kind = value.get("type")
        if kind == "start" or not self._begun:
            return self._begin(found)
        if not isinstance(kind, str):
            raise ValueError(f"type: expected a text, got {reprlib.repr(kind)}")
        if kind in KINDS or kind in NAMINGS or kind in FOUND or kind == "summary":
            return self._within_run(kind, found)
        self.left_out.unknown += kind not in ASIDE
        return None

    def _within_run(self, kind: str, found: Fields) -> Told | Summary:
        if not self._within:
            raise ValueError(f"{kind}: expected the start of a run before it")
        if kind in NAMINGS:
            return read_naming(found)
        if kind in FOUND:
            return FOUND[kind](found)
        if kind != "summary":
            return read_outcome(found, self._flow)
        summary = read_summary(found)
        self._within = False
        return summary

    def _begin(self, found: Fields) -> Start:
        self._within = False  # what follows a start that can't be read is of no run
        start = read_start(found)
        self._begun = self._within = True
        self._flows = {}
        planned = start.plan.hosts * start.plan.flows
        self._most_flows = min(planned + EXTRA_FLOWS, MOST_FLOWS)
        return start

    def _start_within(self, line: str) -> Entry | None:
        """Find the next run's start behind a line that was cut within."""
        at = line.find(START_MARK, 1)
        if at < 0:
            return None
        try:
            return self._begin(Fields(json.loads(line[at:])))
        except _NOT_JSON:
            return None

    def _flow(self, target: str, peer: Peer, port: int) -> Flow:
        key = (target, *peer, port)
        flow = self._flows.get(key)
        if flow is None:
            if len(self._flows) >= self._most_flows:
                raise ValueError(f"source_port: expected {self._most_flows} flows at most")
            flow = self._flows[key] = Flow(target, peer, port)
        return flow

    def _leave_out(self, where: int, line: str, error: Exception) -> None:
        """Count a damaged line. Raises NotARecord if there is no telling what this file is."""
        left_out = self.left_out
        left_out.damaged += 1
        if not left_out.first:
            told = str(error) if isinstance(error, ValueError) else "too deep"
            left_out.first = f"line {where}: {told}" if self._begun else _no_start(where, told)
        if START_MARK in line:
            self._within = False
        if not self._begun and (left_out.damaged >= STRANGE_LINES or len(line) >= LONGEST_LINE):
            raise NotARecord(left_out.first)


def _no_start(where: int, told: str) -> str:
    return f"line {where}: expected the start that udpecho ping --json writes ({told})"


class SavedRun:
    """A run of a record, as far as it has been read: iterate over what it tells, once."""

    def __init__(self, number: int, start: Start, entries: Iterator[Entry]) -> None:
        self.number = number
        """Its place in the file, from 1."""

        self.start = start
        self.summary: Summary | None = None
        """Its own, once all before it is read; None if it was cut short."""

        self.next: Start | None = None
        """How the next run begins, where this one was cut short by that."""

        self._entries = entries
        self._over = False

    def __iter__(self) -> Iterator[Told]:
        """Yield what is told, up to the summary, the next run's start, or the file's end."""
        while not self._over:
            entry = next(self._entries, None)
            if isinstance(entry, Told):
                yield entry
                continue
            self._over = True
            if isinstance(entry, Summary):
                self.summary = entry
            else:
                self.next = entry


def runs(entries: Iterable[Entry]) -> Iterator[SavedRun]:
    """Yield the runs of a record, one after the other, each to be gone through before the next."""
    left = iter(entries)
    start = next(left, None)
    number = 0
    while isinstance(start, Start):
        number += 1
        run = SavedRun(number, start, left)
        yield run
        for _ in run:
            pass  # what nobody looked at
        start = run.next or next(left, None)
