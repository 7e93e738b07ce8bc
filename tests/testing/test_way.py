"""What arrives over one direction of a link: fragments, TTLs, bursts, a rate."""

from __future__ import annotations

from random import Random
from typing import Any, TypeAlias

import pytest

from udpecho.peer import Peer
from udpecho.testing.faults import Bursts, Faults
from udpecho.testing.packet import Packet
from udpecho.testing.passage import Fate, Fault
from udpecho.testing.way import Stopped, Way, fragments

Ends: TypeAlias = tuple[Peer, Peer]

V4 = ("192.0.2.1", 1), ("192.0.2.2", 2)
V6 = ("2001:db8::1", 1), ("2001:db8::2", 2)


def taken(packet: Packet, known_mtu: int | None = None, seed: int = 0, **faults: Any) -> Any:
    return Way(Faults(**faults)).take(packet, 0.0, Random(seed), known_mtu)


def test_what_a_header_has_is_carried() -> None:
    """TTL, DSCP and ECN arrive as they were sent."""
    packet = Packet(*V4, b"x", 7, 0xB9)
    assert taken(packet, jitter=0.0, loss=0.0, mtu=1500) == [(0.0, packet, frozenset())]


@pytest.mark.parametrize(("ttl", "hops"), [(64, 1), (2, 1), (255, 254)])
def test_routers_take_hops(ttl: int, hops: int) -> None:
    """Each takes one, and what has one left arrives."""
    [(_, packet, _)] = taken(Packet(*V4, b"x", ttl), hops=hops)
    assert packet.ttl == ttl - hops


@pytest.mark.parametrize(("ttl", "hops"), [(1, 1), (3, 5), (5, 5)])
def test_a_ttl_ends_at_its_router(ttl: int, hops: int) -> None:
    assert taken(Packet(*V4, b"x", ttl), hops=hops) == Stopped(Fate.EXPIRED, ttl)


@pytest.mark.parametrize(
    ("ends", "length", "mtu", "expected"),
    [
        (V4, 1472, 1500, (1, 1500)),
        (V4, 1473, 1500, (2, 1521)),  # 1480 and 1 byte of payload, a header each
        (V4, 2937, 1499, (3, 2945 + 3 * 20)),  # twice 1472, not 1479, and 1
        (V4, 0, 68, (1, 28)),
        (V4, 40, 68, (1, 68)),
        (V4, 41, 68, (2, 89)),
        (V4, 65507, 1500, (45, 65515 + 45 * 20)),
        (V6, 1452, 1500, (1, 1500)),
        (V6, 1453, 1500, (2, 1461 + 2 * 48)),
        (V6, 1232, 68, (1, 1280)),  # IPv6 has 1280 bytes at least
        (V6, 1233, 68, (2, 1241 + 2 * 48)),
        (V4, 65507, None, (1, 65535)),
        (V6, 65527, None, (1, 65575)),
    ],
)
def test_fragments(ends: Ends, length: int, mtu: int | None, expected: tuple[int, int]) -> None:
    """How many, and their bytes with headers: each but the last has a multiple of eight."""
    assert fragments(Packet(*ends, bytes(length)), mtu) == expected


@pytest.mark.parametrize(
    ("ends", "may", "known", "passes"),
    [
        (V4, True, None, True),  # a router cuts it
        (V4, False, None, False),
        (V4, False, 1400, False),
        (V6, True, None, False),  # no router does
        (V6, True, 1400, True),  # its sender has cut it
        (V6, True, 1300, True),
        (V6, True, 1401, False),  # but not short enough
        (V6, False, 1400, False),
    ],
)
def test_who_may_cut(ends: Ends, may: bool, known: int | None, passes: bool) -> None:
    """What is too long passes in fragments, or a router tells how long it may be."""
    found = taken(Packet(*ends, bytes(1400), may_fragment=may), known, mtu=1400)
    if passes:
        assert isinstance(found, list)
        assert [(packet.data, faults) for _, packet, faults in found] == [
            (bytes(1400), frozenset({Fault.FRAGMENTED}))
        ]
    else:
        assert found == Stopped(Fate.TOO_LONG, 1, 1400)


def test_a_lost_fragment_loses_the_whole() -> None:
    """Of 10 fragments with a loss of 0.1 each, all arrive in 35 % of cases."""
    way, random = Way(Faults(loss=0.1, mtu=1500)), Random(1)
    packet = Packet(*V4, bytes(14_000))
    arrived = sum(isinstance(way.take(packet, 0.0, random), list) for _ in range(2000))
    assert 620 < arrived < 780


def runs(lost: list[bool]) -> list[int]:
    """Give the lengths of the runs of losses."""
    return [len(run) for run in "".join(" x"[each] for each in lost).split()]


def test_bursts() -> None:
    """Bursts begin and end with their probabilities, as the model's formulas have it."""
    way, random = Way(Faults(bursts=Bursts(start=0.02, end=0.25))), Random(1)
    lost = [way.take(Packet(*V4, b"x"), 0.0, random) == Stopped(Fate.LOST) for _ in range(50_000)]
    assert sum(lost) / len(lost) == pytest.approx(0.02 / (0.02 + 0.25), rel=0.1)
    assert sum(runs(lost)) / len(runs(lost)) == pytest.approx(1 / 0.25, rel=0.1)


def test_bursts_that_lose_a_part() -> None:
    """Within a burst as many are lost as its figure says, and outside as many as the link's."""
    way, random = Way(Faults(loss=0.1, bursts=Bursts(start=0.5, end=0.5, loss=0.5))), Random(1)
    lost = [way.take(Packet(*V4, b"x"), 0.0, random) == Stopped(Fate.LOST) for _ in range(20_000)]
    assert sum(lost) / len(lost) == pytest.approx(0.3, rel=0.05)


def test_a_burst_ends_with_its_option() -> None:
    """Who takes the bursts away, has none left of one that had begun."""
    way = Way(Faults(bursts=Bursts(1.0, 0.0)))
    assert way.take(Packet(*V4, b"x"), 0.0, Random(0)) == Stopped(Fate.LOST)
    for faults in (Faults(), Faults(bursts=Bursts(0.0, 0.0))):
        way.change(faults)
        assert isinstance(way.take(Packet(*V4, b"x"), 0.0, Random(0)), list)


def test_a_rate_counts_headers() -> None:
    """A datagram of 72 bytes is an IP packet of 100: 1000 bytes a second pass ten of them."""
    way = Way(Faults(delay=1.0, rate=1000, queue=1))
    whens = [way.take(Packet(*V4, bytes(72)), 0.0, Random(0)) for _ in range(3)]
    assert [each if isinstance(each, Stopped) else each[0][0] for each in whens] == [
        pytest.approx(1.1),
        pytest.approx(1.2),
        Stopped(Fate.CONGESTED),
    ]


def test_the_queue_is_kept_over_a_change() -> None:
    """What waits keeps its turn; the new rate is for what comes."""
    way = Way(Faults(rate=100))
    way.take(Packet(*V4, bytes(72)), 0.0, Random(0))
    way.change(Faults(rate=1000))
    arrivals: Any = way.take(Packet(*V4, bytes(72)), 0.5, Random(0))
    assert [when for when, _, _ in arrivals] == [pytest.approx(1.1)]
