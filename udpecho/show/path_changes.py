"""What of paths is another than in the look before. Does no I/O.

A hop that is silent now, or was, tells nothing: that an answer is missing is no change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from udpecho.path.hops import Path, Paths
from udpecho.show.path_rows import SILENT, HopRow, router_of, rows_of

NEW, MOVED, GONE = "+", "~", "-"
"""A router that was not there before; one that was, and flows came to it from others; one that
was there, and whose flows go elsewhere now."""

Marked: TypeAlias = tuple[str, HopRow]


def marked_rows(now: Paths, before: Paths | None) -> list[Marked]:
    """Make the rows of paths, each with how it changed, or nothing; those that are gone, too."""
    rows = rows_of(now.paths)
    if before is None:
        return [("", row) for row in rows]
    old = {_place(row): row for row in rows_of(before.paths)}
    found = [(_mark(row, _place(row) in old, before.paths), row) for row in rows]
    here = {_place(row) for row in rows}
    gone = [row for place, row in old.items() if place not in here and _left(row, now.paths)]
    for row in gone:
        at = sum(each.hop.ttl <= row.hop.ttl for _, each in found)
        found.insert(at, (GONE, HopRow(row.hop, str(row.hop.ttl))))
    return found


def _mark(row: HopRow, was_there: bool, before: Sequence[Path]) -> str:
    if row.router == SILENT:
        return ""
    if not was_there:
        return NEW
    return MOVED if any(_elsewhere(row, number, before) for number in row.flows) else ""


def _left(row: HopRow, now: Sequence[Path]) -> bool:
    """Tell whether a flow that passed a router is known to go elsewhere."""
    return row.router != SILENT and any(_elsewhere(row, number, now) for number in row.flows)


def _elsewhere(row: HopRow, number: int, paths: Sequence[Path]) -> bool:
    """Tell whether a flow is known to pass another router at a row's hop, or to end before it."""
    if number >= len(paths):
        return False
    path, ttl = paths[number], row.hop.ttl
    if ttl > len(path.hops):
        return path.distance is not None and path.distance <= ttl
    hop = path.hops[ttl - 1]
    return bool(hop.addresses) and router_of(hop) != row.router


def _place(row: HopRow) -> tuple[int, str]:
    return row.hop.ttl, row.router
