"""The limiter by itself: exact, bounded, and blind to how datagrams are grouped."""

from __future__ import annotations

import tracemalloc
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpecho.guard.ratelimit import BUCKETS, SLIP, RateLimiter, cost

SECOND = 10**9
KEY = b"a key of sixteen"


def limiter(rate: int = 10, burst: int = 5, key: bytes = KEY, **options: int) -> RateLimiter:
    return RateLimiter(rate, burst, key, **options)


def passed(limit: RateLimiter, number: int, now: int, bucket: int = 0) -> int:
    """Offer datagrams one by one; return how many passed."""
    return sum(not limit.take(bucket, (1,), now)[0] for _ in range(number))


def test_a_burst_passes_at_once_and_then_the_rate() -> None:
    limit = limiter(rate=10, burst=5, slip=0)
    assert passed(limit, 100, 0) == 5
    assert passed(limit, 100, SECOND) == 5  # ten came in, but no more than a burst is kept
    assert passed(limit, 100, SECOND + SECOND // 2) == 5
    assert passed(limit, 100, SECOND + SECOND // 2 + SECOND // 10) == 1


def test_a_token_comes_neither_a_nanosecond_early_nor_late() -> None:
    limit = limiter(rate=3, burst=1, slip=0)  # a third of a second is no whole number of ns
    assert passed(limit, 9, 0) == 1
    assert passed(limit, 9, 333_333_333) == 0
    assert passed(limit, 9, 333_333_334) == 1


def test_over_the_limit_exactly_one_in_four_passes() -> None:
    limit = limiter(rate=1, burst=1)
    assert passed(limit, 1, 0) == 1
    for _ in range(500):
        assert passed(limit, SLIP, 0) == 1


def test_which_of_the_four_passes_can_not_be_told_by_counting() -> None:
    """A spoofer who sends three for each of its victim's must not always hit the same place."""
    limit = limiter(rate=1, burst=1)
    passed(limit, 1, 0)
    places = {limit.take(0, (1,) * SLIP, 0).index(0) for _ in range(100)}
    assert places == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("size", "tokens"), [(0, 1), (1, 1), (1500, 1), (1501, 2), (3000, 2), (3001, 3), (65507, 44)]
)
def test_a_datagram_costs_a_token_for_each_1500_bytes_begun(size: int, tokens: int) -> None:
    assert cost(size) == tokens


def test_what_is_long_does_not_slip_and_takes_its_place_in_the_row() -> None:
    limit, other = limiter(rate=1, burst=1), limiter(rate=1, burst=1)
    costs = (2, 1, 2, 1) * 100
    long = set(range(0, 400, 2))
    whole = limit.take(0, costs, 0)
    short = other.take(0, costs, 0, long)
    assert whole.index(0) == short.index(0) == 0, "there was a token for the first"
    assert [at for at in range(1, 400) if not short[at]] == [
        at for at in range(1, 400) if not whole[at] and at not in long
    ]


def test_a_train_passes_as_a_whole_and_owes_what_it_overspent() -> None:
    limit = limiter(rate=10, burst=5, slip=0)
    assert limit.take(0, (64,), 0) == b"\0"
    assert limit.take(0, (1,), 5 * SECOND) == b"\1"  # 59 are owed: 5.9 s, and one more
    assert limit.take(0, (1,), 6 * SECOND) == b"\0"


def test_charging_together_charges_all_or_nothing() -> None:
    limit = limiter(rate=10, burst=5)
    assert limit.charge({0: 5, 1: 6}, 0) == [1]
    assert limit.charge({0: 1, 1: 5}, 0) == [0]


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("192.0.2.1", "192.0.2.254", True),
        ("192.0.2.1", "192.0.3.1", False),
        ("2001:db8:0:1::1", "2001:db8:0:1ff::1", False),
        ("2001:db8:0:100::1", "2001:db8:0:1ff::1", True),
    ],
)
def test_a_bucket_belongs_to_a_prefix(one: str, other: str, together: bool) -> None:
    limit = limiter()
    found = {limit.bucket(ip_address(address).packed) for address in (one, other)}
    assert (len(found) == 1) == together


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 20, 31, 32])
def test_any_prefix_length_is_honoured_to_the_bit(length: int) -> None:
    limit = limiter(ipv4_prefix=length)
    address = int.from_bytes(bytes([0xA5] * 4), "big")
    for bit in range(32):
        flipped = address ^ 1 << 31 - bit
        same = limit.bucket(address.to_bytes(4, "big")) == limit.bucket(flipped.to_bytes(4, "big"))
        assert same == (bit >= length)


