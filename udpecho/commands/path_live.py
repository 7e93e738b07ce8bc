"""udpecho path --live: looks again and again, and what changed, on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.python.failure import Failure

from udpecho.commands.extras import Unusable
from udpecho.commands.wording import Say
from udpecho.errors import UdpEchoError

if TYPE_CHECKING:
    from udpecho.path import Look, Paths
    from udpecho.show import Canvas

PAUSE = 5.0
"""Seconds between two looks: routers that answer six at once have as much to say again then."""

REDRAWN = 0.4
"""Seconds after which the picture is drawn anew."""

Trace: TypeAlias = "Callable[[tuple[int, ...]], Coroutine[Any, Any, Paths]]"
"""Looks once, from these source ports, or from any if there are none."""


def refuse_no_screen() -> None:
    """Raise Unusable if there is nothing to draw on, before anything is sent."""
    from udpecho.show import why_no_table

    if (why := why_no_table(sys.stdout, os.environ)) is not None:
        raise Unusable(f"--live: expected a terminal to draw on, got {why}")


class LivePaths:
    """What is seen of one look after the other, until it is cancelled."""

    def __init__(self, reactor: Any, name: str, trace: Trace, canvas: Canvas) -> None:
        """Take what the host is called, how to look, and what to draw on."""
        self._reactor, self._name, self._trace, self._canvas = reactor, name, trace, canvas
        self._now: Paths | None = None
        self._before: Paths | None = None
        self._look: Look | None = None
        self._looks = 0
        self._trouble = ""
        self._over = False
        self._ended: Deferred[None] = Deferred(lambda waiting: waiting.callback(None))

    def started(self, look: Look) -> None:
        """Learn of a look that began."""
        self._look = look
        self._looks += 1

    async def run(self) -> Paths:
        """Look until this is cancelled, or a look fails; return what was seen last."""
        drawing = LoopingCall(self._draw)
        drawing.clock = self._reactor
        drawing.start(REDRAWN, now=False).addErrback(self._end)
        looking = Deferred.fromCoroutine(self._look_again()).addErrback(self._end)
        try:
            await self._ended
        finally:
            self._over = True
            looking.cancel()
            if drawing.running:
                drawing.stop()
            self._canvas.erase()
        found = self.seen()
        assert found is not None
        return found

    def seen(self) -> Paths | None:
        """Give the last picture; of the first look as far as it is."""
        if self._now is None and self._look is not None:
            return replace(self._look.paths(), target=self._name)
        return self._now

    def last_lines(self) -> list[str]:
        """Write the last picture, to be left on the terminal."""
        from udpecho.show.path_text import marked_lines

        found = self.seen()
        assert found is not None
        return [line for line, _ in marked_lines(found, self._canvas.sheet, self._before)]

    def above(self, say: Say) -> Say:
        """Make what says a line above the picture."""

        def said(line: str) -> None:
            self._canvas.erase()
            say(line)

        return said

    async def _look_again(self) -> None:
        ports: tuple[int, ...] = ()
        while not self._over:
            try:
                found = await self._trace(ports)
            except (OSError, UdpEchoError) as error:  # of a name, or a port that is taken by now
                if self._now is None:
                    raise
                self._trouble, ports = f" failed: {error}", ()
            else:
                if self._over:
                    return
                ports = tuple(path.source_port for path in found.paths)
                self._before, self._now, self._trouble = self._now, found, ""
            self._look = None
            await deferLater(self._reactor, PAUSE)

    def _end(self, why: Failure) -> None:
        """End with the look that failed, or with the terminal that is gone."""
        if not self._ended.called and not why.check(CancelledError):
            self._ended.errback(why)

    def _draw(self) -> None:
        from udpecho.show import live_lines

        foot = f"look {self._looks}{self._trouble}; Ctrl-C ends"
        canvas = self._canvas
        canvas.draw(live_lines(self.seen(), self._before, foot, canvas.sheet, canvas.rows))
