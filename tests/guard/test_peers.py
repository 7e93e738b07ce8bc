"""Peers have a rate of their own: our own guard makes none of the loss that we report."""

from __future__ import annotations

import pytest

from tests.guard.test_guard import CLIENT, KEY, guard, networks, one
from udpecho.guard.guard import Guard
from udpecho.guard.peers import PeerLimits
from udpecho.guard.policy import Policy
from udpecho.guard.prefixes import pack_host
from udpecho.guard.ratelimit import BUCKETS, RateLimiter
from udpecho.guard.reasons import Reason

PEER = ("192.0.2.7", 40000)
PEER6 = ("2001:db8::7", 40000)


def answered(judged: Guard, peer: tuple[str, int], times: int, now: float = 0.0) -> int:
    return sum(one(judged, peer, now) is None for _ in range(times))


@pytest.mark.parametrize("peer", [PEER, PEER6])
def test_a_peer_is_answered_while_its_neighbours_are_over_the_limit(peer: tuple[str, int]) -> None:
    judged = guard(rate=10, burst=20, slip=0)
    judged.set_peers([peer[0]], 100)
    neighbour = (peer[0][:-1] + "8", 40000)
    assert answered(judged, neighbour, 100) == 20
    assert answered(judged, peer, 100) == 100
    assert answered(judged, neighbour, 100, now=1.0) == 10


def test_a_peer_has_a_limit_too() -> None:
    judged = guard(slip=0)
    judged.set_peers([PEER[0]], 8)
    assert answered(judged, PEER, 100) - 16 in range(30)  # and what slips through
    assert one(judged, CLIENT, 0.0) is None


def test_two_peers_of_a_prefix_have_a_limit_each() -> None:
    judged = guard(rate=10, burst=10, slip=0)
    judged.set_peers([PEER[0], "192.0.2.9"], 100)
    assert answered(judged, PEER, 200) == answered(judged, ("192.0.2.9", 5000), 200) == 200


def test_what_else_the_policy_says_holds_for_peers() -> None:
    judged = guard(deny=networks("192.0.2.0/24"))
    judged.set_peers([PEER[0]], 100)
    assert one(judged, PEER, 0.0) is Reason.DENIED
    free = guard(rate=0)
    free.set_peers([PEER[0]], 1)
    assert answered(free, PEER, 100) == 100


def test_peers_come_and_go_and_the_same_again_changes_nothing() -> None:
    judged = guard(rate=10, burst=20, slip=0)
    judged.set_peers([PEER[0]], 10)
    first = answered(judged, PEER, 100)
    judged.set_peers([PEER[0]], 10)
    assert answered(judged, PEER, 4) < 4
    judged.set_peers([], 10)
    assert answered(judged, PEER, 100) == 20
    assert first >= 20


def test_limits_of_both_kinds_are_charged_together() -> None:
    world = RateLimiter(10, 20, KEY)
    limits = PeerLimits(world, frozenset([pack_host(PEER[0])]), 100, KEY)
    own, other = limits.bucket(pack_host(PEER[0])), limits.bucket(pack_host(CLIENT[0]))
    assert own >= BUCKETS > other
    assert limits.charge({own: 200, other: 20}, 0) == []
    assert sorted(limits.charge({own: 1, other: 1}, 0)) == [other, own]
    assert sum(limits.take(own, (1,) * 8, 0)) >= 6
    assert limits.take(other, (1,), 10**9) == b"\0"


def test_without_peers_a_guard_is_as_it_was() -> None:
    plain, told = Guard(Policy(), key=KEY), Guard(Policy(), key=KEY)
    told.set_peers([PEER[0]], 10)
    told.set_peers([], 0)
    assert answered(plain, PEER, 3000) == answered(told, PEER, 3000)
