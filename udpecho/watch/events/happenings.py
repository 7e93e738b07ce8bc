"""Where a node's rooms tell what happens, and whoever wants to know hears it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from twisted.logger import Logger

from udpecho.watch.events.event import EVENTS, Event

MOST_KEPT = 256
"""The last events that are remembered, for the pages."""


@dataclass(frozen=True, slots=True)
class Happening:
    """An event, and when it was told: by its number since the node began, and the wall clock."""

    number: int
    unix_seconds: float
    event: Event


Listener: TypeAlias = Callable[[Happening], None]


class Events:
    """What happened so far: counted, the last of it kept, and told on to all who listen."""

    def __init__(self, wall: Callable[[], float], log: Logger) -> None:
        """Begin with nothing; wall tells the time in seconds since 1970."""
        self.last: deque[Happening] = deque(maxlen=MOST_KEPT)
        self.counts = {each.kind: 0 for each in EVENTS}
        self._wall = wall
        self._log = log
        self._listeners: list[Listener] = []
        self._number = 0

    def tell(self, event: Event) -> None:
        """Tell all who listen; who raises hears no more."""
        self._number += 1
        told = Happening(self._number, self._wall(), event)
        self.last.append(told)
        self.counts[event.kind] += 1
        for listener in list(self._listeners):
            try:
                listener(told)
            except Exception:
                self.forget(listener)
                self._log.failure("who listened to events is told no more of them")

    def listen(self, listener: Listener) -> None:
        """Have a listener told of all that is told from now on; it may not hold the reactor up."""
        self._listeners.append(listener)

    def forget(self, listener: Listener) -> None:
        """Tell a listener no more."""
        if listener in self._listeners:
            self._listeners.remove(listener)
