"""Moments of a run as its user names them: seconds after its start, or a time of the wall clock."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TypeAlias

from udpecho.shown import quoted

When: TypeAlias = float | time | datetime
"""Seconds after the start; a time of some day, in local time; one moment."""

_SECONDS = re.compile(r"\d{1,12}(\.\d{0,9})?")
_TIME = re.compile(r"\d{1,2}:\d\d(:\d\d(\.\d{1,6})?)?")


@dataclass(frozen=True, slots=True)
class Span:
    """What is looked at of a run: from a moment on, before another; None is its end."""

    from_ns: int | None
    to_ns: int | None


def moment(option: str) -> Callable[[str], When]:
    """Make the reader of an option's moment. A time without a zone is local."""

    def read(text: str) -> When:
        try:
            if _SECONDS.fullmatch(text):
                return float(text)
            if _TIME.fullmatch(text):
                return time.fromisoformat(text.zfill(len(text) + (text[1] == ":")))
            when = datetime.fromisoformat(text)
            when.astimezone()  # of the year 1, it can't be told
            return when
        except (ValueError, OverflowError, OSError):
            raise ValueError(
                f"{option}: expected seconds after the start, a time (10:05, 10:05:30) or a date "
                f"and a time (2026-11-26T10:05:30), got {quoted(text)}"
            ) from None

    return read


def span(begins: When | None, ends: When | None, start_unix_ns: int) -> Span:
    """Tell what two moments are in a run that began at a time, in ns since then.

    A time of day is the first after the start; with one to end at, the last before that.
    """
    to_ns = None if ends is None else _since_start(ends, start_unix_ns)
    if isinstance(begins, time) and to_ns is not None:
        return Span(_of_day(begins, start_unix_ns + to_ns, -1) - start_unix_ns, to_ns)
    return Span(None if begins is None else _since_start(begins, start_unix_ns), to_ns)


def _since_start(when: When, start_unix_ns: int) -> int:
    if isinstance(when, time):
        return _of_day(when, start_unix_ns, +1) - start_unix_ns
    return _unix_ns(when) - start_unix_ns if isinstance(when, datetime) else round(when * 1e9)


def _of_day(of_day: time, near_ns: int, days: int) -> int:
    """Find the first such time at or after a moment (days is 1), or the last before it (-1)."""
    day = datetime.fromtimestamp(near_ns // 1_000_000_000).date()
    found_ns = _unix_ns(datetime.combine(day, of_day))
    if (found_ns < near_ns) if days > 0 else (found_ns >= near_ns):
        return _unix_ns(datetime.combine(day + timedelta(days=days), of_day))
    return found_ns


def _unix_ns(moment: datetime) -> int:
    return round(moment.timestamp() * 1e6) * 1000
