"""What changed from one look at paths to the next: no silence is a change."""

from __future__ import annotations

import pytest

from tests.path.test_judge import path
from udpecho.path import Path, Paths
from udpecho.show.live_paths import live_lines
from udpecho.show.path_changes import marked_rows
from udpecho.show.path_text import marked_lines
from udpecho.show.sheet import Sheet
from udpecho.widths import columns_of


def of(*flows: Path) -> Paths:
    return Paths("h", ("192.0.2.1", 7), flows)


def marks(now: Paths, before: Paths | None) -> dict[tuple[str, str], str]:
    return {(row.label, row.router): mark for mark, row in marked_rows(now, before)}


BEFORE = of(
    path(0, "a", "b", "d"), path(1, "a", "c", "d"), path(2, "a", "c", "d"), path(3, "a", None, "d")
)


def test_nothing_is_marked_without_a_look_before_or_where_all_is_the_same() -> None:
    assert set(marks(BEFORE, None).values()) == {""}
    assert set(marks(BEFORE, BEFORE).values()) == {""}


def test_what_is_new_and_where_flows_came_to_and_what_is_gone() -> None:
    now = of(
        path(0, "a", "e", "d"), path(1, "a", "c", "d"), path(2, "a", "c", "d"),
        path(3, "a", "c", "d"),
    )  # fmt: skip
    assert marks(now, BEFORE) == {
        ("1", "a"): "",
        ("2a", "e"): "+",
        ("2b", "c"): "",
        ("2", "b"): "-",
        ("3", "d"): "",
    }
    moved = of(*(path(n, "a", "c", "d") for n in range(4)))
    assert marks(moved, BEFORE)[("2", "c")] == "~"


def test_silence_is_no_change() -> None:
    silent = of(*(path(n, "a", None, "d") for n in range(4)))
    assert set(marks(silent, BEFORE).values()) == {""}
    heard = marks(BEFORE, silent)
    assert heard == {
        ("1", "a"): "", ("2a", "b"): "+", ("2b", "c"): "+", ("2c", "(silent)"): "", ("3", "d"): "",
    }  # fmt: skip


def test_a_path_that_is_shorter_now_leaves_routers() -> None:
    now = of(*(path(n, "a", "c") for n in range(4)))
    assert marks(now, BEFORE)[("3", "d")] == "-"


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("rows", [3, 6, 50])
def test_a_picture_fits_its_terminal(columns: int, rows: int) -> None:
    now = of(*(path(n, f"10.1.{n}.1", f"2001:db8:ffff:ffff:ffff::{n}") for n in range(20)))
    for was in (None, BEFORE):
        lines = live_lines(now, was, "look 2; Ctrl-C ends" * 9, Sheet(columns), rows)
        texts = ["".join(text for text, _ in line) for line in lines]
        assert len(lines) <= max(rows, 4)
        assert max(map(columns_of, texts)) <= columns
    assert live_lines(None, None, "look 1", Sheet(columns), rows) == [[("look 1", "2")]]


def test_changes_stand_out_by_their_marks_and_colours() -> None:
    now = of(path(0, "a", "e", "d"), path(1, "a", "c", "d"))
    lines = live_lines(now, BEFORE, "", Sheet(), 50)
    looks = {text.split()[0]: look for [(text, look)] in lines if look in ("31", "32", "33")}
    assert looks == {"+": "32", "-": "31"}
    assert [mark for _, mark in marked_lines(now, Sheet(40), BEFORE) if mark] == ["+", "-"]
