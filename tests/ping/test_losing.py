"""Who loses more than the others: named in time, and hardly ever by mistake.

The long form of these runs is python -m tests.bench.losing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, product
from math import prod
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ping.simulated import BAD, bursts, every, named, one_bad, plain
from udpecho.ping.losing import FEWEST, LEVEL, MOST, Losing

RUNS = 100


@pytest.mark.parametrize(
    ("bad", "others", "probes"), [(1.0, 0.08, 10), (0.02, 0.001, 500)], ids=["8/100", "0.1/2"]
)
def test_the_bad_one_of_sixteen_is_named_in_95_of_100_runs(
    bad: float, others: float, probes: int
) -> None:
    """C22: by 10 probes of each flow, or by 500."""
    random = Random(22)
    runs = [named(one_bad(random, others, bad), probes, look=10) for _ in range(RUNS)]
    assert runs.count({BAD}) >= 95
    assert all(run in ({BAD}, set()) for run in runs), "nobody else is"


@pytest.mark.parametrize(
    "network",
    [
        lambda random: plain(random, 0.01),
        lambda random: plain(random, 0.3),
        lambda random: bursts(random, 0.01, 0.2, 1.0),
        lambda random: bursts(random, 0.001, 0.005, 0.6, 0.001),
        lambda _: every(2),
        lambda _: every(16),
    ],
    ids=["1 %", "30 %", "short bursts", "long bursts", "every 2nd", "every 16th"],
)
def test_where_all_fare_alike_hardly_ever_is_one_named(
    network: Callable[[Random], Iterator[int]],
) -> None:
    random = Random(2)
    runs = [named(network(random), 300) for _ in range(RUNS)]
    assert sum(map(bool, runs)) <= 4, "of 10,000 it is 1 in 100 at most"


def outcomes(members: int, lost: int) -> list[tuple[int, ...]]:
    return list(combinations(range(members), lost))


@pytest.mark.parametrize(
    ("members", "rounds"),
    [(2, [1] * 11), (3, [1, 2] * 4), (4, [1] * 6), (4, [2] * 6), (4, [3, 4, 1, 1, 1, 1, 1])],
)
def test_the_chance_of_naming_anyone_by_mistake_is_the_level_at_most(
    members: int, rounds: Sequence[int]
) -> None:
    """Every run that there can be is tried, each as likely as any other."""
    ways = [outcomes(members, lost) for lost in rounds]
    wrong = 0
    for run in product(*ways):
        test = Losing[int](10 * LEVEL)
        for lost in run:
            test.round(lost, members)
        wrong += bool(test.named)
    assert 0 < wrong <= 10 * LEVEL * prod(map(len, ways))


def test_by_draws_alone_the_level_is_nearly_spent_and_no_more() -> None:
    random, wrong, runs = Random(4), 0, 2000
    for _ in range(runs):
        test = Losing[int]()
        for _ in range(80):
            test.round([random.randrange(16)], 16)
        wrong += bool(test.named)
    assert 0.005 < wrong / runs < 0.013


@pytest.mark.parametrize(
    ("members", "lost", "rounds", "why"),
    [
        (2, 1, 8, "one of two: as a coin that falls on one side eight times"),
        (16, 1, FEWEST, "one of many"),
        (16, 8, 11, "half of the flows, as where one of two paths is dead"),
        (10_000, 1, FEWEST, "one of many hosts"),
    ],
)
def test_who_always_loses_is_named_after_so_many_rounds(
    members: int, lost: int, rounds: int, why: str
) -> None:
    test = Losing[int]()
    for _ in range(rounds - 1):
        test.round(range(lost), members)
    assert test.named == [], why
    test.round(range(lost), members)
    assert test.named == list(range(lost)), why


def test_what_all_lose_and_what_none_loses_tells_nothing() -> None:
    test = Losing[int]()
    for _ in range(1000):
        test.round(range(16), 16)
        test.round([], 16)
    assert (test.named, test.telling) == ([], False)


@pytest.mark.parametrize(
    ("members", "lost", "rounds"), [(2, 1, 8), (3, 1, 11), (10, 1, 18), (32, 5, 18), (99, 5, 53)]
)
def test_who_comes_while_others_lose_ends_a_test_and_not_the_program(
    members: int, lost: int, rounds: int
) -> None:
    """To each of more members less is allowed, and that was spent: no threshold is enough."""
    test = Losing[str]()
    always = [f"member{number}" for number in range(lost)]
    for _ in range(rounds):
        test.round(always, members)
    test.round(always, members + 1)
    assert sorted(test.named) == always
    for _ in range(50):
        test.round(["another"], members + 1)
    assert "another" in test.named, "another test has begun"


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 40)), max_size=300))
def test_it_ends_however_members_come_and_go(rounds: list[tuple[int, int]]) -> None:
    test = Losing[int](0.1)
    for lost, members in rounds:
        test.round(range(min(lost, members)), members)
        assert test._threshold <= MOST
        assert len(test._chances) <= MOST + 1


def test_what_begins_late_is_found() -> None:
    """After 50,000 losses of all flows alike, one begins to lose three times as much."""
    random = Random(5)
    test = Losing[int]()
    for _ in range(50_000):
        test.round([random.randrange(16)], 16)
    assert test.named == []
    for _ in range(2000):
        test.round([random.choice([7, 7, *range(16)])], 16)
    assert test.named == [7]


def test_it_is_known_when_nobody_stands_out() -> None:
    test = Losing[int]()
    for number in range(200):
        assert not test.telling or number > 50, "too early to tell"
        test.round([number % 16], 16)
    assert (test.named, test.telling) == ([], True)


@given(st.lists(st.integers(0, 8), max_size=400), st.integers(8, 300))
def test_it_keeps_no_more_than_it_must(losses: list[int], members: int) -> None:
    test = Losing[int]()
    for lost in losses:
        test.round(range(lost), members)
    assert len(test._chances) <= MOST + 1
