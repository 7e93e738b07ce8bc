"""What a server has at an URL: no redirect is followed, and nobody sends us more than we take."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Iterable
from os import strerror
from typing import Any, TypeAlias, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, ConnectionDone
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web._newclient import HTTP11ClientProtocol
from twisted.web.client import (
    Agent,
    BrowserLikePolicyForHTTPS,
    HTTPConnectionPool,
    ResponseDone,
    ResponseFailed,
    ResponseNeverReceived,
)
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer

Result = TypeVar("Result")

ANSWER_SECONDS = 10.0

MOST_HEAD = 16_384
"""Bytes of an answer's status and headers."""

READ_BYTES = 2048
"""Read in one turn of the reactor: what comes in the smallest parts then takes 1 ms."""

_HEAD_ENDS = re.compile(rb"\n\r?\n")
_NOT_YET = re.compile(rb"HTTP/[0-9.]+ 1[0-9][0-9]")
"""A status that another is to follow (RFC 9110, section 15.2): we ask for none."""

Fetch: TypeAlias = Callable[[str], Deferred[bytes]]
"""Gets what an URL has; fails with any exception, whose text says why."""


class CantFetch(Exception):
    """A page can't be had; the text says why."""


def fetcher(
    reactor: Any,
    most: int,
    seconds: float = ANSWER_SECONDS,
    *,
    policy: BrowserLikePolicyForHTTPS | None = None,
    authorization: Callable[[], bytes | None] = lambda: None,
) -> Fetch:
    """Make what gets JSON of so many bytes at most, within seconds.

    policy says whose certificates are believed; authorization gives the header of this name, each
    time, and whatever it raises is why nothing was fetched.
    """
    pool = QuietPool(reactor, persistent=False)  # type: ignore[no-untyped-call]
    if policy is None:
        policy = BrowserLikePolicyForHTTPS()
    agent = Agent(reactor, policy, connectTimeout=seconds, pool=pool)

    async def fetch(url: str) -> bytes:
        headers = Headers({"Accept": ["application/json"], "User-Agent": ["udpecho"]})
        allowed = authorization()
        if allowed is not None:
            headers.addRawHeader("Authorization", allowed)
        response = await answer_to(agent, b"GET", url, headers)
        if response.code != 200:
            response.deliverBody(TakesNothing())
            raise CantFetch(f"expected status 200, got {response.code}")
        body = Body(most)
        response.deliverBody(body)
        return await body.whole

    return lambda url: in_time(reactor, seconds, fetch(url))


async def answer_to(
    agent: Agent, method: bytes, url: str, headers: Headers, body: IBodyProducer | None = None
) -> Any:
    """Ask, and give the response. Raises CantFetch if none came, or what else kept us from it."""
    try:
        return await agent.request(method, url.encode("ascii"), headers, body)
    except (ResponseFailed, ResponseNeverReceived) as error:
        raise CantFetch(_why(error.reasons)) from None
    except ConnectError as error:
        raise CantFetch(strerror(error.osError) if error.osError else str(error)) from None


def in_time(
    clock: IReactorTime, seconds: float, asking: Coroutine[Any, Any, Result]
) -> Deferred[Result]:
    """Wait for what asks a server, and no longer than so many seconds."""

    def too_late(_: object, waited: float) -> Result:
        raise CantFetch(f"no answer within {waited:g} s")

    return Deferred.fromCoroutine(asking).addTimeout(seconds, clock, too_late)


def _why(reasons: Iterable[Failure]) -> str:
    """Say why there is no answer: what came may be anything, but of TLS it is ours to tell."""
    for each in reasons:
        if type(each.value).__module__.partition(".")[0] in ("OpenSSL", "service_identity"):
            said = re.search(r"'([^']+)'\)\]$", str(each.value))  # OpenSSL's last reason
            return f"no TLS: {said[1] if said else each.getErrorMessage()}"
    return "the answer broke off"


class Bounded(HTTP11ClientProtocol):
    """Hangs up on who sends headers without end, and reads a little at a time."""

    transport: Any

    def __init__(self, quiescent: Any) -> None:
        super().__init__(quiescent)  # type: ignore[no-untyped-call]
        self._head: bytes | None = b""

    def connectionMade(self) -> None:
        """Have the socket read little, of TLS that which is below, and await no farewell."""
        below = self.transport
        below.loseConnection = below.abortConnection
        while below is not None:
            below.bufferSize = READ_BYTES
            below = getattr(below, "transport", None)
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        """Take some more of an answer, unless its head is too long or none."""
        if self._head is not None:
            self._head += data
            ended = _HEAD_ENDS.search(self._head)
            if len(self._head) > MOST_HEAD or (ended and _NOT_YET.match(self._head)):
                self.transport.abortConnection()
                return
            if ended:
                self._head = None
        super().dataReceived(data)  # type: ignore[no-untyped-call]


class _QuietFactory(HTTPConnectionPool._factory):  # type: ignore[misc, valid-type]
    """Makes no line in the log of each question."""

    noisy = False

    def buildProtocol(self, addr: IAddress | None) -> HTTP11ClientProtocol:
        """Make a connection's protocol."""
        return Bounded(self._quiescentCallback)


class QuietPool(HTTPConnectionPool):
    """Keeps connections, and says nothing of them."""

    _factory = _QuietFactory


class TakesNothing(Protocol):
    """Takes nothing of a body."""

    def connectionMade(self) -> None:
        """Hang up."""
        assert self.transport is not None
        self.transport.loseConnection()


class Body(Protocol):
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
