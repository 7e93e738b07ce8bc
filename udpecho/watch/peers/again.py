"""What is asked again and again, each time when the last answer says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from udpecho.watch.peers.targets import Wanted

AFTER_A_FAULT = 30.0
"""Seconds until it is asked again after something went wrong that nobody thought of."""


class Hears(Protocol):
    """Who hears what a source of peers says."""

    @property
    def name(self) -> str:
        """What the source is called, by its peers, too."""

    def found(self, peers: Sequence[Wanted], left_out: str = "") -> None:
        """Hear whom it names, and in one line why it names some who are left out."""

    def failed(self, why: str) -> None:
        """Hear that it can't be asked, in one line."""


class Again:
    """One question, asked until end(); one at a time."""

    def __init__(
        self, reactor: IReactorTime, ask: Callable[[], Awaitable[float]], log: Logger
    ) -> None:
        """Ask nothing yet; ask tells in how many seconds it is to be called again."""
        self._reactor = reactor
        self._ask = ask
        self._log = log
        self._alarm: IDelayedCall | None = None
        self._asked: Deferred[None] | None = None
        self._ended = False

    def begin(self) -> None:
        """Ask now, and again."""
        self._asked = Deferred.fromCoroutine(self._once())
        self._asked.addErrback(self._fault)

    def end(self) -> None:
        """Ask no more; what was asked is nobody's."""
        self._ended = True
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
        if self._asked is not None:
            self._asked.cancel()

    async def _once(self) -> None:
        self._set_alarm(await self._ask())

    def _fault(self, failure: Failure) -> None:
        if not (self._ended and failure.check(CancelledError)):
            self._log.failure("a source of peers could not be asked", failure)
        self._set_alarm(AFTER_A_FAULT)

    def _set_alarm(self, seconds: float) -> None:
        if not self._ended:
            self._alarm = self._reactor.callLater(seconds, self.begin)
