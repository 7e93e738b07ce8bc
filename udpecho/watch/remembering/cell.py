"""How a peer is lately, in a few values: a cell of the grid."""

from __future__ import annotations

from typing import NamedTuple


class Cell(NamedTuple):
    """What one node knows of one peer, lately: loss from 0 to 1, round trips in ns.

    slow: its 99th percentile is far above what is usual for this pair. traffic: the class of
    traffic of which this is told, "" for the peer's first.
    """

    loss: float | None = None
    p99_ns: int | None = None
    slow: bool = False
    traffic: str = ""


UNKNOWN = Cell()


def worse(one: Cell, other: Cell) -> Cell:
    """Give the cell of which loss is more, or, where it is the same, that is slow; else the first.

    What is known is worse than what is not.
    """
    return max(one, other, key=lambda each: (-1 if each.loss is None else each.loss, each.slow))
