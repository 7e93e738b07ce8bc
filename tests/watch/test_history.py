"""A day of a peer: what is remembered, what makes room, and what is drawn of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpecho.watch.remembering.history import (
    FLOWS_KEPT,
    MINUTES,
    QUANTILES,
    History,
    Minute,
    grouped,
    thinned,
    together,
)

RTT = (10, 20, 30, 40, 50, 60, 70)
NONE = (None,) * FLOWS_KEPT


def minute(number: int, **fields: object) -> Minute:
    """Make a minute of ten probes that were all answered, unless told otherwise."""
    whole = Minute(number, 10, 10, 0, 0, 0, 0, RTT, NONE)
    return whole._replace(**fields)  # type: ignore[arg-type]


def test_a_minute_comes_back_as_it_was_kept() -> None:
    history = History()
    shares = (0.0, 1.0, None, *[0.5] * (FLOWS_KEPT - 3))
    lossy = minute(7, replied=4, late=1, lost=2, refused=2, corrupt=1, flows_lost=shares)
    silent = minute(8, replied=0, lost=10, rtt_ns=(), flows_lost=(1.0, *NONE[1:]))
    for each in (lossy, silent):
        history.add(each)
    assert list(history) == [lossy, silent]
    assert (lossy.loss, silent.loss, minute(9, sent=0, replied=0).loss) == (0.6, 1.0, None)


def test_what_lost_little_is_never_kept_as_nothing_nor_what_lost_much_as_all() -> None:
    history = History()
    history.add(minute(1, flows_lost=(1e-6, 1 - 1e-6, *NONE[2:])))
    [kept] = history
    assert 0 < (kept.flows_lost[0] or 0) < 0.01
    assert 0.99 < (kept.flows_lost[1] or 0) < 1


def test_what_is_beyond_its_room_is_kept_as_the_most() -> None:
    history = History()
    history.add(minute(1, lost=1 << 20, rtt_ns=(1, 2, 3, 4, 5, 6, 1 << 40)))
    [kept] = history
    assert (kept.lost, kept.rtt_ns[-1]) == ((1 << 16) - 1, (1 << 32) - 1)


numbers = st.integers(min_value=0, max_value=3 * MINUTES)


@given(st.lists(st.one_of(numbers, st.integers(1000, 1040)), max_size=60))
def test_the_last_day_is_there_in_whatever_order_it_was_told(told: list[int]) -> None:
    """As a dictionary would have it, from which what is older than a day goes."""
    history, model, last = History(), dict[int, Minute](), -1
    for count, number in enumerate(told):
        each = minute(number, sent=count + 1)
        history.add(each)
        if number > last - MINUTES:
            last = max(last, number)
            model[number] = each
            model = {n: m for n, m in model.items() if n > last - MINUTES}
    assert list(history) == [model[n] for n in sorted(model)]
    assert history.last == (last if told else None)
    assert history.nbytes <= 60 * MINUTES


def test_a_day_takes_sixty_bytes_a_minute_and_a_short_time_less() -> None:
    history = History()
    for number in range(MINUTES + 30):
        history.add(minute(number))
        if number == 9:
            assert history.nbytes < 60 * 20
    assert history.nbytes == 60 * MINUTES
    assert next(iter(history)).minute == 30


def test_of_many_flows_the_worst_of_each_group() -> None:
    shares = [0.0] * 64
    shares[63], shares[5] = 0.7, 0.2
    assert grouped(shares) == [0, 0.2, *[0] * 13, 0.7]
    assert grouped([0.5, None], 4) == [0.5, None, None, None]
    assert grouped([None] * 40) == [None] * FLOWS_KEPT


def test_minutes_together_add_counts_and_keep_the_extremes() -> None:
    first = minute(3, flows_lost=(0.0, *NONE[1:]))
    other = minute(
        4, replied=8, lost=2, rtt_ns=(5, 6, 7, 8, 9, 99, 900), flows_lost=(0.4, *NONE[1:])
    )
    both = together([first, other])
    assert both is not None
    assert (both.minute, both.sent, both.replied, both.lost) == (3, 20, 18, 2)
    assert (both.rtt_ns[0], both.rtt_ns[-1], len(both.rtt_ns)) == (5, 900, len(QUANTILES))
    assert both.flows_lost == (0.4, *NONE[1:])
    assert together([]) is None
    silent = minute(5, replied=0, lost=10, rtt_ns=())
    assert together([silent, silent]) == silent._replace(sent=20, lost=20)


@pytest.mark.parametrize("columns", [1, 7, 60, 700])
def test_thinned_every_minute_is_in_one_piece(columns: int) -> None:
    history = History()
    for number in range(0, 60, 2):
        history.add(minute(number))
    pieces = list(thinned(history, 0, 60, columns))
    assert len(pieces) == min(columns, 60)
    assert sum(each.sent for each in pieces if each is not None) == 300
