"""Paths that change while they are looked at, flows that die late, and who answers otherwise."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from tests.path.test_networks import AT_WILL, PORTS
from tests.routers import TARGET, FourWays, linked
from udpecho.path import Place, State, TracedPing, traced
from udpecho.path.answers import Answer, Question
from udpecho.path.asking import Asker
from udpecho.path.judge import CHANGED
from udpecho.ping import prepare

BEHIND = "10.9.20.0/24"


def started(four: FourWays, seconds: float) -> tuple[TracedPing, Any]:
    """Begin a traced ping of 16 flows, ten probes a second each."""
    run = prepare(four.source, [(TARGET, 7)], count=round(160 * seconds), interval=1 / 160,
                  flows=16, source_ports=PORTS)  # fmt: skip
    found = traced(four.net.run_until(run))
    return found, found.start()


class TestRoutesThatChange:
    @pytest.mark.parametrize("options", [AT_WILL, {}], ids=["at will", "limited"])
    def test_a_way_round_the_fault_is_said_and_what_was_seen_before_is_discarded(
        self, options: dict[str, Any]
    ) -> None:
        four = FourWays(1, **options)
        four.members[3].drop(to=BEHIND)
        found, done = started(four, 60)
        four.net.advance(10)
        verdict = found.verdict()
        assert verdict.state is State.NAMED
        losing = verdict.losing
        four.r1.route(BEHIND, via=four.members[:3])
        four.net.run_until(done, limit=200)
        after = found.verdict()
        assert (after.state, after.reason, after.segments) == (State.CHANGED, CHANGED, ())
        assert after.losing == losing
        [paths] = found.paths()
        assert all(path.reached for path in paths.paths)
        passed = {path.hops[1].addresses for path in paths.paths}
        assert passed <= {(member.address(four.r1),) for member in four.members[:3]}

    def test_what_loses_on_the_new_way_is_named_by_what_was_lost_there(self) -> None:
        four = FourWays(1)
        four.members[3].drop(0.4, to=BEHIND)
        found, done = started(four, 120)
        four.net.advance(20)
        assert found.verdict().segments[0].within[0].addresses == ("10.9.4.2",)
        four.r1.route(BEHIND, via=four.members[:3])
        four.members[2].drop(0.4, to=BEHIND)
        four.net.run_until(done, limit=200)
        verdict = found.verdict()
        assert verdict.state is State.NAMED, verdict.reason
        assert [segment.within[0].addresses for segment in verdict.segments] == [("10.9.3.2",)]

    def test_a_way_that_grows(self) -> None:
        four = FourWays(1, **AT_WILL)
        a, b, *_ = four.members
        four.r1.route(BEHIND, via=[a])
        linked(four.net, a, b, 30)
        four.net.link(four.r3, four.target, one_way=True, loss=0.05)
        found, done = started(four, 60)
        four.net.advance(15)
        a.route(BEHIND, via=[b])
        four.net.run_until(done, limit=200)
        [paths] = found.paths()
        assert paths.changed
        assert {len(path.hops) for path in paths.paths} == {4}
        assert found.verdict().segments == ()


class TestFlowsThatDieLate:
    @pytest.mark.parametrize("options", [AT_WILL, {}], ids=["at will", "limited"])
    def test_it_is_said_behind_whom_though_they_were_traced_alive(
        self, options: dict[str, Any]
    ) -> None:
        four = FourWays(1, **options)
        four.net.link(four.r3, four.target, one_way=True, loss=0.02)
        found, done = started(four, 60)
        four.net.advance(30)
        assert found.verdict().state is State.UNDECIDED
        assert len(found.paths()[0].paths) > 8
        four.members[3].drop(to=BEHIND)
        four.net.run_until(done, limit=200)
        verdict = found.verdict()
        assert verdict.state is State.NAMED, verdict.reason
        [segment] = verdict.segments
        assert (segment.behind, segment.before) == (Place(2, ("10.9.4.2",)), None)

    def test_who_lives_again_on_the_same_way_has_not_changed(self) -> None:
        four = FourWays(1)
        no_more = four.members[3].drop(to=BEHIND)
        found, done = started(four, 60)
        four.net.advance(15)
        no_more()
        four.net.run_until(done, limit=200)
        [paths] = found.paths()
        assert paths.changed == ()
        assert all(path.reached and len(path.hops) == 3 for path in paths.paths)


class TestWhoAnswers:
    """Of one flow and TTL, asked again."""

    def answers(self, *addresses: str) -> Asker:
        asker = Asker([40000])
        for address in addresses:
            asker.answered(0, 2, Answer(address, 11, 0))
        return asker

    def test_the_same_is_no_news(self) -> None:
        asker = self.answers("10.0.0.1", "10.0.0.1")
        assert asker.changed() == []

    def test_another_is_in_doubt_until_it_answered_three_times(self) -> None:
        asker = self.answers("10.0.0.1", "10.0.0.2", "10.0.0.2")
        assert asker.changed() == [0]
        assert asker.paths()[0].hops[1].addresses == ("10.0.0.1",)
        assert asker.answered(0, 2, Answer("10.0.0.2", 11, 0))
        assert asker.changed() == [0]
        assert asker.paths()[0].hops[1].addresses == ("10.0.0.2",)

    @pytest.mark.parametrize("then", ["10.0.0.1", "10.0.0.3"])
    def test_who_answers_from_several_is_one_router(self, then: str) -> None:
        asker = self.answers("10.0.0.1", "10.0.0.2", then)
        assert asker.changed() == []
        assert set(asker.paths()[0].hops[1].addresses) == {"10.0.0.1", "10.0.0.2", then}

    def test_what_died_is_compared_with_what_it_was(self) -> None:
        asker = self.answers("10.0.0.1")
        asker.reached(0)
        asker.turned(0, alive=False)
        assert asker.paths()[0].hops == ()
        found = [asker.answered(0, 2, Answer("10.0.0.2", 11, 0)) for _ in range(3)]
        assert found == [False, False, True]


class TestWhenIsAsked:
    def test_what_stays_silent_is_asked_1_2_and_4_seconds_later(self) -> None:
        asker = Asker([40000], most_hops=1)
        tenths = [n for n in range(200) if asker.take(n * 100_000_000) is not None]
        assert tenths == [0, 10, 30, 70]

    def test_what_answered_is_asked_anew_every_two_seconds_at_most(self) -> None:
        asker = Asker([40000, 40001], most_hops=1)
        for number in (0, 1):
            assert asker.take(0) == Question(number, 1)
            asker.answered(number, 1, Answer("10.0.0.1", 11, 0))
        asked = []
        for tenth in range(10, 100):
            found = asker.stalest(tenth * 100_000_000)
            if found is not None:
                asker.ask_anew(found[1], tenth * 100_000_000)
                asked.append((tenth, found[1].flow))
        assert [flow for _, flow in asked] == [0, 1, 0, 1, 0]
        assert all(then - before == 20 for (before, _), (then, _) in pairwise(asked))
