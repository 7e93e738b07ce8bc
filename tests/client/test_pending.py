"""Pending: each request leaves once, whatever happens in whatever order, and leaves nothing."""

from __future__ import annotations

import gc
import sys
import weakref
from collections import Counter, deque
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.examples import settings, st
from udpecho.client import deadlines, ended, pending
from udpecho.client.ended import Unclaimed
from udpecho.client.pending import Pending
from udpecho.client.request import MAX_BACKOFF, Reply, Request
from udpecho.errors import ClientClosed, Refused, ReplyTimeout, SendFailed
from udpecho.peer import Peer
from udpecho.reactors import TURN_SECONDS

Outcome = Reply | Exception


class Asker:
    """As little of a client as Pending needs: a clock, a notebook, and no network."""

    def __init__(self, window: int = 256) -> None:
        self.clock = Clock()
        now = self.clock.seconds
        self.pending = Pending(self.transmit, self.set_alarm, now, window)
        self.wake: IDelayedCall | None = None
        self.sent: list[Request] = []
        self.meanwhile: deque[Callable[[Request], None]] = deque()
        """What happens while the next attempts are being sent."""

    def transmit(self, request: Request) -> None:
        self.sent.append(request)
        if self.meanwhile:
            self.meanwhile.popleft()(request)

    def set_alarm(self, when: float | None) -> None:
        if self.wake is not None:
            self.wake.cancel()
            self.wake = None
        if when is not None:
            self.wake = self.clock.callLater(when - self.clock.seconds(), self.expire)

    def ring(self, now: float) -> None:
        """Have the alarm come as late as this."""
        assert self.wake is not None
        self.wake.cancel()
        self.clock.rightNow = now
        self.expire()

    def expire(self) -> None:
        self.wake = None
        self.pending.expire()

    def ask(
        self,
        host: str = "192.0.2.1",
        data: bytes = b"x",
        timeout: float = 1.0,
        retries: int = 2,
        resolved: bool = True,
    ) -> Request:
        peer = (host, 7) if resolved else None
        return self.pending.ask(data, peer, timeout, retries, "echo.example")

    def hear(
        self, host: str = "192.0.2.1", data: bytes = b"x", age: float | None = None
    ) -> Unclaimed | Request | None:
        """Take a datagram as a client does: it answers a request, or is none's.

        It came as long ago as age tells, if that is told.
        """
        peer = (host, 7)
        heard: list[Unclaimed | Request | None] = [self.pending.oldest(peer, data)]

        def unclaimed(data: bytes, peer: Peer) -> None:
            heard[0] = self.pending.unclaimed(peer, data)

        ages = None if age is None else lambda: (age,)
        self.pending.hear([(data, peer)], self.clock.seconds(), unclaimed, ages, age or 0.0)
        return heard[0]

    def refuse(self, host: str = "192.0.2.1") -> None:
        self.pending.fail(list(self.pending.owed_by((host, 7))), lambda _: Refused("refused"))

    def close(self) -> None:
        self.pending.fail(self.pending.all(), lambda _: ClientClosed("closed"))

    def owed(self) -> list[Request]:
        """List the requests in flight, by who owes their replies."""
        debtors = filter(None, self.pending.debtors())
        return [request for debtor in debtors for request in self.pending.owed_by(debtor)]

    def leftovers(self) -> list[object]:
        """List what a client with nothing outstanding must not hold."""
        held = self.pending
        tables: list[Any] = [held._unresolved, held._waiting, held._owed, held._deadlines]
        return [
            *(table for table in tables if table),
            *([held.in_flight] if held.in_flight else []),
            *self.clock.getDelayedCalls(),
        ]


