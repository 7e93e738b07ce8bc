"""Events posted: in their order, tried again, bounded, and counted where they are left out."""

from __future__ import annotations

import json
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import Logger

from udpecho.watch.events.outlet_counts import MOST_UNSENT, OutletCounts
from udpecho.watch.events.webhook import MOST_TOGETHER, Webhook


class Bench:
    """A server that answers as it is told."""

    def __init__(self) -> None:
        self.clock, self.counts = Clock(), OutletCounts()
        self.logged: list[Any] = []
        self.answers: list[Any] = []
        """What is answered next; when there is nothing, 200."""

        self.bodies: list[Any] = []
        self.taken: list[int] = []
        self.hook = Webhook(
            self.clock, "hook.example", "a", self.post, self.counts,
            Logger(observer=self.logged.append),  # type: ignore[arg-type]
        )  # fmt: skip

    def post(self, body: bytes) -> Deferred[int]:
        self.bodies.append(json.loads(body))
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Deferred):
            return answer
        if isinstance(answer, Exception):
            return fail(answer)
        if answer == 200:
            self.taken += [each["n"] for each in self.bodies[-1]["events"]]
        return succeed(answer)

    def write(self, *numbers: int) -> None:
        for each in numbers:
            self.hook.write(json.dumps({"n": each}))

    def said(self) -> list[str]:
        return [each["log_format"].format(**each) for each in self.logged]

    def end(self) -> None:
        self.hook.end()
        assert self.clock.getDelayedCalls() == []
        assert [each for each in self.logged if "log_failure" in each] == []


def test_what_is_told_at_once_is_posted_together() -> None:
    bench = Bench()
    bench.write(*range(250))
    bench.clock.pump([0] * 5)
    assert bench.taken == list(range(250))
    assert [len(each["events"]) for each in bench.bodies] == [MOST_TOGETHER, MOST_TOGETHER, 50]
    assert bench.bodies[0] | {"events": 0} == {"schema": 1, "node": "a", "left_out": 0, "events": 0}
    bench.write(250)
    bench.clock.advance(0)
    assert bench.taken[250:] == [250]
    bench.end()
    assert (bench.counts.sent, bench.counts.waiting, bench.said()) == (251, 0, [])


@pytest.mark.parametrize("answer", [500, 302, 404, ConnectionError("nobody is there")])
def test_what_fails_is_tried_again_later_and_later_and_said_once(answer: Any) -> None:
    bench = Bench()
    bench.answers = [answer] * 9
    bench.write(1)
    at: list[float] = []
    for _ in range(2000):
        before = len(bench.bodies)
        bench.clock.advance(0.25)
        at += [bench.clock.seconds()] * (len(bench.bodies) - before)
        if bench.taken:
            break
        bench.write(*([2] if len(at) == 3 and bench.counts.waiting == 1 else []))
    gaps = [later - earlier for earlier, later in pairwise(at)]
    assert gaps == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert bench.taken == [1, 2]
    assert len(bench.said()) == 2
    assert bench.said()[0].startswith("events can't be posted to hook.example: ")
    assert bench.said()[1] == "events are posted to hook.example again"
    assert (bench.counts.failures, bench.counts.dropped) == (9, 0)
    bench.end()


def test_what_would_never_be_taken_is_left_out_and_told_in_the_next_body() -> None:
    bench = Bench()
    bench.answers = [422]
    bench.write(1, 2)
    bench.clock.advance(0)
    bench.write(3)
    bench.clock.advance(0)
    assert bench.taken == [3]
    assert [each["left_out"] for each in bench.bodies] == [0, 2]
    counts = bench.counts
    assert (counts.sent, counts.dropped, counts.failures, counts.waiting) == (1, 2, 1, 0)
    bench.write(4)
    bench.clock.advance(0)
    assert bench.bodies[-1]["left_out"] == 0
    bench.end()


def test_there_is_an_end_to_what_may_wait() -> None:
    bench = Bench()
    bench.answers = [503]
    bench.write(*range(MOST_UNSENT + 30))
    bench.clock.pump([0, 1, *[0] * 20])
    assert bench.taken == list(range(MOST_UNSENT))
    assert [each["left_out"] for each in bench.bodies][:3] == [30, 30, 0]
    assert bench.said()[0] == "1000 events wait to be posted: more of them are left out"
    counts = bench.counts
    assert (counts.sent, counts.dropped, counts.failures, counts.waiting) == (MOST_UNSENT, 30, 1, 0)
    bench.end()


def test_an_end_while_it_is_being_posted_or_waits() -> None:
    cancelled: list[object] = []
    for answer in (Deferred[int](cancelled.append), 500):
        bench = Bench()
        bench.answers = [answer]
        bench.write(1)
        bench.clock.advance(0)
        bench.end()
        assert bench.counts.dropped == 1
        assert bench.said()[-1] == "1 events were not posted"
    assert len(cancelled) == 1


def test_what_is_being_posted_can_be_given_to_another() -> None:
    bench = Bench()
    bench.answers = [Deferred[int]()]
    bench.write(1, 2)
    bench.clock.advance(0)
    assert bench.hook.give_back() == ['{"n": 1}', '{"n": 2}']
    bench.end()
    assert bench.counts.dropped == 0
    assert bench.said() == []


@pytest.mark.parametrize("seed", range(20))
def test_order_holds_and_none_is_lost_unseen(seed: int) -> None:
    bench, random, told = Bench(), Random(seed), 0
    for _ in range(200):
        bench.answers = random.choices([200, 500, 400, ConnectionError("x")], k=3)
        number = random.choice([0, 1, 300])
        bench.write(*range(told, told + number))
        told += number
        bench.clock.advance(random.choice([0, 0.5, 70]))
    bench.answers = []
    bench.clock.pump([70] * 20)
    assert bench.taken == sorted(set(bench.taken))
    assert bench.counts.sent + bench.counts.dropped == told
    assert bench.counts.sent == len(bench.taken)
    bench.end()
