"""What standard output is, and how lines are drawn anew on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from os import terminal_size
from shutil import get_terminal_size
from typing import TextIO, TypeAlias

from udpecho.show.live_rows import SPARKS
from udpecho.show.sheet import COLUMNS, Sheet
from udpecho.widths import columns_of

Spans: TypeAlias = Sequence[tuple[str, str]]
"""A line's texts, each with how it looks: what ECMA-48 calls SGR ("1;31"), or nothing."""

ROWS = 24
"""Of a terminal that does not say how many it has."""


def standard_output() -> Sheet:
    """Tell what standard output is now: a terminal may have been made wider, or narrower.

    COLUMNS says how wide it is, if it is set; else the terminal does.
    """
    columns = get_terminal_size((COLUMNS, ROWS)).columns
    return Sheet(columns, encoding_of(sys.stdout, os.environ))


def encoding_of(out: TextIO, environ: Mapping[str, str]) -> str:
    """Tell which characters an output can show: ASCII's, where the locale is said to be C.

    There Python writes UTF-8 (PEP 538, which sets LC_CTYPE, and 540), whoever reads it.
    """
    if not any(environ.get(name) for name in ("PYTHONIOENCODING", "PYTHONUTF8")):
        ctype = environ.get("LC_CTYPE", "").replace("C.UTF-8", "")
        if (environ.get("LC_ALL") or ctype or environ.get("LANG")) in ("C", "POSIX"):
            return "ascii"
    return getattr(out, "encoding", None) or "ascii"


def why_no_table(out: TextIO, environ: Mapping[str, str]) -> str | None:
    """Say what an output is that no table can be drawn on; None if one can."""
    if not out.isatty():
        return "a pipe or a file"
    term = environ.get("TERM", "")
    return f"TERM={term}" if term in ("", "dumb", "unknown") else None


def wants_plain_lines(sheet: Sheet, environ: Mapping[str, str]) -> bool:
    """Tell whether a terminal gets a table only if that is asked for.

    NO_COLOR does as https://no-color.org has it, if it is not empty.
    """
    return bool(environ.get("NO_COLOR")) or not sheet.has(SPARKS)


class Canvas:
    """Lines at the foot of a terminal, drawn anew in the place of those before."""

    def __init__(
        self,
        out: TextIO,
        *,
        colours: bool = True,
        size: Callable[[tuple[int, int]], terminal_size] = get_terminal_size,
        encoding: str = "utf-8",
    ) -> None:
        self._out = out
        self._encoding = encoding
        self._colours = colours
        self._size = size
        self._drawn: Sequence[Spans] = []
        self._drawn_on = 0

    @property
    def sheet(self) -> Sheet:
        """What a line of it has room for now."""
        return Sheet(self._now().columns, self._encoding)

    @property
    def rows(self) -> int:
        """How many lines there are room for now, beside the one that the cursor is on."""
        return self._now().lines - 1

    def draw(self, lines: Sequence[Spans]) -> None:
        """Draw lines in the place of those drawn before."""
        drawn = "".join(f"\x1b[K{''.join(map(self._look, line))}\n" for line in lines)
        self._write(f"{self._back()}{drawn}\x1b[J")
        self._drawn, self._drawn_on = lines, self._now().columns

    def erase(self) -> None:
        """Leave no trace of what was drawn, and write on from where it began."""
        if self._drawn:
            self._write(f"{self._back()}\x1b[J")
            self._drawn = []

    def leave(self) -> None:
        """Leave what was drawn where it is: something else may have been written below it."""
        self._drawn = []

    def _now(self) -> terminal_size:
        return self._size((COLUMNS, ROWS))

    def _back(self) -> str:
        """Go to where the first line begins: of a terminal made narrower, each takes several."""
        columns, lines = self._now().columns, len(self._drawn)
        if columns < self._drawn_on:
            drawn = (columns_of("".join(text for text, _ in line)) for line in self._drawn)
            lines = sum(max(1, -(-each // columns)) for each in drawn)
        return f"\r\x1b[{lines}A" if lines else ""

    def _look(self, span: tuple[str, str]) -> str:
        text, look = span
        return f"\x1b[{look}m{text}\x1b[m" if look and self._colours else text

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
