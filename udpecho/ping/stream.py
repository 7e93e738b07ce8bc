"""A run's outcomes, one by one, for whoever iterates over them."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Callable

from twisted.internet.defer import CancelledError, Deferred

from udpecho.errors import UdpEchoError
from udpecho.ping.figures import Summary
from udpecho.ping.outcome import Outcome

UNREAD = 65536
"""Outcomes that wait for whoever iterates over them; more end the run."""


class FellBehind(UdpEchoError):
    """Whoever iterates over a ping's outcomes was slower than they came."""


async def each_outcome(
    start: Callable[[], Deferred[Summary]], listen: Callable[[Callable[[Outcome], None]], None]
) -> AsyncGenerator[Outcome, None]:
    """Listen to a run, start it and yield what it tells; leaving the loop ends the run.

    Raises what start() raises, and FellBehind if the loop is too slow for what comes.
    """
    unread: deque[Outcome] = deque()
    more: Deferred[None] = Deferred()

    def take(outcome: Outcome) -> None:
        if len(unread) >= UNREAD:
            raise FellBehind(f"{UNREAD} outcomes wait to be read")
        unread.append(outcome)
        wake()

    def wake(result: object = None) -> object:
        if not more.called:
            more.callback(None)
        return result

    listen(take)
    done = start().addBoth(wake)
    try:
        while unread or not done.called:
            if unread:
                yield unread.popleft()
            else:
                more = Deferred()
                await more
    finally:
        if not done.called:
            done.addErrback(lambda failure: failure.trap(CancelledError) and None)
            done.cancel()
    await done
