"""A request, which is the Deferred that its caller holds, and the reply that it fires with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from twisted.internet.defer import Deferred

from udpecho.errors import ReplyTimeout
from udpecho.peer import Peer, format_peer
from udpecho.shown import quoted

MAX_BACKOFF = 60.0
"""Doubling stops at this many seconds, as RFC 6298 (2.5) lets TCP's time-out do."""


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

    key: int
    """What stands for its peer and token among requests that have ended."""

    retries: int
    patience: float
    """Seconds that the latest attempt waits, or the first one will."""

    longer: float | None = None
    """Seconds that the next one waits, where that is not twice as long."""

    attempts = 0
    sent_at: float
    """When the latest attempt was sent; before the first, since when its peer is looked for."""

    first_at: float | None = None
    """When the first attempt was sent, where that is not sent_at."""

    heard: int
    """How many batches had been heard when it was first sent: none of them answers it."""

    name: str
    """The peer's, where it has to be looked for."""

    older: Request | None = None  # in the ring of those that one reply could answer
    newer: Request | None = None

    def leaves(self, when: float) -> None:
        """Have the latest attempt's time begin here: its datagram was held until then."""
        self.begin(when)

    def begin(self, when: float) -> None:
        """Have another time begin here than that of what was sent first."""
        if self.first_at is None:
            self.first_at = self.sent_at
        self.sent_at = when

    def is_younger(self, age: float, now: float, batch: int) -> bool:
        """Tell whether it was sent after something came: so many seconds ago, in that batch."""
        first_at = self.sent_at if self.first_at is None else self.first_at
        return self.heard >= batch or age > now - first_at

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


def longer(request: Request) -> float:
    """Tell how long the next attempt waits: twice as long as the latest, within bounds."""
    if request.longer is not None:
        return request.longer
    return max(request.patience, min(request.patience * 2, MAX_BACKOFF))


def timed_out(request: Request) -> ReplyTimeout:
    """Make the error of a request that has waited in vain."""
    if not request.attempts:
        return ReplyTimeout(f"no address of {quoted(request.name)} was found in time")
    tries = "1 attempt" if request.attempts == 1 else f"{request.attempts} attempts"
    return ReplyTimeout(f"no reply from {format_peer(request.peer)} to {tries}")
