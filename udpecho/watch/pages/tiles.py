"""A node's own peers, a tile each: who it is, what is lost, how slow, and the last hour. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from udpecho.watch.pages.charts import Columns, top_of
from udpecho.watch.pages.html import link_to, name
from udpecho.watch.pages.scale import class_of, duration, percent
from udpecho.watch.remembering.cell import Cell
from udpecho.watch.remembering.history import MEDIAN

SPARK_MINUTES = 60
_HEIGHT = 20

MOST_SPARKS = 100
"""Peers up to which a tile has its last hour: 500 bytes each, and 0.1 ms."""

MOST_TILES = 400
"""Of more peers, only those with the worst loss are shown."""


class Tile(NamedTuple):
    """A peer, how it is lately, and its last hour, or nothing of that."""

    peer: str
    cell: Cell
    hour: Columns = ()


def badness(tile: Tile) -> tuple[float, bool]:
    """Give a key that sorts the worst first; what isn't known is worse than what loses nothing."""
    cell = tile.cell
    return (-1e-9 if cell.loss is None else -cell.loss, not cell.slow)


def tiles(shown: Iterable[Tile], left_out: int = 0) -> Iterator[str]:
    """Draw tiles, each of which leads to its peer's page."""
    yield '<ul class="peers">'
    for tile in shown:
        yield _tile(tile)
    yield "</ul>"
    if left_out:
        yield f'<p class="faint">{left_out} more peers lose no more than the last of these.</p>'


def _tile(tile: Tile) -> str:
    cell = tile.cell
    slow = " slow" if cell.slow else ""
    loss = "?" if cell.loss is None else percent(cell.loss)
    p99 = "" if cell.p99_ns is None else duration(cell.p99_ns)
    told = f'<b>{loss}</b><span class="p99">{p99}{" slow" if cell.slow else ""}</span>'
    return (
        f'<li class="{class_of(cell.loss)}{slow}"><a href="{link_to(tile.peer)}">'
        f'<span class="who">{name(tile.peer)}</span><span class="now">{told}</span>'
        f"{_spark(tile.hour)}</a></li>"
    )


def _spark(hour: Columns) -> str:
    """Draw the medians of an hour, in the colours of the loss; nothing of nothing."""
    if not hour:
        return ""
    top = top_of(hour)
    places = [
        (x, 0 if not each.rtt_ns else max(_HEIGHT - _HEIGHT * each.rtt_ns[MEDIAN] // top, 1), each)
        for x, each in enumerate(hour)
        if each is not None
    ]
    paths: dict[str, list[str]] = {}
    for (style, y), run in groupby(places, key=lambda place: (class_of(place[2].loss), place[1])):
        columns = [x for x, _, _ in run]
        # A stretch that is not known lies between two of these: it must not look known.
        for first, last in _stretches(columns):
            paths.setdefault(style, []).append(f"M{first} {y}H{last + 1}")
    drawn = "".join(f'<path class="m {style}" d="{"".join(d)}"/>' for style, d in paths.items())
    return (
        f'<svg class="spark" viewBox="0 0 {len(hour)} {_HEIGHT}" preserveAspectRatio="none"'
        f' aria-hidden="true">{drawn}</svg>'
    )


def _stretches(columns: list[int]) -> Iterator[tuple[int, int]]:
    """Give the first and last of each run of numbers that follow each other."""
    for _, run in groupby(enumerate(columns), key=lambda pair: pair[1] - pair[0]):
        members = [x for _, x in run]
        yield members[0], members[-1]
