"""A peer's minutes: what its counters gained, however the clocks jump, and a fair sample."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.examples import given, st
from tests.watch.nodes import Nodes, fates
from udpecho.instrument.probe import ProbeFate
from udpecho.ping.outcome import Outcome, Surplus
from udpecho.watch.counts import FATES, PeerCounts
from udpecho.watch.remembering.cell import Cell
from udpecho.watch.remembering.history import QUANTILES
from udpecho.watch.remembering.minutes import LATELY, PeerDay
from udpecho.watch.remembering.sampling import MOST_TIMES, TimeSample


def count(counts: PeerCounts, flow: int, kind: ProbeFate | Surplus, rtt_ns: int = 1000) -> None:
    whole = kind in (ProbeFate.REPLIED, ProbeFate.LATE, Surplus.DUPLICATE)
    counts.add(flow, Outcome(kind, 0, flow_sequence=1, rtt_ns=rtt_ns if whole else None))


def replies(day: PeerDay, counts: PeerCounts, number: int, rtt_ns: int) -> None:
    """Have a minute of ten replies."""
    for _ in range(10):
        count(counts, 0, ProbeFate.REPLIED, rtt_ns)
    day.close(number, counts)


def test_a_minute_has_what_the_counters_gained() -> None:
    counts, day = PeerCounts(2), PeerDay()
    for number in (7, 8):
        for flow, kind in enumerate([ProbeFate.REPLIED, ProbeFate.LOST]):
            counts.sends(flow)
            count(counts, flow, kind, 1000 * number)
        day.close(number, counts)
    first, second = day.history
    assert first[:7] == (7, 2, 1, 0, 1, 0, 0)
    assert second[:7] == (8, 2, 1, 0, 1, 0, 0)
    assert first.flows_lost[:3] == second.flows_lost[:3] == (0.0, 1.0, None)
    assert second.rtt_ns == (8000,) * len(QUANTILES)
    assert day.running(9, counts).loss is None
    counts.want(3)
    count(counts, 2, ProbeFate.REFUSED)
    assert day.running(9, counts).flows_lost == (None, None, 1.0)


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(FATES)), max_size=60))
def test_no_probe_is_in_two_minutes_or_in_none(events: list[tuple[int, ProbeFate]]) -> None:
    counts, day = PeerCounts(3), PeerDay()
    for number, (flow, kind) in enumerate(events):
        count(counts, flow, kind)
        if number % 3 == 0:
            day.close(number // 3, counts)
    minutes = [*day.history, day.running(len(events), counts)]
    assert [sum(column) for column in zip(*(each[2:7] for each in minutes), strict=True)] == (
        counts.total()
    )


def test_a_reply_after_a_loss_is_no_second_probe() -> None:
    counts, day = PeerCounts(1), PeerDay()
    count(counts, 0, ProbeFate.LOST)
    count(counts, 0, Surplus.DUPLICATE)
    minute = day.running(0, counts)
    assert (minute.lost, minute.late, minute.loss, minute.flows_lost) == (1, 0, 1.0, (1.0,))


def test_few_times_are_all_kept_and_of_many_each_has_the_same_chance() -> None:
    sample = TimeSample()
    for each in range(MOST_TIMES):
        sample.add(each)
    assert sample.quantiles() == tuple(round(q * (MOST_TIMES - 1)) for q in QUANTILES)
    kept: Counter[int] = Counter()
    for each in range(MOST_TIMES, 100 * MOST_TIMES):
        sample.add(each)
    kept.update(time // (10 * MOST_TIMES) for time in sample._times)
    assert sum(kept.values()) == MOST_TIMES
    assert sample.seen == 100 * MOST_TIMES
    assert all(10 <= kept[part] <= 45 for part in range(10))
    sample.clear()
    assert (sample.seen, sample.quantiles()) == (0, ())


def test_slow_is_what_is_far_above_the_usual() -> None:
    counts, day = PeerCounts(1), PeerDay()
    assert day.lately(0, counts) == Cell(None, None, False)
    for number in range(30):
        replies(day, counts, number, 5_000_000)
    assert day.lately(30, counts) == Cell(0.0, 5_000_000, False)
    for number in range(30, 33):
        replies(day, counts, number, 20_000_000)
    assert day.lately(33, counts) == Cell(0.0, 20_000_000, True)
    assert day.usual(33) == 5_000_000


def test_a_short_time_twice_as_long_is_not_slow() -> None:
    counts, day = PeerCounts(1), PeerDay()
    for number in range(30):
        replies(day, counts, number, 50_000 if number < 26 else 500_000)
    assert day.lately(30, counts) == Cell(0.0, 500_000, False)


def test_what_was_is_not_lately() -> None:
    counts, day = PeerCounts(1), PeerDay()
    count(counts, 0, ProbeFate.LOST)
    day.close(1, counts)
    assert day.lately(LATELY, counts).loss == 1.0
    assert day.lately(LATELY + 1, counts).loss is None


@pytest.mark.parametrize("jump", [3600, -3600])
def test_the_wall_clock_may_jump(jump: int) -> None:
    """A virtual quarter of an hour: each minute is there once, and whole."""
    bench = Nodes(2)
    wall = [1e9]
    more = "[probe]\nflows = 2"
    node = bench.begin(0, bench.text(0, [1], more), wall=lambda: wall[0])
    bench.begin(1, bench.text(1, [0], more))
    bench.net.advance(7 * 60)
    wall[0] += jump
    bench.net.advance(8 * 60 + 2)
    [probed] = node.roll.values()
    minutes = list(probed.day.history)
    assert [each.minute for each in minutes] == list(range(15))
    assert {each.replied for each in minutes[1:]} == {120}
    assert {each.loss for each in minutes} == {0.0}
    assert all(each.rtt_ns[0] >= 20_000_000 for each in minutes)
    running = probed.day.running(15, probed.counts)
    assert sum(each.replied for each in [*minutes, running]) == fates(probed)["replied"]
    late = list(node.hourglass.lateness.history)
    assert [each.minute for each in late] == list(range(15))
    bench.stop()
