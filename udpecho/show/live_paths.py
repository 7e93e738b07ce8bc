"""Paths that are looked at again and again, drawn on a terminal, with what changed. Does no I/O."""

from __future__ import annotations

from udpecho.path.hops import Paths
from udpecho.show.path_changes import GONE, MOVED, NEW
from udpecho.show.path_text import marked_lines
from udpecho.show.sheet import Sheet
from udpecho.show.terminal import Spans

LOOKS = {NEW: "32", MOVED: "33", GONE: "31"}
"""Green, yellow and red."""

DIM = "2"


def live_lines(
    now: Paths | None, before: Paths | None, foot: str, sheet: Sheet, rows: int
) -> list[Spans]:
    """Write the last picture, as much as there are rows for, and a line below it."""
    below: list[Spans] = [[(sheet.cut(foot, sheet.columns), DIM)]]
    if now is None:
        return below
    lines = list(marked_lines(now, sheet, before))
    room = max(1, rows - len(below) - 2)
    left_out = len(lines) - room
    if left_out > 1:
        more = sheet.cut(f"... and {left_out + 1} lines more", sheet.columns)
        lines = [*lines[: room - 1], (more, "")]
    return [*([(text, LOOKS.get(mark, ""))] for text, mark in lines), [("", "")], *below]
