"""What many ask for at once is done one after another, some of it in each turn of the reactor."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from udpecho.reactors import TURN_SECONDS, monotonic_clock


class Turnstile:
    """Calls that wait for their turn, in the order in which they came."""

    def __init__(self, reactor: IReactorTime) -> None:
        self._reactor = reactor
        self._seconds = monotonic_clock(reactor)
        self._waiting: deque[Callable[[], None]] = deque()

    def add(self, call: Callable[[], None]) -> None:
        """Have something called soon, that is short and raises nothing."""
        self._waiting.append(call)
        if len(self._waiting) == 1:
            self._reactor.callLater(0, self._turn)

    def _turn(self) -> None:
        ends = self._seconds() + TURN_SECONDS
        while self._waiting:
            self._waiting[0]()
            self._waiting.popleft()
            if self._seconds() >= ends:
                break
        if self._waiting:  # so much that half of the time is to be others'
            self._reactor.callLater(TURN_SECONDS, self._turn)
