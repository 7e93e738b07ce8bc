"""Deadlines: whoever has waited long enough is found, in time, by one alarm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpecho.client import deadlines
from udpecho.client.deadlines import SPARE, Deadlines
from udpecho.client.request import Request


class Watched:
    """Deadlines with a clock and an alarm that are moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.alarm: float | None = None
        self.alarms = 0
        self.flushed: list[tuple[float, float]] = []
        self.deadlines = Deadlines(self.set_alarm, lambda: self.flushed)

    def set_alarm(self, when: float | None) -> None:
        self.alarm = when
        self.alarms += 1

    def send(self, patience: float) -> Request:
        request = Request()
        request.patience = patience
        request.sent_at = self.now
        self.deadlines.start(request)
        return request

    def ring(self) -> list[Request]:
        """Have the alarm come, now or before; return who was overdue."""
        found = []
        for _ in range(2):  # it comes again when what was received meanwhile has been heard
            self.alarm = None
            overdue = self.deadlines.rang(self.now)
            while (request := self.deadlines.overdue(overdue)) is not None:
                if not self.deadlines.is_over(request, overdue):
                    continue
                self.deadlines.stop(request)
                found.append(request)
            self.deadlines.reset()
            if self.deadlines.last_look is None:
                break
            assert not found
            assert self.alarm == self.now
        return found


def test_equal_patience_takes_one_alarm() -> None:
    """Requests that come and go, all with one time-out, set the alarm once."""
    watched = Watched()
    watched.send(1.0)
    for _ in range(100):
        watched.now += 0.001
        watched.deadlines.stop(watched.send(1.0))
    assert (watched.alarm, watched.alarms) == (1.0, 1)


def test_a_shorter_patience_brings_the_alarm_forward() -> None:
    watched = Watched()
    watched.send(5.0)
    watched.send(2.0)
    assert watched.alarm == 2.0
    watched.send(3.0)
    assert watched.alarm == 2.0


def test_those_overdue_come_first_to_last() -> None:
    watched = Watched()
    first = watched.send(1.0)
    watched.now = 0.5
    second = watched.send(1.0)
    watched.now = 1.0
    assert watched.ring() == [first]
    assert watched.alarm == 1.5
    watched.now = 1.5
    assert watched.ring() == [second]
    assert watched.alarm is None


def test_an_alarm_for_one_that_left_is_for_the_next_then() -> None:
    watched = Watched()
    left = watched.send(1.0)
    watched.now = 0.25
    watched.send(1.0)
    watched.deadlines.stop(left)
    watched.now = 1.0
    assert watched.ring() == []
    assert watched.alarm == 1.25


def test_when_all_is_forgotten_the_alarm_is_taken_back_once() -> None:
    watched = Watched()
    watched.send(1.0)
    for _ in range(3):
        watched.deadlines.clear()
    assert (watched.alarm, watched.alarms, len(watched.deadlines)) == (None, 2, 0)
    watched.send(1.0)
    assert watched.alarm == 1.0


def test_a_thousand_different_time_outs_leave_no_trail() -> None:
    """A program that adapts its time-out to each peer leaves no queue for each that ended."""
    watched = Watched()
    waiting = [watched.send(1000.0 + number) for number in range(10)]
    for number in range(1000):
        watched.deadlines.stop(watched.send(1.0 + number / 7))
    assert len(watched.deadlines) <= 2 * (len(waiting) + SPARE)
    watched.now = 2000.0
    assert watched.ring() == waiting


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["send", "send", "stop", "ring"]),
            st.sampled_from([0.25, 1.0, 3.0]),
            st.sampled_from([0.0, 0.25, 1.0]),
            st.integers(0, 99),
        ),
        max_size=60,
    )
)
def test_in_any_order_none_is_missed_and_none_is_early(
    steps: list[tuple[str, float, float, int]],
) -> None:
    """The alarm is never after a deadline; when it comes, exactly those overdue are found."""
    watched = Watched()
    watching: list[Request] = []
    for step, patience, wait, number in steps:
        if step == "send":
            watching.append(watched.send(patience))
        elif step == "stop" and watching:
            watched.deadlines.stop(watching.pop(number % len(watching)))
        elif step == "ring":
            watched.now += wait
            overdue = [each for each in watching if each.deadline <= watched.now]
            assert set(watched.ring()) == set(overdue)
            watching = [each for each in watching if each not in overdue]
        if watching:
            assert watched.alarm is not None
            assert watched.alarm <= min(each.deadline for each in watching)


def test_many_queues_that_are_in_use_are_not_looked_through_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A thousand time-outs that all wait cost a few searches for empty queues, not a thousand."""
    searches: list[object] = []
    monkeypatch.setattr(deadlines, "heapify", searches.append)
    watched = Watched()
    for number in range(1000):
        watched.send(1000.0 + number)
    assert 0 < len(searches) <= 10


def test_what_was_held_back_has_its_time_from_when_it_left() -> None:
    """A turn that is long holds what is written in it; when the alarm comes, that has just left."""
    watched = Watched()
    watched.flushed = [(1.0, 6.0)]
    early = watched.send(2.0)  # at 0
    watched.now = 1.5
    held, long = watched.send(2.0), watched.send(9.0)
    watched.now = 7.0
    assert watched.ring() == [early]
    assert (early.sent_at, held.sent_at, long.sent_at) == (0.0, 6.0, 1.5)
    watched.now = 8.0
    assert watched.ring() == [held]


def test_what_left_at_once_is_over_when_it_is() -> None:
    watched = Watched()
    watched.flushed = [(-1.0, 0.25)]
    sent = watched.send(2.0)
    watched.now = 2.5
    assert watched.ring() == [sent]
    assert sent.sent_at == 0.0
