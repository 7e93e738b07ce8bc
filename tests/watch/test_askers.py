"""Who asks most: counted in bounded memory, and never more than is true."""

from __future__ import annotations

from collections import Counter

from tests.examples import given, st
from udpecho.columns import Columns
from udpecho.watch.pages.askers import LISTENED_SECONDS, MOST_ASKERS, Askers


def address(number: int) -> bytes:
    return number.to_bytes(4, "big")


@given(st.lists(st.tuples(st.integers(0, 600), st.integers(1, 50)), max_size=900))
def test_no_count_is_more_than_true_nor_less_than_its_bound(asked: list[tuple[int, int]]) -> None:
    askers, true = Askers(lambda: 0.0), Counter[bytes]()
    for number, times in asked:
        askers.add(address(number), times)
        true[address(number)] += times
    bound = true.total() / (MOST_ASKERS + 1)
    assert len(askers.counts) <= MOST_ASKERS
    for source, times in true.items():
        assert times - bound <= askers.counts.get(source, 0) <= times


def test_who_asks_much_is_seen_in_a_flood_of_others() -> None:
    askers = Askers(lambda: 0.0)
    for number in range(20_000):
        askers.add(address(number + 1), 1)
        if number % 20 == 0:
            askers.add(address(0), 1)
    assert askers.most(1)[0][0] == address(0)


def test_it_is_counted_while_somebody_looks_and_then_from_nothing() -> None:
    now = [0.0]
    askers = Askers(lambda: now[0])
    askers.look()
    batch = Columns(bytes(4), address(1) + address(2))
    train = Columns(bytes(2), address(1), sizes=(300,), trains={0: 100})
    assert askers.hear(batch)
    assert askers.hear(train)
    assert askers.most(9) == [(address(1), 4), (address(2), 1)]
    now[0] = LISTENED_SECONDS
    askers.look()
    assert (askers.listened(), len(askers.counts)) == (LISTENED_SECONDS, 2)
    now[0] = 2 * LISTENED_SECONDS + 1
    assert not askers.hear(batch)
    askers.look()
    assert (askers.listened(), askers.counts) == (0.0, {})
