"""Which clock tells intervals on a given reactor.

A real reactor's seconds() is the wall clock, which steps when someone sets it; a clock that
is moved by hand (twisted's Clock, a MemoryNetwork host) is its own best measure.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from twisted.internet.interfaces import IReactorCore, IReactorTime


def monotonic_clock(reactor: IReactorTime) -> Callable[[], float]:
    """Return the function whose differences are seconds that truly passed on this reactor."""
    if IReactorCore.providedBy(reactor):
        return time.monotonic
    return reactor.seconds
