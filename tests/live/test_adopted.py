"""Sockets that someone else opened, and what they may have been told."""
# mypy: disallow-untyped-decorators = False

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import pytest_twisted  # type: ignore[import-untyped]
from twisted.internet import reactor as installed
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from tests.live.conftest import free_port, needs_our_port
from udpecho.port import Address, adopt_udp
from udpecho.server import EchoServer

reactor: Any = installed

pytestmark = needs_our_port("it takes what it is given")

OPTIONS = {
    "all that there is": [
        *[(socket.IPPROTO_IP, option) for option in (6, 7, 11, 18, 20, 23, 25, 26)],
        *[(socket.SOL_SOCKET, option) for option in (29, 34, 35, 40, 75, 82)],
    ],
    "the error queue": [(socket.IPPROTO_IP, 11)],
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


@pytest.fixture
def given() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as skt:
        skt.bind(("127.0.0.1", 0))
        yield skt


def tell(skt: socket.socket, name: str) -> None:
    """Set options, those that this kernel has."""
    for level, option in OPTIONS[name]:
        with suppress(OSError):
            skt.setsockopt(level, option, 1)


def ask(address: tuple[str, int]) -> list[bytes]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as skt:
        skt.settimeout(2)
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
    option = STAMPS if stamps else (socket.IPPROTO_IP, 11, 1)
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
        port.write(b"x", ("127.0.0.1", free_port()))
        await deferLater(reactor, 0.02)
    await deferLater(reactor, 0.1)
    assert turns[0] < 30
    assert protocol.refused == 0, "it is not connected"
    await port.stopListening()
