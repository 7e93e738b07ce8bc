"""A page that is made while it is sent: a piece in a turn of the reactor, as fast as it is read."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import Request
from zope.interface import implementer

from udpecho.reactors import monotonic_clock
from udpecho.watch.pieces import PIECE_SECONDS

WHOLE_SECONDS = 30.0
"""How long a page may take to be read: who is slower gets no more of it."""

GZIP_LEVEL = 1
"""A third of the CPU of the usual 6, and metrics are a tenth longer by it."""


@implementer(IPushProducer)
class Sending:
    """Sends what an iterator makes, until it is all sent or nobody reads any more."""

    def __init__(
        self, reactor: IReactorTime, request: Request, chunks: Iterator[bytes], log: Logger
    ) -> None:
        """Begin at once."""
        self._reactor = reactor
        self._seconds = monotonic_clock(reactor)
        self._request = request
        self._chunks = chunks
        self._log = log
        self._next: IDelayedCall | None = None
        self._ended = self._paused = False
        self._limit = reactor.callLater(WHOLE_SECONDS, self._too_slow)
        request.notifyFinish().addErrback(lambda _: self.stopProducing())
        request.registerProducer(self, True)
        self.resumeProducing()

    def pauseProducing(self) -> None:
        """Make no more until what was made has been read."""
        self._paused = True

    def resumeProducing(self) -> None:
        """Go on."""
        self._paused = False
        if not self._ended and self._next is None:
            self._next = self._reactor.callLater(0, self._go_on)

    def stopProducing(self) -> None:
        """Make no more: nobody is there."""
        self._ended = True
        for call in (self._next, self._limit):
            if call is not None and call.active():
                call.cancel()

    def _go_on(self) -> None:
        self._next = None
        ends = self._seconds() + PIECE_SECONDS
        try:
            for chunk in self._chunks:
                if chunk:
                    self._request.write(chunk)
                if self._ended:
                    return
                if self._paused or self._seconds() >= ends:
                    if not self._paused:
                        self.resumeProducing()
                    return
        except Exception:
            self._log.failure("a page could not be made", Failure())
            self._too_slow()
        else:
            self.stopProducing()
            self._request.unregisterProducer()
            self._request.finish()

    def _too_slow(self) -> None:
        """Hang up: a page that is cut short must not look whole."""
        self.stopProducing()
        hang_up(self._request)


def hang_up(request: Request) -> None:
    """Hang up on who does not read: to wait until he has could take for ever."""
    transport: Any = request.channel.transport
    transport.abortConnection()


def in_chunks(texts: Iterable[str], characters: int) -> Iterator[bytes]:
    """Put short texts together until there are so many characters, as bytes; b"" in between."""
    waiting: list[str] = []
    length = 0
    for text in texts:
        waiting.append(text)
        length += len(text)
        if length < characters:
            yield b""
            continue
        yield "".join(waiting).encode("utf-8", "replace")
        waiting.clear()
        length = 0
    yield "".join(waiting).encode("utf-8", "replace")


def gzipped(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Compress, chunk by chunk; the first is sent at once, that a page begins to show."""
    compressor = zlib.compressobj(GZIP_LEVEL, wbits=31)
    for chunk in chunks:
        yield compressor.compress(chunk) if chunk else b""
        if chunk:
            yield compressor.flush(zlib.Z_SYNC_FLUSH)
            break
    for chunk in chunks:
        yield compressor.compress(chunk) if chunk else b""
    yield compressor.flush()


def takes_gzip(accept_encoding: str) -> bool:
    """Tell by an Accept-Encoding header whether gzip is understood (RFC 9110, 12.5.3)."""
    for each in accept_encoding.lower().split(","):
        coding, _, weight = (part.strip() for part in each.partition(";"))
        if coding in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