class OneByOne(SynchronousTestCase):
    """The ways out, one at a time."""

    def setUp(self) -> None:
        self.asker = Asker()
        self.pending = self.asker.pending
        self.addCleanup(lambda: self.assertEqual(self.asker.leftovers(), []))

    def test_reply(self) -> None:
        """A reply ends the oldest request with its keys, and no other."""
        first, second = self.asker.ask(), self.asker.ask()
        other = self.asker.ask(data=b"y")
        self.asker.clock.advance(0.5)
        self.assertIs(self.asker.hear(), first)
        self.assertEqual(self.successResultOf(first), Reply(b"x", ("192.0.2.1", 7), 0.5, 1))
        self.assertNoResult(second)
        self.asker.hear()
        self.asker.hear(data=b"y")
        self.successResultOf(second)
        self.successResultOf(other)

    def test_what_was_read_before_a_request_is_no_reply_to_it(self) -> None:
        """The rest of a batch answers nothing that a callback asks while the batch is heard."""
        again: list[Request] = []
        first = self.asker.ask()
        first.addCallback(lambda _: again.append(self.asker.ask()))
        unclaimed: list[bytes] = []
        peer = ("192.0.2.1", 7)
        twice = [(b"x", peer), (b"x", peer)]
        self.pending.hear(twice, self.asker.clock.seconds(), lambda data, _: unclaimed.append(data))
        self.assertEqual(unclaimed, [b"x"])
        self.assertNoResult(again[0])
        self.asker.hear()
        self.assertEqual(self.successResultOf(again[0]), Reply(b"x", peer, 0.0, 1))

    def test_what_waits_in_the_socket_at_the_deadline_came_in_time(self) -> None:
        """It is heard in the turn that the alarm leaves for it, however late the alarm comes."""
        asked = self.asker.ask(retries=0, timeout=1.0)
        self.asker.ring(5.0)  # the reactor was blocked
        self.assertNoResult(asked)
        self.asker.hear()
        self.assertEqual(self.successResultOf(asked).rtt, 5.0)

    def test_what_was_sent_later_has_a_last_look_of_its_own(self) -> None:
        """Only what was overdue before the turn that was left is timed out after it."""
        first = self.asker.ask(retries=0, timeout=1.0)
        second = self.asker.ask(data=b"y", retries=0, timeout=1.5)
        self.asker.ring(1.25)
        self.asker.ring(2.0)
        self.failureResultOf(first, ReplyTimeout)
        self.assertNoResult(second)
        self.asker.hear(data=b"y")
        self.successResultOf(second)

    def test_a_stamp_tells_what_came_too_late(self) -> None:
        """Where the kernel says when it came."""
        for age, ends in ((0.5, ReplyTimeout), (4.5, None), (None, None)):
            with self.subTest(age):
                asker = Asker()
                asked = asker.ask(retries=0, timeout=1.0)
                asker.ring(5.0)
                heard = asker.hear(age=age)
                if ends is None:
                    self.assertIs(heard, asked)
                    self.successResultOf(asked)
                else:
                    self.assertIs(heard, Unclaimed.LATE)
                    self.failureResultOf(asked, ends)
                self.assertEqual(asker.leftovers(), [])

    def test_a_stamp_tells_so_before_the_alarm_comes(self) -> None:
        """A turn of the reactor's may read first."""
        for age, ends in ((0.5, Unclaimed.LATE), (4.5, None)):
            with self.subTest(age):
                asker = Asker()
                asked = asker.ask(retries=0, timeout=1.0)
                asker.clock.rightNow = 5.0
                self.assertIs(asker.hear(age=age), ends or asked)
                if ends:
                    self.failureResultOf(asked, ReplyTimeout)
                else:
                    self.successResultOf(asked)
                self.assertEqual(asker.leftovers(), [])

    def test_a_stamp_of_an_attempt_that_is_not_the_last(self) -> None:
        """A reply to it is one whenever it comes, as long as another attempt is to be made."""
        asker = Asker()
        asked = asker.ask(retries=1, timeout=1.0)
        asker.ring(5.0)
        asker.hear(age=0.0)
        self.successResultOf(asked)

    def test_no_reply_is_older_than_its_request(self) -> None:
        """What lay in the kernel's buffer when a request was sent does not answer it."""
        for age, is_reply in ((0.4, True), (0.5, True), (0.6, False), (None, True)):
            with self.subTest(age):
                asker = Asker()
                asker.clock.advance(1.0)
                asked = asker.ask()
                asker.clock.advance(0.5)
                self.assertIs(asker.hear(age=age), asked if is_reply else None)
                if is_reply:
                    self.assertEqual(self.successResultOf(asked).rtt, 0.5)
                else:
                    self.assertNoResult(asked)
                    self.assertIs(asker.hear(age=0.0), asked)
                self.assertEqual(asker.leftovers(), [])

    def test_whether_it_matters_when_what_is_read_next_came(self) -> None:
        """Right after a batch was read, a request that is like no other is not in doubt."""
        for earlier, later, wanted in (
            ({"host": "192.0.2.2"}, 0.0, False),
            ({"data": b"y"}, 0.0, False),
            ({}, 0.0, True),
            ({"host": "192.0.2.2"}, 2 * TURN_SECONDS, True),
        ):
            for is_answered in (True, False):
                with self.subTest(earlier=earlier, later=later, is_answered=is_answered):
                    asker = Asker()
                    asked = [asker.ask(**earlier)]
                    asker.clock.advance(0.1)
                    if is_answered:
                        asker.hear(**earlier)
                    asker.hear("192.0.2.9", b"a stranger's", age=0.0)
                    self.assertIs(asker.pending.wants_times(asker.clock.seconds()), False)
                    asker.clock.advance(later)
                    asked.append(asker.ask())
                    self.assertIs(asker.pending.wants_times(asker.clock.seconds()), wanted)
                    asker.clock.advance(0.01)
                    asker.hear("192.0.2.9", b"a stranger's", age=0.0)
                    self.assertIs(asker.pending.wants_times(asker.clock.seconds()), False)
                    asker.clock.rightNow += 5.0
                    self.assertIs(asker.pending.wants_times(asker.clock.seconds()), True, "over")
                    asker.close()
                    for each in asked:
                        each.addErrback(lambda _: None)

    def test_who_believes_anyone_is_always_in_doubt(self) -> None:
        """What anyone says may answer any request."""
        clock = Clock()
        pending = Pending(
            lambda _: None, lambda _: None, clock.seconds, 8, verify_peer=False, verify_echo=False
        )
        pending.hear([], 0.0, lambda *_: None)
        asked = pending.ask(b"x", ("192.0.2.1", 7), 1.0, 0)
        self.assertTrue(pending.wants_times(0.0))
        pending.settle(asked, ClientClosed("closed"))
        self.failureResultOf(asked, ClientClosed)

    def test_a_reply_may_be_older_than_the_attempt_that_crossed_it(self) -> None:
        """But not than the first: it can be of any attempt."""
        for age, is_reply in ((2.5, True), (3.5, False)):
            with self.subTest(age):
                asker = Asker()
                asker.clock.advance(1.0)
                asked = asker.ask(timeout=1.0)  # sent again at 2, and 4
                asker.clock.pump([1.0, 1.0, 1.0])
                self.assertEqual(len(asker.sent), 3)
                self.assertIs(asker.hear(age=age), asked if is_reply else None)
                asker.hear(age=0.0)
                self.assertEqual(self.successResultOf(asked).attempts, 3)

    def test_what_is_older_than_one_request_may_answer_an_older_one(self) -> None:
        """And a duplicate of that answers neither."""
        first = self.asker.ask()
        self.asker.clock.advance(0.5)
        second = self.asker.ask()
        self.asker.clock.advance(0.25)
        self.assertIs(self.asker.hear(age=0.3), first)
        self.asker.hear(age=0.29)
        self.assertNoResult(second)
        self.asker.hear(age=0.1)
        self.successResultOf(second)

    def test_a_look_up_counts_towards_the_time_out(self) -> None:
        """A name that is never found fails its request when an address would have."""
        for retries, seconds in ((0, 1), (1, 3), (2, 7)):
            with self.subTest(retries):
                asked = self.asker.ask(retries=retries, resolved=False)
                self.asker.clock.pump([0.5] * (2 * seconds - 1))
                self.assertNoResult(asked)
                self.asker.clock.advance(0.5)
                failure = self.failureResultOf(asked, ReplyTimeout)
                self.assertIn("'echo.example'", failure.getErrorMessage())
                self.pending.found(asked, ("192.0.2.1", 7))  # too late
        self.assertEqual(self.asker.sent, [])

    def test_a_name_that_is_found_leaves_what_is_left_of_the_time(self) -> None:
        """The attempt it is found in ends when it would have; the next waits twice as long."""
        asked = self.asker.ask(retries=2, resolved=False)
        self.asker.clock.pump([1.0, 1.5])  # into the second attempt, from 1 to 3
        self.pending.found(asked, ("192.0.2.1", 7))
        self.assertEqual(len(self.asker.sent), 1)
        self.asker.clock.advance(0.25)
        self.assertEqual(len(self.asker.sent), 1)
        self.asker.clock.advance(0.25)
        self.assertEqual(len(self.asker.sent), 2)
        self.asker.clock.advance(3.75)
        self.assertNoResult(asked)
        self.asker.clock.advance(0.25)
        self.failureResultOf(asked, ReplyTimeout)

    def test_the_middle_of_a_ring_may_leave(self) -> None:
        """Requests with equal keys are answered in order, whoever of them was cancelled."""
        for gone in range(4):
            with self.subTest(gone=gone):
                requests = [self.asker.ask() for _ in range(4)]
                requests[gone].cancel()
                self.failureResultOf(requests.pop(gone), CancelledError)
                self.assertEqual(list(self.pending.owed_by(("192.0.2.1", 7))), requests)
                self.assertEqual([self.asker.hear() for _ in requests], requests)
                for request in requests:
                    self.successResultOf(request)

    def test_backoff(self) -> None:
        """Each attempt waits twice as long as the one before, up to a minute."""
        for timeout, waits in (
            (1.0, [1, 2, 4, 8, 16, 32, MAX_BACKOFF, MAX_BACKOFF]),
            (45.0, [45, MAX_BACKOFF, MAX_BACKOFF]),
            (90.0, [90, 90]),  # whoever asks for longer has it
        ):
            with self.subTest(timeout=timeout):
                asked = self.asker.ask(timeout=timeout, retries=len(waits) - 1)
                for wait in waits:
                    self.assertNoResult(asked)
                    self.asker.clock.advance(wait)
                failure = self.failureResultOf(asked, ReplyTimeout)
                self.assertIn(f"to {len(waits)} attempts", failure.getErrorMessage())

    def test_one_attempt_is_one_attempt(self) -> None:
        """The text of a time-out counts right."""
        asked = self.asker.ask(retries=0)
        self.asker.clock.advance(1)
        failure = self.failureResultOf(asked, ReplyTimeout)
        self.assertEqual(failure.getErrorMessage(), "no reply from 192.0.2.1:7 to 1 attempt")

    def test_answered_while_being_sent(self) -> None:
        """A reply can't be too early: the request is in its place before its datagram leaves."""
        self.asker.meanwhile.append(lambda _: void(self.asker.hear()))
        self.assertEqual(self.successResultOf(self.asker.ask()).rtt, 0)

    def test_late_and_duplicate(self) -> None:
        """An ended request's reply is late once, then a duplicate; a stranger's is neither."""
        answered = self.asker.ask()
        self.asker.hear()
        self.successResultOf(answered)
        self.assertIs(self.asker.hear(), Unclaimed.DUPLICATE)
        silent = self.asker.ask("192.0.2.2", retries=0)
        self.asker.clock.advance(1)
        self.failureResultOf(silent, ReplyTimeout)
        heard = [self.asker.hear("192.0.2.2") for _ in range(3)]
        self.assertEqual(heard, [Unclaimed.LATE, Unclaimed.DUPLICATE, Unclaimed.DUPLICATE])
        for host, data in (("192.0.2.3", b"x"), ("192.0.2.2", b"y")):
            self.assertIsNone(self.asker.hear(host, data))

    def test_a_request_that_was_never_sent_has_no_late_reply(self) -> None:
        """Whoever was not asked yet is a stranger."""
        asked = self.asker.ask(resolved=False)
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.assertIsNone(self.asker.hear())

    def test_memory_is_bounded(self) -> None:
        """The latest ended requests are remembered, and no more than twice that number."""
        self.patch(ended, "REMEMBERED", 50)
        for number in range(150):
            asked = self.asker.ask(data=b"%d" % number)
            self.asker.hear(data=b"%d" % number)
            self.successResultOf(asked)
        self.assertLessEqual(len(self.pending._ended), 100)
        self.assertIs(self.asker.hear(data=b"100"), Unclaimed.DUPLICATE)
        self.assertIsNone(self.asker.hear(data=b"0"))

    def test_strangers_are_not_remembered(self) -> None:
        """Whoever sends us what we asked nobody for costs us no memory."""
        for number in range(100):
            self.asker.hear(data=b"%d" % number)
        self.assertEqual(len(self.pending._ended), 0)

    def test_cancelling_another_while_failing(self) -> None:
        """What a callback cancels is cancelled, and is counted so."""
        first, second = self.asker.ask(), self.asker.ask()
        first.addErrback(lambda _: second.cancel())
        self.asker.close()
        self.failureResultOf(second, CancelledError)
        self.assertEqual(self.pending.ended, {ClientClosed: 1, CancelledError: 1})

    def test_nothing_is_sent_while_failing(self) -> None:
        """A request made by the callback of one that fails waits until all have failed."""
        self.asker = Asker(window=1)
        asked = [self.asker.ask(data=b"%d" % number) for number in range(3)]
        again: list[Request] = []
        asked[0].addErrback(lambda _: again.append(self.asker.ask(data=b"again")))
        self.asker.close()
        self.assertEqual(self.asker.sent, [asked[0], *again])
        for each in asked[1:]:
            self.failureResultOf(each, ClientClosed)
        again[0].cancel()
        self.failureResultOf(again[0], CancelledError)

    def test_the_alarm_is_for_the_first_deadline(self) -> None:
        """One delayed call, at the earliest of all deadlines, whoever leaves or comes."""
        slow = self.asker.ask(timeout=5)
        quick = self.asker.ask(timeout=2)
        (call,) = self.asker.clock.getDelayedCalls()
        self.assertEqual(call.getTime(), 2)
        quick.cancel()
        self.failureResultOf(quick, CancelledError)
        self.asker.clock.advance(2)  # it may wake for one that has left
        (call,) = self.asker.clock.getDelayedCalls()
        self.assertEqual(call.getTime(), 5)
        slow.cancel()
        self.failureResultOf(slow, CancelledError)

    def test_an_ended_request_is_let_go(self) -> None:
        """No ring of references keeps a request, or its data, after its end."""
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        keeping = self.asker.ask("192.0.2.2")
        for way in ("hear", "refuse", "cancel"):
            asked = self.asker.ask()
            asked.addErrback(lambda _: None)
            ended = weakref.ref(asked)
            if way == "cancel":
                asked.cancel()
            else:
                getattr(self.asker, way)()
            self.asker.sent.clear()
            del asked
            self.assertIsNone(ended())
        keeping.cancel()
        self.failureResultOf(keeping, CancelledError)

    def test_deadlines_of_ended_requests_do_not_pile_up(self) -> None:
        """A long time-out and a quick reply leave no trail, even if one never answers."""
        silent = self.asker.ask("192.0.2.2", timeout=3600)
        for _ in range(1000):
            asked = self.asker.ask(timeout=3600)
            self.asker.hear()
            self.successResultOf(asked)
        self.assertLess(len(self.pending._deadlines), 100)
        silent.cancel()
        self.failureResultOf(silent, CancelledError)


