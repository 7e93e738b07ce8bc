"""When Python looks for garbage in a node's process: often, and then at little.

CPython looks when there are so many more objects than when it last did. A node makes one for each
probe and forgets another meanwhile, so that it seldom looks, and then at all that has come since:
14,000 probes in 5 ms, or 45,000 in 18. Here it looks ten times a second, at what is new by then. A look at all there is takes 50 to 110 ms at 10,000 probes a second; it is for when memory
grows. What a node makes is mostly freed without either, when nobody refers to it any more.
"""

from __future__ import annotations

import gc
import resource
from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.task import LoopingCall

NEW_SECONDS = 0.1
"""Seconds between two looks at what is new."""

ALL_SECONDS = 900.0
"""Seconds at least between two at all there is."""

GROWN = 1.05
"""As much memory as at the last of these, times this, is worth another."""

_NEVER = 1 << 30  # looks at what is older before one at all: CPython makes none by itself


def peak_memory() -> int:
    """Tell the most memory that was resident so far, in the system's unit (getrusage(2))."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


class Collecting(Service):
    """Has Python look for garbage as above while it runs, and as before when it has stopped."""

    def __init__(self, reactor: Any, memory: Callable[[], int] = peak_memory) -> None:
        self._new, self._all = LoopingCall(gc.collect, 1), LoopingCall(self._look_at_all)
        self._new.clock = self._all.clock = reactor
        self._memory = memory
        self._before = gc.get_threshold()
        self._seen = 0

    def startService(self) -> None:
        """Begin."""
        super().startService()  # type: ignore[no-untyped-call]
        self._before = gc.get_threshold()
        gc.set_threshold(*self._before[:2], _NEVER)
        self._seen = self._memory()
        for call, seconds in ((self._new, NEW_SECONDS), (self._all, ALL_SECONDS)):
            call.start(seconds, now=False)

    def stopService(self) -> None:
        """End."""
        super().stopService()  # type: ignore[no-untyped-call]
        for call in (self._new, self._all):
            call.stop()
        gc.set_threshold(*self._before)

    def _look_at_all(self) -> None:
        """Look at all there is, if memory has grown."""
        if self._memory() > GROWN * self._seen:
            gc.collect()
            self._seen = self._memory()
