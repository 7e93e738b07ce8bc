"""The intervals of a run as lines of text, by the local clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from udpecho.ping.figures import Turnout
from udpecho.ping.intervals import Interval
from udpecho.show.amounts import percent, slashed
from udpecho.show.sheet import ENDLESS, Sheet

WORST_HOSTS = 10
"""Hosts named below an interval's line, of those that lost, the worst first."""


def interval_text(
    interval: Interval, started_unix_ns: int, sheet: Sheet = ENDLESS
) -> Iterator[str]:
    """Write a line for all hosts, and one for each of those that lost most, if any did."""
    for line in _lines(interval, started_unix_ns):
        yield from sheet.wrap(line)


def _lines(interval: Interval, started_unix_ns: int) -> Iterator[str]:
    digits = "milliseconds" if (interval.to_ns - interval.from_ns) % 1_000_000_000 else "seconds"
    begins, ends = (
        datetime.fromtimestamp((started_unix_ns + since_ns) / 1e9).time().isoformat(digits)
        for since_ns in (interval.from_ns, interval.to_ns)
    )
    yield f"{begins} - {ends}: {_figures(interval.whole())}"
    worst, losing = interval.worst(WORST_HOSTS)
    for host in worst:
        yield f"  {host.name}: {_figures(host)}"
    if losing > len(worst):
        yield f"  ... and {losing - len(worst)} hosts that lost no more"


def _figures(turnout: Turnout) -> str:
    line = f"{turnout.received}/{turnout.sent} packets, {percent(turnout.loss)} loss"
    rtt = turnout.rtt
    if not rtt.count:
        return line
    if rtt.median_ns is None:
        return f"{line}, min/avg/max = {slashed(rtt.min_ns, rtt.mean_ns, rtt.max_ns)} ms"
    times = slashed(rtt.min_ns, rtt.median_ns, rtt.p99_ns, rtt.max_ns)
    return f"{line}, min/median/p99/max = {times} ms"