def void(_: object) -> None:
    """Take a value and give none."""


COUNTED = {module.__file__ for module in (pending, deadlines, ended)}


class Cost(SynchronousTestCase):
    """What a request costs, in lines of these modules that are run, beside how many others."""

    def lines(self, others: int, window: int) -> float:
        """Count the lines that a request runs from first to last, on the average of some."""
        asker = Asker(window)
        crowd = [asker.ask(f"10.0.{i // 256}.{i % 256}", timeout=3600) for i in range(others)]
        crowd += [asker.ask(timeout=3600) for _ in range(others)]  # and as many with equal keys
        count = 0

        def trace(frame: FrameType, event: str, argument: object) -> Any:
            nonlocal count
            count += event == "line"
            return trace if frame.f_code.co_filename in COUNTED else None

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            for number in range(500):
                data = b"%d" % number
                asker.ask(data=data)
                asker.hear(data=data)
                asker.hear(data=data)
                any(asker.pending.owed_by(("192.0.2.1", 7)))
                asker.ask().addErrback(lambda _: None).cancel()
        finally:
            sys.settrace(before)
        for each in asker.pending.all():
            each.addErrback(lambda _: None)
        asker.close()
        return count / 500

    def test_it_does_not_grow(self) -> None:
        """A request costs the same among ten others and among ten thousand."""
        for what, window in (("in flight", 10**6), ("waiting", 5)):
            with self.subTest(what):
                few, many = self.lines(5, window), self.lines(5000, window)
                self.assertGreater(few, 10)
                self.assertLess(many, 1.2 * few)


