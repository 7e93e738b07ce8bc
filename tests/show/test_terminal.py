"""What is drawn on a terminal, and where nothing is."""

from __future__ import annotations

import io
from os import terminal_size

import pytest

from udpecho.show.sheet import Sheet
from udpecho.show.terminal import (
    Canvas,
    encoding_of,
    standard_output,
    wants_plain_lines,
    why_no_table,
)


class Screen(io.StringIO):
    """A terminal's file; what was written to it is read piece by piece."""

    def __init__(self, columns: int = 20, lines: int = 10, *, a_terminal: bool = True) -> None:
        super().__init__()
        self.now = terminal_size((columns, lines))
        self._a_terminal = a_terminal

    def size(self, _: tuple[int, int]) -> terminal_size:
        return self.now

    def isatty(self) -> bool:
        return self._a_terminal

    def read_new(self) -> str:
        text = self.getvalue()
        self.seek(0)
        self.truncate()
        return text


def test_lines_are_drawn_in_the_place_of_those_before() -> None:
    screen = Screen()
    canvas = Canvas(screen, size=screen.size)
    canvas.draw([[("one", "1")], [("two", "")]])
    assert screen.read_new() == "\x1b[K\x1b[1mone\x1b[m\n\x1b[Ktwo\n\x1b[J"
    canvas.draw([[("three", "")]])
    assert screen.read_new() == "\r\x1b[2A\x1b[Kthree\n\x1b[J"
    canvas.erase()
    assert screen.read_new() == "\r\x1b[1A\x1b[J"
    canvas.erase()
    assert screen.read_new() == ""


def test_of_a_terminal_made_narrower_each_line_takes_several() -> None:
    """The name is of 15 columns, the other of 8: by 7 columns, of three lines and two."""
    screen = Screen()
    canvas = Canvas(screen, size=screen.size)
    canvas.draw([[("a" * 15, "")], [("日本日本", "")], []])
    screen.read_new()
    screen.now = terminal_size((7, 10))
    canvas.erase()
    assert screen.read_new() == "\r\x1b[6A\x1b[J"


def test_what_was_left_is_not_drawn_over() -> None:
    screen = Screen()
    canvas = Canvas(screen, size=screen.size)
    canvas.draw([[("one", "")]])
    canvas.leave()
    screen.read_new()
    canvas.draw([[("one", "")]])
    assert screen.read_new() == "\x1b[Kone\n\x1b[J"


def test_without_colours_a_line_has_none() -> None:
    screen = Screen()
    Canvas(screen, colours=False, size=screen.size).draw([[("one", "1;31")]])
    assert "m" not in screen.read_new()


def test_a_canvas_is_as_large_as_the_terminal_is_now() -> None:
    screen = Screen()
    canvas = Canvas(screen, size=screen.size)
    screen.now = terminal_size((33, 44))
    assert (canvas.sheet.columns, canvas.rows) == (33, 43)


@pytest.mark.parametrize(
    ("a_terminal", "term", "why"),
    [
        (True, "xterm-256color", None),
        (True, "dumb", "TERM=dumb"),
        (True, "unknown", "TERM=unknown"),
        (True, "", "TERM="),
        (True, None, "TERM="),
        (False, "xterm", "a pipe or a file"),
    ],
)
def test_a_table_needs_a_terminal_that_draws(
    a_terminal: bool, term: str | None, why: str | None
) -> None:
    environ = {} if term is None else {"TERM": term}
    assert why_no_table(Screen(a_terminal=a_terminal), environ) == why


@pytest.mark.parametrize(
    ("encoding", "no_color", "plain"),
    [
        ("utf-8", None, False),
        ("utf-8", "", False),
        ("utf-8", "1", True),
        ("ascii", None, True),
        ("latin-1", None, True),
    ],
)
def test_who_wants_no_colours_or_has_not_our_characters_gets_lines(
    encoding: str, no_color: str | None, plain: bool
) -> None:
    environ = {} if no_color is None else {"NO_COLOR": no_color}
    assert wants_plain_lines(Sheet(80, encoding), environ) == plain


@pytest.mark.parametrize(
    ("environ", "encoding"),
    [
        ({}, "utf-8"),
        ({"LANG": "en_US.UTF-8"}, "utf-8"),
        ({"LANG": "C.UTF-8"}, "utf-8"),
        ({"LANG": "C"}, "ascii"),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, "ascii"),
        ({"LANG": "C", "LC_CTYPE": "de_DE.UTF-8"}, "utf-8"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "POSIX"}, "ascii"),
        ({"LANG": "C", "LC_ALL": "C.UTF-8"}, "utf-8"),
        ({"LANG": "C", "PYTHONIOENCODING": "utf-8"}, "utf-8"),
        ({"LANG": "C", "PYTHONUTF8": "1"}, "utf-8"),
    ],
)
def test_where_the_locale_is_C_there_is_ascii(environ: dict[str, str], encoding: str) -> None:
    """Though Python writes UTF-8 there, and says in LC_CTYPE that it does."""
    assert encoding_of(io.TextIOWrapper(io.BytesIO(), "utf-8"), environ) == encoding


@pytest.mark.parametrize(("said", "columns"), [("132", 132), ("40", 40), ("0", 80), ("wide", 80)])
def test_standard_output_is_as_wide_as_COLUMNS_says(
    said: str, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", said)
    monkeypatch.setattr("sys.__stdout__", io.StringIO())  # no terminal
    assert standard_output().columns == columns
