"""When Python looks for garbage in a node's process: often, and then at little.

CPython looks when there are so many more objects than when it last did. A node makes one for each
probe and forgets another meanwhile, so that it seldom looks, and then at all that has come since:
14,000 probes in 5 ms, or 45,000 in 18. Here it looks eight times a second, at what is new by then.
A look at all there is takes 50 to 110 ms at 10,000 probes a second; it is for when there are more
and more of them. Most are freed without either, when nothing refers to them any more.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable

from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall, IReactorTime

NEW_SECONDS = 0.125
"""Seconds between two looks at what is new; half of that after one that took long."""

LONG_SECONDS = 0.0005
"""A look that takes more holds the reactor for longer than is good."""

ALL_SECONDS = 900.0
"""Seconds at least between two at all there is."""

GROWN = 1.05
"""As many objects as at the last of these, times this, are worth another."""

_NEVER = 1 << 30  # looks at what is older before one at all: CPython makes none by itself


class Collecting(Service):
    """Has Python look for garbage as above while it runs, and as before when it has stopped."""

    def __init__(
        self, reactor: IReactorTime, objects: Callable[[], int] = sys.getallocatedblocks
    ) -> None:
        self._reactor, self._objects = reactor, objects
        self._before = gc.get_threshold()
        self._seen = 0
        self._calls: list[IDelayedCall] = []

    def startService(self) -> None:
        """Begin."""
        super().startService()  # type: ignore[no-untyped-call]
        self._before = gc.get_threshold()
        gc.set_threshold(*self._before[:2], _NEVER)
        self._seen = self._objects()
        later = self._reactor.callLater
        self._calls = [later(NEW_SECONDS, self._look_at_new), later(ALL_SECONDS, self._look_at_all)]

    def stopService(self) -> None:
        """End."""
        super().stopService()  # type: ignore[no-untyped-call]
        for call in self._calls:
            call.cancel()
        gc.set_threshold(*self._before)

    def _look_at_new(self) -> None:
        began = self._reactor.seconds()
        gc.collect(1)
        long = self._reactor.seconds() - began > LONG_SECONDS
        after = NEW_SECONDS / 2 if long else NEW_SECONDS
        self._calls[0] = self._reactor.callLater(after, self._look_at_new)

    def _look_at_all(self) -> None:
        """Look at all there is, if there are so many more objects."""
        self._calls[1] = self._reactor.callLater(ALL_SECONDS, self._look_at_all)
        if self._objects() > GROWN * self._seen:
            gc.collect()
            self._seen = self._objects()
