"""Targets that come and go while a run goes on: nobody loses a probe, and counts are exact."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ping.test_run import MS, SERVER, Bench
from udpecho.errors import BadAddress
from udpecho.instrument.instrument import ProbeSocket, SocketOptions
from udpecho.instrument.probe import ProbeFate
from udpecho.instrument.reactor import ReactorInstrument
from udpecho.peer import Peer
from udpecho.ping.outcome import Outcome
from udpecho.ping.plan import Plan, Target
from udpecho.ping.run import Ping
from udpecho.ping.stats import Stats
from udpecho.server.server import EchoServer

HOSTS = [Target(f"host{n}", ("192.0.2.1", 7 + n)) for n in range(6)]


class Comings(Bench):
    """A run whose targets come and go."""

    def __init__(self, **link: Any) -> None:
        super().__init__(**link)
        for target in HOSTS:
            self.server.listenUDP(target.peer[1], EchoServer())

    def begin(self, *targets: Target, connected: bool = False, **plan: Any) -> Ping:
        run = self.ping(connected, targets=targets, **{"count": None} | plan)
        self.done = run.start()
        return run

    def sequences(self, target: Target) -> list[int | None]:
        return [each.sequence for each in self.outcomes if whose(each) == target]

    def sent(self, target: Target) -> list[float]:
        """When probes were sent to a target."""
        return [each.sent for each in self.net.record if each.destination == target.peer]


def whose(outcome: Outcome) -> Target | None:
    flow = outcome.flow
    return None if flow is None else Target(flow.target, flow.peer)


def stop(bench: Comings, run: Ping) -> None:
    run.stop()
    bench.finish(bench.done)


@pytest.mark.parametrize("connected", [False, True])
def test_who_comes_is_probed_from_then_on_and_who_stays_keeps_its_times(connected: bool) -> None:
    bench = Comings()
    run = bench.begin(HOSTS[0], connected=connected)
    bench.net.advance(0.25)
    run.roster.add(HOSTS[1])
    assert run.roster.targets == HOSTS[:2]
    bench.net.advance(0.5)
    stop(bench, run)
    first, second = bench.sent(HOSTS[0]), bench.sent(HOSTS[1])
    assert first == pytest.approx([n / 10 for n in range(8)])
    assert 0.25 <= second[0] < 0.35
    assert second == pytest.approx([second[0] + n / 10 for n in range(5)])
    assert bench.sequences(HOSTS[1]) == [1, 2, 3, 4, 5]
    summary = run.summary()
    assert [target.figures.replied for target in summary.targets] == [8, 5]
    assert summary.schedule_error.max_ns == 0, "nothing left late because somebody came"


@pytest.mark.parametrize("connected", [False, True])
def test_who_goes_is_probed_no_more_and_what_is_outstanding_ends(connected: bool) -> None:
    bench = Comings(delay=0.06)
    run = bench.begin(*HOSTS[:2], connected=connected)
    bench.net.advance(0.155)
    assert run.glance().sent == 4
    run.roster.retire(HOSTS[1])
    assert HOSTS[1] not in run.roster
    bench.net.advance(0.3)
    stop(bench, run)
    assert len(bench.sent(HOSTS[1])) == 2
    gone = run.summary().targets[1]
    assert (gone.name, gone.figures.sent, gone.figures.replied) == ("host1", 2, 2)


def test_a_reply_to_one_who_went_is_late_and_a_silent_one_lost() -> None:
    bench = Comings(delay=0.4)
    run = bench.begin(*HOSTS[:2], interval_ns=2000 * MS, timeout_ns=500 * MS)
    bench.net.advance(1.1)
    bench.net.link(bench.host, bench.server, loss=1.0)
    bench.net.advance(2)
    run.roster.retire(HOSTS[0])
    bench.net.advance(20)
    kinds = [each.kind for each in bench.outcomes if whose(each) == HOSTS[0]]
    assert kinds == [ProbeFate.LATE, ProbeFate.LOST]
    stop(bench, run)


def test_who_comes_back_goes_on_where_it_was() -> None:
    bench = Comings()
    run = bench.begin(*HOSTS[:2], flows=2)
    bench.net.advance(0.25)
    run.roster.retire(HOSTS[0])
    bench.net.advance(1)
    run.roster.add(HOSTS[0])
    run.roster.add(HOSTS[0])
    bench.net.advance(0.3)
    stop(bench, run)
    assert bench.sequences(HOSTS[0]) == [1, 2, 3, 4, 5, 6]
    target = next(each for each in run.summary().targets if each.name == "host0")
    assert sum(flow.figures.sent for flow in target.flows) == 6
    for flow in target.flows:
        numbers = [each.flow_sequence for each in bench.outcomes
                   if each.flow is not None and whose(each) == HOSTS[0]
                   and each.flow.port == flow.port]  # fmt: skip
        assert numbers == list(range(1, flow.figures.sent + 1))


def test_who_moves_keeps_its_place_and_its_count() -> None:
    bench = Comings()
    run = bench.begin(*HOSTS[:2], count=5)
    bench.net.advance(0.22)
    moved = Target("host0", HOSTS[2].peer)
    run.roster.move(HOSTS[0], moved)
    summary = bench.finish(bench.done)
    assert bench.sent(HOSTS[0]) + bench.sent(moved) == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert [(each.name, each.peer[1], each.figures.sent) for each in summary.targets] == [
        ("host0", 7, 3), ("host1", 8, 5), ("host0", 9, 2),
    ]  # fmt: skip


def test_who_comes_late_has_its_whole_count_and_the_run_waits_for_it() -> None:
    bench = Comings()
    run = bench.begin(HOSTS[0], count=5)
    bench.net.advance(0.35)
    run.roster.add(HOSTS[1])
    summary = bench.finish(bench.done)
    assert [each.figures.replied for each in summary.targets] == [5, 5]
    with pytest.raises(RuntimeError, match="goes on"):
        run.roster.add(HOSTS[2])


def test_a_run_without_targets_goes_on_until_it_is_stopped() -> None:
    bench = Comings()
    run = bench.begin()
    bench.net.advance(10)
    run.roster.add(HOSTS[0])
    bench.net.advance(1.05)
    run.roster.retire(HOSTS[0])
    bench.net.advance(10)
    stop(bench, run)
    assert 10 <= run.summary().figures.replied <= 11


def test_who_cannot_be_probed_changes_nothing() -> None:
    """Here it is the scope, of an interface that is not there."""

    class Choosy(ReactorInstrument):
        def open(self, peer: Peer, *, connected: bool, port: int = 0) -> ProbeSocket:
            if peer == nowhere.peer:
                raise BadAddress(peer, "no such interface")
            return super().open(peer, connected=connected, port=port)

    nowhere = Target("nowhere", ("fe80::1%tun0", 7))
    bench = Comings()
    run = Ping(Choosy(bench.host, SocketOptions()), bench.plan(targets=(HOSTS[0],), count=None))
    bench.done = run.start()
    for change in (run.roster.add, lambda target: run.roster.move(HOSTS[0], target)):
        with pytest.raises(BadAddress):
            change(nowhere)
        assert run.roster.targets == [HOSTS[0]]
    with pytest.raises(KeyError):
        run.roster.retire(HOSTS[1])
    with pytest.raises(KeyError):
        run.roster.move(HOSTS[1], HOSTS[2])
    bench.net.advance(0.95)
    stop(bench, run)
    assert run.summary().figures.replied == 10


@pytest.mark.parametrize("connected", [False, True])
def test_what_is_kept_of_those_who_went_is_bounded_and_the_total_exact(
    connected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("udpecho.ping.roster.RETIRED", 2)
    bench = Comings(delay=0.001)
    run = bench.begin(HOSTS[0], connected=connected)
    wanderers = [Target(f"wanderer{n}", (SERVER[0], 8 + n % 4)) for n in range(30)]
    for target in wanderers:
        run.roster.add(target)
        bench.net.advance(0.3)
        run.roster.retire(target)
    bench.net.advance(30)
    assert [each.name for each in run.summary().targets] == ["host0", "wanderer28", "wanderer29"]
    assert len(run.roster._flows) == 3
    assert len(run._ledger._flows) == 3
    sockets = len(bench.instrument._sockets)
    assert sockets == (3 if connected else 1)
    stop(bench, run)
    sent = sum(bool(each.destination[0] == SERVER[0]) for each in bench.net.record)
    figures = run.summary().figures
    assert (figures.sent, figures.replied) == (sent, sent)
    assert run.glance().sent == sent


STEP = st.one_of(
    st.tuples(st.just("add"), st.integers(0, 5)),
    st.tuples(st.just("retire"), st.integers(0, 5)),
    st.tuples(st.just("move"), st.integers(0, 35)),
    st.tuples(st.just("wait"), st.integers(0, 4000)),
)


@pytest.mark.slow
@given(
    st.lists(STEP, max_size=25),
    st.integers(1, 3),
    st.booleans(),
    st.sampled_from([0.0, 0.3]),
    st.sampled_from([0, 256]),
)
def test_whatever_comes_and_goes_the_counters_are_exact(
    steps: list[tuple[str, int]], flows: int, connected: bool, loss: float, kept: int
) -> None:
    """Against the network's record and against the outcomes, in whichever order it happens."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("udpecho.ping.roster.RETIRED", kept)
        bench = Comings(delay=0.03, loss=loss)
        plan = {"flows": flows, "interval_ns": 500 * MS, "timeout_ns": 50 * MS}
        run = bench.begin(*HOSTS[:2], connected=connected, **plan)
        for what, number in steps:
            change(bench, run, what, number)
        stop(bench, run)
    summary = run.summary()
    probes = [each for each in bench.net.record if each.destination[0] == SERVER[0]]
    kinds = Counter(each.kind for each in bench.outcomes)
    figures = summary.figures
    assert figures.sent == len(probes) == kinds.total()
    assert (figures.replied, figures.late, figures.lost) == tuple(
        kinds[fate] for fate in (ProbeFate.REPLIED, ProbeFate.LATE, ProbeFate.LOST)
    )
    assert figures.undecided == 0
    each_probe = [(whose(each), each.sequence, each.flow) for each in bench.outcomes]
    assert len(set(each_probe)) == len(each_probe), "each has one fate"
    for target in summary.targets:
        sent = sum(each.destination == target.peer for each in probes)
        same = [each for each in summary.targets if each.peer == target.peer]
        assert kept == 0 or sum(each.figures.sent for each in same) == sent
        assert target.figures.sent == sum(flow.figures.sent for flow in target.flows)
    if kept:
        for flow in {each.flow for each in bench.outcomes}:
            numbers = [each.flow_sequence or 0 for each in bench.outcomes if each.flow is flow]
            assert sorted(numbers) == list(range(1, len(numbers) + 1)), "none is lost or twice"


