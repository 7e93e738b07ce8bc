"""Where reactor.listenUDP stood, listen_udp stands, and what was written for it goes on working."""
# mypy: disallow-untyped-decorators = False

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any
from unittest.mock import MagicMock, Mock

import pytest
import pytest_twisted  # type: ignore[import-untyped]
from twisted.internet import reactor as installed
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import deferLater
from twisted.logger import LogEvent

from udpecho.port import UdpPort, listen_udp

reactor: Any = installed

PATIENCE = 2.0
"""Seconds to wait for what must come."""

Listen = Callable[..., UdpPort]


@pytest_twisted.async_yield_fixture()
async def listen() -> AsyncIterator[Listen]:
    """Listen on loopback until the test ends."""
    ports: list[UdpPort] = []

    def listen_on(protocol: Any, interface: str = "127.0.0.1", **options: Any) -> UdpPort:
        ports.append(listen_udp(reactor, 0, protocol, interface, **options))
        return ports[-1]

    yield listen_on
    for port in ports:
        await port.stopListening()


async def until(happened: Callable[[], bool]) -> None:
    """Let the reactor run until something has happened."""
    end = reactor.seconds() + PATIENCE
    while not happened():
        assert reactor.seconds() < end, "it did not happen"
        await deferLater(reactor, 0.005)


def send(port: UdpPort, *datagrams: bytes) -> None:
    """Send datagrams to a port, from a socket of their own."""
    here = port.getHost()
    family = socket.AF_INET6 if ":" in here.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as skt:
        for data in datagrams:
            skt.sendto(data, (here.host, here.port))


class Notebook(DatagramProtocol):
    """Notes what it hears."""

    noisy = False

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        self.heard.append(datagram)


class CatchAll(Notebook):
    """Has an attribute of any name, as rpcudp's protocol has, which makes calls of them."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *_: self.heard.append(name.encode())


class Proxy:
    """Has what another has."""

    def __init__(self, other: object) -> None:
        self._other = other

    def __getattr__(self, name: str) -> Any:
        return getattr(self._other, name)


@pytest_twisted.ensureDeferred
async def test_a_protocol_that_has_any_attribute_hears_datagrams(listen: Listen) -> None:
    protocol = CatchAll()
    send(listen(protocol), b"x")
    await until(lambda: bool(protocol.heard))
    assert protocol.heard == [b"x"]


@pytest.mark.parametrize("kind", [Mock, MagicMock])
@pytest_twisted.ensureDeferred
async def test_a_mock_is_called_as_on_twisted_s_port(kind: type[Mock], listen: Listen) -> None:
    protocol = kind()
    send(listen(protocol), b"x")
    await until(lambda: bool(protocol.datagramReceived.call_args))
    assert protocol.datagramReceived.call_args.args[0] == b"x"
    assert not protocol.batchReceived.called


@pytest_twisted.ensureDeferred
async def test_a_proxy_stands_for_a_protocol(listen: Listen) -> None:
    protocol = Notebook()
    send(listen(Proxy(protocol)), b"x")
    await until(lambda: bool(protocol.heard))


@pytest_twisted.ensureDeferred
async def test_a_hook_may_be_set_after_listening(listen: Listen) -> None:
    """As a Python object's method may be replaced at any time."""
    protocol: Any = Notebook()
    heard: list[bytes] = []
    port = listen(protocol)
    protocol.datagramReceived = lambda data, addr: heard.append(data)
    send(port, b"x")
    await until(lambda: bool(heard))
    assert protocol.heard == []


@pytest.mark.parametrize("raises", [ValueError, asyncio.CancelledError, SystemExit])
@pytest_twisted.ensureDeferred
async def test_what_a_hook_raises_costs_one_datagram(
    raises: type[BaseException], listen: Listen, no_leaks: list[LogEvent]
) -> None:
    class Fails(Notebook):
        def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
            super().datagramReceived(datagram, addr)
            if datagram == b"1":
                raise raises

        def stopProtocol(self) -> None:
            raise raises

    protocol = Fails()
    port = listen(protocol)
    send(port, b"0", b"1", b"2")
    await until(lambda: len(protocol.heard) == 3)
    await port.stopListening()
    assert port.getHandle().fileno() == -1
    assert [event["log_failure"].type for event in no_leaks] == [raises, raises]
    no_leaks.clear()
