"""What a day looked like, as SVG: smoke, and flows by time. Pure.

Made in pieces, each of at most a few hundred microseconds, so that whoever draws can let the
reactor go on between them. Colours are the page's (classes l0 to l5, u), for it knows the light.
No text here is of the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from udpecho.watch.pages.scale import above, class_of, duration, hours
from udpecho.watch.remembering.history import FLOWS_KEPT, MEDIAN, QUANTILES, Minute

HEIGHT = 200
"""Of the smoke, in pixels; its width is the page's, whatever the columns."""

LOSS_HEIGHT = 30
LATENESS_HEIGHT = 40
ROW = 9
"""Of a flow."""

_LABELLED = 4
"""Rows from one that has its flow's number to the next."""

_GAP = 4
_AXIS = 16
_LAST_LABEL = 0.9
"""Of the width: beyond it an hour's words would not fit."""

_PIECE = 128
"""Columns drawn at a time."""

_BANDS = tuple((low, len(QUANTILES) - 1 - low) for low in range(MEDIAN))
"""Of quantiles, the widest first: lowest with highest, and so on."""

_HEADROOM, _MOSTLY = 2.5, 0.95
"""Times the 90th percentile that is drawn at most, where one column of twenty may be above that: a
slow minute flattens no day."""

Columns = Sequence[Minute | None]


def smoke(columns: Columns, start: int, stop: int) -> Iterator[str]:
    """Draw the round trips of a stretch of time, from minute start to stop, and the loss beneath.

    Bands reach from the least to the 99th percentile, from the 10th to the 90th, and from the 25th
    to the 75th; the median has the colour of the loss.
    """
    top, shapes = top_of(columns), HEIGHT + _GAP + LOSS_HEIGHT
    yield from _begin("smoke", shapes, len(columns), f"round trips up to {duration(top)}, and loss")
    heights = [_heights(each, top, HEIGHT) for each in columns]
    for low, high in _BANDS:
        yield from _band(heights, low, high)
    yield from _by_class("m", columns, lambda x, each: _median(x, heights[x]))
    yield from _by_class("loss", columns, _loss_bar)
    yield "</svg>"
    yield f'<text class="top" x="2" y="12">{duration(top)}</text>'
    yield from _end(start, stop, shapes)


def lateness(columns: Columns, start: int, stop: int) -> Iterator[str]:
    """Draw how late probes left, in the smoke's bands: what rises here is no network's."""
    top = top_of(columns)
    title = f"this node's lateness up to {duration(top)}"
    yield from _begin("lateness", LATENESS_HEIGHT, len(columns), title)
    heights = [_heights(each, top, LATENESS_HEIGHT) for each in columns]
    for low, high in _BANDS:
        yield from _band(heights, low, high)
    yield "</svg>"
    yield f'<text class="top" x="2" y="12">{duration(top)}</text>'
    yield from _end(start, stop, LATENESS_HEIGHT)


def flows_by_time(columns: Columns, start: int, stop: int, flows: int) -> Iterator[str]:
    """Draw which flows lost when: a row for each, or for each group of more than there is room."""
    rows = min(flows, FLOWS_KEPT)
    yield from _begin("flows", rows * ROW, len(columns), f"loss of {flows} flows")
    for row in range(rows):
        paths: dict[str, list[str]] = {}
        x = 0
        for share, run in groupby(None if each is None else _share(each, row) for each in columns):
            width = sum(1 for _ in run)
            path = f"M{x} {row * ROW}h{width}v{ROW - 1}h-{width}z"
            paths.setdefault(class_of(share), []).append(path)
            x += width
        title = f"<title>{_flows_of(row, rows, flows)}</title>"
        for name, pieces in paths.items():
            yield f'<path class="f {name}" d="{"".join(pieces)}">{title}</path>'
    yield "</svg>"
    for row in range(0, rows, _LABELLED):
        yield f'<text class="row" x="2" y="{(row + 1) * ROW - 1}">{-(-row * flows // rows)}</text>'
    yield from _end(start, stop, rows * ROW)


