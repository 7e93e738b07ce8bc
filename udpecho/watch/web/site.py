"""Who is connected, and for how long: slow and many clients can't hold the probing up."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import ILogObserver, LogEvent, Logger
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.resource import Resource
from twisted.web.server import Request, Site
from zope.interface import provider

from udpecho.watch.web.turnstile import Turnstile

MOST_CONNECTIONS = 128
"""At once; who comes then takes the place of who has longest asked for nothing whole. Prometheus,
kubelet and some browsers need 20."""

IDLE_SECONDS = 15
"""How long a connection may say nothing, and how long headers may take."""


class WatchRequest(Request):
    """A request whose body is passed over, as nothing that we have wants one; it waits its turn."""

    channel: WatchChannel

    def gotLength(self, length: int | None) -> None:
        """Make no file for it, however long it is said to be."""
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:
        """Hang up on who sends one."""
        self.channel.loseConnection()  # type: ignore[no-untyped-call]

    def process(self) -> None:
        """Be answered when it is this one's turn."""
        self.channel.serves(self)

    def answer(self) -> None:
        """Be answered now."""
        super().process()  # type: ignore[no-untyped-call]


@provider(ILogObserver)
def _nobody(_: LogEvent) -> None:
    """Hear what Twisted logs of a connection: a line for each that says nothing for too long."""


class WatchChannel(HTTPChannel):
    """A connection that is counted while it lasts, and is asked one thing a turn."""

    factory: WatchSite
    is_serving = False
    """Whether a request is whole, and its answer is not."""

    _log = Logger(observer=_nobody)
    _is_full = _is_lost = False

    def connectionMade(self) -> None:
        """Count it."""
        self.factory.opens(self)
        super().connectionMade()  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Count it no more."""
        self._is_lost = True
        self.factory.closes(self)
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def serves(self, request: WatchRequest) -> None:
        """Have a request answered when it is its turn; who asks on and reads nothing has none."""
        self.is_serving = True
        self.factory.turnstile.add(lambda: self._answer(request))

    def _answer(self, request: WatchRequest) -> None:
        if self._is_full:
            self.hang_up()
        elif not self._is_lost:
            request.answer()

    def requestDone(self, request: Request) -> None:
        """Go on with the next one."""
        self.is_serving = False
        super().requestDone(request)  # type: ignore[no-untyped-call]

    def pauseProducing(self) -> None:
        """Hear that what was written has not been read."""
        self._is_full = True
        super().pauseProducing()  # type: ignore[no-untyped-call]

    def resumeProducing(self) -> None:
        """Hear that it has."""
        self._is_full = False
        super().resumeProducing()  # type: ignore[no-untyped-call]

    def hang_up(self) -> None:
        """End it at once, whatever is still to be written."""
        self.factory.closes(self)
        transport: Any = self.transport
        transport.abortConnection()


class _HungUp(Protocol):
    """A connection for which there is no place."""

    def connectionMade(self) -> None:
        """Hang up."""
        transport: Any = self.transport
        transport.abortConnection()


class WatchSite(Site):
    """A site that holds no more connections than it may."""

    protocol = WatchChannel  # type: ignore[assignment] # HTTP/1.1 alone
    requestFactory = WatchRequest
    displayTracebacks = False
    noisy = False  # where it listens is said otherwise

    def __init__(self, resource: Resource, reactor: Any) -> None:
        super().__init__(resource, timeout=IDLE_SECONDS, reactor=reactor)  # type: ignore[no-untyped-call]
        self.turnstile = Turnstile(reactor)
        self._open: dict[WatchChannel, None] = {}

    def opens(self, channel: WatchChannel) -> None:
        """Count a connection."""
        self._open[channel] = None

    def closes(self, channel: WatchChannel) -> None:
        """Count it no more."""
        self._open.pop(channel, None)

    def buildProtocol(self, addr: Any) -> Any:
        """Take a connection, in the place of another if there is no more of it."""
        if len(self._open) >= MOST_CONNECTIONS:
            idle = next((each for each in self._open if not each.is_serving), None)
            if idle is None:
                return _HungUp()
            idle.hang_up()
        return super().buildProtocol(addr)  # type: ignore[no-untyped-call]

    def stopFactory(self) -> None:
        """Hang up on all when it listens no more."""
        super().stopFactory()
        self.hang_up()

    def hang_up(self) -> None:
        """Hang up on all: a page that is looked at has no end."""
        for channel in list(self._open):
            channel.loseConnection()  # type: ignore[no-untyped-call]

    def acceptableProtocols(self) -> list[bytes]:
        """Offer within TLS what a channel speaks, though more may be installed (h2)."""
        return [b"http/1.1"]

    def log(self, request: Any) -> None:
        """Write no line for each request."""