def test_nobody_can_tell_who_shares_a_bucket_without_the_key() -> None:
    """Addresses that meet under one key are spread under another."""
    one, other = limiter(key=b"one"), limiter(key=b"other")
    addresses = [number.to_bytes(3, "big") + b"\1" for number in range(1 << 20, (1 << 20) + 40_000)]
    buckets: dict[int, list[bytes]] = {}
    for address in addresses:
        buckets.setdefault(one.bucket(address), []).append(address)
    meeting = max(buckets.values(), key=len)
    assert len(meeting) > 3
    assert len({other.bucket(address) for address in meeting}) == len(meeting)


def test_the_table_is_filled_evenly() -> None:
    """A /16's worth of neighbours must not crowd into few buckets."""
    limit = limiter()
    found = {limit.bucket(bytes([10, high, low, 1])) for high in range(256) for low in range(256)}
    assert 0.60 < len(found) / BUCKETS < 0.66  # thrown at random: 1 - 1/e = 0.632


def test_a_million_prefixes_take_no_memory() -> None:
    limit = limiter(rate=1000, burst=2000)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(100_000):  # spread over all million of them
        limit.charge({limit.bucket((number * 10 << 8).to_bytes(4, "big")): 1}, number)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 10_000


_steps = st.lists(
    st.tuples(
        st.integers(0, 400_000_000),  # ns since the step before
        st.lists(st.sampled_from([1, 1, 1, 2, 7, 64]), max_size=12),
    ),
    max_size=12,
)


@given(_steps, st.integers(1, 40), st.integers(1, 20), st.sampled_from([0, 1, 3, 4]))
def test_it_never_passes_more_than_it_may(
    steps: list[tuple[int, list[int]]], rate: int, burst: int, slip: int
) -> None:
    """At most burst + rate * t, and of the rest one in slip (a begun four may have had its one)."""
    limit = limiter(rate=rate, burst=burst, slip=slip)
    now = passing = offered = 0
    for wait, costs in steps:
        now += wait
        number = sum(costs)
        passing += limit.take(0, (1,) * number, now).count(0)
        offered += number
    within = burst + rate * now / SECOND
    rest = max(0.0, offered - within)
    assert passing <= within + (rest / slip + 2 if slip else 0)


@given(_steps, st.data())
def test_how_datagrams_are_grouped_makes_no_difference(
    steps: list[tuple[int, list[int]]], data: st.DataObject
) -> None:
    alone, together, mixed = limiter(), limiter(), limiter()
    now = 0
    for wait, costs in steps:
        now += wait
        one_by_one = b"".join(alone.take(0, (tokens,), now) for tokens in costs)
        assert together.take(0, costs, now) == one_by_one
        cut = data.draw(st.integers(0, len(costs)))
        fits = not mixed.charge({0: sum(costs[:cut])}, now)
        first = bytes(cut) if fits else mixed.take(0, costs[:cut], now)
        assert first + mixed.take(0, costs[cut:], now) == one_by_one


def test_one_in_three_passes_however_long_a_flood_lasts() -> None:
    """Also where what is remembered of its length begins anew."""
    limiter = RateLimiter(1, 1, b"key", slip=3)
    bucket = limiter.bucket(bytes([192, 0, 2, 1]))
    assert limiter.take(bucket, (1,), 0) == b"\0"
    over = b"".join(limiter.take(bucket, (1,) * 300, 0) for _ in range(60))
    assert {over[at : at + 3].count(0) for at in range(0, len(over), 3)} == {1}
