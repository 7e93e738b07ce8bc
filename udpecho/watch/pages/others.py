"""What the other nodes know of their peers: asked for while somebody looks, and remembered.

They are asked for what they know already (see records): no answer has any node ask others in turn.
What one of them says, or doesn't, spoils its own row and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from udpecho.reactors import monotonic_clock
from udpecho.shown import harmless, short
from udpecho.watch.configuring.settings import MeshSettings
from udpecho.watch.node import WatchService
from udpecho.watch.pages.hearsay import Hearsay
from udpecho.watch.pages.neighbours import Neighbours
from udpecho.watch.peers.fetching import CantFetch, Fetch, fetcher
from udpecho.watch.peers.trust import basic, check_mesh, policy_for
from udpecho.watch.pieces import in_pieces
from udpecho.watch.remembering.cell import UNKNOWN, Cell

ANSWER_SECONDS = 2.0
MOST_BYTES = 1_000_000
ASKED_AT_ONCE = 8

CACHED_SECONDS = 30.0
"""For so long what was said, or that nothing was, is not asked for again."""

OPEN_SECONDS = 30.0
"""For so long after a page was drawn there may be somebody who looks at it."""

OLD_SECONDS, KEPT_SECONDS = 60.0, 300.0
"""From when on it is told how old a row is, and after which nothing is known any more."""

ROW = "/api/v1/row"


@dataclass(slots=True)
class Heard:
    """What a node said last, and why it said nothing since. Times are seconds."""

    asked_at: float
    cells: dict[str, Cell] = field(default_factory=dict)
    at: float | None = None
    why: str = ""


class Others(Service):
    """Asks the other nodes of the grid, while somebody looks."""

    def __init__(
        self,
        reactor: Any,
        node: WatchService,
        base: Path = Path(),
        fetch_of: Callable[[MeshSettings], Fetch] | None = None,
    ) -> None:
        """Ask nobody yet; paths are within base, and fetch_of makes what fetches in our place."""
        self.neighbours = Neighbours(node)
        self._node = node
        self._reactor = reactor
        self._seconds = monotonic_clock(reactor)
        self._base = base
        self._fetch_of = fetch_of or self._fetcher
        self._mesh: MeshSettings | None = None
        self._fetch: Fetch | None = None
        self._heard: dict[str, Heard] = {}
        self._asking: dict[str, Deferred[None]] = {}
        self._looked_at: float | None = None
        self._is_at_it = False

    def check(self, mesh: MeshSettings) -> None:
        """Raise BadConfig for files and libraries that can't be had; else they are read anew."""
        check_mesh(mesh, self._base)
        self._mesh = None

    def stopService(self) -> None:
        """Ask no more."""
        super().stopService()  # type: ignore[no-untyped-call]
        for each in list(self._asking.values()):
            each.cancel()

    def looked_at(self) -> None:
        """Hear that somebody looks: who was not asked lately is asked now."""
        mesh = self._node.config.mesh
        if mesh != self._mesh:
            self._mesh, self._fetch = mesh, self._made(mesh)
            for heard in self._heard.values():
                heard.asked_at = -inf
        self._looked_at = self._seconds()
        self.neighbours.look()
        for name in self._heard.keys() - self.neighbours.names:
            del self._heard[name]
        self._ask_more()

    def said(self, source: str, peer: str) -> Cell:
        """Tell what a node said of a peer."""
        heard = self._heard.get(source)
        if heard is None or self._age(heard) is None:
            return UNKNOWN
        return heard.cells.get(peer, UNKNOWN)

    def note(self, source: str) -> str:
        """Tell in a few words what is to be known of a node's row; "" if it is as it should be."""
        heard = self._heard.get(source)
        if heard is None:
            return "not asked yet"
        age = self._age(heard)
        notes = []
        if age is not None and age > OLD_SECONDS:
            notes.append(f"{int(age // 60)} min old")
        if heard.why:
            notes.append(f"no answer: {heard.why}")
        return "; ".join(notes)

    def _age(self, heard: Heard) -> float | None:
        """Tell how old a row is, in seconds; None of what is too old, or none."""
        age = None if heard.at is None else self._seconds() - heard.at
        return age if age is not None and age < KEPT_SECONDS else None

    def _ask_more(self) -> None:
        """Ask as many as may be asked at once."""
        if self._is_at_it:
            return
        self._is_at_it = True
        while self.running and self._fetch is not None and len(self._asking) < ASKED_AT_ONCE:
            name = self._due()
            if name is None:
                break
            self._heard.setdefault(name, Heard(self._seconds())).asked_at = self._seconds()
            self._asking[name] = asking = Deferred.fromCoroutine(self._ask(name, self._fetch))
            asking.addBoth(self._asked, name)
        self._is_at_it = False

    def _due(self) -> str | None:
        """Name one who is to be asked now, if somebody looks."""
        now = self._seconds()
        if self._looked_at is None or now - self._looked_at > OPEN_SECONDS:
            return None
        for name in self.neighbours.names:
            heard = self._heard.get(name)
            if name not in self._asking and (
                heard is None or now - heard.asked_at >= CACHED_SECONDS
            ):
                return name
        return None

    async def _ask(self, name: str, fetch: Fetch) -> None:
        hearsay = Hearsay(self.neighbours.column())
        data = await fetch(self.neighbours.page(name) + ROW)
        await in_pieces(self._reactor, hearsay.read(data))
        heard = self._heard.get(name)
        if heard is not None:
            heard.cells, heard.at, heard.why = hearsay.cells, self._seconds(), ""

    def _asked(self, result: object, name: str) -> None:
        self._asking.pop(name, None)
        heard = self._heard.get(name)
        if isinstance(result, Failure) and heard is not None:
            line = str(result.value).partition("\n")[0] or type(result.value).__name__
            heard.why = short(harmless(line))
        self._ask_more()

    def _made(self, mesh: MeshSettings) -> Fetch | None:
        """Make what fetches, even if that can only tell why it can't."""
        if mesh.web is None:
            return None
        try:
            return self._fetch_of(mesh)
        except (ImportError, OSError, ValueError) as error:
            why = str(error)
            return lambda _: fail(CantFetch(why))

    def _fetcher(self, mesh: MeshSettings) -> Fetch:
        """Make what fetches. Raises as trust.policy_for."""
        ca_file = None if mesh.ca_file is None else self._base / mesh.ca_file
        policy = policy_for(mesh.web or "", ca_file)
        file = mesh.credentials_file

        def authorization() -> bytes | None:
            return None if file is None else basic(self._base / file)

        return fetcher(
            self._reactor, MOST_BYTES, ANSWER_SECONDS, policy=policy, authorization=authorization
        )
