"""Which probes have arrived: found by their bytes and their source, as far back as is known."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from random import Random

import pytest

from udpecho.guard.prefixes import pack_host
from udpecho.server.arrived import PLACES, Arrived

HERE, THERE = pack_host("192.0.2.1"), pack_host("198.51.100.1")
SECOND = 1_000_000_000


def heads(count: int, seed: int = 1) -> list[bytes]:
    random = Random(seed)
    return [random.randbytes(16) for _ in range(count)]


def add(arrived: Arrived, some: Sequence[bytes], sources: Sequence[bytes], now_ns: int = 0) -> None:
    if len(set(sources)) == 1:
        arrived.add(b"".join(some), sources[0], len(sources), now_ns)
    else:
        arrived.add_each(b"".join(some), sources, now_ns)


@pytest.mark.parametrize("sources", [[HERE] * 3, [HERE, THERE, HERE]])
def test_what_came_is_found_for_its_source_alone(sources: list[bytes]) -> None:
    arrived = Arrived(b"key")
    some = heads(3)
    add(arrived, some, sources)
    for head, source in zip(some, sources, strict=True):
        other = THERE if source == HERE else HERE
        assert arrived.find(head, source, 5) == (True, 5)
        assert not arrived.find(head, other, 5)[0]
    assert not arrived.find(heads(1, 2)[0], HERE, 5)[0]


def test_what_lies_across_two_is_none() -> None:
    arrived = Arrived(b"key")
    one, other = heads(2)
    add(arrived, [one, other], [HERE, HERE])
    assert not arrived.find(one[8:] + other[:8], HERE, 0)[0]


@pytest.mark.parametrize("head", [bytes(16), b"12" * 8, bytes(range(16))])
def test_who_floods_with_one_beginning_makes_no_question_a_long_one(head: bytes) -> None:
    neighbour, asker = pack_host("192.0.2.9"), HERE
    arrived = Arrived(b"key")
    add(arrived, [head] * 8000, [neighbour] * 8000)
    calls: list[str] = []
    sys.setprofile(lambda _, event, __: calls.append(event))
    try:
        found, _ = arrived.find(head, asker, 5)
    finally:
        sys.setprofile(None)
    assert not found
    assert len(calls) < 500


def test_the_last_are_known_and_how_far_back_is_told() -> None:
    arrived = Arrived(b"key", kept=10)
    some = heads(35)
    for number, head in enumerate(some):
        add(arrived, [head], [HERE], number * SECOND)
    found = [arrived.find(head, HERE, 35 * SECOND) for head in some]
    assert [each for each, _ in found] == [False] * 20 + [True] * 15
    assert {since for _, since in found} == {15 * SECOND}


def test_a_flood_from_one_prefix_costs_others_nothing() -> None:
    """But those, one in as many as there are places, that share its place."""
    kept = 16
    arrived = Arrived(b"key", kept=kept)
    hosts = [pack_host(f"10.{n}.0.1") for n in range(200)]
    some = heads(len(hosts))
    add(arrived, some, hosts)
    for head in heads(10 * kept, 3):
        add(arrived, [head], [HERE], SECOND)
    lost = sum(not arrived.find(*each, SECOND)[0] for each in zip(some, hosts, strict=True))
    assert lost < 5 * len(hosts) / PLACES
    for head, host in zip(some, hosts, strict=True):
        found, since = arrived.find(head, host, SECOND)
        assert found == (since == SECOND), "what is forgotten is older than what is remembered"


def test_places_are_the_keys() -> None:
    """Who does not know it can't choose whom to share a place with."""
    hosts = [pack_host(f"10.{n}.0.1") for n in range(100)]

    def places(key: bytes) -> list[int]:
        return list(map(Arrived(key)._placing.place, hosts))

    assert places(b"one") == places(b"one")
    assert places(b"one") != places(b"other")
    assert len(set(places(b"one"))) > PLACES // 2


def test_a_flood_from_everywhere_takes_no_more_room() -> None:
    arrived = Arrived(b"key", kept=8)
    random = Random(1)
    for _ in range(5000):
        add(arrived, [random.randbytes(16)], [random.randbytes(4)])
        add(arrived, [random.randbytes(16)], [random.randbytes(16)])
    both = [each for place in arrived._places.values() for each in (place.older, place.newer)]
    assert len(arrived._places) == PLACES
    assert max(len(each.sources) for each in both) == 8
    assert max(len(each._joined) for each in both) == 8 * 16
    assert max(len(each.heads) for each in both) <= 8
    assert len(arrived._known) <= 8
