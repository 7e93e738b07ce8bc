"""Pages that stay true while they are looked at: what changed of them, told as it does.

Server-sent events. One page is drawn at a time, a piece in a turn of the reactor, and only while
somebody looks; who reads too slowly gets the newest when he has read, or is hung up on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import NOT_DONE_YET, Request
from zope.interface import implementer

from udpecho.reactors import monotonic_clock
from udpecho.watch.pages.views import Piece
from udpecho.watch.pieces import in_pieces
from udpecho.watch.web.answers import said
from udpecho.watch.web.sending import hang_up

MOST_STREAMS = 64
ROUND_SECONDS = 3.0
SHARE = 10
"""Drawing takes one part of so many of the time: more or longer pages are told less often."""

SLOW_SECONDS = 30.0
"""Who has not read for so long what was sent is hung up on."""

Draw: TypeAlias = Callable[[], Iterator[Piece | None] | None]
"""Draws a page anew, in short steps of which most make no piece; None if there is no such page."""


@implementer(IPushProducer)
class Onlooker:
    """Who looks at a page."""

    def __init__(self, request: Request, seconds: Callable[[], float]) -> None:
        self._request = request
        self._seconds = seconds
        self._paused_at: float | None = None
        self.has_all = False
        """Whether what was sent is all that there is."""

        request.registerProducer(self, True)

    def pauseProducing(self) -> None:
        """Send nothing until what was sent is read."""
        self._paused_at = self._seconds()

    def resumeProducing(self) -> None:
        """Send on."""
        self._paused_at = None

    def stopProducing(self) -> None:
        """Do nothing: the request tells that it has ended."""

    def begin(self) -> bool:
        """Begin to send what is new; tell whether what was sent before was all that there was."""
        had_all, self.has_all = self.has_all, True
        return had_all

    def send(self, text: str) -> None:
        """Send something, or know that it is missing."""
        if self._paused_at is None:
            self._request.write(text.encode())
            return
        self.has_all = False
        if self._seconds() - self._paused_at > SLOW_SECONDS:
            hang_up(self._request)

    def end(self) -> None:
        """Tell that there is no more."""
        self._request.unregisterProducer()
        self._request.finish()


class Looked:
    """A page that somebody looks at, as it was told last."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.readers: list[Onlooker] = []
        self._told: dict[str, str] = {}

    def steps(self) -> Iterator[None]:
        """Draw it anew, and send what has changed."""
        pieces = self.draw()
        if pieces is None:
            for reader in list(self.readers):
                reader.end()
            return
        changed: set[str] = set()
        for piece in pieces:
            if piece is not None and self._told.get(piece[0]) != piece[1]:
                self._told[piece[0]] = piece[1]
                changed.add(piece[0])
            yield
        yield from self._send(changed)

    def _send(self, changed: set[str]) -> Iterator[None]:
        """Send what has changed, everything to whom something is missing, or a sign of life."""
        had_all = {reader: reader.begin() for reader in self.readers}
        for part in list(self._told):
            wanting = [each for each in had_all if part in changed or not had_all[each]]
            if wanting:
                told = json.dumps({"id": part, "html": self._told[part]})
                for reader in self._there(wanting):
                    reader.send(f"event: piece\ndata: {told}\n\n")
                yield
        for reader in self._there(had_all):
            reader.send(":\n\n")

    def _there(self, readers: Iterable[Onlooker]) -> list[Onlooker]:
        return [each for each in readers if each in self.readers]


class Streams:
    """All who look, by the page that they look at."""

    def __init__(self, reactor: IReactorTime, log: Logger) -> None:
        self._reactor = reactor
        self._seconds = monotonic_clock(reactor)
        self._log = log
        self._pages: dict[str, Looked] = {}
        self._alarm: IDelayedCall | None = None
        self._drawing: Deferred[None] | None = None
        self._began = self._took = 0.0

    def open(self, request: Request, page: str, draw: Draw) -> bytes | int:
        """Tell of changes of a page from now on."""
        if sum(len(each.readers) for each in self._pages.values()) >= MOST_STREAMS:
            request.setHeader("Retry-After", "30")
            return said(request, 503, "too many look at once")
        request.setHeader("Content-Type", "text/event-stream; charset=utf-8")
        if request.method == b"HEAD":
            return b""
        looked = self._pages.setdefault(page, Looked(draw))
        reader = Onlooker(request, self._seconds)
        looked.readers.append(reader)
        request.notifyFinish().addBoth(self._ended, page, reader)
        request.write(b":\n\n")
        self._wait()
        return NOT_DONE_YET

    def _ended(self, _: object, page: str, reader: Onlooker) -> None:
        looked = self._pages[page]
        looked.readers.remove(reader)
        if not looked.readers:
            del self._pages[page]
        if not self._pages:
            self._took = 0.0
            if self._alarm is not None:
                self._alarm.cancel()
                self._alarm = None

    def _wait(self) -> None:
        if self._pages and self._alarm is None and self._drawing is None:
            seconds = max(ROUND_SECONDS, (SHARE - 1) * self._took)
            self._alarm = self._reactor.callLater(seconds, self._round)

    def _round(self) -> None:
        self._alarm = None
        self._began = self._seconds()
        self._drawing = drawing = in_pieces(self._reactor, self._steps())
        drawing.addBoth(self._drawn)

    def _steps(self) -> Iterator[None]:
        for looked in list(self._pages.values()):
            yield from looked.steps()

    def _drawn(self, result: object) -> None:
        self._drawing = None
        self._took = self._seconds() - self._began
        if isinstance(result, Failure):
            self._log.failure("a page could not be drawn anew", result)
        self._wait()
