"""How paths end, in sentences: who reaches the target, who does not, and what is known of these.

Does no I/O.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from udpecho.path.hops import Path, Paths
from udpecho.peer import is_ipv6
from udpecho.show.amounts import milliseconds
from udpecho.show.icmp import icmp_text
from udpecho.show.packets_text import spans
from udpecho.show.path_rows import HopRow

ENDS_SHOWN = 20
"""Ends that have a line of their own: the rest are counted."""


class _End(NamedTuple):
    """Why flows don't reach the target, as far as is known."""

    text: str
    said: bool
    """Whether somebody said so."""


def end_lines(paths: Paths, rows: Sequence[HopRow]) -> Iterator[str]:
    """Say whether the target was reached, how far it is, by how many flows, and in what time.

    What is known of the flows that don't reach it follows in lines that begin with two spaces:
    what somebody said first, then what most have in common.
    """
    ends = _ends(paths, rows)
    reached = [path for path in paths.paths if path.reached]
    colon = ":" if ends else ""
    if not reached:
        yield f"{paths.target} was not reached{colon}"
    else:
        others = "; not by others:" if ends else ""
        yield f"{_reached(paths, reached)}{others}"
    count = len(paths.paths)
    ordered = sorted(ends.items(), key=lambda end: (not end[0].said, -len(end[1])))
    for end, ports in ordered[:ENDS_SHOWN]:
        which = f", {len(ports)} of {count} flows: source ports {spans(ports)}"
        yield f"  {end.text}{which if len(ports) < count else ''}"
    left_out = sum(len(ports) for _, ports in ordered[ENDS_SHOWN:])
    if left_out:
        yield f"  and {left_out} flows more end elsewhere"


def _ends(paths: Paths, rows: Sequence[HopRow]) -> dict[_End, list[int]]:
    """Tell what is known of those that don't reach the target; by that, their source ports."""
    last = {flow: row.label for row in rows if row.hop.addresses for flow in row.flows}
    ends: defaultdict[_End, list[int]] = defaultdict(list)
    for number, path in enumerate(paths.paths):
        if path.reached:
            continue
        if path.ended is not None:
            by, kind, code = path.ended
            end = f"{by} says: {icmp_text(kind, code, ipv6=is_ipv6(by))}"
        elif path.arrived:
            end = "they arrive, and no reply comes back"
        elif number in last:
            end = f"nothing from behind hop {last[number]}"
        else:
            end = "no router answered"
        ends[_End(end, path.ended is not None)].append(path.source_port)
    return ends


def _reached(paths: Paths, reached: Sequence[Path]) -> str:
    count = len(paths.paths)
    then = "then " if any(path.hops for path in paths.paths) else ""
    flows = "1 flow" if count == 1 else f"{count} flows"
    least_ns = min((path.rtt_ns for path in reached if path.rtt_ns is not None), default=None)
    time = "" if least_ns is None else f", min {milliseconds(least_ns)} ms"
    return f"{then}{paths.target}{_distance(reached)}: reached by {len(reached)} of {flows}{time}"


def _distance(reached: Sequence[Path]) -> str:
    """Say how far the target is, by the flows that reached it."""
    distances = sorted({path.distance for path in reached if path.distance is not None})
    if distances and all(path.distance is not None for path in reached):
        nearest, farthest = distances[0], distances[-1]
        return (
            f", at hop {nearest}" if nearest == farthest else f", at hops {nearest} to {farthest}"
        )
    known = max((len(path.hops) for path in reached), default=0)
    most = [path.at_most for path in reached if path.at_most is not None]
    if most:
        return f", at most {max(1, max(most) - known)} hops on"
    return f", somewhere behind hop {known}" if known else ""
