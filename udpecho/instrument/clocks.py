"""The monotonic and the wall clock, read at one moment."""

from __future__ import annotations

from time import monotonic_ns, time_ns

from udpecho.instrument.stamps import Stamp

_MOMENT_NS = 20_000
"""What two readings of clocks take at most, unless the process is preempted in between."""

_READINGS = range(4)


def read_clocks() -> Stamp:
    """Read the monotonic and the wall clock at one moment, as far as that can be had."""
    for _ in _READINGS:
        before, wall_ns = monotonic_ns(), time_ns()
        if monotonic_ns() - before < _MOMENT_NS:
            break  # else the process was preempted in between
    return Stamp(before, wall_ns)
