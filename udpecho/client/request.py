"""A request, which is the Deferred that its caller holds, and the reply that it fires with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from twisted.internet.defer import Deferred

from udpecho.peer import Peer


class Reply(NamedTuple):
    """What a peer answered.

    rtt is in seconds, by a monotonic clock, from the latest attempt. With more than one
    attempt it is ambiguous: nothing says which attempt was answered (Karn's algorithm).
    """

    data: bytes
    peer: Peer
    rtt: float
    attempts: int


class Request(Deferred[Reply]):
    """The Deferred of a reply, and all that is needed to ask for it."""

    serial: int
    data: bytes
    peer: Peer
    debtor: Peer | None
    """Who must answer: one peer, or anyone."""

    token: bytes | None
    """With what: the bytes that were sent, or any."""

    retries: int
    patience: float
    """Seconds that the latest attempt waits, or the first one will."""

    attempts = 0
    sent_at: float
    older: Request | None = None  # in the ring of those that one reply could answer
    newer: Request | None = None

    @property
    def deadline(self) -> float:
        """When the latest attempt has waited long enough."""
        return self.sent_at + self.patience


def in_order(owed: dict[bytes | None, Request]) -> Iterator[Request]:
    """Go through all that one debtor owes."""
    for oldest in owed.values():
        yield oldest
        request = oldest.newer
        while request is not None and request is not oldest:
            yield request
            request = request.newer


def join(oldest: Request, request: Request) -> None:
    """Put a request last in the ring of those with its keys; a single one has no ring."""
    newest = oldest.older or oldest
    request.older, request.newer = newest, oldest
    newest.newer = oldest.older = request


def part(request: Request) -> None:
    """Take a request out of its ring."""
    older, newer = request.older, request.newer
    assert older is not None
    assert newer is not None
    older.newer, newer.older = newer, older
    if newer is older:
        older.newer = older.older = None
    request.older = request.newer = None
