"""What udpecho asks of a reactor, and which clock tells intervals on it.

A real reactor's seconds() is the wall clock, which steps when someone sets it; a clock that
is moved by hand (twisted's Clock, a MemoryNetwork host) is its own best measure.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from twisted.internet.interfaces import (
    IReactorCore,
    IReactorPluggableNameResolver,
    IReactorTime,
    IReactorUDP,
)


class IDatagramReactor(IReactorUDP, IReactorTime, IReactorPluggableNameResolver):
    """Sockets, timers and names: every reactor of Twisted's, and each MemoryNetwork host."""


def monotonic_clock(reactor: IReactorTime) -> Callable[[], float]:
    """Return the function whose differences are seconds that truly passed on this reactor."""
    if IReactorCore.providedBy(reactor):
        return time.monotonic
    return reactor.seconds
