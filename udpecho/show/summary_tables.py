"""The tables of a summary: a row for each flow of a lone target, or for each of several targets.

Does no I/O.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from udpecho.ping.figures import Figures, Summary, TargetSummary
from udpecho.show.amounts import milliseconds, percent, with_address
from udpecho.show.rows import Column, table
from udpecho.show.sheet import Sheet

WORST_SHOWN = 20
"""Rows of a table of flows or targets that a summary shows: a screenful, the worst first."""

NARROWEST_NAME = 16
"""Columns that a name is cut to before a figure is left out: an IPv4 address is whole."""

_FIGURES = (
    Column("sent", 2),
    Column("lost", 6),
    Column("loss", 0),
    Column("min", 7, unit="ms"),
    Column("median", 3, unit="ms"),
    Column("p99", 4, unit="ms"),
    Column("max", 5, unit="ms"),
)


def flow_table(target: TargetSummary, sheet: Sheet) -> Iterator[str]:
    """Write a row for each flow, the worst first; nothing if there is one alone."""
    if len(target.flows) < 2:
        return
    yield f"{len(target.flows)} flows, worst first:"
    flows = target.worst_first()
    rows = [[str(flow.port), *_cells(flow.figures)] for flow in flows[:WORST_SHOWN]]
    yield from table((_named("source port"), *_FIGURES), rows, sheet)
    if len(flows) > WORST_SHOWN:
        yield f"... and {len(flows) - WORST_SHOWN} flows that did no worse"
    yield ""


def target_table(summary: Summary, sheet: Sheet) -> Iterator[str]:
    """Write a row for each target, the worst first."""
    targets = sorted(summary.targets, key=lambda target: -(target.figures.loss or 0))
    of_that_name = Counter(target.name for target in targets)
    rows = []
    for target in targets[:WORST_SHOWN]:
        alone = of_that_name[target.name] == 1
        name = target.name if alone else with_address(target.name, target.peer[0])
        rows.append([name, *_cells(target.figures)])
    yield from table((_named("host"), *_FIGURES), rows, sheet)
    if len(targets) > WORST_SHOWN:
        yield f"... and {len(targets) - WORST_SHOWN} hosts that lost no more"
    yield ""


def _named(heading: str) -> Column:
    return Column(heading, 0, NARROWEST_NAME)


def _cells(figures: Figures) -> list[str]:
    rtt = figures.rtt
    lost = figures.sent - figures.undecided - figures.received
    times = map(milliseconds, (rtt.min_ns, rtt.median_ns, rtt.p99_ns, rtt.max_ns))
    return [str(figures.sent), str(lost), percent(figures.loss), *times]
