"""When a datagram left or came, by each clock that saw it, and the time between two of them.

The kernel stamps a datagram as it passes the driver, so that what the process does meanwhile
doesn't show; but its stamps are wall-clock time, which may be set between two of them. The
process therefore reads both clocks beside each stamp, and a difference of stamps is believed
only if the wall clock was not set in between. Reads no clock itself. Times are nanoseconds.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

STEP_NS = 100_000
"""Two readings of the clocks, one after the other, differ by less, unless one clock was set.

Slewing (NTP, adjtime) moves both clocks alike on Linux; a step moves the wall clock alone.
A process that is preempted between the two readings looks like a step, and costs no more
than the kernel's better figure for that one probe.
"""


class Clock(Enum):
    """Which clock told a round trip."""

    KERNEL = "kernel"
    USER = "user"

    __hash__ = object.__hash__  # Enum's own is Python code, which counting would pay for


# As plain names: on Python 3.11 an enumeration looks its members up in Python code.
_KERNEL, _USER = Clock


class Stamp(NamedTuple):
    """One moment, by the process's monotonic and wall clocks."""

    monotonic_ns: int
    wall_ns: int


def round_trip(
    sent: Stamp, came: Stamp, departed_ns: int | None = None, arrived_ns: int | None = None
) -> tuple[int, Clock]:
    """Return the time between two moments, and the clock that told it.

    departed_ns and arrived_ns are the kernel's stamps, where it gave any: not every driver stamps
    what departs. The process reads its clocks before it sends and after it receives, so that the
    kernel's difference is never truly the longer one.
    """
    by_process = came.monotonic_ns - sent.monotonic_ns
    if arrived_ns is None:
        return max(by_process, 0), _USER
    step = (came.wall_ns - sent.wall_ns) - by_process
    by_kernel = arrived_ns - (sent.wall_ns if departed_ns is None else departed_ns)
    if abs(step) > STEP_NS or not 0 <= by_kernel <= by_process + STEP_NS:
        return max(by_process, 0), _USER
    return by_kernel, _USER if departed_ns is None else _KERNEL
