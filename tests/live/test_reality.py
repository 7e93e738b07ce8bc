"""The rules that MemoryNetwork keeps, on real sockets, with each of Twisted's reactors."""

from __future__ import annotations

import asyncio
import json
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any, Literal

import pytest
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.selectreactor import SelectReactor

from tests.live.conftest import needs_our_port
from tests.live.program import python
from tests.rules import ROUTES, OurRules, StockRules, World


def has_ipv6() -> bool:
    """Tell whether the loopback interface has its IPv6 address."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="these are Linux's rules"),
    pytest.mark.skipif(not has_ipv6(), reason="needs IPv6 on the loopback interface"),
]

TURNS = 6
"""A datagram and its reply are two turns; one more for a refusal, and one to see it settled. What
was written in a burst takes one more, and a port that stops reads until there is nothing."""


def epoll() -> Any:
    from twisted.internet.epollreactor import EPollReactor

    return EPollReactor()


def poll() -> Any:
    from twisted.internet.pollreactor import PollReactor

    return PollReactor()


def asyncio_loop() -> Any:
    return AsyncioSelectorReactor(asyncio.new_event_loop())


class RealWorld(World):
    """A reactor of its own, beside the installed one, and the loopback interface."""

    def __init__(
        self, make: Callable[[], Any], refusals: Literal["called", "closed"], ours: bool = False
    ) -> None:
        super().__init__(make(), refusals, ours)
        self.calls_first = not isinstance(self.reactor, AsyncioSelectorReactor)

    def turn(self) -> None:
        for _ in range(TURNS):
            self.reactor.iterate(0)

    def close(self) -> None:
        self.stop()
        calls, readers = self.reactor.getDelayedCalls(), self.reactor.removeAll()
        self.reactor.waker.connectionLost(None)
        assert (calls, readers) == ([], [])


class TestStock(StockRules):
    """Twisted's own port, on every reactor."""

    @pytest.fixture(
        params=[
            pytest.param((epoll, "closed"), id="epoll"),
            pytest.param((poll, "closed"), id="poll"),
            pytest.param((SelectReactor, "called"), id="select"),
            pytest.param((asyncio_loop, "called"), id="asyncio"),
        ]
    )
    def world(self, request: pytest.FixtureRequest) -> Iterator[RealWorld]:
        real = RealWorld(*request.param)
        yield real
        real.close()


@needs_our_port("these are our port's rules")
class TestOurs(OurRules):
    """The port that listen_udp gives, on every reactor."""

    @pytest.fixture(
        params=[
            pytest.param(epoll, id="epoll"),
            pytest.param(poll, id="poll"),
            pytest.param(SelectReactor, id="select"),
            pytest.param(asyncio_loop, id="asyncio"),
        ]
    )
    def world(self, request: pytest.FixtureRequest) -> Iterator[RealWorld]:
        real = RealWorld(request.param, "called", ours=True)
        yield real
        real.close()


CONNECT = """
import json, socket, sys
for bound, to in json.load(sys.stdin):
    with socket.socket(socket.AF_INET6 if ":" in bound else socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((bound, 0))
        try:
            s.connect((to, 9))
            print(json.dumps(s.getsockname()[0]))
        except OSError as error:
            print(error.errno)
"""


def asked_of_the_kernel(addresses: list[str], rows: list[tuple[str, str]]) -> list[str | int]:
    """Connect sockets in a network namespace with these addresses; return what came of it."""
    setup = ["ip link set lo up", "ip link add here type veth peer name there"]
    setup += ["ip link set there up", "ip link set here up"]
    for address in addresses:
        length = "64 nodad" if ":" in address else "24"
        setup.append(f"ip address add {address}/{length} dev here")
    script = " && ".join([*setup, f"exec {shlex.join(python('-c', CONNECT))}"])
    command = ["unshare", "--net", "sh", "-c", script]
    run = subprocess.run(
        command, input=json.dumps(rows), capture_output=True, text=True, timeout=20, check=False
    )
    if run.returncode:
        pytest.skip(f"needs a network namespace with veth: {run.stderr.strip()}")
    return [json.loads(line) for line in run.stdout.splitlines()]


@pytest.mark.parametrize("addresses", [list(key) for key, _ in groupby(r[0] for r in ROUTES)])
def test_routes(addresses: list[str]) -> None:
    """A socket sends from where tests/test_testing.py says it does."""
    rows = [(bound, to, expected) for host, bound, to, expected in ROUTES if host == addresses]
    answers = asked_of_the_kernel(addresses, [(bound, to) for bound, to, _ in rows])
    assert answers == [expected for _, _, expected in rows]
