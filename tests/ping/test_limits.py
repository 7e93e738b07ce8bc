"""Loss that looks like a rate limit, and loss that doesn't."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import takewhile
from random import Random

import pytest

from tests.ping.simulated import bursts, every, plain
from udpecho.guard.guard import Guard
from udpecho.guard.policy import Policy
from udpecho.instrument.instrument import SocketOptions
from udpecho.instrument.reactor import ReactorInstrument
from udpecho.ping.figures import RateLimit
from udpecho.ping.limits import BINS, Limits, Loss, prefix_of
from udpecho.ping.plan import Plan, Target
from udpecho.ping.run import Ping
from udpecho.server.server import EchoServer
from udpecho.testing.network import MemoryNetwork

TURNS = 6000
RATE = 2000
"""Turns in a second."""


def found(lost: Iterable[int], *, flows: int = 1, turns: int = TURNS) -> tuple[RateLimit, ...]:
    """Have a run of some turns lose some of them, and look at it."""
    limits, each = Limits(), [0] * flows
    for turn in takewhile(lambda turn: turn < turns, lost):
        limits.lost("192.0.2.1", turn + 1, turn * 10**9 // RATE)
        each[turn % flows] += 1
    return limits.found(lambda: [("192.0.2.1", each, turns)])


def later(lost: Iterator[int], turn: int) -> Iterator[int]:
    return (turn + each for each in lost)


@pytest.mark.parametrize(
    "network",
    [
        lambda random: plain(random, random.uniform(0.01, 0.6)),
        lambda random: later(plain(random, random.uniform(0.01, 0.6)), 2000),
        lambda random: bursts(random, 0.001, 0.01, 0.8),
        lambda random: later(bursts(random, 0.02, 0.1, 1.0), 2000),
    ],
    ids=["plain", "plain, from a time on", "bursts", "bursts, from a time on"],
)
def test_what_chance_loses_is_hardly_ever_a_rate_limit(
    network: Callable[[Random], Iterator[int]],
) -> None:
    """C19: of 1,000 runs with plain loss of 1 to 60 %, one in 100 at most; here are 60."""
    random = Random(19)
    assert sum(bool(found(network(random))) for _ in range(60)) == 0


def test_what_loses_all_or_hardly_anything_or_from_the_first_is_none() -> None:
    assert found(range(2000, TURNS)) == ()
    assert found([3000]) == ()
    assert found([]) == ()
    assert found(every(3)) == ()


def test_one_flow_that_dies_is_none() -> None:
    """It loses as steadily as anything can."""
    dies = range(2007, TURNS, 16)
    assert found(dies, flows=16) == ()
    assert len(found(dies, flows=1)) == 1, "of a lone flow that can't be told"


def test_a_steady_loss_from_a_time_on_looks_like_one() -> None:
    [limit] = found(later(every(4), 2000))
    assert (limit.prefix, limit.hosts, limit.first) == ("192.0.2.0/24", 1, 2003)
    assert limit.loss == pytest.approx(0.25)
    assert limit.answers_per_second == pytest.approx(1500, rel=0.01)


def test_hosts_of_a_prefix_are_behind_one_limit() -> None:
    """And another prefix is not."""
    limits = Limits()
    for turn in range(2000, 5000):
        for host in (1, 2) if turn % 2 else ():
            limits.lost(f"192.0.2.{host}", turn, turn * 10**9)
        limits.lost("198.51.100.1", turn, turn * 10**9)
    hosts = [(f"192.0.2.{host}", [1500], 5000) for host in (1, 2)]
    [limit] = limits.found(lambda: [*hosts, ("198.51.100.1", [3000], 5000)])
    assert (limit.prefix, limit.hosts) == ("192.0.2.0/24", 2)
    assert limit.answers_per_second == pytest.approx(1, rel=0.01)
    uneven = [("192.0.2.1", [2000], 5000), ("192.0.2.2", [1000], 5000)]
    assert limits.found(lambda: uneven) == ()


@pytest.mark.parametrize(
    ("address", "prefix"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_prefixes(address: str, prefix: str) -> None:
    assert prefix_of(address) == prefix


def test_a_long_run_takes_no_more_memory() -> None:
    loss = Loss()
    for turn in (*range(1, 1000), 10**9):
        loss.add(turn, turn)
    assert len(loss.bins) <= BINS
    assert sum(loss.bins) == 1000


@pytest.mark.parametrize(
    ("flows", "interval_ns", "answered"), [(1, 500_000, 1250), (16, 250_000, 1750)]
)
def test_our_own_servers_limit_is_recognized(flows: int, interval_ns: int, answered: int) -> None:
    """Its default: 1,000 a second after 2,000 at once, and one in four of what is beyond."""
    net = MemoryNetwork(seed=19)
    server, host = net.host("192.0.2.1"), net.host("198.51.100.2")
    server.listenUDP(7, EchoServer(server.seconds, guard=Guard(Policy(), key=b"key")))
    target = Target("echo.example", ("192.0.2.1", 7))
    plan = Plan(targets=(target,), interval_ns=interval_ns, count=5600, flows=flows)
    done = Ping(ReactorInstrument(host, SocketOptions()), plan).start()
    summary = net.run_until(done, limit=60)
    [limit] = summary.rate_limits
    assert limit.answers_per_second == pytest.approx(answered, rel=0.05)
    assert not any(flow.stands_out for flow in summary.targets[0].flows), "whose every turn it is"
