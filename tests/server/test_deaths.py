"""Where replies died: known as long as the table has room, whatever is forged."""

from __future__ import annotations

from random import Random

import pytest

from udpecho.guard.prefixes import pack_host
from udpecho.server.deaths import SETS, WAYS, Death, Deaths

ROUTER = Death(pack_host("192.0.2.254"), 11, 0)
ASKER = pack_host("198.51.100.1")
FORGED_A_SECOND = 80_000


def test_what_was_said_is_found_for_whom_the_reply_was() -> None:
    deaths = Deaths(b"key")
    deaths.add(b"x" * 16, ASKER, ROUTER)
    assert deaths.find(b"x" * 16, ASKER) == ROUTER
    assert deaths.find(b"y" * 16, ASKER) is None
    assert deaths.find(b"x" * 16, pack_host("198.51.100.2")) is None
    assert deaths.find(bytes(16), bytes(4)) is None


def test_ipv6_is_kept_likewise() -> None:
    deaths = Deaths(b"key")
    asker, death = pack_host("2001:db8::1"), Death(pack_host("2001:db8::ff"), 3, 0)
    deaths.add(b"x" * 16, asker, death)
    assert deaths.find(b"x" * 16, asker) == death


def test_what_is_said_again_takes_the_place_of_what_was_said() -> None:
    deaths = Deaths(b"key", sets=1)
    deaths.add(b"x" * 16, ASKER, ROUTER)
    for number in range(5 * WAYS):
        deaths.add(b"y" * 16, ASKER, Death(ROUTER.by, 3, number))
    assert deaths.find(b"x" * 16, ASKER) == ROUTER
    assert deaths.find(b"y" * 16, ASKER) == Death(ROUTER.by, 3, 5 * WAYS - 1)


def test_the_oldest_of_a_set_makes_room() -> None:
    deaths = Deaths(b"key", sets=1)
    heads = [bytes([number]) * 16 for number in range(WAYS + 3)]
    for head in heads:
        deaths.add(head, ASKER, ROUTER)
    assert [deaths.find(head, ASKER) is not None for head in heads] == [False] * 3 + [True] * WAYS


@pytest.mark.parametrize("aim", ["at everyone", "at the asker"])
def test_at_80_000_forged_a_second_who_asks_three_times_is_told(aim: str) -> None:
    """Of a hundred in 95 cases: after 100, 300 and 500 ms, of probes sent anew each time.

    Even where the forgers know who asks: they would have to know the probes' bytes, too.
    """
    random, deaths = Random(1), Deaths(b"key")
    waits = [round(wait * FORGED_A_SECOND) for wait in (0.1, 0.3, 0.5)]
    probes = [[random.randbytes(16) for _ in waits] for _ in range(100)]
    dies_at: dict[int, list[bytes]] = {}
    asked_at: dict[int, list[tuple[int, bytes]]] = {}
    for number, each in enumerate(probes):
        at = number * 1500
        for probe, wait in zip(each, waits, strict=True):
            dies_at.setdefault(at, []).append(probe)
            asked_at.setdefault(at + wait, []).append((number, probe))
    found = set()
    for at in range(max(asked_at) + 1):
        for probe in dies_at.get(at, ()):
            deaths.add(probe, ASKER, ROUTER)
        for number, probe in asked_at.get(at, ()):
            if deaths.find(probe, ASKER) == ROUTER:
                found.add(number)
        to = ASKER if aim == "at the asker" else random.randbytes(4)
        deaths.add(random.randbytes(16), to, Death(random.randbytes(4), 11, 0))
    assert len(found) >= 95


def test_places_are_the_keys() -> None:
    """Nobody can tell which of what he forges falls into whose set."""

    def falls(key: bytes) -> list[int]:
        deaths = Deaths(key)
        for number in range(64):
            deaths.add(number.to_bytes(16, "big"), ASKER, ROUTER)
        return [place for place in range(SETS) if deaths._oldest[place]]

    assert falls(b"one") == falls(b"one") != falls(b"other")
    assert len(falls(b"one")) > 60
