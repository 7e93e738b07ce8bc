"""How a request is answered: in a line at once, or by a page that is made while it is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import TypeAlias
from urllib.parse import unquote_to_bytes

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.server import NOT_DONE_YET, Request

from udpecho.watch.web.sending import Sending, gzipped, in_chunks, takes_gzip

MOST_PAGES = 8
"""Made at once: each may have some MB on its way to who reads slowly."""

CHUNK = 16_384
"""Bytes of text that are compressed and written together: 0.2 ms."""

PLAIN = "text/plain; charset=utf-8"

Route: TypeAlias = Callable[[Request], bytes | int]
"""Answers a request: with a body, or NOT_DONE_YET."""


def said(request: Request, status: int, text: str) -> bytes:
    """Answer in a line."""
    request.setResponseCode(status, HTTPStatus(status).phrase.encode())  # Twisted has no 421
    return whole(request, PLAIN, f"{text}\n".encode())


def whole(request: Request, kind: str, body: bytes) -> bytes:
    """Answer with a body that is there already; HEAD wants none of it."""
    request.setHeader("Content-Type", kind)
    return b"" if request.method == b"HEAD" else body


def name_behind(before: str, path: bytes) -> str:
    """Give the name that a path ends in, as it is without %2F and the like."""
    return unquote_to_bytes(path.removeprefix(before.encode())).decode("utf-8", "replace")


def headers_of(request: Request, name: bytes) -> list[str]:
    """Give a header of a request, each time that it was sent: of any bytes, as ISO-8859-1.

    Asked by a str, Twisted would read it as UTF-8, and raise for what is none.
    """
    return [each.decode("latin-1") for each in request.requestHeaders.getRawHeaders(name, ())]


def header_of(request: Request, name: bytes) -> str:
    """Give a header of a request as one line, empty if there is none."""
    return ",".join(headers_of(request, name))


class PageSender:
    """Pages that are being made and sent, of which there are not too many at once."""

    def __init__(self, reactor: IReactorTime, log: Logger) -> None:
        self._reactor = reactor
        self._log = log
        self._pages = 0

    def send(
        self, request: Request, kind: str, texts: Iterable[str], vary: str = "Accept-Encoding"
    ) -> bytes | int:
        """Send short texts as they are made, compressed if that is understood."""
        if self._pages >= MOST_PAGES:
            request.setHeader("Retry-After", "5")
            return said(request, 503, "too many ask at once")
        request.setHeader("Content-Type", kind)
        request.setHeader("Vary", vary)
        if request.method == b"HEAD":
            return b""
        chunks: Iterator[bytes] = in_chunks(texts, CHUNK)
        if takes_gzip(header_of(request, b"accept-encoding")):
            request.setHeader("Content-Encoding", "gzip")
            chunks = gzipped(chunks)
        self._pages += 1
        request.notifyFinish().addBoth(self._ended)
        Sending(self._reactor, request, chunks, self._log)
        return NOT_DONE_YET

    def _ended(self, _: object) -> None:
        self._pages -= 1
