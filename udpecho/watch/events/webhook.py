"""Events posted to a server, in their order, some in one body; what can't be posted is tried again.

An event is posted at least once: an answer that got lost has it posted twice, with the number that
it had. While nobody answers, as many wait as there is room for; beyond, they are left out, counted
and told of in the next body.
"""

from __future__ import annotations

import json
from collections import deque
from itertools import islice
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from udpecho.shown import harmless
from udpecho.watch.events.event_lines import EVENT_SCHEMA
from udpecho.watch.events.outlet_counts import MOST_UNSENT, OutletCounts
from udpecho.watch.events.posting import Post

MOST_TOGETHER = 100
"""Events in one body: 30 kB."""

FIRST_RETRY, LAST_RETRY = 1.0, 60.0
"""Seconds until what failed is tried again: twice as long each time."""

NEVER = frozenset({400, 413, 415, 422})
"""Answers by which the same body would be refused the next time, too (RFC 9110, 15.5)."""


class Webhook:
    """Posts events to a server."""

    def __init__(
        self, reactor: Any, where: str, node: str, post: Post, counts: OutletCounts, log: Logger
    ) -> None:
        """Post nothing yet. where says whom it posts to, and node what this node is called."""
        self._reactor = reactor
        self._where = where
        self._node = node
        self._post = post
        self._counts = counts
        self._log = log
        self._waiting: deque[str] = deque()
        self._left_out = 0
        """Since the last body that was taken."""

        self._why = ""
        self._at_work: Deferred[None] | None = None
        self._ended = False

    def write(self, line: str) -> None:
        """Post an event, given as a JSON object."""
        if len(self._waiting) >= MOST_UNSENT:
            if not self._left_out:
                self._log.error(
                    "{most} events wait to be posted: more of them are left out", most=MOST_UNSENT
                )
            self._leave_out(1)
            return
        self._waiting.append(line)
        self._counts.waits(len(self._waiting))
        if self._at_work is None:
            self._at_work = Deferred.fromCoroutine(self._post_all())
            self._at_work.addBoth(self._rests)

    def give_back(self) -> list[str]:
        """Give what waits, for another to post; end() is to follow."""
        lines = list(self._waiting)
        self._forget(len(lines))
        return lines

    def end(self) -> None:
        """Post no more; what was not taken is lost, and said so."""
        self._ended = True
        if self._waiting:
            self._log.error("{number} events were not posted", number=len(self._waiting))
            self._leave_out(len(self._waiting))
        self._forget(len(self._waiting))
        if self._at_work is not None:
            self._at_work.cancel()

    async def _post_all(self) -> None:
        """Post until nothing waits."""
        delay, retry = 0.0, FIRST_RETRY
        while self._waiting:
            await deferLater(self._reactor, delay)  # what is told at once is posted together
            if await self._post_some(min(len(self._waiting), MOST_TOGETHER)):
                delay, retry = 0.0, FIRST_RETRY
            else:
                delay, retry = retry, min(2 * retry, LAST_RETRY)

    async def _post_some(self, number: int) -> bool:
        """Post so many; tell whether they wait no more."""
        left_out = self._left_out
        try:
            status = await self._post(self._body(number, left_out))
        except Exception as error:  # whatever a server makes of it
            why, is_over = harmless(str(error)) or type(error).__name__, False
        else:
            why, is_over = f"it answers {status}", 200 <= status < 300 or status in NEVER
            if 200 <= status < 300:
                why = ""
        if self._ended:
            return True
        if why:
            self._counts.fails()
        else:
            self._left_out -= left_out
            self._counts.sends(number)
        if is_over:
            self._forget(number)
            if why:
                self._leave_out(number)
        self._say(why)
        return is_over

    def _body(self, number: int, left_out: int) -> bytes:
        about = json.dumps({"schema": EVENT_SCHEMA, "node": self._node, "left_out": left_out})
        events = ",".join(islice(self._waiting, number))
        return f'{about[:-1]}, "events": [{events}]}}'.encode()

    def _leave_out(self, number: int) -> None:
        self._counts.drops(number)
        self._left_out += number

    def _forget(self, number: int) -> None:
        """Have the first ones wait no more."""
        for _ in range(number):
            self._waiting.popleft()
        self._counts.waits(len(self._waiting))

    def _say(self, why: str) -> None:
        """Have the log know when it is other than before."""
        if why and why != self._why:
            self._log.error("events can't be posted to {where}: {why}", where=self._where, why=why)
        elif self._why and not why:
            self._log.info("events are posted to {where} again", where=self._where)
        self._why = why

    def _rests(self, result: object) -> None:
        self._at_work = None
        if isinstance(result, Failure) and not self._ended:
            self._log.failure("events could not be posted", result)
