"""Peers that a server names: Prometheus's http_sd."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from udpecho.shown import harmless
from udpecho.watch.peers.again import Hears
from udpecho.watch.peers.fetching import Fetch
from udpecho.watch.peers.files import text_of
from udpecho.watch.peers.targets import Wanted, reading
from udpecho.watch.pieces import all_of

EVERY_SECONDS = 30.0


class HttpSource:
    """An URL that names peers."""

    def __init__(
        self,
        reactor: IReactorTime,
        url: str,
        port: int,
        zone: str | None,
        hears: Hears,
        fetch: Fetch,
    ) -> None:
        self._reactor = reactor
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
                text = text_of(data)
                steps = reading(text, self._port, self._zone, self._hears.name)
                self._last = data, await all_of(self._reactor, steps)
        except Exception as error:  # whatever a server makes of it
            self._hears.failed(harmless(f"{self._url}: {error}"))
        else:
            self._hears.found(self._last[1])
        return EVERY_SECONDS
