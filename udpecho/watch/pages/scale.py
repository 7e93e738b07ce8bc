"""What a chart's places mean: classes of loss, round numbers, hours. Pure."""

from __future__ import annotations

from collections.abc import Iterator

CLASSES = (0.0, 0.01, 0.05, 0.2, 0.5, 1.0)
"""The most loss of each class. What loses nothing is the first, and looks like no other."""

UNKNOWN = "u"
"""The class of what nothing is known of: grey, never as good as what loses nothing."""

_UNITS = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"))
_LONG_UNITS = ((86_400, "days"), (3600, "h"), (60, "min"))
_STEPS = (1, 2, 5, 10, 30, 60, 120, 180, 360, 720, 1440)
_MOST_LABELS = 9

SPANS = (10, 15, 20, 30, 45, 60, 90, 120, 180, 360, 720, 1440)
"""Minutes that a chart may show: the least that has room for what is known."""


def class_of(loss: float | None) -> str:
    """Name the class of a share of loss, from l0 to l5, or u."""
    if loss is None:
        return UNKNOWN
    return f"l{next((at for at, most in enumerate(CLASSES) if loss <= most), len(CLASSES) - 1)}"


def percent(loss: float | None) -> str:
    """Write a share: 0 only for none, 100 only for all."""
    if loss is None:
        return "not known"
    if 0 < loss < 0.001:
        return "<0.1 %"
    if 0.999 < loss < 1:
        return ">99.9 %"
    return f"{loss * 100:.3g} %"


def duration(ns: float) -> str:
    """Write a time in three digits."""
    for unit, name in _UNITS:
        if ns >= unit:
            return f"{ns / unit:.3g} {name}"
    return f"{ns:.0f} ns"


def age(ns: int) -> str:
    """Write how long something is ago, in its largest unit."""
    seconds = max(ns, 0) // 1_000_000_000
    for unit, name in _LONG_UNITS:
        if seconds >= 2 * unit:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"


def above(ns: int) -> int:
    """Give the next round number of nanoseconds, from a microsecond: 1, 2 or 5 and noughts."""
    decade = 1000
    while True:
        for step in (1, 2, 5):
            if ns <= step * decade:
                return step * decade
        decade *= 10


def span(minutes: int) -> int:
    """Tell how many minutes a chart shows of which so many are known."""
    return next((each for each in SPANS if each >= minutes), SPANS[-1])


def hours(start: int, stop: int) -> Iterator[tuple[int, str]]:
    """Give minutes (numbered from 1970) to be labelled between two, with their times in UTC."""
    step = next((each for each in _STEPS if (stop - start) / each <= _MOST_LABELS), _STEPS[-1])
    for minute in range(-(-start // step) * step, stop, step):
        yield minute, f"{minute // 60 % 24:02}:{minute % 60:02}"
