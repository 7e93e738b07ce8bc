"""Peers that a server names: Prometheus's http_sd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers

from udpecho.shown import harmless
from udpecho.watch.again import Hears
from udpecho.watch.targets import LONGEST_LIST, Wanted, read_list

EVERY_SECONDS = 30.0
ANSWER_SECONDS = 10.0

Fetch: TypeAlias = Callable[[str], Deferred[bytes]]
"""Gets what an URL has; fails with any exception, whose text says why."""


class CantFetch(Exception):
    """A page can't be had; the text says why."""


class HttpSource:
    """An URL that names peers."""

    def __init__(self, url: str, port: int, zone: str | None, hears: Hears, fetch: Fetch) -> None:
        self._url = url
        self._port = port
        self._zone = zone
        self._hears = hears
        self._fetch = fetch
        self._last: tuple[bytes, list[Wanted]] | None = None

    async def ask(self) -> float:
        """Ask; return when to ask again, in seconds."""
        try:
            data = await self._fetch(self._url)
            if self._last is None or self._last[0] != data:
                text = data.decode()
                found = read_list(text, self._port, self._zone, f"http:{self._url}")
                self._last = data, found
        except Exception as error:  # whatever a server makes of it
            self._hears.failed(harmless(f"{self._url}: {error}"))
        else:
            self._hears.found(self._last[1])
        return EVERY_SECONDS


def fetcher(reactor: Any) -> Fetch:
    """Make what gets pages: no redirects, and no more than a list of peers may have."""
    pool = QuietPool(reactor, persistent=False)  # type: ignore[no-untyped-call]
    agent = Agent(reactor, connectTimeout=ANSWER_SECONDS, pool=pool)
    headers = Headers({"Accept": ["application/json"], "User-Agent": ["udpecho"]})

    async def fetch(url: str) -> bytes:
        response = await agent.request(b"GET", url.encode("ascii"), headers)
        if response.code != 200:
            response.deliverBody(TakesNothing())
            raise CantFetch(f"expected status 200, got {response.code}")
        body = _Body(LONGEST_LIST)
        response.deliverBody(body)
        return await body.whole

    def too_late(_: object, seconds: float) -> bytes:
        raise CantFetch(f"no answer within {seconds:g} s")

    def fetch_in_time(url: str) -> Deferred[bytes]:
        clock: IReactorTime = reactor
        return Deferred.fromCoroutine(fetch(url)).addTimeout(ANSWER_SECONDS, clock, too_late)

    return fetch_in_time


class _QuietFactory(HTTPConnectionPool._factory):  # type: ignore[misc, valid-type]
    """Makes no line in the log of each question."""

    noisy = False


class QuietPool(HTTPConnectionPool):
    """Keeps connections, and says nothing of them."""

    _factory = _QuietFactory


class TakesNothing(Protocol):
    """Takes nothing of a body."""

    def connectionMade(self) -> None:
        """Hang up."""
        assert self.transport is not None
        self.transport.loseConnection()


class _Body(Protocol):
    """Takes a body, if it isn't too long."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._data = bytearray()
        self.whole: Deferred[bytes] = Deferred(lambda _: self._hang_up())

    def dataReceived(self, data: bytes) -> None:
        """Keep a part of it."""
        self._data += data
        if len(self._data) > self._most:
            self._end(CantFetch(f"expected {self._most} bytes at most, got more"))
            self._hang_up()

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008
        """Fire, with the whole of it or why there is none."""
        if reason.check(ResponseDone, PotentialDataLoss):
            self._end(bytes(self._data))
        else:
            self._end(CantFetch("the answer broke off"))

    def _hang_up(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()

    def _end(self, result: bytes | CantFetch) -> None:
        if not self.whole.called:
            if isinstance(result, bytes):
                self.whole.callback(result)
            else:
                self.whole.errback(result)
