"""Two processes on one port (--listen=udp:PORT:reusePort=yes): who serves, and what an end costs.

The kernel gives each sender to one of them, by a hash of both addresses and ports, and to those
that are left when one has closed its socket. What is queued in a socket is that process's own to
answer: the kernel never gives it to another.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import cast

import pytest
import pytest_twisted  # type: ignore[import-untyped]

from tests.live.conftest import Start, addresses, bound, free_port, needs_ipv6
from tests.live.program import Program, twistd
from udpecho.port import sockets
from udpecho.port.sockets import leave_to_others, open_udp
from udpecho.server import EchoService, UdpAddress, service

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it is Linux that shares a port so")

SENDERS = 32
"""So many source ports that one process gets all of them once in 2 ** 31 times."""

Served = tuple[Program, Program, list[socket.socket]]


@pytest.fixture
def shared(start: Start, request: pytest.FixtureRequest) -> Iterator[Served]:
    """Start two services on one port, and open sockets that ask there."""
    port = free_port()
    option = f"--listen=udp:{port}{getattr(request, 'param', ':interface=127.0.0.1')}:reusePort=yes"
    first, second = (start(twistd("udpecho", option)) for _ in range(2))
    assert addresses(first) == addresses(second)
    with ExitStack() as stack:
        asking = [stack.enter_context(bound()) for _ in range(SENDERS)]
        for skt in asking:
            skt.connect(("127.0.0.1", port))
        yield first, second, asking


def ask(asking: list[socket.socket], times: int = 10) -> None:
    """Have each ask this many times, one request at a time: all must be answered."""
    for number in range(times):
        for skt in asking:
            skt.send(b"%d" % number)
        assert [skt.recv(100) for skt in asking] == [b"%d" % number] * len(asking)


def echoed(service: Program) -> int:
    """End a service, and read from its last line how much it had to do: all must be echoed."""
    service.stop()
    counts = service.wait_for(r"udpecho has stopped: (\d+) received, (\d+) echoed$")
    assert counts[1] == counts[2]
    return int(counts[1])


def test_both_serve_and_no_datagram_is_lost(shared: Served) -> None:
    """Also when one has ended: the other then has all the senders."""
    first, second, asking = shared
    ask(asking)
    of_first = echoed(first)
    ask(asking)
    of_second = echoed(second)
    print(f"{of_first=} {of_second=}")
    assert 0 < of_first < 10 * SENDERS
    assert of_first + of_second == 20 * SENDERS


@pytest.mark.parametrize(
    ("end", "shared"),
    [(signal.SIGTERM, ""), (signal.SIGKILL, ":interface=127.0.0.1")],
    indirect=["shared"],
    ids=["SIGTERM, at all addresses", "SIGKILL"],
)
def test_what_waits_for_one_of_them(end: signal.Signals, shared: Served) -> None:
    """One that is told to end answers what it has queued; with one that is killed, that is lost."""
    first, second, asking = shared
    ask(asking, 1)
    first.signal(signal.SIGSTOP)
    for skt in asking:
        skt.send(b"now")
    waiting = set(asking) - answered(asking)
    assert 0 < len(waiting) < SENDERS, "the other serves its own"
    first.signal(end)
    first.signal(signal.SIGCONT)
    first.wait()
    late = answered(list(waiting))
    assert late == (waiting if end == signal.SIGTERM else set())
    ask(asking)
    assert echoed(second) == (SENDERS - len(waiting)) * 2 + 10 * SENDERS


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", pytest.param("::", marks=needs_ipv6)])
def test_a_socket_that_is_left_gets_nothing_more(host: str) -> None:
    """And what it has got stays: so a process that ends loses nothing between, if others go on."""
    there = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    with ExitStack() as stack:
        leaving = stack.enter_context(open_udp(host, 0, reuse_port=True))
        port = leaving.getsockname()[1]
        staying = stack.enter_context(open_udp(host, port, reuse_port=True))
        asking = [stack.enter_context(bound(there)) for _ in range(SENDERS)]
        for data in (b"before", b"after"):
            for skt in asking:
                skt.sendto(data, (there, port))
            if data == b"before":
                leave_to_others(leaving)
        left, stayed = queued(leaving), queued(staying)
    assert set(left) == {b"before"}
    assert stayed.count(b"after") == SENDERS
    assert left.count(b"before") + stayed.count(b"before") == SENDERS


def queued(skt: socket.socket) -> list[bytes]:
    """Read what a socket has got."""
    got = []
    with suppress(BlockingIOError):
        while True:
            got.append(skt.recv(100))
    return got


def answered(asking: list[socket.socket], quiet: float = 0.5) -> set[socket.socket]:
    """Receive a reply at each that gets one, until nothing comes any more."""
    heard: set[socket.socket] = set()
    while ready := select.select(asking, [], [], quiet)[0]:
        for skt in ready:
            assert skt.recv(100) == b"now"
            heard.add(skt)
    return heard


@pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
async def test_a_service_leaves_its_share_to_the_others_before_it_closes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And only a share: what is its own alone is nobody else's."""
    from twisted.internet import reactor

    left: list[int] = []
    monkeypatch.setattr(service, "leave_to_others", lambda skt: left.append(skt.getsockname()[1]))
    shares = EchoService(
        reactor, [UdpAddress(0, "127.0.0.1", reuse_port=True), UdpAddress(0, "127.0.0.1")]
    )
    shares.startService()
    (_, shared_port), _ = shares.addresses()
    await shares.stopService()
    assert left == [shared_port]


@pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
async def test_a_child_leaves_the_socket_to_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which has the same one: it would be connected, and hear nobody."""
    from twisted.internet import reactor

    left: list[int] = []
    monkeypatch.setattr(service, "leave_to_others", lambda skt: left.append(1))
    shares = EchoService(reactor, [UdpAddress(0, "127.0.0.1", reuse_port=True)])
    shares.startService()
    monkeypatch.setattr(os, "getpid", lambda: 1)  # as after a fork
    await shares.stopService()
    assert left == []


@needs_ipv6
def test_an_ipv6_socket_takes_ipv6_alone() -> None:
    with open_udp("::", 0) as skt:
        assert skt.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1


def test_a_group_is_no_address_of_one_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though connect() takes it, where there is a route to it."""

    class Anywhere:
        def __init__(self, *_: int) -> None:
            self.family = socket.AF_INET

        def __enter__(self) -> Anywhere:
            return self

        def __exit__(self, *_: object) -> None:
            """Close nothing."""

        def connect(self, address: object) -> None:
            """Take any."""

    class Bound:
        family = socket.AF_INET

        def __init__(self, host: str) -> None:
            self.host = host

        def getsockname(self) -> tuple[str, int]:
            return self.host, 7

    monkeypatch.setattr(socket, "socket", Anywhere)
    for host, packed in (("224.0.0.251", None), ("0.0.0.0", None), ("192.0.2.1", b"\xc0\0\2\1")):
        assert sockets.only_address(cast(socket.socket, Bound(host))) == packed
