"""How often all flows are looked at: once a time, whatever is asked and answered in it."""

from __future__ import annotations

from errno import EHOSTUNREACH, EPERM
from typing import Any

import pytest

from tests.routers import TARGET, line
from udpecho.path import Look, asking, trace
from udpecho.path.agenda import Agenda
from udpecho.path.allowance import Common
from udpecho.path.answers import Answer, Question
from udpecho.path.asking import Asker
from udpecho.path.returning import WayBack
from udpecho.refusal import Refusal
from udpecho.telling import Told, answer

FLOWS = 64


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note when all flows are looked at."""
    found: list[int] = []
    made = Agenda

    def noted(flows: Any, common: Any, now_ns: int, **options: Any) -> Any:
        found.append(now_ns)
        return made(flows, common, now_ns, **options)

    monkeypatch.setattr(asking, "Agenda", noted)
    return found


def test_all_that_may_be_asked_at_a_time_costs_one_look(looks: list[int]) -> None:
    asker = Asker(range(40000, 40000 + FLOWS), far=True)
    asked = []
    while (question := asker.take(0)) is not None:
        asked.append(question)
    assert asker.next_ns(0)
    assert len(asked) > FLOWS
    assert len({*asked}) == len(asked)
    assert looks == [0]


def test_until_something_is_due_nothing_is_looked_at(looks: list[int]) -> None:
    asker = Asker(range(40000, 40000 + FLOWS), far=True)
    while asker.take(0) is not None:
        pass
    due_ns = asker.next_ns(0)
    assert due_ns is not None
    for now_ns in range(0, due_ns, due_ns // 100):
        assert asker.take(now_ns) is None
        assert asker.next_ns(now_ns) == due_ns
    assert looks == [0]
    assert asker.take(due_ns) is not None


def test_what_was_answered_is_looked_at() -> None:
    asker = Asker([40000])
    assert len([*iter(lambda: asker.take(0), None)]) == 4
    assert asker.take(1) is None
    asker.answered(0, 4, Answer("192.0.2.1", 11, 0))
    assert asker.take(1) is not None


@pytest.mark.parametrize("quoted", [b"", b"12345678", bytes(64)])
def test_a_flood_of_icmp_costs_few_looks(quoted: bytes, looks: list[int]) -> None:
    """Anyone can send as much as they like that quotes nothing, or what is nobody's."""
    net, source, _, _ = line(count=2)
    begun: list[Look] = []

    def flood() -> None:
        before = len(looks)
        by, to = ("203.0.113.1", 0), (TARGET, 7)
        for port in range(40000, 40000 + FLOWS):
            for _ in range(50):
                begun[0].refused(Refusal(to, quoted, EHOSTUNREACH, by, 11, 0, None, port=port))
        assert len(looks) == before

    source.callLater(0.1, flood)
    ports = range(40000, 40000 + FLOWS)
    found = trace(source, (TARGET, 7), source_ports=ports, on_start=begun.append, longest=2.0)
    paths = net.run_until(found, limit=10).paths
    assert all(path.reached for path in paths)


class TestLies:
    """Who is on the path sees what a question bears, and may say anything, as often as it likes."""

    def test_a_router_may_answer_each_question_from_another_address(self) -> None:
        common = Common()
        asker = Asker([40000], common=common)
        asker.take(0)
        for number in range(1000):
            asker.answered(0, 1, Answer(f"10.0.{number >> 8}.{number & 255}", 11, 0))
            asker.ask_anew(Question(0, 1), number)
        [hop] = asker.paths()[0].hops
        assert 1 < len(hop.addresses) <= 64
        assert len(common.allowance(1).routers) <= 128

    def test_what_quotes_too_little_does_not_hide_what_quotes_enough(self) -> None:
        asker = Asker([40000])
        asker.take(0)
        asker.answered(0, 1, Answer("10.0.0.1", 11, 0, by_time=True))
        asker.answered(0, 1, Answer("10.0.0.2", 11, 0))
        [hop] = asker.paths()[0].hops
        assert (hop.addresses, hop.by_time) == (("10.0.0.2",), False)

    def test_no_ttl_is_more_than_there_is_whatever_a_target_tells(self) -> None:
        asker = Asker([40000], most_hops=255)
        back = WayBack(asker, most_hops=255)
        back.add(0, 40000)
        back.answers(0, 0)
        inquiry = back.take(0)
        assert inquiry is not None
        back.takes(0, answer(Told(inquiry[1], False, 1, 0)), 0)
        asked = []
        for now_ns in range(0, 400 * 10**9, 10**8):
            while (question := back.take_back(now_ns)) is not None:
                assert question.ttl is not None
                assert question.back is not None
                asked.append(question.ttl)
                back.reached(0, 255)
                died = Answer("10.0.0.1", 11, 0)
                back._back.answered(0, question.back, died)
        assert 200 < max(asked) <= 255


def test_what_a_filter_stops_costs_those_questions_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    net, source, _, _ = line(count=2)
    begun: list[Look] = []

    def started(look: Look) -> None:
        begun.append(look)
        [*_, (socket, _)] = look._sockets
        monkeypatch.setattr(socket, "send_hop", lambda *_: EPERM)

    found = trace(source, (TARGET, 7), source_ports=[40000, 40001], on_start=started)
    one, other = net.run_until(found, limit=100).paths
    assert (one.reached, other.reached) == (True, False)
    assert begun[0].unsent[EPERM] > 1


def test_where_nothing_can_be_sent_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    net, source, _, _ = line(count=2)

    def started(look: Look) -> None:
        for socket, _ in look._sockets:
            monkeypatch.setattr(socket, "send_hop", lambda *_: EPERM)

    with pytest.raises(PermissionError):
        net.run_until(trace(source, (TARGET, 7), flows=2, on_start=started), limit=100)
