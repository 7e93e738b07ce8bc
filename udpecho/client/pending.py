"""Who owes us a reply: each outstanding request, where it stands, and its one way out.

A request waits for its turn, is in flight while its peer owes a reply, and leaves once: by
hear(), by settle() or by being cancelled. A datagram answers the oldest request in flight
that has its debtor (who must answer: one peer, or anyone) and its token (with what: the bytes
that were sent, or anything). Nothing here sends, sleeps or reads a clock: the client does,
when it is asked to.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter

from twisted.internet.defer import CancelledError, Deferred

from udpecho.client.deadlines import Deadlines
from udpecho.client.ended import Ended, Unclaimed, key_of
from udpecho.client.freshness import Freshness
from udpecho.client.owed import Owed
from udpecho.client.request import Reply, Request, in_order, join, longer, part, timed_out
from udpecho.peer import Peer


class Pending(Owed):
    """The outstanding requests; no operation costs more when there are more of them.

    transmit(request) sends an attempt, and may settle the request at once. alarm(when) asks
    that expire() be called in a turn that begins at that time of the clock now(), or later;
    alarm(None) takes that back; flushed() is for Deadlines. With verify_peer the debtor is the
    peer that was asked; with verify_echo the token is the bytes that it was sent.
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
        flushed: Callable[[], list[tuple[float, float]]] = list,
    ) -> None:
        super().__init__(verify_peer=verify_peer, verify_echo=verify_echo)
        self._transmit, self._now, self._window = transmit, now, window
        self._unresolved: dict[Request, None] = {}
        self._waiting: OrderedDict[Request, None] = OrderedDict()
        self._deadlines = Deadlines(alarm, flushed)
        self._ended = Ended()
        self._freshness = Freshness(trusting=not verify_peer)
        self.in_flight = 0
        """How many requests have been sent and not ended."""

        self._held = False  # whether what waits is to wait on, room or not
        self._serial = 0  # requests so far
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

    def unclaimed(self, peer: Peer, data: bytes) -> Unclaimed | None:
        """Tell what a datagram is that answers no request, or None if it is a stranger's."""
        return self._ended.recall(key_of(peer, data if self._verify_echo else None))

    def wants_times(self, now: float) -> bool:
        """Tell whether it matters when exactly what is read now came: most often it does not."""
        return self._freshness.is_in_doubt or self._deadlines.has_overdue(now)

    # In.

    def ask(
        self, data: bytes, peer: Peer | None, timeout: float, retries: int, name: str = ""
    ) -> Request:
        """Make a request, and send it or let it wait; without a peer, until its name is found."""
        request = Request(self._cancelled)
        self._serial = request.serial = self._serial + 1
        request.data = data
        request.token = data if self._verify_echo else None
        request.patience, request.retries = timeout, retries
        if peer is None:
            request.name, request.sent_at = name, self._now()
            self._unresolved[request] = None
            self._deadlines.start(request)
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
            self._deadlines.stop(request)
            request.longer = longer(request)
            request.patience = max(request.deadline - self._now(), 0.0)
            request.peer, request.debtor = peer, self._debtor(peer)
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
            if self._quotes is not None:
                self._quotes.add(request)
            fresh, ended = self._freshness, self._ended
            request.heard = fresh.heard
            now = request.sent_at = self._now()
            key = request.key = hash((request.peer, request.token))  # key_of, which takes a call
            if oldest is not request:
                join(oldest, request)
                fresh.doubts(now)
            elif now > fresh.until or key in ended.young or key in ended.old:
                fresh.doubts(now)
            request.attempts = 1
        else:
            request.begin(self._now())
            request.attempts += 1
        self._deadlines.start(request)
        self._transmit(request)

    # Out.

    def hear(
        self,
        datagrams: Iterable[tuple[bytes, Peer]],
        now: float,
        unclaimed: Callable[[bytes, Peer], None],
        ages: Callable[[], Sequence[float]] | None = None,
        oldest: float = 0.0,
    ) -> None:
        """Give each datagram to the request that it answers, or else to unclaimed().

        They have been read by now: none is a reply to what a callback asks meanwhile, nor, where
        ages() tells how many seconds ago each came, oldest at most, to what was sent later.
        """
        by_debtor, verify_peer, verify_echo = self._owed, self._verify_peer, self._verify_echo
        heard = self._freshness.hears(now, oldest)
        told: Sequence[float] | None = None if ages else ()
        if ages and self._deadlines.has_overdue(now) and (told := ages()):
            datagrams = self._judged(zip(datagrams, told, strict=False), now)
        at = -1
        for data, peer in datagrams:
            at += 1
            owed = by_debtor.get(peer if verify_peer else None)
            request = None if owed is None else owed.get(data if verify_echo else None)
            if request is not None and (rtt := now - request.sent_at) <= oldest:
                told = ages() if ages and told is None else told
                young = request.is_younger(told[at] if told else 0.0, now, heard)
                request = None if young else request
            if request is None:
                unclaimed(data, peer)
                continue
            self._leave(request, Reply)
            request.callback(tuple.__new__(Reply, (data, peer, rtt, request.attempts)))  # quicker
            if self._waiting:
                self._fill()
        self._go_on()

    def _judged(
        self, datagrams: Iterable[tuple[tuple[bytes, Peer], float]], now: float
    ) -> Iterator[tuple[bytes, Peer]]:
        """Give the datagrams, each after timing out what it came too late for."""
        for (data, peer), age in datagrams:
            request = self.oldest(peer, data)
            if request is not None and self._deadlines.were_over(request, now - age):
                self.settle(request, timed_out(request))
            yield data, peer

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
        """Send again, or time out, every request whose deadline had come a turn ago.

        Meanwhile what lay in the socket by then has been read: it came in time.
        """
        deadline = self._deadlines.rang(self._now())
        while (request := self._deadlines.overdue(deadline)) is not None:
            if not self._deadlines.is_over(request, deadline):
                continue
            if request.retries < (request.attempts or 1):
                self.settle(request, timed_out(request))
                continue
            self._deadlines.stop(request)
            request.patience, request.longer = longer(request), None
            if request.attempts:
                self._send(request)
            else:  # its name is being looked up: an attempt that could not be sent
                request.retries -= 1
                request.sent_at = self._now()
                self._deadlines.start(request)
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
            if request in self._unresolved:
                del self._unresolved[request]
                self._deadlines.stop(request)
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
        if self._quotes is not None:
            self._quotes.remove(request)
        self._ended.remember(request.key, way is Reply)

    def _go_on(self) -> None:
        """Do what follows when a request has left."""
        if self._waiting:
            self._fill()
        if not (self.in_flight or self._unresolved):
            self._deadlines.clear()
