"""Which flows lose more than the others: soon, and no longer than they do."""

from __future__ import annotations

from random import Random

from udpecho.watch.losses import HELD_NS, WINDOW_NS, LosingFlows

SECOND = 1_000_000_000
FLOWS = 16


def rounds(
    losing: LosingFlows, of: dict[int, float], seconds: range, random: Random
) -> dict[int, list[int]]:
    """Let a round go by each second; flows lose with a chance each. Tell who is named when."""
    named = {}
    for second in seconds:
        for flow in range(FLOWS):
            if random.random() < of.get(flow, 0.001):
                losing.lost(flow, second)
        losing.settle(second, second * SECOND)
        named[second] = losing.losing(second * SECOND)
    return named


def test_a_flow_that_loses_a_tenth_is_named_in_two_minutes() -> None:
    late = 0
    for seed in range(20):
        named = rounds(LosingFlows(FLOWS), {5: 0.1}, range(120), Random(seed))
        late += named[119] != [5]
    assert late <= 2


def test_it_is_held_for_five_minutes_and_as_long_as_it_goes_on() -> None:
    losing, random = LosingFlows(FLOWS), Random(1)
    named = rounds(losing, {5: 0.2}, range(1000), random)
    first = next(second for second, flows in named.items() if flows)
    assert all(flows == [5] for second, flows in named.items() if second >= first)
    named = rounds(losing, {}, range(1000, 1400), random)
    assert named[1299 - 10] == [5] or named[1200] == [5]
    assert named[1000 + HELD_NS // SECOND] == []


def test_nobody_is_named_where_all_lose_alike() -> None:
    of = dict.fromkeys(range(FLOWS), 0.1)
    assert not any(rounds(LosingFlows(FLOWS), of, range(3000), Random(3)).values())


def test_what_was_lost_long_ago_tells_nothing() -> None:
    losing = LosingFlows(FLOWS)
    step = WINDOW_NS // SECOND // 2
    for number in range(40):
        losing.lost(5, number)
        losing.settle(number + 1, number * step * SECOND)
        assert losing.losing(number * step * SECOND) == []


def test_at_another_address_all_begins_anew() -> None:
    losing = LosingFlows(FLOWS)
    rounds(losing, {5: 1.0}, range(60), Random(1))
    assert losing.losing(60 * SECOND) == [5]
    losing.begin_again()
    assert losing.losing(60 * SECOND) == []
    losing.lost(5, 0)
    losing.settle(1, 61 * SECOND)


def test_rounds_that_are_never_over_take_no_memory_without_end() -> None:
    losing = LosingFlows(FLOWS)
    for number in range(100_000):
        losing.lost(5, number)
    losing.settle(10**6, 0)
    assert losing.losing(1) == [5]
