"""What several processes do with one socket that they have by a fork."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.live.conftest import Start, needs_our_port
from tests.live.forked import TOGETHER, Server
from tests.live.program import python, run

pytestmark = needs_our_port("it is what ours is compared with")

ASKED = int(os.environ.get("UDPECHO_ASKED", "8000"))
"""Requests in all; 100000 take about a minute."""


@pytest.mark.parametrize("processes", [2, 4])
@pytest.mark.parametrize("reactor", ["select", "poll"])
def test_each_answers_right_and_stopping_one_costs_no_other(
    reactor: str, processes: int, start: Start
) -> None:
    server = Server(start, reactor, "ours", processes)
    count = ASKED // TOGETHER // 2 * TOGETHER
    assert server.ask(count) == {"right": count, "wrong": 0, "lost": 0}
    server.stop(server.pids[-1])
    assert server.ask(count) == {"right": count, "wrong": 0, "lost": 0}
    if processes > 2:
        os.kill(server.pids[-2], signal.SIGKILL)
        server.stop(server.pids[0])
        assert server.ask(count) == {"right": count, "wrong": 0, "lost": 0}
    server.end()


@pytest.mark.parametrize("reactor", ["epoll", "asyncio"])
def test_where_the_reactor_s_epoll_is_shared_it_is_as_with_twisted_s_port(
    reactor: str, start: Start
) -> None:
    """All answer, and who stops stops for all."""
    outcomes = []
    for whose in ("stock", "ours"):
        server = Server(start, reactor, whose, 3)
        together = server.ask(2000)
        server.stop(server.pids[-1])
        server.ask(TOGETHER)  # who was woken before the stop, and has not run yet, answers these
        outcomes.append((together, server.ask(TOGETHER)))
        server.end()
    assert outcomes[0] == outcomes[1]
    assert outcomes[1][0] == {"right": 2000, "wrong": 0, "lost": 0}


AWAY = """
import os, select, socket
from twisted.internet import %sreactor as chosen
chosen.install()
from twisted.internet import reactor
from twisted.internet.protocol import DatagramProtocol
from udpecho import listen_udp

port = listen_udp(reactor, 0, DatagramProtocol(), "127.0.0.1")
if not (pid := os.fork()):
    port._socket.watch.look_away()
    os._exit(0)  # in the middle of a burst
os.waitpid(pid, 0)
here = port.getHost()
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", (here.host, here.port))
assert select.select([port], [], [], 2)[0]
"""


@pytest.mark.parametrize("reactor", ["select", "poll", "epoll", "asyncio"])
def test_who_dies_while_it_looks_away_leaves_no_other_deaf(reactor: str, tmp_path: Path) -> None:
    ended = run(python("-c", AWAY % reactor), tmp_path)
    assert ended.returncode == 0, ended.stderr


LIMITED = """
import os
from udpecho.guard.ratelimit import RateLimiter

limiter = RateLimiter(1, 2, b"key")
if not (pid := os.fork()):
    limiter.take(5, [1, 1], 10)
    os._exit(0)
os.waitpid(pid, 0)
assert limiter.take(5, [1, 1], 10) == bytes(2), "nothing was taken here"
"""


def test_what_a_child_takes_of_a_limit_is_not_its_parent_s(tmp_path: Path) -> None:
    """Two processes that write in one table, each at its own time, would keep no limit."""
    ended = run(python("-c", LIMITED), tmp_path)
    assert ended.returncode == 0, ended.stderr
