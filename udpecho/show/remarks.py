"""What a summary says in words beside its figures: who loses. Does no I/O."""

from __future__ import annotations

from collections.abc import Iterator

from udpecho.ping.figures import FlowSummary, TargetSummary
from udpecho.show.amounts import percent
from udpecho.show.summary_tables import WORST_SHOWN


def losing_ports(target: TargetSummary) -> Iterator[str]:
    """Name the source ports that lose, if some of several do."""
    losing = [flow for flow in target.worst_first() if flow.figures.loss]
    if len(target.flows) < 2 or not losing:
        return
    count = f"{len(losing)} of {len(target.flows)} source ports"
    if len(losing) == len(target.flows):
        yield f"LOSS to {target.name} from every one of {len(losing)} source ports"
        return
    verb = "loses" if len(losing) == 1 else "lose"
    yield f"LOSS to {target.name}: {count} {verb}: {', '.join(map(_losing, losing[:WORST_SHOWN]))}"


def _losing(flow: FlowSummary) -> str:
    return f"{flow.port} ({percent(flow.figures.loss)})"
