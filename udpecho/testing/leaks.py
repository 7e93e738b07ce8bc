"""What a test leaves behind: calls, open ports, unhandled failures, errors in the log.

It sees what trial's TestCase notices and pytest alone lets pass. Installs no reactor: where a test
has not used one, it has left nothing there.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from typing import Any

from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from zope.interface import implementer


@implementer(ILogObserver)
class LeakCatcher:
    """Watches from its making to stop(): the log, too, if it is to."""

    def __init__(self, *, log: bool = True) -> None:
        self.errors: list[LogEvent] = []
        """The errors that were logged; whoever expects some takes them out."""
        reactor = installed_reactor()
        self._readers = set(_readers(reactor))
        self._calls = {id(call) for call in reactor.getDelayedCalls()} if reactor else set()
        if log:
            globalLogPublisher.addObserver(self)

    def __call__(self, event: LogEvent) -> None:
        """Note an error in the log."""
        if "log_failure" in event or event.get("isError"):
            self.errors.append(event)

    def stop(self) -> list[str]:
        """Tell what was left behind, a line for each thing, and take it away."""
        gc.collect()  # an unhandled failure is logged when its Deferred is collected
        globalLogPublisher.removeObserver(self)
        errors = [f"logged error: {event.get('log_failure') or event}" for event in self.errors]
        return [*errors, *self._left_in(installed_reactor())]

    def _left_in(self, reactor: Any) -> Iterator[str]:
        """Take what was left out of the reactor, and tell it."""
        for call in reactor.getDelayedCalls() if reactor else ():
            if id(call) not in self._calls:
                yield f"delayed call: {call}"
                call.cancel()
        for reader in set(_readers(reactor)) - self._readers:
            yield f"open port or reader: {reader}"
            reactor.removeReader(reader)


def installed_reactor() -> Any:
    """Return the reactor, if there is one; asking Twisted for it would install one."""
    return sys.modules.get("twisted.internet.reactor")


def _readers(reactor: Any) -> Iterator[object]:
    """Go through what a reactor reads, but for its own wakers, made when it first runs."""
    own: set[object] = getattr(reactor, "_internalReaders", set())
    yield from (each for each in getattr(reactor, "getReaders", list)() if each not in own)
