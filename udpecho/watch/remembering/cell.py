"""How a peer is lately, in a few values: a cell of the grid."""

from __future__ import annotations

from typing import NamedTuple


class Cell(NamedTuple):
    """What one node knows of one peer, lately: loss from 0 to 1, round trips in ns.

    slow: its 99th percentile is far above what is usual for this pair.
    """

    loss: float | None = None
    p99_ns: int | None = None
    slow: bool = False


UNKNOWN = Cell()
