"""A time axis in the local clock, for pictures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from matplotlib import dates
from matplotlib.ticker import FuncFormatter

NS_OF_DAY = 86400 * 1_000_000_000
"""matplotlib's dates are days since 1970."""

_locator: Any = dates.AutoDateLocator  # it has no types

_FORMATS = (
    (timedelta(seconds=3), "%H:%M:%S.%f"),
    (timedelta(minutes=12), "%H:%M:%S"),
    (timedelta(hours=36), "%H:%M"),
    (timedelta(days=12), "%d %b %H:%M"),
    (timedelta.max, "%d %b %Y"),
)
"""How a moment is written, by how long the axis is at most."""


class ClockAxis:
    """Turns seconds since a run's start into places on a time axis."""

    def __init__(self, unix_ns: int, zone: tzinfo | None = None) -> None:
        """Begin at a time of the wall clock; without a zone it is shown in the local one."""
        self._zone = zone
        self._start = unix_ns / NS_OF_DAY

    def place(self, time_s: float) -> float:
        """Return where a moment is on the axis."""
        return float(self._start + time_s / 86400)

    def places(self, times_s: list[float]) -> list[float]:
        """Return where some moments are."""
        return [self.place(time_s) for time_s in times_s]

    def label(self, panel: Any, ends_s: float, fontsize: float) -> None:
        """Have a panel's axis end a little behind that many seconds, and bear local times."""
        room_s = max(0.02 * ends_s, 0.5 if ends_s < 1 else 0.0)
        panel.set_xlim(self.place(-room_s), self.place(ends_s + room_s))
        span = timedelta(seconds=ends_s + 2 * room_s)
        written = next(form for longest, form in _FORMATS if span <= longest)

        def write(place: float, _: object) -> str:
            text = self._local(place).strftime(written)
            return text[:-3] if written.endswith("%f") else text

        zone = self._local(self._start).tzinfo
        panel.xaxis.set_major_locator(_locator(tz=zone, minticks=3, maxticks=7))
        panel.xaxis.set_major_formatter(FuncFormatter(write))
        began = self._local(self._start)
        panel.set_xlabel(f"sent, local time ({began:%Z}) from {began:%d %b %Y}", fontsize=fontsize)

    def _local(self, place: float) -> datetime:
        return datetime.fromtimestamp(place * 86400, UTC).astimezone(self._zone)