def change(bench: Comings, run: Ping, what: str, number: int) -> None:
    """Do a step, if it can be done."""
    there = run.roster.targets
    match what:
        case "add":
            run.roster.add(HOSTS[number])
        case "retire" if HOSTS[number] in there:
            run.roster.retire(HOSTS[number])
        case "move" if there:
            run.roster.move(there[number % len(there)], HOSTS[number // 6])
        case "wait":
            bench.net.advance(number / 1000)


def test_those_who_stay_lose_nothing_while_hundreds_come_and_go() -> None:
    """A hundred times another half: each of those that stay is probed every 100 ms, as before."""
    bench = Comings(delay=0.001)
    staying = [Target(f"stays{n}", (SERVER[0], 7)) for n in range(20)]
    run = bench.begin(*staying)
    for turn in range(100):
        others = [Target(f"goes{turn}.{n}", (SERVER[0], 8)) for n in range(20)]
        for target in others:
            run.roster.add(target)
        bench.net.advance(0.1)
        for target in others:
            run.roster.retire(target)
    stop(bench, run)
    by_target: dict[str, list[int]] = {}
    for each in bench.outcomes:
        if each.flow is not None and each.sent_ns is not None:
            by_target.setdefault(each.flow.target, []).append(each.sent_ns)
    for target in staying:
        times = by_target[target.name]
        assert len(times) in (100, 101)
        assert {b - a for a, b in pairwise(times)} == {100 * MS}
    assert run.summary().schedule_error.max_ns == 0
    assert {len(times) for name, times in by_target.items() if name.startswith("goes")} <= {1, 2}


def test_a_listener_may_have_targets_come_and_go() -> None:
    """Told of a refusal while probes of one group are being sent."""
    bench = Comings()
    plan = bench.plan(targets=tuple(HOSTS[:3]), count=None, interval_ns=5 * MS)
    run = Ping(bench.instrument, plan)

    def shuffle(outcome: Outcome) -> None:
        bench.outcomes.append(outcome)
        whom = whose(outcome)
        assert whom is not None
        if whom in run.roster:
            run.roster.retire(whom)
            run.roster.add(HOSTS[(HOSTS.index(whom) + 3) % 6])

    run.listen(shuffle)
    bench.host.fail_sends(1, times=5)
    bench.done = run.start()
    bench.net.advance(0.2)
    stop(bench, run)
    figures = run.summary().figures
    probes = [each for each in bench.net.record if each.destination[0] == SERVER[0]]
    assert figures.sent == figures.replied + figures.refused
    assert figures.replied <= len(probes) <= figures.sent


def test_stats_keep_the_figures_of_flows_that_are_kept_no_more() -> None:
    bench = Comings()
    run = bench.begin(*HOSTS[:2])
    bench.net.advance(1)
    stop(bench, run)
    before = run.summary().figures
    run._stats.forget(run.roster._flows[HOSTS[0]])
    assert run.summary().figures == before
    assert [each.name for each in run.summary().targets] == ["host1"]
    assert Stats(1).summary(0).figures.sent == 0
    assert Plan(targets=()).hosts == 0
