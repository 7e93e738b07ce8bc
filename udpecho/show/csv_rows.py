"""A summary as rows of CSV: for each host, and for each of its flows where it has several.

The columns bear the names of the record's keys, so ping.schema.json says what each means; what
is not known is empty. Does no I/O: it makes lines of text, without their ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from udpecho.ping.figures import Distribution, Figures, Summary
from udpecho.show.record import Start, figures_json

_COUNTS = tuple(each.name for each in fields(Figures) if each.name != "rtt")
_TIMES = tuple(each.name for each in fields(Distribution) if each.name != "count")

COLUMNS = (
    "run", "unix_ns", "target", "address", "port", "source_port", "received", "loss_percent",
    *_COUNTS, *(f"rtt_{name}" for name in _TIMES),
)  # fmt: skip
"""run counts from 1; unix_ns is when it began; no source_port: all the host's flows together."""

FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that a spreadsheet would work out; an apostrophe before it keeps it a text."""

_QUOTED = frozenset(',"\r\n')


def header() -> str:
    """Write the names of the columns."""
    return ",".join(COLUMNS)


def rows(number: int, start: Start, summary: Summary) -> Iterator[str]:
    """Write the rows of a run, the number-th of its file."""
    for target in summary.targets:
        head = f"{number},{start.unix_ns},{_text(target.name)},{_text(target.peer[0])}"
        yield f"{head},{target.peer[1]},,{_values(target.figures)}"
        for flow in target.flows if len(target.flows) > 1 else ():
            yield f"{head},{target.peer[1]},{flow.port},{_values(flow.figures)}"


def _values(figures: Figures) -> str:
    values = figures_json(figures)
    values |= {f"rtt_{name}": value for name, value in values.pop("rtt").items()}
    return ",".join("" if (value := values[name]) is None else str(value) for name in COLUMNS[6:])


def _text(text: str) -> str:
    """Write a text that nobody works out, in quotes where it must (RFC 4180)."""
    if text.startswith(FORMULAS):
        text = "'" + text
    return text if _QUOTED.isdisjoint(text) else '"' + text.replace('"', '""') + '"'
