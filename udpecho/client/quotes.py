"""Whose datagram a refusal quotes, where that is not known by the whole of it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, islice

from udpecho.client.request import Request
from udpecho.peer import Peer

WHOLE = 64
"""Bytes of data that are quoted whole, or not at all: a router that does not quote all it can
(RFC 1812, 4.3.2.3) quotes the header alone (RFC 792), or 80 bytes and more (RFC 4884, 5.1)."""

LOOKED_AT = 16
"""Requests looked at for one refusal: those that begin alike cost no more, however many."""


class Quotes:
    """The requests in flight that may be quoted in part, by how their data begins."""

    def __init__(self, owed: Iterable[Iterable[Request]] = ()) -> None:
        """Note what each debtor owes; add() and remove() tell what changes."""
        self._starts: dict[tuple[Peer, bytes], dict[Request, None]] = {}
        for request in chain.from_iterable(owed):
            self.add(request)

    def __len__(self) -> int:
        """Count the different beginnings."""
        return len(self._starts)

    def add(self, request: Request) -> None:
        """Note a request."""
        self._starts.setdefault(_start(request.peer, request.data), {})[request] = None

    def remove(self, request: Request) -> None:
        """Forget it."""
        key = _start(request.peer, request.data)
        alike = self._starts[key]
        del alike[request]
        if not alike:
            del self._starts[key]

    def find(self, peer: Peer, quoted: bytes) -> Request | None:
        """Find the oldest request to a peer that begins with what is quoted."""
        alike = self._starts.get(_start(peer, quoted), {})
        begin_so = (each for each in islice(alike, LOOKED_AT) if each.data.startswith(quoted))
        return next(begin_so, None)


def _start(peer: Peer, data: bytes) -> tuple[Peer, bytes]:
    return peer, data[:WHOLE]
