"""Sockets that someone else opened, and what they may have been told."""
# mypy: disallow-untyped-decorators = False

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted  # type: ignore[import-untyped]
from twisted.internet import reactor as installed
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from tests.live.conftest import bound, free_port, needs_ipv6, needs_our_port, needs_root
from udpecho.port import Address, adopt_udp
from udpecho.server import EchoServer

reactor: Any = installed

pytestmark = needs_our_port("it takes what it is given")

IPV6_ALL = (2, 3, 4, 5, 8, 11, 25, 31, 49, 51, 53, 56, 58, 60, 66, 74, 77)
"""What an IPv6 socket can be told to say of each datagram (linux/in6.h)."""

OPTIONS = {
    "all that there is": [
        *[(socket.IPPROTO_IP, option) for option in (6, 7, 11, 18, 20, 23, 25, 26)],
        *[(socket.IPPROTO_IPV6, option) for option in IPV6_ALL],
        *[(socket.SOL_SOCKET, option) for option in (29, 34, 35, 40, 75, 82)],
    ],
    "the error queue": [(socket.IPPROTO_IP, 11), (socket.IPPROTO_IPV6, 25)],
    "IPv6's way": [(socket.IPPROTO_IPV6, option) for option in (53, 56, 58, 60)],
    "IPv6 as of 1998": [(socket.IPPROTO_IPV6, option) for option in (2, 3, 4, 5, 8)],
    "trains": [(17, 104)],
    "segments of 1 byte": [(17, 103)],
    "a cork": [(17, 1)],
}
STAMPS = socket.SOL_SOCKET, 37, (1 << 1) | (1 << 3) | (1 << 4) | (1 << 7) | (1 << 11)
"""SO_TIMESTAMPING of departures and arrivals, on the error queue."""


class Notebook(DatagramProtocol):
    """Notes what it hears, and answers."""

    noisy = False

    def __init__(self) -> None:
        self.heard: list[tuple[bytes, int]] = []
        self.refused = 0

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        assert isinstance(addr, Address)
        self.heard.append((datagram, addr.ttl))
        self.transport.write(datagram, addr)  # type: ignore[union-attr]

    def connectionRefused(self) -> None:
        self.refused += 1


@pytest.fixture(params=["127.0.0.1", pytest.param("::1", marks=needs_ipv6)], ids=["IPv4", "IPv6"])
def given(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    with bound(request.param) as skt:
        yield skt


def tell(skt: socket.socket, name: str) -> None:
    """Set options, those that this kernel has."""
    for level, option in OPTIONS[name]:
        with suppress(OSError):
            skt.setsockopt(level, option, 1)


def ask(address: tuple[str, int]) -> list[bytes]:
    with bound(address[0]) as skt:
        skt.connect(address)
        for data in (b"first", b"second"):
            skt.send(data)
        return [skt.recv(100), skt.recv(100)]


@pytest.mark.parametrize("kind", [Notebook, EchoServer])
@pytest.mark.parametrize("name", OPTIONS)
@pytest_twisted.ensureDeferred
async def test_what_a_parent_told_it_is_off(
    name: str, kind: type[DatagramProtocol], given: socket.socket
) -> None:
    tell(given, name)
    port = adopt_udp(reactor, given.fileno(), kind())
    assert await deferToThread(ask, given.getsockname()) == [b"first", b"second"]
    await port.stopListening()


@pytest.mark.parametrize("kind", [Notebook, EchoServer])
@pytest_twisted.ensureDeferred
async def test_what_someone_tells_it_later_is_off_again(
    kind: type[DatagramProtocol], given: socket.socket
) -> None:
    """Where the kernel then says more than there is room for: or TTLs would be cut off."""
    protocol = kind()
    port = adopt_udp(reactor, given.fileno(), protocol)
    tell(given, "all that there is")
    given.setsockopt(*STAMPS)
    assert await deferToThread(ask, given.getsockname()) == [b"first", b"second"]
    assert await deferToThread(ask, given.getsockname()) == [b"first", b"second"]
    if isinstance(protocol, Notebook):
        assert protocol.heard == [(b"first", 64), (b"second", 64)] * 2
    await port.stopListening()


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("stamps", [False, True], ids=["the error queue", "stamps"])
@pytest_twisted.ensureDeferred
async def test_no_queue_of_errors_keeps_the_reactor_busy(
    stamps: bool, late: bool, given: socket.socket
) -> None:
    """Whoever turned it on, and whenever."""
    is_ipv6 = given.family == socket.AF_INET6
    queue = (socket.IPPROTO_IPV6, 25, 1) if is_ipv6 else (socket.IPPROTO_IP, 11, 1)
    option = STAMPS if stamps else queue
    if not late:
        given.setsockopt(*option)
    protocol = Notebook()
    port: Any = adopt_udp(reactor, given.fileno(), protocol)
    if late:
        given.setsockopt(*option)
    turns, turn = [0], port.doRead

    def counted() -> None:
        turns[0] += 1
        turn()

    port.doRead = counted
    for _ in range(3):
        port.write(b"x", (given.getsockname()[0], free_port()))
        await deferLater(reactor, 0.02)
    await deferLater(reactor, 0.1)
    assert turns[0] < 30
    assert protocol.refused == 0, "it is not connected"
    await port.stopListening()


IPPROTO_UDPLITE = 136


@contextmanager
def ping_sockets_allowed() -> Iterator[None]:
    """Be in a network of this thread's own, in which anyone may open ICMP sockets (icmp(7))."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net") as home:
        if libc.unshare(0x40000000):  # CLONE_NEWNET
            pytest.skip(f"no namespace of our own: {os.strerror(ctypes.get_errno())}")
        try:
            Path("/proc/sys/net/ipv4/ping_group_range").write_text("0 2147483647")
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            yield
        finally:
            libc.setns(home.fileno(), 0x40000000)


def opened(family: int, protocol: int) -> socket.socket:
    try:
        return socket.socket(family, socket.SOCK_DGRAM, protocol)
    except OSError:
        if protocol != IPPROTO_UDPLITE:
            raise
        pytest.skip("this kernel has no UDP-Lite")


@needs_root
@pytest.mark.parametrize(
    ("family", "protocol"),
    [
        (socket.AF_INET, socket.IPPROTO_ICMP),
        (socket.AF_INET6, socket.IPPROTO_ICMPV6),
        (socket.AF_INET, IPPROTO_UDPLITE),
        (socket.AF_INET6, IPPROTO_UDPLITE),
    ],
    ids=["ICMP", "ICMPv6", "UDP-Lite", "UDP-Lite over IPv6"],
)
def test_what_is_no_plain_udp_socket_is_refused_in_one_line(family: int, protocol: int) -> None:
    """A ping socket and one of UDP-Lite are datagram sockets, bound to a port, too."""
    with ping_sockets_allowed(), opened(family, protocol) as skt:
        skt.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        with pytest.raises(ValueError, match="not a UDP socket, but of protocol") as caught:
            adopt_udp(reactor, skt.fileno(), Notebook())
        assert "\n" not in str(caught.value)
        assert skt.fileno() >= 0, "it stays the caller's"