class Interleavings(RuleBasedStateMachine):
    """Any order of everything that can happen, also from within callbacks and sends.

    Each request's callback may itself ask, cancel, hear a reply, refuse or close; so may
    whatever happens while an attempt is being sent.
    """

    HOSTS = ("192.0.2.1", "192.0.2.2", "2001:db8::1")
    DATA = (b"", b"x", b"y")
    DEPTH = 3

    hosts = st.sampled_from(HOSTS)
    datas = st.sampled_from(DATA)
    numbers = st.integers(0, 50)
    acts = st.one_of(
        st.just(("nothing",)),
        st.tuples(st.just("ask"), hosts, datas),
        st.tuples(st.just("cancel"), numbers),
        st.tuples(st.just("hear"), hosts, datas),
        st.tuples(st.just("refuse"), hosts),
        st.just(("close",)),
    )

    def __init__(self) -> None:
        super().__init__()
        self.asker = Asker(window=3)
        self.asked: list[Request] = []
        self.unresolved: list[tuple[Request, Peer]] = []
        self.outcomes: dict[Request, list[Outcome]] = {}
        self.depth = 0

    def note(self, request: Request, act: tuple[Any, ...]) -> Callable[[Any], None]:
        def fired(result: Reply | Failure) -> None:
            outcome = result.value if isinstance(result, Failure) else result
            assert isinstance(outcome, Reply | Exception)
            self.outcomes[request].append(outcome)
            self.act(act)

        return fired

    def act(self, act: tuple[Any, ...]) -> None:
        """Do something from within something else, but not without end."""
        if self.depth >= self.DEPTH:
            return
        self.depth += 1
        name, *arguments = act
        acts: dict[str, Callable[..., object]] = {
            "nothing": lambda: None,
            "ask": self.make,
            "cancel": self.cancel,
            "hear": self.asker.hear,
            "refuse": self.asker.refuse,
            "close": self.asker.close,
        }
        acts[name](*arguments)
        self.depth -= 1

    def make(
        self,
        host: str,
        data: bytes,
        timeout: float = 1.0,
        retries: int = 1,
        resolved: bool = True,
        act: tuple[Any, ...] = ("nothing",),
    ) -> None:
        request = self.asker.ask(host, data, timeout, retries, resolved=False)
        self.asked.append(request)
        self.outcomes[request] = []
        request.addBoth(self.note(request, act))
        if resolved:
            self.asker.pending.found(request, (host, 7))
        else:
            self.unresolved.append((request, (host, 7)))

    @rule(
        host=hosts,
        data=datas,
        timeout=st.sampled_from((0.25, 1.0, 100.0)),
        retries=st.integers(0, 2),
        resolved=st.booleans(),
        act=acts,
    )
    def ask(self, **options: Any) -> None:
        self.make(**options)

    @rule(number=numbers)
    def cancel(self, number: int) -> None:
        if self.asked:
            self.asked[number % len(self.asked)].cancel()

    @precondition(lambda self: self.unresolved)
    @rule(found=st.booleans())
    def resolve(self, found: bool) -> None:
        request, peer = self.unresolved.pop(0)
        if found:
            self.asker.pending.found(request, peer)
        elif not request.called:
            self.asker.pending.settle(request, SendFailed(113, "no such host"))

    @rule(host=hosts, data=datas)
    def hear(self, host: str, data: bytes) -> None:
        """Take a reply, a late one, a duplicate or a stranger: on the wire they are alike."""
        self.asker.hear(host, data)

    @rule(host=hosts)
    def refuse(self, host: str) -> None:
        self.asker.refuse(host)

    @rule(act=acts, fails=st.booleans())
    def meanwhile(self, act: tuple[Any, ...], fails: bool) -> None:
        """Have the next send fail, or something happen within it."""

        def happen(request: Request) -> None:
            self.act(act)
            if fails and not request.called:
                self.asker.pending.settle(request, SendFailed(1, "not permitted"))

        self.asker.meanwhile.append(happen)

    @rule(seconds=st.sampled_from((0.0, 0.25, 0.5, 1.0, 3.0, 200.0)))
    def advance(self, seconds: float) -> None:
        self.asker.clock.advance(seconds)

    @rule()
    def close(self) -> None:
        self.asker.close()

    @invariant()
    def each_fires_once(self) -> None:
        outstanding = self.asker.pending.all()
        assert outstanding == [each for each in self.asked if not each.called]
        for request in self.asked:
            assert len(self.outcomes[request]) == request.called

    @invariant()
    def counters_add_up(self) -> None:
        ended = Counter(type(outcome) for (outcome,) in filter(None, self.outcomes.values()))
        assert ended == Counter(self.asker.pending.ended)
        assert len(self.asked) == len(self.asker.pending) + sum(ended.values())

    @invariant()
    def the_window_is_full_or_nobody_waits(self) -> None:
        pending = self.asker.pending
        owed = self.asker.owed()
        assert len(owed) == len(set(owed)) == pending.in_flight <= 3
        assert not pending._waiting or pending.in_flight == 3
        assert len(pending) == len(owed) + len(pending._waiting) + sum(
            not each.called for each, _ in self.unresolved
        )

    @invariant()
    def one_alarm_in_time(self) -> None:
        now = self.asker.clock.seconds()
        looked_up = [request for request, _ in self.unresolved if not request.called]
        deadlines = [request.deadline for request in (*self.asker.owed(), *looked_up)]
        calls = [call.getTime() for call in self.asker.clock.getDelayedCalls()]
        assert len(calls) == bool(deadlines)
        assert all(now < min(deadlines) and call <= min(deadlines) for call in calls)

    def teardown(self) -> None:
        self.depth = self.DEPTH
        self.asker.meanwhile.clear()
        self.asker.close()
        self.each_fires_once()
        self.counters_add_up()
        assert self.asker.leftovers() == []


class AnyOrder(SynchronousTestCase):
    """The same, as a test that trial finds too."""

    @pytest.mark.slow
    def test_each_request_ends_once_and_leaves_nothing(self) -> None:
        """Any interleaving fires each Deferred once, and every counter adds up."""
        run_state_machine_as_test(
            Interleavings,
            settings=settings(stateful_step_count=40),
        )
