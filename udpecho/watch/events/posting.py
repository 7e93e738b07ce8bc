"""JSON posted to a server: no redirect is followed, and nothing of the answer is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IConsumer
from twisted.web.client import Agent
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer

from udpecho.watch.peers.fetching import QuietPool, TakesNothing, answer_to, in_time
from udpecho.watch.peers.files import read_text
from udpecho.watch.peers.trust import policy_for

ANSWER_SECONDS = 5.0

Post: TypeAlias = Callable[[bytes], Deferred[int]]
"""Posts a body; fires with the status that it was answered with, or fails with any exception, whose
text says why."""


def poster(
    reactor: Any, url: str, credentials_file: Path | None = None, ca_file: Path | None = None
) -> Post:
    """Make what posts JSON to an URL.

    credentials_file has the token of a bearer (RFC 6750), read each time: it may be renewed.
    ca_file has certificates in PEM that an https server's may rest on, in place of the system's.
    Raises OSError or ValueError for what can't be read, and ModuleNotFoundError without pyOpenSSL.
    """
    agent = Agent(
        reactor, policy_for(url, ca_file), connectTimeout=ANSWER_SECONDS,
        pool=QuietPool(reactor, persistent=False),  # type: ignore[no-untyped-call]
    )  # fmt: skip
    if credentials_file is not None:
        _bearer(credentials_file)

    async def post(body: bytes) -> int:
        headers = Headers({"Content-Type": ["application/json"], "User-Agent": ["udpecho"]})
        if credentials_file is not None:
            headers.addRawHeader("Authorization", _bearer(credentials_file))
        response = await answer_to(agent, b"POST", url, headers, _Whole(body))
        response.deliverBody(TakesNothing())
        return int(response.code)

    return lambda body: in_time(reactor, ANSWER_SECONDS, post(body))


@implementer(IBodyProducer)
class _Whole:
    """A body that is written in one piece."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.length = len(body)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """Write it."""
        consumer.write(self._body)
        return succeed(None)

    def pauseProducing(self) -> None:
        """There is nothing more to come."""

    def resumeProducing(self) -> None:
        """There is nothing more to come."""

    def stopProducing(self) -> None:
        """There is nothing more to come."""


def _bearer(file: Path) -> bytes:
    """Read a token. Raises OSError or ValueError."""
    token = read_text(file).strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError(f"expected a token in one line, got none: {file}")
    return f"Bearer {token}".encode()
