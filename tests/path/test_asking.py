"""Which TTL of which flow is asked next, and how often: as routers answer. Told the time."""

from __future__ import annotations

from collections import Counter

import pytest

from udpecho.path.agenda import ALIKE
from udpecho.path.allowance import Common
from udpecho.path.answers import Answer, Question
from udpecho.path.asking import Asker

SECOND = 1_000_000_000
PORTS = range(40000, 40016)


def taken(asker: Asker, now_ns: int, most: int = 1000) -> list[Question]:
    """Take all questions that may be asked now."""
    found: list[Question] = []
    while len(found) < most and (question := asker.take(now_ns)) is not None:
        found.append(question)
    return found


def answers(asker: Asker, question: Question, address: str | None = None) -> None:
    """Answer as a router of that TTL does."""
    assert question.ttl is not None
    asker.answered(question.flow, question.ttl, Answer(address or f"10.0.{question.ttl}.1", 11, 0))


def asked_by_the_second(asker: Asker, seconds: int) -> list[list[Question]]:
    """Take what may be asked in each second, none of which is answered."""
    return [taken(asker, second * SECOND) for second in range(seconds)]


def test_a_router_is_asked_five_times_at_once_and_then_once_a_second() -> None:
    asker = Asker(PORTS, most_hops=1)
    seconds = []
    for second in range(5):
        questions = taken(asker, second * SECOND)
        seconds.append(len(questions))
        for number, question in enumerate(questions):
            answers(asker, question, f"10.0.1.{(number + second) % 2}")
    assert seconds[0] == 5
    assert max(seconds[1:]) <= 2  # two addresses may be two routers


def test_the_flows_that_are_given_first_are_asked_first() -> None:
    asker = Asker(())
    for number in (7, 3, 11):
        asker.add(number, 40000 + number)
    first = [question.flow for question in taken(asker, 0) if question.ttl == 2]
    assert first == [7, 3, 11]


def test_the_first_router_is_not_asked_for_each_flow_once_several_met_the_same() -> None:
    asker = Asker(PORTS)
    asked = 0
    for second in range(20):
        for question in taken(asker, second * SECOND):
            asked += question.ttl == 1
            answers(asker, question)
            asker.reached(question.flow)
    assert ALIKE <= asked <= 5
    paths = asker.paths()
    assert {path.hops[0].addresses for path in paths} == {("10.0.1.1",)}
    assert sum(path.hops[0].asked for path in paths) == asked


def test_it_is_asked_for_each_where_flows_met_another() -> None:
    asker = Asker(PORTS)
    met = Counter[int]()
    for second in range(20):
        for question in taken(asker, second * SECOND):
            answers(asker, question, f"10.0.{question.ttl}.{question.flow % 2}")
            met[question.flow] += question.ttl == 1
    assert set(met) == set(range(16))
    assert {path.hops[0].addresses for path in asker.paths()} == {("10.0.1.0",), ("10.0.1.1",)}


def test_what_stays_silent_is_asked_three_times_more() -> None:
    asker = Asker([40000], most_hops=3)
    counts = Counter(question for each in asked_by_the_second(asker, 30) for question in each)
    assert counts == {Question(0, ttl): 4 for ttl in (1, 2, 3)}
    assert asker.next_ns(30 * SECOND) is None


def test_no_more_than_m_hops_are_asked() -> None:
    asker = Asker([40000], most_hops=6)
    asked = set()
    for second in range(20):
        for question in taken(asker, second * SECOND):
            asked.add(question.ttl)
            answers(asker, question)
    assert asked == {1, 2, 3, 4, 5, 6}


@pytest.mark.parametrize("targets", [2, 8])
def test_a_routers_limit_is_to_us_whichever_target_is_asked_about(targets: int) -> None:
    common = Common()
    askers = [Asker([40000, 40001, 40002], common=common) for _ in range(targets)]
    asked = Counter(question.ttl for asker in askers for question in taken(asker, 0))
    assert asked[1] == min(5, 3 * targets)


def test_what_is_unreachable_from_a_router_is_asked_no_farther() -> None:
    asker = Asker([40000])
    for question in taken(asker, 0):
        if question.ttl == 2:
            asker.ended(0, 2, "10.0.2.1", 3, 13)
        elif question.ttl == 1:
            answers(asker, question)
    assert all(not each for each in asked_by_the_second(asker, 20)[2:])
    [path] = asker.paths()
    assert path.ended == ("10.0.2.1", 3, 13)


class TestByTime:
    """Routers that quote too little: an answer is for what is awaited, if that is one."""

    def by_time(self, asker: Asker, address: str, now_ns: int) -> int | None:
        ttl = asker.known_by_time(0, now_ns)
        if ttl is not None:
            asker.answered(0, ttl, Answer(address, 11, 0, by_time=True))
        return ttl

    def test_where_several_are_awaited_nobody_knows_and_one_is_asked_at_a_time(self) -> None:
        asker = Asker([40000], most_hops=3)
        assert len(taken(asker, 0)) == 3
        assert self.by_time(asker, "10.0.1.1", 1) is None
        for second in range(2, 40, 2):
            assert len(taken(asker, second * SECOND)) <= 1

    def test_a_second_different_answer_makes_the_hop_unknown(self) -> None:
        asker = Asker([40000], most_hops=1)
        assert taken(asker, 0) == [Question(0, 1)]
        assert self.by_time(asker, "10.0.1.1", 1) == 1
        assert asker.paths()[0].hops[0].addresses == ("10.0.1.1",)
        assert self.by_time(asker, "10.0.1.1", 2) == 1
        assert asker.paths()[0].hops[0].addresses == ("10.0.1.1",)
        for address in ("10.0.1.9", "10.0.1.1"):
            assert self.by_time(asker, address, 3) == 1
            assert asker.paths()[0].hops == ()

    def test_what_quotes_our_bytes_stands_against_it(self) -> None:
        asker = Asker([40000], most_hops=1)
        answers(asker, taken(asker, 0)[0])
        asker.answered(0, 1, Answer("10.0.1.9", 11, 0, by_time=True))
        [hop] = asker.paths()[0].hops
        assert (hop.addresses, hop.by_time) == (("10.0.1.1",), False)
