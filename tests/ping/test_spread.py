"""Moments and percentiles, by examples worked out by hand and by the library's own histogram."""

from __future__ import annotations

import random
from math import sqrt

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from udpecho.ping.figures import Distribution
from udpecho.ping.spread import FINEST_NS, LONGEST_NS, Spread

MS = 1_000_000


def spread_of(*times: int, digits: int = 3) -> Spread:
    spread = Spread(digits)
    for time in times:
        spread.record(time)
    return spread


@given(st.sampled_from([2, 3]), st.lists(st.integers(0, LONGEST_NS), min_size=1, max_size=50))
def test_the_buckets_are_those_the_library_would_count_in(digits: int, times: list[int]) -> None:
    histogram = HdrHistogram(FINEST_NS, LONGEST_NS, digits)
    for time in times:
        assert histogram.record_value(time)
    counts = spread_of(*times, digits=digits).counts
    assert counts is not None
    assert list(counts) == list(histogram.counts)


@pytest.mark.parametrize("digits", [2, 3])
def test_the_scale_ends_where_the_library_ends(digits: int) -> None:
    spread = spread_of(0, LONGEST_NS, 2 * LONGEST_NS, digits=digits)
    assert spread.counts is not None
    assert spread.counts[0] == 1
    assert sum(spread.counts) == 3


def test_without_digits_there_are_moments_alone() -> None:
    moments, whole = Spread(None), Spread(2)
    for time in (5, 3, 9):
        moments.record(time)
        whole.record(time)
    both = Spread(None)
    both.include(Spread(None))
    both.include(moments)
    d, same = both.distribution(), whole.distribution()
    assert (d.count, d.min_ns, d.mean_ns, d.max_ns, d.stddev_ns) == (
        same.count, same.min_ns, same.mean_ns, same.max_ns, same.stddev_ns,
    )  # fmt: skip
    assert d.median_ns is d.p90_ns is d.p99_ns is d.p999_ns is None
    assert both.counts is None
    assert Spread(None).distribution() == Distribution(0)


class TestDistribution:
    def test_of_nothing_has_no_value_anywhere(self) -> None:
        assert Spread(3).distribution() == Distribution(0)

    def test_of_one_time_is_that_time(self) -> None:
        d = spread_of(123_456_789).distribution()
        same = 123_456_789
        assert d == Distribution(1, same, same, same, same, same, same, same, stddev_ns=0)

    def test_moments_are_exact(self) -> None:
        """2 4 4 4 5 5 7 9: the mean is 5 and the population's standard deviation 2."""
        d = spread_of(*(ms * MS for ms in (2, 4, 4, 4, 5, 5, 7, 9))).distribution()
        assert (d.count, d.min_ns, d.max_ns) == (8, 2 * MS, 9 * MS)
        assert (d.mean_ns, d.stddev_ns) == (5 * MS, 2 * MS)

    @pytest.mark.parametrize(
        ("name", "rank"), [("median_ns", 500), ("p90_ns", 900), ("p99_ns", 990), ("p999_ns", 999)]
    )
    def test_percentiles_are_by_nearest_rank_to_three_digits(self, name: str, rank: int) -> None:
        times = [number * 10_000 for number in range(1, 1001)]  # 10 µs to 10 ms
        random.Random(1).shuffle(times)
        d = spread_of(*times).distribution()
        assert getattr(d, name) == pytest.approx(rank * 10_000, rel=0.001)

    def test_a_flow_among_many_has_two_digits(self) -> None:
        d = spread_of(*(number * 10_000 for number in range(1, 1001)), digits=2).distribution()
        assert d.median_ns == pytest.approx(5 * MS, rel=0.01)

    def test_beyond_two_minutes_the_maximum_is_exact_still(self) -> None:
        d = spread_of(1, 2 * LONGEST_NS).distribution()
        assert d.max_ns == 2 * LONGEST_NS

    def test_spreads_add_up(self) -> None:
        together = Spread(3)
        together.include(spread_of(2 * MS, 9 * MS))
        together.include(Spread(3))
        together.include(spread_of(5 * MS))
        assert together.distribution() == spread_of(2 * MS, 5 * MS, 9 * MS).distribution()

    @given(st.lists(st.integers(0, LONGEST_NS), min_size=1, max_size=50))
    def test_is_ordered_and_in_range(self, times: list[int]) -> None:
        d = spread_of(*times).distribution()
        ordered = [d.min_ns, d.median_ns, d.p90_ns, d.p99_ns, d.p999_ns, d.max_ns]
        assert ordered == sorted(ordered, key=lambda value: value or 0)
        assert (d.min_ns, d.max_ns) == (min(times), max(times))
        mean = sum(times) / len(times)
        assert d.mean_ns == pytest.approx(mean, abs=1)
        variance = sum((time - mean) ** 2 for time in times) / len(times)
        assert d.stddev_ns == pytest.approx(sqrt(variance), rel=1e-6, abs=1)


@pytest.mark.parametrize("digits", [2, 3])
def test_a_percentile_is_the_middle_of_its_bucket(digits: int) -> None:
    """Its start would be less than nearly all that it stands for."""
    library = HdrHistogram(FINEST_NS, LONGEST_NS, digits)
    time_ns = 1_234_567_890
    start = library.get_lowest_equivalent_value(time_ns)
    following = library.get_highest_equivalent_value(time_ns) + 1
    found = spread_of(MS, time_ns, 100_000 * MS, digits=digits).distribution()
    assert found.median_ns == (start + following) // 2
