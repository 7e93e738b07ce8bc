"""A picture of many hosts, or flows: a line for each, its loss over time in colours."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import nan
from typing import Any

from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from udpecho.ping.figures import Figures
from udpecho.show.clock_axis import ClockAxis
from udpecho.show.trace import CELLS, Cells, Key, Rows

INK = "#333333"
SHADES = (
    ("none", 0.0, "#dfe7ee"),
    ("≤ 1 %", 0.01, "#fee08b"),
    ("≤ 5 %", 0.05, "#fdae61"),
    ("≤ 20 %", 0.2, "#f46d43"),
    ("≤ 50 %", 0.5, "#d73027"),
    ("< 100 %", 1 - 1e-9, "#8b0026"),
    ("100 %", 1.0, "#1a0010"),
)
"""What is lost, up to what share, and its colour: each darker than the one before, in print too."""

TALLEST_INCHES = 18.0
LINE_INCHES = (0.013, 0.13)
"""The height of a line: the least that can be seen, two dots, and the most."""

NAME_INCHES = 0.085
"""What a name needs, at the smallest size that can be read."""

EMPTY_CELLS = 0.02
"""The share of cells in which nothing was sent beyond which they are made wider."""

LOOKED_AT = 200
"""Lines that are looked at for that: they are alike."""

LONGEST_NAME = 32


@dataclass(frozen=True, slots=True)
class Line:
    """A host or a flow: its name, its figures, and where its cells are."""

    name: str
    key: Key
    figures: Figures


@dataclass(frozen=True, slots=True)
class Grid:
    """The share lost, of each line and stretch of time; NaN where nothing was sent."""

    shares: list[list[float]]
    cell_s: float
    together: int
    """Lines of the run in one line of the grid: the highest share of them is shown."""


def draw_heat(lines: list[Line], rows: Rows, what: str, clock: ClockAxis, ends_s: float) -> Figure:
    """Draw all lines, in their order; what they are is "hosts" or "source ports"."""
    grid = grouped(grid_of([rows.cells.get(line.key, Cells()) for line in lines], ends_s))
    height, width = len(grid.shares), len(grid.shares[0])
    line_inches = min(LINE_INCHES[1], TALLEST_INCHES / height)
    picture = Figure(figsize=(9, line_inches * height + 1.5), layout="constrained")
    panel: Any = picture.subplots()
    colours = ListedColormap([colour for _, _, colour in SHADES]).with_extremes(bad="white")
    panel.imshow(
        grid.shares,
        aspect="auto",
        interpolation="nearest",
        cmap=colours,
        norm=BoundaryNorm([-1.0, *(most + 1e-9 for _, most, _ in SHADES)], len(SHADES)),
        extent=(clock.place(0), clock.place(width * grid.cell_s), height, 0),
    )
    _name(panel, lines, grid.together, line_inches)
    clock.label(panel, ends_s, 9)
    panel.set_title(_title(lines, what, grid.together), loc="left", fontsize=9, color=INK)
    panel.tick_params(axis="x", labelsize=8, colors=INK)
    panel.spines[["top", "right", "left"]].set_visible(False)
    _add_key(picture)
    return picture


def grid_of(cells: list[Cells], ends_s: float) -> Grid:
    """Bring all lines to stretches of one length, no shorter than most have probes for."""
    cell_s = max(each.cell_s for each in cells)
    while True:
        for each in cells:
            while each.cell_s < cell_s:
                each.widen()
        used = min(int(ends_s / cell_s) + 1, CELLS)
        if used == 1 or _empty(cells, used) <= EMPTY_CELLS:
            break
        cell_s *= 2
    shares = [
        [lost / sent if sent else nan for sent, lost in zip(each.sent, each.lost, strict=True)]
        for each in cells
    ]
    return Grid([row[:used] for row in shares], cell_s, 1)


def _empty(cells: list[Cells], used: int) -> float:
    """Tell the share of cells without a probe between a line's first and last with one."""
    empty = within = 0
    for each in cells[:: len(cells) // LOOKED_AT + 1]:
        filled = [place for place in range(used) if each.sent[place]]
        if filled:
            between = filled[-1] - filled[0] + 1
            within += between
            empty += between - len(filled)
    return empty / max(within, 1)


def grouped(grid: Grid) -> Grid:
    """Have neighbours share a line where there are more than a picture can have."""
    shares = grid.shares
    together = -(-len(shares) // int(TALLEST_INCHES / LINE_INCHES[0]))
    if together == 1:
        return grid
    groups = (shares[at : at + together] for at in range(0, len(shares), together))
    worst = [[_worst(column) for column in zip(*group, strict=True)] for group in groups]
    return Grid(worst, grid.cell_s, together)


def _worst(shares: Iterable[float]) -> float:
    return max((share for share in shares if share == share), default=nan)


def _name(panel: Any, lines: list[Line], together: int, line_inches: float) -> None:
    """Write the names: all, if there is room, else those that lost most, then others between."""
    apart = max(1, -(-NAME_INCHES // line_inches))
    worst_first = sorted(range(len(lines)), key=lambda at: -(lines[at].figures.loss or 0.0))
    taken: set[int] = set()
    for at in worst_first:
        place = at // together
        if not any(near in taken for near in range(int(place - apart + 1), int(place + apart))):
            taken.add(place)
            panel.annotate(
                _short(lines[at].name),
                (0, place + 0.5),
                xycoords=("axes fraction", "data"),
                xytext=(-3, 0),
                textcoords="offset points",
                ha="right",
                va="center",
                fontsize=min(8, max(5, 60 * line_inches)),
                color="#b2182b" if lines[at].figures.loss else INK,
                parse_math=False,
            )
    panel.set_yticks([])


def _short(name: str) -> str:
    shown = name if name.isprintable() else repr(name)[1:-1]
    return shown if len(shown) <= LONGEST_NAME else f"{shown[:15]}…{shown[-16:]}"


def _title(lines: list[Line], what: str, together: int) -> str:
    losing = sum(bool(line.figures.loss) for line in lines)
    title = f"{len(lines):,} {what}, {losing:,} of which lost something"
    if together > 1:
        title += f"; each line is the worst of {together} {what}"
    return title


def _add_key(picture: Figure) -> None:
    key = [Patch(facecolor=colour, edgecolor=INK, lw=0.3, label=name) for name, _, colour in SHADES]
    picture.legend(
        handles=[Patch(alpha=0, label="lost:"), *key],
        loc="outside upper left",
        ncols=len(key) + 1,
        fontsize=8,
        frameon=False,
        handlelength=1,
        columnspacing=1,
    )
