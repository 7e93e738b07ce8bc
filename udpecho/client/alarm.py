"""The one timer of a client: a delayed call that moves as the soonest deadline does."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Alarm:
    """Calls ring() once, at the time that was set last."""

    def __init__(
        self, reactor: IReactorTime, now: Callable[[], float], ring: Callable[[], None]
    ) -> None:
        """Take a clock whose seconds truly pass, as the reactor's own may not."""
        self._reactor = reactor
        self._now = now
        self._ring = ring
        self._call: IDelayedCall | None = None

    def set(self, when: float | None) -> None:
        """Ring at this time, in place of another that was set; None takes it back."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if when is not None:
            self._call = self._reactor.callLater(max(0.0, when - self._now()), self._go_off)

    def _go_off(self) -> None:
        self._call = None
        self._ring()
