"""When each of a ping's names is looked up again."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpecho.ping.lookup_times import RETRIES, SILENT, LookupTimes


def followed(
    times: LookupTimes, seconds: float, counts: dict[int, tuple[int, int]], step: float = 0.5
) -> list[tuple[float, int]]:
    """Let time go by, and tell who was looked up when; everybody is found."""
    asked = []
    now = 0.0
    while now <= seconds:
        for number in times.due(now, counts.get):
            asked.append((now, number))
            times.found(number, now)
        now += step
    return asked


def test_names_are_looked_up_every_interval_spread_over_it() -> None:
    times = LookupTimes(60.0)
    for each in range(600):
        times.begin(each, 0.0)
    asked = followed(times, 120.0, dict.fromkeys(range(600), (0, 0)))
    first = [(when, number) for when, number in asked if when <= 60]
    assert Counter(number for _, number in first) == Counter(range(600))
    by_second = Counter(int(when // 10) for when, _ in first)
    assert max(by_second.values()) <= 2 * 600 / 6, "no crowd at any time"
    for number in (0, 300, 599):
        first_at, second_at = [when for when, asked_for in asked if asked_for == number][:2]
        assert 50 <= second_at - first_at <= 70


def test_a_silent_host_is_looked_up_every_ten_seconds() -> None:
    times = LookupTimes(3600.0)
    times.begin(0, 0.0)
    counts = {0: (5, 5)}
    asked = []
    for second in range(100):
        counts[0] = (second, min(second, 30))
        asked += [(second, number) for number in times.due(float(second), counts.get)]
    seconds = [second for second, _ in asked]
    assert seconds == [50, 60, 70, 80, 90], "20 s after the last reply, and then every 10 s"
    assert seconds[1] - seconds[0] == SILENT


def test_a_host_that_is_seldom_asked_is_not_silent() -> None:
    """One probe a minute, each answered: nothing comes for longer than 10 s."""
    times = LookupTimes(3600.0)
    times.begin(0, 0.0)
    for second in range(600):
        counts = {0: (1 + second // 60, 1 + second // 60)}
        assert times.due(float(second), counts.get) == []


def test_what_failed_is_tried_again_ever_more_seldom() -> None:
    times = LookupTimes(60.0)
    times.failed(7, 0.0)
    seconds = []
    for second in range(300):
        for number in times.due(float(second), lambda _: None):
            seconds.append(second)
            times.failed(number, float(second))
    assert seconds == [10, 30, 70, 130, 190, 250]
    assert RETRIES[0] == 10
    times.found(7, 300.0)
    assert 300 < times.next <= 310


def test_never_again_is_never() -> None:
    times = LookupTimes(0)
    times.begin(1, 0.0)
    times.failed(3, 0.0)
    assert times.next == float("inf")
    assert times.due(1e9, lambda _: (9, 0)) == []


@pytest.mark.slow
@given(
    st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60),
    st.floats(1, 100),
)
def test_each_name_has_one_turn_to_come(steps: list[tuple[bool, bool]], every: float) -> None:
    """Whatever fails and is found again: none is forgotten, none is asked for twice."""
    times = LookupTimes(every)
    for each in range(6):
        times.begin(each, 0.0)
    known = set(range(6))
    now = 0.0
    for lost, fails in steps:
        now = max(now, times.next)
        counts = dict.fromkeys(known, (1, 0 if lost else 1))
        asked = times.due(now, counts.get)
        assert len(set(asked)) == len(asked)
        for each in asked:
            if each not in known and fails:
                times.failed(each, now)
            else:
                known.add(each)
                times.found(each, now)
        assert len(times._due) == 6
        assert {each for _, each in times._due} == set(range(6))
