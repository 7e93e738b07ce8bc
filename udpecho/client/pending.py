"""Who owes us a reply: each outstanding request, where it stands, and its one way out.

A request waits for its turn, is in flight while its peer owes a reply, and leaves once: by
hear(), by settle() or by being cancelled. A datagram answers the oldest request in flight
that has its debtor (who must answer: one peer, or anyone) and its token (with what: the bytes
that were sent, or anything). Nothing here sends, sleeps or reads a clock: the client does,
when it is asked to.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import takewhile
from operator import attrgetter

from twisted.internet.defer import CancelledError, Deferred

from udpecho.client.deadlines import Deadlines
from udpecho.client.ended import Ended, Unclaimed
from udpecho.client.request import Reply, Request, in_order, join, part
from udpecho.errors import ReplyTimeout
from udpecho.peer import Peer, format_peer

MAX_BACKOFF = 60.0
"""Doubling stops at this many seconds, as RFC 6298 (2.5) lets TCP's time-out do."""


class Pending:
    """The outstanding requests; no operation costs more when there are more of them.

    transmit(request) sends an attempt, and may settle the request at once. alarm(when) asks
    that expire() be called at that time of the clock now(); alarm(None) takes that back.
    With verify_peer the debtor is the peer that was asked; with verify_echo the token is the
    bytes that it was sent.
    """

    def __init__(
        self,
        transmit: Callable[[Request], None],
        alarm: Callable[[float | None], None],
        now: Callable[[], float],
        window: int,
        *,
        verify_peer: bool = True,
        verify_echo: bool = True,
    ) -> None:
        self._transmit = transmit
        self._now = now
        self._window = window
        self._verify_peer = verify_peer
        self._verify_echo = verify_echo
        self._unresolved: dict[Request, None] = {}
        self._waiting: OrderedDict[Request, None] = OrderedDict()
        self._owed: dict[Peer | None, dict[bytes | None, Request]] = {}
        """By debtor and by token the oldest request in flight that has them."""

        self._deadlines = Deadlines(alarm)
        self._ended = Ended()
        self.in_flight = 0
        """How many requests have been sent and not ended."""

        self._held = False  # whether what waits is to wait on, room or not
        self._serial = 0
        self.ended: defaultdict[type, int] = defaultdict(int)
        """How many requests ended with what: Reply, CancelledError or another exception."""

    def __len__(self) -> int:
        """Count the outstanding requests, in flight or not."""
        return self.in_flight + len(self._waiting) + len(self._unresolved)

    # Who owes what.

    def all(self) -> list[Request]:
        """List the outstanding requests in the order they were made."""
        in_flight = [each for owed in self._owed.values() for each in in_order(owed)]
        requests = [*in_flight, *self._waiting, *self._unresolved]
        return sorted(requests, key=attrgetter("serial"))

    def debtors(self) -> list[Peer | None]:
        """List who owes at least one reply, whoever was asked first coming first."""
        return list(self._owed)

    def owed_by(self, peer: Peer) -> Iterator[Request]:
        """Go through the requests in flight that this peer owes a reply."""
        return in_order(self._owed.get(self._debtor(peer), {}))

    def oldest(self, peer: Peer, data: bytes) -> Request | None:
        """Find the request that a datagram answers."""
        owed = self._owed.get(self._debtor(peer))
        return None if owed is None else owed.get(data if self._verify_echo else None)

    def refused(self, peer: Peer, quoted: bytes) -> list[Request]:
        """List the requests that a refusal ends: the one it quotes and those sent before it.

        ICMP may quote less than the whole datagram; RFC 792 asks for no data of it at all, and
        then it is all requests. A refusal that quotes something else is an older request's.
        """
        if not quoted:
            return list(self.owed_by(peer))
        hit = self.oldest(peer, quoted)
        if hit is None or not hit.data.startswith(quoted):
            quotes = (each for each in self.owed_by(peer) if each.data.startswith(quoted))
            hit = next(quotes, None)
            if hit is None:
                return []
        sent_at = hit.sent_at
        return [*takewhile(lambda each: each.sent_at < sent_at, self.owed_by(peer)), hit]

    def unclaimed(self, peer: Peer, data: bytes) -> Unclaimed | None:
        """Tell what a datagram is that answers no request, or None if it is a stranger's."""
        return self._ended.recall((peer, data if self._verify_echo else None))

    def _debtor(self, peer: Peer) -> Peer | None:
        return peer if self._verify_peer else None

    # In.

    def ask(self, data: bytes, peer: Peer | None, timeout: float, retries: int) -> Request:
        """Make a request, and send it or let it wait; without a peer, until that is found."""
        request = Request(self._cancelled)
        self._serial = request.serial = self._serial + 1
        request.data = data
        request.token = data if self._verify_echo else None
        request.patience = timeout
        request.retries = retries
        if peer is None:
            self._unresolved[request] = None
            return request
        request.peer = peer
        request.debtor = peer if self._verify_peer else None
        if self._held or self._waiting or self.in_flight >= self._window:
            self._waiting[request] = None
            return request
        self._held = True
        try:
            self._send(request)
        finally:
            self._held = False
        if self._waiting:  # it was asked meanwhile
            self._fill()
        return request

    def found(self, request: Request, peer: Peer) -> None:
        """Send a request to the peer that was found for it, unless it has ended meanwhile."""
        if request in self._unresolved:
            del self._unresolved[request]
            request.peer = peer
            request.debtor = self._debtor(peer)
            self._waiting[request] = None
            self._fill()

    def _fill(self) -> None:
        """Send what waits while the window has room; not from within itself or fail()."""
        if self._held:
            return
        self._held = True
        try:
            while self._waiting and self.in_flight < self._window:
                self._send(self._waiting.popitem(last=False)[0])
        finally:
            self._held = False

    def _send(self, request: Request) -> None:
        """Send an attempt, once all is in its place: then a reply can't be too early."""
        if not request.attempts:
            self.in_flight += 1
            owed = self._owed.get(request.debtor)
            if owed is None:
                owed = self._owed[request.debtor] = {}
            oldest = owed.setdefault(request.token, request)
            if oldest is not request:
                join(oldest, request)
        request.attempts += 1
        request.sent_at = self._now()
        self._deadlines.start(request)
        self._transmit(request)

    # Out.

    def hear(
        self,
        datagrams: Iterable[tuple[bytes, Peer]],
        now: float,
        unclaimed: Callable[[bytes, Peer], None],
    ) -> None:
        """Give each datagram to the request that it answers, or else to unclaimed()."""
        by_debtor, verify_peer, verify_echo = self._owed, self._verify_peer, self._verify_echo
        for data, peer in datagrams:
            owed = by_debtor.get(peer if verify_peer else None)
            request = None if owed is None else owed.get(data if verify_echo else None)
            if request is None:
                unclaimed(data, peer)
                continue
            self._leave(request, Reply)
            reply = (data, peer, now - request.sent_at, request.attempts)
            request.callback(tuple.__new__(Reply, reply))  # in half the time that Reply() takes
            if self._waiting:
                self._fill()
        if not self.in_flight:
            self._deadlines.clear()

    def settle(self, request: Request, error: Exception) -> None:
        """End an outstanding request by an error."""
        self._leave(request, type(error))
        request.errback(error)
        self._go_on()

    def fail(self, requests: list[Request], error: Callable[[Request], Exception]) -> None:
        """End several requests, each with an error of its own; none is sent meanwhile."""
        held, self._held = self._held, True
        for request in requests:
            if not request.called:  # the callback of one may have ended another
                self.settle(request, error(request))
        self._held = held
        self._go_on()

    def expire(self) -> None:
        """Send again, or time out, every request whose deadline has come."""
        now = self._now()
        self._deadlines.rang()
        while (request := self._deadlines.overdue(now)) is not None:
            if request.attempts <= request.retries:
                self._deadlines.stop(request)
                if request.patience < MAX_BACKOFF:
                    request.patience = min(request.patience * 2, MAX_BACKOFF)
                self._send(request)
            else:
                self.settle(request, _timed_out(request))
        self._deadlines.reset()

    def _cancelled(self, request: Deferred[Reply]) -> None:
        """Forget a request whose Deferred is being cancelled, and fires by that."""
        assert isinstance(request, Request)
        self._leave(request, CancelledError)
        self._go_on()

    def _leave(self, request: Request, way: type) -> None:
        """Take a request out of wherever it stands; whoever calls this fires its Deferred."""
        self.ended[way] += 1
        if not request.attempts:
            self._waiting.pop(request, None)
            self._unresolved.pop(request, None)
            return
        self.in_flight -= 1
        self._deadlines.stop(request)
        token = request.token
        owed = self._owed[request.debtor]
        if request.newer is not None:
            if owed[token] is request:
                owed[token] = request.newer
            part(request)
        else:
            del owed[token]
            if not owed:
                del self._owed[request.debtor]
        self._ended.remember((request.peer, token), way is Reply)

    def _go_on(self) -> None:
        """Do what follows when a request has left."""
        if self._waiting:
            self._fill()
        if not self.in_flight:
            self._deadlines.clear()


def _timed_out(request: Request) -> ReplyTimeout:
    tries = "1 attempt" if request.attempts == 1 else f"{request.attempts} attempts"
    return ReplyTimeout(f"no reply from {format_peer(request.peer)} to {tries}")
