"""Who is connected, and for how long: slow and many clients can't hold the probing up."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from twisted.internet.protocol import connectionDone
from twisted.logger import ILogObserver, LogEvent, Logger
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.resource import Resource
from twisted.web.server import Request, Site
from zope.interface import provider

MOST_CONNECTIONS = 128
"""At once; who comes beyond is hung up on. Prometheus, kubelet and some browsers need 20."""

IDLE_SECONDS = 15
"""How long a connection may say nothing, and how long headers may take."""


class WatchRequest(Request):
    """A request whose body is passed over: nothing that we have wants one."""

    def gotLength(self, length: int | None) -> None:
        """Make no file for it, however long it is said to be."""
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:
        """Hang up on who sends one."""
        self.channel.loseConnection()


@provider(ILogObserver)
def _nobody(_: LogEvent) -> None:
    """Hear what Twisted logs of a connection: a line for each that says nothing for too long."""


class WatchChannel(HTTPChannel):
    """A connection that is known while it lasts."""

    factory: WatchSite
    _log = Logger(observer=_nobody)

    def connectionMade(self) -> None:
        """Know it."""
        self.factory.open.add(self)
        super().connectionMade()  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Know it no more."""
        self.factory.open.discard(self)
        super().connectionLost(reason)  # type: ignore[no-untyped-call]


class WatchSite(Site):
    """A site that holds no more connections than it may."""

    protocol = WatchChannel  # type: ignore[assignment] # HTTP/1.1 alone
    requestFactory = WatchRequest
    displayTracebacks = False

    def __init__(self, resource: Resource, reactor: Any) -> None:
        super().__init__(resource, timeout=IDLE_SECONDS, reactor=reactor)  # type: ignore[no-untyped-call]
        self.open: set[WatchChannel] = set()
        """The connections that there are."""

    def buildProtocol(self, addr: Any) -> Any:
        """Take a connection, or hang up."""
        if len(self.open) >= MOST_CONNECTIONS:
            return None
        return super().buildProtocol(addr)  # type: ignore[no-untyped-call]

    def stopFactory(self) -> None:
        """Hang up on all when it listens no more: a page that is looked at has no end."""
        super().stopFactory()
        for channel in list(self.open):
            channel.loseConnection()  # type: ignore[no-untyped-call]

    def acceptableProtocols(self) -> list[bytes]:
        """Offer within TLS what a channel speaks, though more may be installed (h2)."""
        return [b"http/1.1"]

    def log(self, request: Any) -> None:
        """Write no line for each request."""
