"""A part of a run is summed up as if nothing else had been sent."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from tests.show.recorded import FLOWS, MS, OUTCOMES, PEER, PLAN, sent
from udpecho.instrument.probe import Flow, ProbeFate
from udpecho.ping.figures import Summary
from udpecho.ping.outcome import Outcome, Surplus
from udpecho.ping.plan import Target
from udpecho.show.summing import ALL, Selection, Summing


def summed(outcomes: list[Outcome], selection: Selection = ALL) -> Summary:
    summing = Summing(PLAN, selection)
    for outcome in outcomes:
        summing.add(outcome)
    return summing.summary()


def run(probes: int, seed: int) -> list[Outcome]:
    """Make up fates in the order in which they were known: a loss long after it was sent."""
    rng = random.Random(seed)
    fates = []
    for sequence in range(1, probes + 1):
        if rng.random() < 0.3:
            lost = sent(ProbeFate.LOST, sequence)
            fates.append(lost._replace(at_ns=sequence * MS + 50 * MS))
        else:
            rtt_ns = rng.randrange(MS // 10, 5 * MS)
            reply = sent(ProbeFate.REPLIED, sequence, rtt_ns)
            fates.append(reply._replace(at_ns=sequence * MS + rtt_ns))
    return sorted(fates, key=lambda outcome: outcome.at_ns)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("first", "last"), [(1, 400), (100, 200), (101, 102), (250, 400)])
def test_a_window_is_as_a_run_of_its_probes_alone(seed: int, first: int, last: int) -> None:
    """Bursts, IPDV and reordering included, though its first fate may be known after others."""
    outcomes = run(400, seed)
    window = Selection(from_ns=first * MS, to_ns=(last + 1) * MS)
    alone = [
        outcome._replace(
            sequence=(outcome.sequence or 0) - first + 1,
            flow_sequence=(outcome.flow_sequence or 0) - _before(outcome.flow, first),
        )
        for outcome in outcomes
        if first <= (outcome.sequence or 0) <= last
    ]
    found, expected = summed(outcomes, window), summed(alone)
    assert found.figures.sent == last - first + 1
    assert found.figures == expected.figures
    assert found.targets == expected.targets


def _before(flow: Flow | None, first: int) -> int:
    """Count the probes of a flow before a probe of its target."""
    return first // 2 if flow is FLOWS[0] else (first - 1) // 2


def test_a_window_ends_before_its_end() -> None:
    outcomes = run(10, 1)
    assert summed(outcomes, Selection(to_ns=5 * MS)).figures.sent == 4
    assert summed(outcomes, Selection(from_ns=5 * MS)).figures.sent == 6
    assert summed(outcomes, Selection(from_ns=3 * MS, to_ns=6 * MS)).elapsed_ns == 3 * MS


def test_what_answers_no_probe_counts_by_when_it_came() -> None:
    stranger = Outcome(Surplus.STRANGER, 3 * MS, size=0, peer=PEER)
    assert summed([stranger], Selection(to_ns=3 * MS)).strangers == 0
    assert summed([stranger], Selection(from_ns=3 * MS)).strangers == 1


def test_hosts_are_chosen_by_name_address_or_peer() -> None:
    other = Flow("other", ("2001:db8::1", 7), 40003)
    reply = sent(ProbeFate.REPLIED, 1, 7400)
    outcomes = [reply, reply._replace(flow=other), OUTCOMES[3]]
    for name in ("other", "2001:db8::1", "[2001:db8::1]:7"):
        found = summed(outcomes, Selection(hosts=frozenset({name, "nobody"})))
        assert [target.name for target in found.targets] == ["other"]
        assert found.strangers == 0, "nobody's"
    assert not summed(outcomes, Selection(hosts=frozenset({"nobody"}))).targets


def test_a_fate_that_is_missing_is_not_waited_for() -> None:
    """The bursts and differences behind it are known, and it is in none."""
    fates = [(1, 1000), (2, None), (4, None), (5, 1000), (6, 3000)]
    plan = replace(PLAN, flows=1)
    summing = Summing(plan)
    for index, rtt_ns in fates:
        kind = ProbeFate.LOST if rtt_ns is None else ProbeFate.REPLIED
        outcome = sent(kind, index, rtt_ns)
        summing.add(outcome._replace(flow=FLOWS[0], flow_sequence=index))
    figures = summing.summary().figures
    assert (figures.loss_bursts, figures.longest_loss_burst) == (2, 1)
    assert (figures.ipdv_mean_ns, figures.ipdv_max_ns) == (2000, 2000)


def test_a_name_of_several_hosts_is_all_of_them() -> None:
    chosen = Selection(hosts=frozenset({"echo.example"}))
    assert chosen.names("echo.example", PEER)
    assert chosen.names("echo.example", ("192.0.2.2", 7))
    assert not chosen.names(*_pair(Target("another", PEER)))


def _pair(target: Target) -> tuple[str, tuple[str, int]]:
    return target.name, target.peer
