"""What a node shows who may look: GET and HEAD, by a host's name that we know, and no more.

Slow and many clients can't hold the probing up: connections, headers, bodies and pages are bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from io import BytesIO
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from udpecho.hosts import canonical_host
from udpecho.watch.exposition import OPENMETRICS, TEXT, in_chunks, wants_openmetrics
from udpecho.watch.metrics import Metrics
from udpecho.watch.node import WatchService
from udpecho.watch.sending import Sending, gzipped, takes_gzip

MOST_CONNECTIONS = 128
"""At once; who comes beyond is hung up on. Prometheus, kubelet and some browsers need 20."""

MOST_PAGES = 8
"""Made at once: each may have some MB on its way to who reads slowly."""

IDLE_SECONDS = 15
"""How long a connection may say nothing, and how long headers may take."""

CHUNK = 16_384
"""Bytes of text that are compressed and written together: 0.2 ms."""

HEADERS = (
    ("Content-Security-Policy", "default-src 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
)

PLAIN = "text/plain; charset=utf-8"


def may_be_asked(host_header: str | None, names: Collection[str]) -> bool:
    """Tell whether a Host header is an address, localhost or one of our names (in lower case).

    Another name may be an attacker's, who has it point at us: a page of his could then read ours
    (DNS rebinding). An address can't be pointed elsewhere.
    """
    if not host_header:
        return False
    host = host_header.strip().lower()
    if host.startswith("["):
        address, bracket, port = host[1:].partition("]")
        return bool(bracket) and ":" in (canonical_host(address) or "") and _is_port(port)
    name, colon, port = host.partition(":")
    known = canonical_host(name) is not None or name.rstrip(".") in {"localhost", *names}
    return known and _is_port(colon + port)


def _is_port(text: str) -> bool:
    return not text or (text[0] == ":" and text[1:].isdecimal() and text.isascii())


class WatchRequest(Request):
    """A request whose body is passed over: nothing that we have wants one."""

    def gotLength(self, length: int | None) -> None:
        """Make no file for it, however long it is said to be."""
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:
        """Hang up on who sends one."""
        self.channel.loseConnection()


class WatchChannel(HTTPChannel):
    """A connection that is counted while it lasts."""

    factory: WatchSite

    def connectionMade(self) -> None:
        """Count it."""
        self.factory.opens(1)
        super().connectionMade()  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Count it no more."""
        self.factory.opens(-1)
        super().connectionLost(reason)  # type: ignore[no-untyped-call]


class WatchSite(Site):
    """A site that holds no more connections than it may."""

    protocol = WatchChannel  # type: ignore[assignment] # HTTP/1.1 alone
    requestFactory = WatchRequest
    displayTracebacks = False

    def __init__(self, resource: Resource, reactor: Any) -> None:
        super().__init__(resource, timeout=IDLE_SECONDS, reactor=reactor)  # type: ignore[no-untyped-call]
        self._open = 0

    def opens(self, more: int) -> None:
        """Count connections."""
        self._open += more

    def buildProtocol(self, addr: Any) -> Any:
        """Take a connection, or hang up."""
        if self._open >= MOST_CONNECTIONS:
            return None
        return super().buildProtocol(addr)  # type: ignore[no-untyped-call]

    def log(self, request: Any) -> None:
        """Write no line for each request."""


class Front(Resource):
    """What there is to ask for, by path."""

    isLeaf = True

    def __init__(self, reactor: IReactorTime, node: WatchService, log: Logger) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._reactor = reactor
        self._node = node
        self._log = log
        self._metrics = Metrics(node)
        self._pages = 0
        self._paths: dict[bytes, Callable[[Request], bytes | int]] = {
            b"/": self._index,
            b"/metrics": self._scrape,
            b"/-/healthy": lambda request: _state(request, node.is_healthy()),
            b"/-/ready": lambda request: _state(request, node.is_ready()),
        }

    def render(self, request: Request) -> bytes | int:
        """Answer, or say why not."""
        for name, value in HEADERS:
            request.setHeader(name, value)
        if request.method not in (b"GET", b"HEAD"):
            request.setHeader("Allow", "GET, HEAD")
            return _said(request, 405, "GET and HEAD only")
        path = request.path
        if not path.startswith(b"/-/") and not self._may_be_asked(request):
            return _said(request, 421, "asked by a name that is not this node's ([web] hosts)")
        answer = self._paths.get(path)
        return _said(request, 404, "not found") if answer is None else answer(request)

    def _may_be_asked(self, request: Request) -> bool:
        hosts = request.requestHeaders.getRawHeaders("host") or []
        config = self._node.config
        names = {name.lower() for name in (config.node.name, *config.web.hosts)}
        return len(hosts) == 1 and may_be_asked(hosts[0], names)

    def _index(self, request: Request) -> bytes | int:
        return _said(request, 200, "udpecho watch: /metrics")

    def _scrape(self, request: Request) -> bytes | int:
        openmetrics = wants_openmetrics(_header(request, "accept"))
        texts = self._metrics.texts(openmetrics=openmetrics)
        return self._send(request, OPENMETRICS if openmetrics else TEXT, in_chunks(texts, CHUNK))

    def _send(self, request: Request, kind: str, chunks: Iterator[bytes]) -> bytes | int:
        """Send a page as it is made, compressed if that is understood."""
        if self._pages >= MOST_PAGES:
            request.setHeader("Retry-After", "5")
            return _said(request, 503, "too many ask at once")
        request.setHeader("Content-Type", kind)
        request.setHeader("Vary", "Accept, Accept-Encoding")
        if request.method == b"HEAD":
            return b""
        if takes_gzip(_header(request, "accept-encoding")):
            request.setHeader("Content-Encoding", "gzip")
            chunks = gzipped(chunks)
        self._pages += 1
        request.notifyFinish().addBoth(self._ended)
        Sending(self._reactor, request, chunks, self._log)
        return NOT_DONE_YET

    def _ended(self, _: object) -> None:
        self._pages -= 1


def _header(request: Request, name: str) -> str:
    return ",".join(request.requestHeaders.getRawHeaders(name) or [])


def _state(request: Request, is_so: bool) -> bytes:
    return _said(request, 200 if is_so else 503, "yes" if is_so else "no")


def _said(request: Request, status: int, text: str) -> bytes:
    request.setResponseCode(status)
    request.setHeader("Content-Type", PLAIN)
    return b"" if request.method == b"HEAD" else f"{text}\n".encode()


def site_of(reactor: Any, node: WatchService, log: Logger) -> Site:
    """Make what serves a node's pages, to listen at an endpoint."""
    return WatchSite(Front(reactor, node, log), reactor)
