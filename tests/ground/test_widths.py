"""How many columns a text takes on a terminal, and what is left of it where there are fewer."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpecho.widths import columns_of, cut, padded, wrapped

WIDE = "日本"
COMBINING = "e\u0301"
TEXTS = st.text(st.sampled_from("ab .日ｶ\u0301각"))


@pytest.mark.parametrize(
    ("text", "columns"),
    [("", 0), ("abc", 3), ("é", 1), (COMBINING, 1), (WIDE, 4), ("ｶ", 1), ("\u200d", 0), ("각", 2)],
)
def test_columns_are_what_a_terminal_gives_a_character(text: str, columns: int) -> None:
    assert columns_of(text) == columns


def test_hangul_that_is_written_by_its_parts_is_one_syllable() -> None:
    assert columns_of("\u1100\u1161\u11a8") == 2


@pytest.mark.parametrize(
    ("text", "columns", "shown"),
    [
        ("echo.example", 12, "echo.example"),
        ("echo.example", 11, "echo.…ample"),
        ("echo.example", 4, "ec…e"),
        ("echo.example", 2, "e…"),
        ("echo.example", 1, "…"),
        ("echo.example", 0, ""),
        ("日本語.example", 10, "日本…mple"),
        ("日本語.example", 9, "日本…mple"),
        ("日本語.example", 8, "日本…ple"),
        (f"{COMBINING}abcd", 3, f"{COMBINING}…d"),
        (f"abcd{COMBINING}", 3, f"a…{COMBINING}"),
    ],
)
def test_a_text_is_cut_in_the_middle(text: str, columns: int, shown: str) -> None:
    assert cut(text, columns, "…") == shown


def test_the_mark_of_a_terminal_without_it_is_two_dots() -> None:
    assert cut("echo.example", 6, "..") == "ec..le"
    assert cut("echo.example", 1, "..") == "."


@given(TEXTS, st.integers(0, 30))
def test_what_is_cut_fits_and_begins_and_ends_as_it_did(text: str, columns: int) -> None:
    shown = cut(text, columns, "…")
    assert columns_of(shown) <= columns
    head, mark, tail = shown.partition("…")
    assert text.startswith(head)
    assert text.endswith(tail)
    assert mark or shown in ("", text)


@given(TEXTS, st.integers(0, 30), st.booleans())
def test_what_is_padded_has_the_columns_asked_for(text: str, columns: int, right: bool) -> None:
    filled = padded(text, columns, right=right)
    assert columns_of(filled) == max(columns, columns_of(text))
    assert (filled.endswith if right else filled.startswith)(text)


def test_a_line_is_broken_at_its_spaces() -> None:
    line = "LOSS to a: 3 of 16 source ports lose: 1 (2%), 3 (4%), 5 (6%)"
    assert list(wrapped(line, 26)) == [
        "LOSS to a: 3 of 16 source",
        "  ports lose: 1 (2%), 3",
        "  (4%), 5 (6%)",
    ]
    assert list(wrapped(line, 80)) == [line]
    assert list(wrapped("", 80)) == [""]
    assert list(wrapped("to echo.example.org", 10)) == ["to", "  echo.exa", "  mple.org"]
    assert list(wrapped("  an inner line", 12)) == ["  an inner", "    line"]


@pytest.mark.parametrize("text", ["a " * 20_000, "日" * 40_000, "e\u0301" * 20_000])
@pytest.mark.parametrize("columns", [2, 80])
def test_a_long_line_takes_no_longer_than_its_parts(text: str, columns: int) -> None:
    """Whoever wrote it: 20,000 words in one column took two minutes."""
    begun = time.process_time()
    lines = list(wrapped(text, columns))
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert time.process_time() - begun < 5


@given(TEXTS, st.integers(1, 30))
def test_a_broken_line_fits_and_nothing_is_lost_but_spaces(text: str, columns: int) -> None:
    lines = list(wrapped(text, columns))
    assert all(columns_of(line) <= max(columns, 2) for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
