"""When the attempts in flight run out of patience, and the one alarm that this takes.

Requests of equal patience stand in a queue: the clock never goes back, so each deadline in it
is later than the one before, and starting or stopping one costs no comparison with others.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from heapq import heapify, heappop, heappush, heapreplace
from math import inf

from udpecho.client.request import Request

Queue = OrderedDict[Request, None]

SPARE = 64
"""Empty queues kept at least: most requests have the patience of an earlier one."""


class Deadlines:
    """The deadlines of attempts in flight; no operation costs more when there are more of them.

    alarm(when) asks for a call at that time, in place of the one asked for before; alarm(None)
    takes it back. It may come before there is anything overdue; then reset() sets it again.
    When something is overdue, it is asked for once more, at once: what has been received by
    then is heard first. flushed() tells stretches of time, what was sent within each of which
    left at its end: when a turn was long, that is when its time begins.
    """

    def __init__(
        self,
        alarm: Callable[[float | None], None],
        flushed: Callable[[], list[tuple[float, float]]] = list,
    ) -> None:
        self._alarm = alarm
        self._flushed = flushed
        self._held: list[tuple[float, float]] = []
        self._alarm_at = inf
        self._queues: dict[float, Queue] = {}  # by patience
        self._firsts: list[tuple[float, float]] = []
        """A heap with a time, not after its first deadline, and the patience of each queue."""

        self._room = SPARE
        self.last_look: float | None = None
        """When the alarm came for what is overdue, while it is being heard of for the last time."""

    def __len__(self) -> int:
        """Count the queues, empty ones too."""
        return len(self._queues)

    def start(self, request: Request) -> None:
        """Watch a request that is being sent."""
        queue = self._queues.get(request.patience)
        if queue is None:
            queue = self._open(request)
        queue[request] = None

    def stop(self, request: Request) -> None:
        """Watch it no more."""
        del self._queues[request.patience][request]

    def overdue(self, now: float) -> Request | None:
        """Find a request whose deadline has come; it is for the caller to stop it."""
        while self._firsts and self._firsts[0][0] <= now:
            patience = self._firsts[0][1]
            first = next(iter(self._queues[patience]), None)
            if first is None:
                del self._queues[patience]
                heappop(self._firsts)
            elif first.deadline <= now:
                return first
            else:
                heapreplace(self._firsts, (first.deadline, patience))
        return None

    def is_over(self, request: Request, now: float) -> bool:
        """Tell whether the time is over since an overdue request left; if not, watch it anew."""
        for before, at in self._held:
            if before < request.sent_at < at and now < at + request.patience:
                self.stop(request)
                request.leaves(at)
                self.start(request)
                return False
        return True

    def has_overdue(self, now: float) -> bool:
        """Tell whether something is overdue, which the alarm may not have said yet."""
        if self.overdue(now) is None:
            return False
        if self.last_look is None:
            self._held = self._flushed()
        return True

    def were_over(self, request: Request, came: float) -> bool:
        """Tell whether what came at that time came too late, for the last attempt that there is."""
        is_last = request.attempts > request.retries
        return is_last and request.deadline < came and self.is_over(request, came)

    def rang(self, now: float) -> float:
        """Hear that the alarm has come, none is set now; tell what is overdue by which time."""
        self._alarm_at = inf
        if self.last_look is None and self.overdue(now) is not None:
            self.last_look = now
            self._held = self._flushed()
            return -inf
        by, self.last_look = self.last_look, None
        return -inf if by is None else by

    def reset(self) -> None:
        """Set the alarm for what comes first."""
        if self.last_look is not None:
            self._wake_by(self.last_look)
        elif self._firsts:
            self._wake_by(self._firsts[0][0])

    def clear(self) -> None:
        """Forget all deadlines, and the alarm."""
        if self._queues:
            self._queues.clear()
            self._firsts.clear()
            self._alarm_at = inf
            self.last_look = None
            self._alarm(None)

    def _wake_by(self, when: float) -> None:
        if when < self._alarm_at:
            self._alarm_at = when
            self._alarm(when)

    def _open(self, first: Request) -> Queue:
        if len(self._queues) >= self._room:
            self._drop_empty()
        queue = self._queues[first.patience] = OrderedDict()
        heappush(self._firsts, (first.deadline, first.patience))
        self._wake_by(first.deadline)
        return queue

    def _drop_empty(self) -> None:
        """Drop the queues that are empty, once they may be half of all."""
        self._queues = {patience: queue for patience, queue in self._queues.items() if queue}
        self._firsts = [first for first in self._firsts if first[1] in self._queues]
        heapify(self._firsts)
        self._room = 2 * len(self._queues) + SPARE