def _flows_of(row: int, rows: int, flows: int) -> str:
    """Name the flows that a row tells of."""
    first, after = (-(-at * flows // rows) for at in (row, row + 1))
    return f"flow {first}" if after - first == 1 else f"flows {first} to {after - 1}, the worst"


def _begin(name: str, height: int, columns: int, title: str) -> Iterator[str]:
    """Begin a picture as wide as the page: its shapes are stretched, its words are not."""
    yield (
        f'<svg class="{name}" width="100%" height="{height + _AXIS}" role="img">'
        f'<title>{title}</title><svg viewBox="0 0 {columns} {height}" width="100%"'
        f' height="{height}" preserveAspectRatio="none">'
    )


def _end(start: int, stop: int, height: int) -> Iterator[str]:
    """Write the hours beneath, and end."""
    for minute, text in hours(start, stop):
        share = (minute - start) / (stop - start)
        if share <= _LAST_LABEL:
            yield f'<text x="{share:.2%}" y="{height + _AXIS - 4}">{text}</text>'
    yield "</svg>"


def top_of(columns: Columns) -> int:
    """Give the time, in ns, that the smoke's height stands for."""
    known = [each.rtt_ns for each in columns if each is not None and each.rtt_ns]
    if not known:
        return above(1)
    highest = max(rtt[-1] for rtt in known)
    usual = sorted(rtt[-2] for rtt in known)[int(_MOSTLY * (len(known) - 1))]
    return above(min(highest, round(_HEADROOM * usual)))


def _heights(minute: Minute | None, top: int, height: int) -> tuple[int, ...] | None:
    """Give the places of a column's quantiles, from above; None if there are none."""
    if minute is None or not minute.rtt_ns:
        return None
    return tuple(height - min(height * ns // top, height) for ns in minute.rtt_ns)


def _share(minute: Minute, row: int) -> float | None:
    return minute.flows_lost[row] if row < len(minute.flows_lost) else None


def _band(heights: Sequence[tuple[int, ...] | None], low: int, high: int) -> Iterator[str]:
    """Draw the area between two quantiles, each stretch of which something is known by itself."""
    yield f'<path class="b{low}" d="'
    for known, run in groupby(enumerate(heights), key=lambda pair: pair[1] is not None):
        if not known:
            continue
        stretch = [(x, each) for x, each in run if each is not None]
        for at in range(0, len(stretch), _PIECE):
            part = stretch[at : at + _PIECE]
            there = "".join(f"V{each[high]}H{x + 1}" for x, each in part)
            back = "".join(f"V{each[low]}H{x}" for x, each in reversed(part))
            yield f"M{part[0][0]} {part[0][1][low]}{there}{back}z"
    yield '"/>'


def _by_class(kind: str, columns: Columns, draw: Callable[[int, Minute], str]) -> Iterator[str]:
    """Draw something of each column, those of one class of loss together."""
    found: dict[str, list[tuple[int, Minute]]] = {}
    for x, each in enumerate(columns):
        if each is not None:
            found.setdefault(class_of(each.loss), []).append((x, each))
    for name, members in found.items():
        yield f'<path class="{kind} {name}" d="'
        for at in range(0, len(members), _PIECE):
            yield "".join(draw(x, each) for x, each in members[at : at + _PIECE])
        yield '"/>'


def _median(x: int, heights: tuple[int, ...] | None) -> str:
    return "" if heights is None else f"M{x} {heights[MEDIAN]}h1"


def _loss_bar(x: int, minute: Minute) -> str:
    """Draw the loss from below, by its root: 1 % is to be seen beside 100 %."""
    height = round(LOSS_HEIGHT * (minute.loss or 0) ** 0.5)
    return f"M{x} {HEIGHT + _GAP + LOSS_HEIGHT}v-{height}h1v{height}z" if height else ""
