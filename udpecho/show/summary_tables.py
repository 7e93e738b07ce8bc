"""The tables of a summary: a row for each flow of a lone target, or for each of several targets.

Does no I/O.
"""

from __future__ import annotations

from collections.abc import Iterator

from udpecho.ping.figures import Figures, Summary, TargetSummary
from udpecho.show.amounts import milliseconds, percent

WORST_SHOWN = 20
"""Rows of a table of flows or targets that a summary shows: a screenful, the worst first."""


def flow_table(target: TargetSummary) -> Iterator[str]:
    """Write a row for each flow, the worst first; nothing if there is one alone."""
    if len(target.flows) < 2:
        return
    yield ""
    yield f"{len(target.flows)} flows, worst first:"
    yield _row("source port", "sent", "lost", "loss", "min", "median", "p99", "max ms")
    flows = target.worst_first()
    for flow in flows[:WORST_SHOWN]:
        yield _figures_row(str(flow.port), flow.figures)
    if len(flows) > WORST_SHOWN:
        yield f"... and {len(flows) - WORST_SHOWN} flows that did no worse"


def target_table(summary: Summary) -> Iterator[str]:
    """Write a row for each target, the worst first."""
    targets = sorted(summary.targets, key=lambda target: -(target.figures.loss or 0))
    yield _row("host", "sent", "lost", "loss", "min", "median", "p99", "max ms")
    for target in targets[:WORST_SHOWN]:
        yield _figures_row(target.name, target.figures)
    if len(targets) > WORST_SHOWN:
        yield f"... and {len(targets) - WORST_SHOWN} hosts that lost no more"
    yield ""


def _figures_row(name: str, figures: Figures) -> str:
    rtt = figures.rtt
    lost = figures.sent - figures.undecided - figures.received
    times = map(milliseconds, (rtt.min_ns, rtt.median_ns, rtt.p99_ns, rtt.max_ns))
    return _row(name, str(figures.sent), str(lost), percent(figures.loss), *times)


def _row(name: str, *columns: str) -> str:
    return f"{name:<24}" + "".join(f"{column:>9}" for column in columns)
