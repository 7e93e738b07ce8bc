"""The pages by their addresses, and what they are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote_to_bytes

from twisted.web.server import Request

from udpecho.watch.answers import PageSender, Route, said, whole
from udpecho.watch.node import WatchService
from udpecho.watch.pages import SECURITY, grid, page, pair
from udpecho.watch.pairs import pair_of
from udpecho.watch.probing import Probed
from udpecho.watch.rows import GridRows

PAIR = "/pair/"
"""Before a peer's name, in which a slash is %2F."""

HTML = "text/html; charset=utf-8"

_FILES = {"/watch.css": "text/css; charset=utf-8", "/watch.js": "text/javascript; charset=utf-8"}


class Showing:
    """What a person sees of a node."""

    def __init__(self, node: WatchService, rows: GridRows, answers: PageSender) -> None:
        self._node = node
        self._rows = rows
        self._answers = answers

    def routes(self) -> Mapping[str, Route]:
        """List what it answers, by path."""
        pages: dict[str, Route] = {"/": self._grid, PAIR: self._pair}
        return pages | {path: _file(path, kind) for path, kind in _FILES.items()}

    def _grid(self, request: Request) -> bytes | int:
        self._rows.looked_at()
        name = self._node.config.node.name
        rows = self._rows
        pieces = grid(name, rows.sources(), rows.peers(), rows.known)
        return self._page(request, name, pieces)

    def _pair(self, request: Request) -> bytes | int:
        name = unquote_to_bytes(request.path.removeprefix(PAIR.encode())).decode("utf-8", "replace")
        probed = self._node.roll.get(name)
        if probed is None:
            return said(request, 404, "no such peer")
        return self._page(request, name, self._drawn(probed))

    def _drawn(self, probed: Probed) -> Iterator[str]:
        for told in pair_of(self._node, probed):
            if told is None:
                yield ""
            else:
                yield from pair(told)

    def _page(self, request: Request, title: str, pieces: Iterator[str]) -> bytes | int:
        request.setHeader("Content-Security-Policy", SECURITY)
        return self._answers.send(request, HTML, page(title, pieces))


def _file(path: str, kind: str) -> Route:
    body = Path(__file__).with_name(path.removeprefix("/")).read_bytes()
    return lambda request: whole(request, kind, body)
