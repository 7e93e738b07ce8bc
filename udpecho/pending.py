"""Who owes us a reply: each outstanding request, where it stands, and its one way out.

A request waits for its turn, is in flight while its peer owes a reply, and leaves once,
through settle() or by being cancelled. Which datagram answers which request is decided by
two keys that the client chooses: the debtor (who must answer) and the token (with what).
Nothing here sends, sleeps or reads a clock: the client does, when it is asked to.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from enum import Enum
from heapq import heapify, heappop, heappush
from itertools import takewhile
from math import inf

from twisted.internet.defer import CancelledError, Deferred

from udpecho.errors import ReplyTimeout
from udpecho.peer import Peer, format_peer

MAX_BACKOFF = 60.0
"""Doubling stops at this many seconds, as RFC 6298 (2.5) lets TCP's time-out do."""

REMEMBERED = 4096
"""Ended requests remembered, at least, to tell a late reply or a duplicate from a stranger."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a peer answered.

    rtt is in seconds, by a monotonic clock, from the latest attempt. With more than one
    attempt it is ambiguous: nothing says which attempt was answered (Karn's algorithm).
    """

    data: bytes
    peer: Peer
    rtt: float
    attempts: int


class Unclaimed(Enum):
    """What a datagram is that no outstanding request waits for."""

    DUPLICATE = "its request was answered before"
    LATE = "its request had ended before it came"


class Request(Deferred[Reply]):
    """The Deferred of a reply, and all that is needed to ask for it."""

    older: Request
    newer: Request

    def __init__(
        self,
        data: bytes,
        timeout: float,
        retries: int,
        canceller: Callable[[Deferred[Reply]], None],
    ) -> None:
        super().__init__(canceller)
        self.data = data
        self.timeout = timeout
        self.retries = retries
        self.peer: Peer = ("", 0)
        self.debtor: Hashable = None
        self.token: Hashable = None
        self.attempts = 0
        self.sent_at = 0.0
        self.patience = timeout
        self.deadline = inf

    __hash__ = object.__hash__  # by identity, as it is compared


