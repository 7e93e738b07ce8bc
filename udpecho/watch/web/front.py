"""What a node shows who may look: GET and HEAD, by a host's name that we know, and no more."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import Request

from udpecho.hosts import canonical_host
from udpecho.watch.node import WatchService
from udpecho.watch.pages.rows import GridRows, OwnRow
from udpecho.watch.pages.showing import Showing
from udpecho.watch.telling.api import Api
from udpecho.watch.telling.discovery import Discovery
from udpecho.watch.telling.exposition import OPENMETRICS, TEXT, wants_openmetrics
from udpecho.watch.telling.metrics import Metrics
from udpecho.watch.web.answers import PageSender, Route, header_of, headers_of, said
from udpecho.watch.web.gate import Gate
from udpecho.watch.web.site import WatchSite

HEADERS = (
    ("Content-Security-Policy", "default-src 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
)


def may_be_asked(host_header: str | None, names: Collection[str]) -> bool:
    """Tell whether a Host header is an address, localhost or one of our names.

    These are in lower case, without a dot at the end.
    Another name may be an attacker's, who has it point at us: a page of his could then read ours
    (DNS rebinding). An address can't be pointed elsewhere.
    """
    if not host_header:
        return False
    host = host_header.strip(" \t").lower()
    if host.startswith("["):
        address, bracket, port = host[1:].partition("]")
        return bool(bracket) and ":" in (canonical_host(address) or "") and _is_port(port)
    name, colon, port = host.partition(":")
    known = canonical_host(name) is not None or name.rstrip(".") in {"localhost", *names}
    return known and _is_port(colon + port)


def _is_port(text: str) -> bool:
    return not text or (text[0] == ":" and text[1:].isdecimal() and text.isascii())


class Front(Resource):
    """What there is to ask for, by path: a route that ends with / has all below it, too."""

    isLeaf = True

    def __init__(
        self, node: WatchService, routes: Mapping[str, Route], gate: Gate | None = None
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._node = node
        self._gate = gate
        self._paths = {path.encode(): route for path, route in routes.items()}
        self._below = [each for each in self._paths if each.endswith(b"/") and each != b"/"]

    def render(self, request: Request) -> bytes | int:
        """Answer, or say why not."""
        for name, value in HEADERS:
            request.setHeader(name, value)
        if request.method not in (b"GET", b"HEAD"):
            request.setHeader("Allow", "GET, HEAD")
            return said(request, 405, "GET and HEAD only")
        if request.path.startswith(b"/-/"):
            return self._answer(request)
        if not self._may_be_asked(request):
            return said(request, 421, "asked by a name that is not this node's ([web] hosts)")
        if self._gate is not None:
            return self._gate.let_through(request, self._answer)
        return self._answer(request)

    def _answer(self, request: Request) -> bytes | int:
        route = self._paths.get(request.path) or self._route_above(request.path)
        return said(request, 404, "not found") if route is None else route(request)

    def _route_above(self, path: bytes) -> Route | None:
        above = [each for each in self._below if path.startswith(each)]
        return self._paths[max(above, key=len)] if above else None

    def _may_be_asked(self, request: Request) -> bool:
        hosts = headers_of(request, b"host")
        config = self._node.config
        names = {name.lower().rstrip(".") for name in (config.node.name, *config.web.hosts)}
        return len(hosts) == 1 and may_be_asked(hosts[0], names)


def told_to_machines(node: WatchService, answers: PageSender) -> Mapping[str, Route]:
    """List what Prometheus and kubelet ask, by path."""
    metrics = Metrics(node)

    def scrape(request: Request) -> bytes | int:
        openmetrics = wants_openmetrics(header_of(request, b"accept"))
        kind, texts = OPENMETRICS if openmetrics else TEXT, metrics.texts(openmetrics=openmetrics)
        return answers.send(request, kind, texts, vary="Accept, Accept-Encoding")

    return {
        "/metrics": scrape,
        "/-/healthy": lambda request: _state(request, node.is_healthy()),
        "/-/ready": lambda request: _state(request, node.is_ready()),
    }


def _state(request: Request, is_so: bool) -> bytes:
    return said(request, 200 if is_so else 503, "yes" if is_so else "no")


def site_of(
    reactor: Any,
    node: WatchService,
    log: Logger,
    rows: GridRows | None = None,
    gate: Gate | None = None,
) -> WatchSite:
    """Make what serves a node's pages, to listen at an endpoint.

    rows has what the grid shows, this node's own row unless said; a gate asks who may look.
    """
    answers = PageSender(reactor, log)
    routes = dict(told_to_machines(node, answers))
    for room in (
        Api(node, answers),
        Discovery(node, answers),
        Showing(reactor, node, rows or OwnRow(node), answers, log),
    ):
        routes |= room.routes()
    return WatchSite(Front(node, routes, gate), reactor)
