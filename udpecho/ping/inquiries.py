"""Inquiries to a resolver: a few at a time, and when enough is known to begin."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as NoAnswer
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

AT_ONCE = 8
"""Look-ups at a time: a reactor's resolver has ten threads, and others need names, too."""

ANSWER_SECONDS = 30.0
"""How long an answer is waited for: by then glibc's resolver has given up."""

QUICK_SECONDS = 0.2
"""How long a ping that knows a host waits for others' names before it begins."""

__all__ = ["ANSWER_SECONDS", "AT_ONCE", "QUICK_SECONDS", "Enough", "Inquiries", "NoAnswer"]


class Inquiries:
    """Those that wait, and those that were asked and have no answer."""

    def __init__(
        self,
        reactor: IReactorTime,
        ask: Callable[[int], Deferred[list[str]]],
        take: Callable[[int, list[str] | Failure], None],
    ) -> None:
        """Put questions by their number with ask; take hears each answer, or NoAnswer."""
        self._reactor = reactor
        self._ask = ask
        self._take = take
        self._waiting: deque[int] = deque()
        self._asked: dict[int, Deferred[list[str]]] = {}
        self._is_asking = self._ended = False

    def ask(self, numbers: Iterable[int]) -> None:
        """Ask these, too, as soon as it is their turn."""
        self._waiting.extend(numbers)
        self._ask_more()

    def end(self) -> None:
        """Ask no more, and hear of nothing."""
        self._ended = True
        self._waiting.clear()
        for asked in list(self._asked.values()):
            asked.cancel()

    def _ask_more(self) -> None:
        if self._is_asking:  # an answer that is there at once does not go deeper
            return
        self._is_asking = True
        while self._waiting and len(self._asked) < AT_ONCE:
            self._put(self._waiting.popleft())
        self._is_asking = False

    def _put(self, number: int) -> None:
        asked = self._ask(number)
        if not asked.called:
            asked.addTimeout(ANSWER_SECONDS, self._reactor)
        self._asked[number] = asked

        def answered(result: list[str] | Failure) -> None:
            self._asked.pop(number, None)
            if not self._ended:
                self._take(number, result)
                self._ask_more()

        asked.addBoth(answered)


class Enough:
    """What waits until enough is known to begin."""

    def __init__(self, reactor: IReactorTime) -> None:
        self._reactor = reactor
        self._waiting: Deferred[None] | None = None
        self._alarm: IDelayedCall | None = None
        self.is_late = False
        """Whether the time is over in which others' names are waited for."""

    def wait(self) -> Deferred[None]:
        """Wait until there is something new to look at, or it is late."""
        if self._alarm is None:
            self._alarm = self._reactor.callLater(QUICK_SECONDS, self._be_late)
        self._waiting = Deferred()
        return self._waiting

    def look(self) -> None:
        """There is something new."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.called:
            waiting.callback(None)

    def fail(self, failure: Failure) -> None:
        """Something went wrong that ends the waiting."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.called:
            waiting.errback(failure)

    def cancel(self) -> None:
        """Nobody waits any more."""
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()

    def _be_late(self) -> None:
        self.is_late = True
        self.look()
