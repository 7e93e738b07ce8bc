"""The grid of a heat map: every probe is in a cell, and no cell is empty for want of probes."""

from __future__ import annotations

import math
from collections.abc import Set as AbstractSet

import pytest

from udpecho.show.heat import LINE_INCHES, TALLEST_INCHES, Grid, grid_of, grouped
from udpecho.show.trace import Cells


def cells(
    period_s: float, probes: int, lost: AbstractSet[int] = frozenset(), first_s: float = 0
) -> Cells:
    made = Cells()
    for number in range(probes):
        made.add(first_s + number * period_s, number in lost)
    return made


@pytest.mark.parametrize("period_s", [0.0001, 0.01, 1, 60])
@pytest.mark.parametrize("probes", [2, 50, 1000])
def test_cells_are_as_wide_as_the_probes_are_apart(period_s: float, probes: int) -> None:
    grid = grid_of([cells(period_s, probes) for _ in range(3)], period_s * (probes - 1))
    width = len(grid.shares[0])
    assert [len(row) for row in grid.shares] == [width] * 3
    assert sum(map(math.isnan, grid.shares[0])) <= width / 20
    assert width >= min(probes / 4, 100)


def test_a_loss_is_where_it_was() -> None:
    grid = grid_of([cells(1, 100, {50}), cells(1, 100)], 99)
    [place] = [n for n, share in enumerate(grid.shares[0]) if share > 0]
    assert place == int(50 / grid.cell_s)
    assert not any(grid.shares[1])


def test_a_host_that_came_later_has_nothing_before() -> None:
    grid = grid_of([cells(1, 100), cells(1, 50, first_s=50)], 99)
    half = len(grid.shares[1]) // 2
    assert all(map(math.isnan, grid.shares[1][: half - 1]))
    assert not any(map(math.isnan, grid.shares[1][half + 1 : -1]))


def test_beyond_what_a_picture_can_have_neighbours_share_a_line_the_worst_is_shown() -> None:
    most = int(TALLEST_INCHES / LINE_INCHES[0])
    for number in (most, most + 1, 5 * most):
        lines = [cells(1, 3, {1} if n == number - 1 else frozenset()) for n in range(number)]
        grid: Grid = grouped(grid_of(lines, 2))
        assert len(grid.shares) <= most
        assert grid.together == -(-number // most)
        assert max(grid.shares[-1]) > 0
