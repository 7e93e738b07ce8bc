"""How metrics are written: Prometheus's text format 0.0.4, and OpenMetrics 1.0.

By hand, from prefixes that are made once for each series: a client library would take 40 times as
long. The two differ in what a counter's family is called, and in an end that is told. Does no I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

Family: TypeAlias = tuple[str, str, str, Iterator[str]]
"""A family's name without _total, its kind, what it is about, and its samples."""

END = "# EOF\n"
"""What OpenMetrics ends with."""


def wants_openmetrics(accept: str) -> bool:
    """Tell by an Accept header whether OpenMetrics is asked for."""
    return "application/openmetrics-text" in accept.lower()


def header(name: str, kind: str, about: str, *, openmetrics: bool) -> str:
    """Write what goes before a family's samples; a counter's name is without its _total."""
    written = name if openmetrics else sample_name(name, kind)
    return f"# HELP {written} {about}\n# TYPE {written} {kind}\n"


def series(name: str, labels: Sequence[tuple[str, str]] = ()) -> str:
    """Write a series' name and labels, and the blank before its value."""
    if not labels:
        return f"{name} "
    pairs = ",".join(f'{label}="{escaped(value)}"' for label, value in labels)
    return f"{name}{{{pairs}}} "


def escaped(value: str) -> str:
    """Write a label's value within its quotes."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def histogram_series(
    name: str, bounds_ns: Iterable[int], labels: Sequence[tuple[str, str]] = ()
) -> list[str]:
    """Write the series of a histogram of ns in seconds: its buckets, its sum and its count."""
    limits = [*(repr(bound / 1e9) for bound in bounds_ns), "+Inf"]
    buckets = [series(f"{name}_bucket", [*labels, ("le", limit)]) for limit in limits]
    return [*buckets, series(f"{name}_sum", labels), series(f"{name}_count", labels)]


def samples(prefixes: Iterable[str], values: Iterable[object]) -> str:
    """Write a line for each series."""
    return "".join([f"{prefix}{value}\n" for prefix, value in zip(prefixes, values, strict=True)])


def by_label(
    name: str, kind: str, about: str, label: str, values: Iterable[tuple[str, object]]
) -> Family:
    """Make a family of a series for each value of a label."""
    prefix = sample_name(name, kind)
    return name, kind, about, (f"{series(prefix, [(label, at)])}{value}\n" for at, value in values)


def sample_name(name: str, kind: str) -> str:
    """Give the name of a family's series: a counter's ends in _total."""
    return f"{name}_total" if kind == "counter" else name