class Pending:
    """The outstanding requests; no operation costs more when there are more of them.

    transmit(request) sends an attempt, and may settle the request at once. alarm(when) asks
    that expire() be called at that time of the clock now(); alarm(None) takes that back.
    """

    def __init__(
        self,
        transmit: Callable[[Request], None],
        alarm: Callable[[float | None], None],
        now: Callable[[], float],
        window: int,
    ) -> None:
        self._transmit = transmit
        self._alarm = alarm
        self._now = now
        self._window = window
        self._outstanding: dict[Request, None] = {}
        self._waiting: OrderedDict[Request, None] = OrderedDict()
        self._owed: dict[Hashable, dict[Hashable, Request]] = {}
        self._in_flight = 0
        self._held = False  # whether what waits is to wait on, room or not
        self._deadlines: list[tuple[float, int, Request]] = []
        self._serial = 0
        self._alarm_at = inf
        self._memory = _Memory()
        self.ended: dict[type, int] = {}
        """How many requests ended with what: Reply, CancelledError or another exception."""

    def __len__(self) -> int:
        """Count the outstanding requests, in flight or not."""
        return len(self._outstanding)

    @property
    def in_flight(self) -> int:
        """How many requests have been sent and not ended."""
        return self._in_flight

    def all(self) -> list[Request]:
        """List the outstanding requests in the order they were made."""
        return list(self._outstanding)

    def debtors(self) -> list[Hashable]:
        """List who owes at least one reply, whoever was asked first coming first."""
        return list(self._owed)

    def owes(self, debtor: Hashable) -> bool:
        """Tell whether anything is owed by this debtor."""
        return debtor in self._owed

    def owed_by(self, debtor: Hashable) -> Iterator[Request]:
        """Go through the requests in flight that this debtor owes a reply."""
        for oldest in self._owed.get(debtor, {}).values():
            yield oldest
            request = oldest.newer
            while request is not oldest:
                yield request
                request = request.newer

    def refused(self, debtor: Hashable, token: Hashable, quoted: bytes) -> list[Request]:
        """List the requests that a refusal ends: the one it quotes and those sent before it.

        ICMP may quote less than the whole datagram; RFC 792 asks for no data of it at all, and
        then it is all requests. A refusal that quotes something else is an older request's.
        """
        if not quoted:
            return list(self.owed_by(debtor))
        hit = self.oldest(debtor, token)
        if hit is None or not hit.data.startswith(quoted):
            quotes = (each for each in self.owed_by(debtor) if each.data.startswith(quoted))
            hit = next(quotes, None)
            if hit is None:
                return []
        sent_at = hit.sent_at
        return [*takewhile(lambda each: each.sent_at < sent_at, self.owed_by(debtor)), hit]

    def oldest(self, debtor: Hashable, token: Hashable) -> Request | None:
        """Find the request that a datagram answers: the first in flight with these keys."""
        owed = self._owed.get(debtor)
        return None if owed is None else owed.get(token)

    def unclaimed(self, peer: Peer, token: Hashable) -> Unclaimed | None:
        """Tell what a datagram is that answers no request, or None if it is a stranger's."""
        return self._memory.recall((peer, token))

    def add(self, request: Request) -> None:
        """Make a request outstanding, before its peer is known."""
        self._outstanding[request] = None

    def enqueue(self, request: Request) -> None:
        """Send an outstanding request whose peer, debtor and token are set, or let it wait."""
        self._waiting[request] = None
        self._fill()

    def settle(self, request: Request, outcome: Reply | Exception) -> None:
        """End an outstanding request: the one door to its callbacks."""
        self._leave(request, type(outcome))
        if isinstance(outcome, Exception):
            request.errback(outcome)
        else:
            request.callback(outcome)
        self._fill()

    def fail(self, requests: list[Request], error: Callable[[Request], Exception]) -> None:
        """End several requests, each with an error of its own; none is sent meanwhile."""
        held, self._held = self._held, True
        for request in requests:
            if request in self._outstanding:  # the callback of one may have ended another
                self.settle(request, error(request))
        self._held = held
        self._fill()

    def cancelled(self, request: Request) -> None:
        """Forget a request whose Deferred is being cancelled, and fires by that."""
        if request in self._outstanding:
            self._leave(request, CancelledError)
            self._fill()

    def expire(self) -> None:
        """Send again, or time out, every request whose deadline has come."""
        now = self._now()
        self._alarm_at = inf
        while self._deadlines and self._deadlines[0][0] <= now:
            deadline, _, request = heappop(self._deadlines)
            if request.called or request.deadline != deadline:
                continue
            if request.attempts <= request.retries:
                request.patience = max(request.timeout, min(request.patience * 2, MAX_BACKOFF))
                self._send(request)
            else:
                self.settle(request, _timed_out(request))
        self._wake_for_next()

    def _leave(self, request: Request, way: type) -> None:
        """Take a request out of wherever it stands; whoever calls this fires its Deferred."""
        del self._outstanding[request]
        self.ended[way] = self.ended.get(way, 0) + 1
        if not request.attempts:
            self._waiting.pop(request, None)
            return
        self._unlink(request)
        self._in_flight -= 1
        request.deadline = inf
        self._memory.remember(
            (request.peer, request.token), Unclaimed.DUPLICATE if way is Reply else Unclaimed.LATE
        )
        if not self._in_flight:
            self._deadlines.clear()
            self._alarm_at = inf
            self._alarm(None)

    def _fill(self) -> None:
        """Send what waits while the window has room; not from within itself or fail()."""
        if self._held:
            return
        self._held = True
        try:
            while self._waiting and self._in_flight < self._window:
                request, _ = self._waiting.popitem(last=False)
                self._link(request)
                self._in_flight += 1
                self._send(request)
        finally:
            self._held = False

    def _send(self, request: Request) -> None:
        # Everything is in its place before the datagram leaves: a reply can't be too early.
        request.attempts += 1
        request.sent_at = self._now()
        request.deadline = deadline = request.sent_at + request.patience
        self._serial += 1
        heappush(self._deadlines, (deadline, self._serial, request))
        if len(self._deadlines) > 2 * self._in_flight + 64:
            self._forget_old_deadlines()
        if deadline < self._alarm_at:
            self._alarm_at = deadline
            self._alarm(deadline)
        self._transmit(request)

    def _forget_old_deadlines(self) -> None:
        """Drop the deadlines of ended attempts, which else would outlive their requests."""
        self._deadlines = [item for item in self._deadlines if item[2].deadline == item[0]]
        heapify(self._deadlines)

    def _wake_for_next(self) -> None:
        while self._deadlines and self._deadlines[0][2].deadline != self._deadlines[0][0]:
            heappop(self._deadlines)
        if self._deadlines and self._deadlines[0][0] < self._alarm_at:
            self._alarm_at = self._deadlines[0][0]
            self._alarm(self._alarm_at)

    def _link(self, request: Request) -> None:
        """Put a request last in the ring of those with its keys; owed holds each ring's oldest."""
        owed = self._owed.get(request.debtor)
        if owed is None:
            owed = self._owed[request.debtor] = {}
        oldest = owed.get(request.token)
        if oldest is None:
            request.older = request.newer = owed[request.token] = request
            return
        request.older, request.newer = oldest.older, oldest
        oldest.older.newer = oldest.older = request

    def _unlink(self, request: Request) -> None:
        owed = self._owed[request.debtor]
        if request.newer is request:
            del owed[request.token]
            if not owed:
                del self._owed[request.debtor]
        else:
            request.older.newer, request.newer.older = request.newer, request.older
            if owed[request.token] is request:
                owed[request.token] = request.newer
        del request.older, request.newer  # a ring of one would keep itself alive


class _Memory:
    """The latest ended requests, in bounded memory: two generations of hashes, the older dropped.

    A hash (of 64 bits, seeded by the interpreter) stands for the keys, which may be 64 KiB long.
    """

    def __init__(self) -> None:
        self._young: dict[int, Unclaimed] = {}
        self._old: dict[int, Unclaimed] = {}

    def remember(self, key: Hashable, ending: Unclaimed) -> None:
        if len(self._young) >= REMEMBERED:
            self._old, self._young = self._young, {}
        self._young[hash(key)] = ending

    def recall(self, key: Hashable) -> Unclaimed | None:
        """Tell how a request ended; a late reply makes whatever follows it a duplicate."""
        hashed = hash(key)
        ending = self._young.get(hashed) or self._old.get(hashed)
        if ending is Unclaimed.LATE:
            self.remember(key, Unclaimed.DUPLICATE)
        return ending


def _timed_out(request: Request) -> ReplyTimeout:
    tries = "1 attempt" if request.attempts == 1 else f"{request.attempts} attempts"
    return ReplyTimeout(f"no reply from {format_peer(request.peer)} to {tries}")
