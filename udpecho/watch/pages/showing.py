"""The pages by their addresses, and the streams that tell of changes of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.server import Request

from udpecho.reactors import monotonic_clock
from udpecho.watch.events.happened import happened
from udpecho.watch.node import WatchService
from udpecho.watch.pages.grids import grid
from udpecho.watch.pages.html import SECURITY, front, page, pair
from udpecho.watch.pages.pairs import pair_of
from udpecho.watch.pages.reflector_page import ReflectorPage
from udpecho.watch.pages.rows import GridRows
from udpecho.watch.pages.streams import Streams
from udpecho.watch.pages.tiles import MOST_SPARKS, MOST_TILES, SPARK_MINUTES, Tile, badness, tiles
from udpecho.watch.pages.views import PageView, Piece, Section, drawn, pieces
from udpecho.watch.probed import Probed
from udpecho.watch.remembering.history import thinned
from udpecho.watch.web.answers import PageSender, Route, name_behind, said, whole

EVENTS = "/events"
"""Before the address of the page whose changes are told."""

REFLECTOR = "/reflector"
PAIR = "/pair/"
"""Before a peer's name, in which a slash is %2F."""

HTML = "text/html; charset=utf-8"

_FILES = {"/watch.css": "text/css; charset=utf-8", "/watch.js": "text/javascript; charset=utf-8"}


class Showing:
    """What a person sees of a node."""

    def __init__(
        self,
        reactor: IReactorTime,
        node: WatchService,
        rows: GridRows,
        answers: PageSender,
        log: Logger,
    ) -> None:
        self._node = node
        self._rows = rows
        self._answers = answers
        self._reflector = ReflectorPage(node, monotonic_clock(reactor))
        self._streams = Streams(reactor, log)

    def routes(self) -> Mapping[str, Route]:
        """List what it answers, by path."""
        pages: dict[str, Route] = dict.fromkeys(("/", REFLECTOR, PAIR), self._page)
        events: dict[str, Route] = {f"{EVENTS}/": self._events}
        return pages | events | {path: _file(path, kind) for path, kind in _FILES.items()}

    def _view(self, path: str) -> PageView | None:
        """Make the page at a path; None if there is none, or none any more."""
        node = self._node
        if path == "/":
            has_grid = len(self._rows.sources()) > 1
            return front(node.config.node.name, self.front_sections(), has_grid=has_grid)
        if path == REFLECTOR:
            return self._reflector.view()
        name = name_behind(PAIR, path.encode())
        probed = node.roll.get(name)
        if probed is None:
            return None
        return pair(node.config.node.name, name, pair_of(node, probed))

    def _page(self, request: Request) -> bytes | int:
        path = request.path.decode("ascii", "replace")
        view = self._view(path)
        if view is None:
            return said(request, 404, "no such peer")
        request.setHeader("Content-Security-Policy", SECURITY)
        return self._answers.send(request, HTML, page(view.title, drawn(view), EVENTS + path))

    def _events(self, request: Request) -> bytes | int:
        path = request.path.decode("ascii", "replace").removeprefix(EVENTS)
        is_page = path in ("/", REFLECTOR) or path.startswith(PAIR)
        if not is_page or self._view(path) is None:
            return said(request, 404, "no such page")

        def draw() -> Iterator[Piece | None] | None:
            view = self._view(path)
            return None if view is None else pieces(view)

        return self._streams.open(request, path, draw)

    def front_sections(self) -> Iterator[Section | None]:
        """Make the sections of all peers, in short steps."""
        self._rows.looked_at()
        yield from self._peers()
        yield Section("happened", happened(list(reversed(self._node.events.last))))
        sources = self._rows.sources()
        if len(sources) > 1:
            name, peers = self._node.config.node.name, self._rows.peers()
            yield from grid(name, sources, peers, self._rows.known, self._rows.note)

    def _peers(self) -> Iterator[Section | None]:
        """Make the section of this node's peers: all, or the worst of them."""
        roll = list(self._node.roll.items())
        if len(roll) <= MOST_TILES:
            shown = (self._tile(each, with_hour=len(roll) <= MOST_SPARKS) for each in roll)
            yield Section("peers", tiles(shown))
            return
        found: list[Tile] = []
        for each in roll:
            found.append(self._tile(each))
            yield None
        worst = sorted(found, key=badness)[:MOST_TILES]
        yield Section("peers", tiles(worst, len(found) - len(worst)))

    def _tile(self, peer: tuple[str, Probed], *, with_hour: bool = False) -> Tile:
        """Gather what a tile tells, in 0.2 ms."""
        (name, probed), number = peer, self._node.hourglass.number
        cell = probed.day.lately(number, probed.counts)
        if not with_hour:
            return Tile(name, cell)
        hour = thinned(probed.day.history, number - SPARK_MINUTES, number, SPARK_MINUTES)
        return Tile(name, cell, tuple(hour))


def _file(path: str, kind: str) -> Route:
    body = Path(__file__).with_name(path.removeprefix("/")).read_bytes()
    return lambda request: whole(request, kind, body)
