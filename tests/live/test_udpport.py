"""UdpPort: what can be called on what listen_udp gives, whoever serves it."""
# mypy: disallow-untyped-decorators = False

from __future__ import annotations

import socket
from asyncio import CancelledError
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_twisted  # type: ignore[import-untyped]
from twisted.internet import reactor as installed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, ISystemHandle, IUDPTransport
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import deferLater
from twisted.logger import LogEvent
from zope.interface.verify import verifyObject

from tests.live.conftest import free_port
from udpecho.errors import BadAddress, DatagramTooLong, PortClosed, StockPortOnly, WrongFamily
from udpecho.port import PortCounters, UdpPort, listen_udp
from udpecho.port.listen import STOCK_PORT
from udpecho.port.ownport import OwnPort
from udpecho.port.stock import StockPort
from udpecho.refusal import Refusal
from udpecho.testing import MemoryNetwork

reactor: Any = installed
ALL = ["ours", "stock", "ours in memory", "stock in memory"]
TYPES: list[type[UdpPort]] = [OwnPort, StockPort]  # that they are is for mypy to say


@pytest_twisted.async_yield_fixture(params=ALL)
async def port(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[UdpPort]:
    """Listen with each kind of port, at an address to which it may also write."""
    net = MemoryNetwork()
    listening = listen(request.param, net, monkeypatch)
    yield listening
    closed = listening.stopListening()
    net.advance(1)
    await closed
    net.advance(1)
    again = listening.stopListening()
    net.advance(1)
    await again


def test_all_can_be_called(port: UdpPort) -> None:
    for interface in (IListeningPort, IUDPTransport, ISystemHandle):
        verifyObject(interface, port)
    here = port.getHost()
    assert here.port > 0
    assert port.write(b"abc", (here.host, here.port)) == 3
    assert port.writeSequence([b"a", b"bc"], (here.host, here.port)) == 3
    port.setBroadcastAllowed(True)
    assert port.getBroadcastAllowed()
    assert port.getHandle() is not None
    port.connect(here.host, here.port)


def test_who_hears_may_be_replaced(port: UdpPort) -> None:
    """On what is wrapped, too."""
    anyhow: Any = port
    other = DatagramProtocol()
    first, anyhow.protocol = anyhow.protocol, other
    assert anyhow.protocol is other
    assert getattr(anyhow, "_port", anyhow).protocol is other
    anyhow.maxPacketSize = 7
    assert getattr(anyhow, "_port", anyhow).maxPacketSize == anyhow.maxPacketSize == 7
    anyhow.protocol = first


def test_what_is_not_counted_is_none(port: UdpPort) -> None:
    figures = port.counters()
    ours = isinstance(port, OwnPort)
    assert figures == (PortCounters() if ours else PortCounters(None, None, None, None, None, None))


def test_a_second_peer(port: UdpPort) -> None:
    """Ours takes it; Twisted's can't, and says so by a name."""
    here = port.getHost()
    port.connect(here.host, here.port)
    if isinstance(port, OwnPort):
        port.connect(here.host, here.port)
    else:
        with pytest.raises(StockPortOnly, match="can't be connected again"):
            port.connect(here.host, here.port)


def test_a_misuse_has_one_name(port: UdpPort) -> None:
    here = port.getHost()
    with pytest.raises(BadAddress):
        port.connect("localhost", 9)
    with pytest.raises(BadAddress):
        port.write(b"x", ("localhost", 9))
    with pytest.raises(BadAddress):
        port.write(b"x")
    with pytest.raises(DatagramTooLong):
        port.write(bytes(70000), (here.host, here.port))
    with pytest.raises(BadAddress, match="a port from 1 to 65535"):
        port.connect(here.host, 0)
    assert port.write(b"x", (here.host, here.port)) == 1  # it is not connected
    for wrong in [(None, 9), (5, 9), ([], 9), (), (here.host,), 5, "x", b"x"]:
        address: Any = wrong
        with pytest.raises(BadAddress):
            port.write(b"x", address)
        if isinstance(wrong, tuple) and len(wrong) == 2:
            with pytest.raises(BadAddress):
                port.connect(*address)
    asked: list[Callable[[str, int], object]] = [
        port.connect,
        lambda host, number: port.write(b"x", (host, number)),
    ]
    for ask in asked:
        with pytest.raises(BadAddress, match="a port from 0 to 65535"):
            ask(here.host, 65536)
        with pytest.raises(WrongFamily):
            ask("2001:db8::1", 9)


def test_what_is_not_bytes_is_not_the_address_fault(port: UdpPort) -> None:
    here = port.getHost()
    wrong: list[Any] = ["text", None, 5, [b"x"]]
    for data in wrong:
        with pytest.raises(TypeError):
            port.write(data, (here.host, here.port))
    assert port.write(b"x", (here.host, here.port)) == 1


def test_a_connect_that_fails_is_not_the_only_one(port: UdpPort) -> None:
    here = port.getHost()
    for wrong in ("localhost", "2001:db8::1"):
        with pytest.raises(BadAddress):
            port.connect(wrong, 9)
    if isinstance(port.getHandle(), socket.socket):  # in memory a way is never missing
        with pytest.raises(PermissionError):
            port.connect("255.255.255.255", 9)  # no packet is sent; broadcast is not allowed
    port.connect(here.host, here.port)
    assert port.write(b"x") == 1


KINDS = pytest.mark.parametrize("kind", ALL)


def listen(kind: str, net: MemoryNetwork, monkeypatch: pytest.MonkeyPatch) -> UdpPort:
    """Listen with a port that the test is to close."""
    monkeypatch.setenv(STOCK_PORT, "1" if "stock" in kind else "0")
    if "memory" in kind:
        return listen_udp(net.host("192.0.2.1"), 0, DatagramProtocol(), "192.0.2.1")
    return listen_udp(reactor, 0, DatagramProtocol(), "127.0.0.1")


@KINDS
@pytest_twisted.ensureDeferred
async def test_who_stops_it_again_hears_when_it_is_closed(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = MemoryNetwork()
    port = listen(kind, net, monkeypatch)
    port.loseConnection()
    stops = [port.stopListening(), port.stopListening()]
    net.advance(1)
    for stop in [*stops, port.stopListening()]:
        net.advance(1)
        await stop.addTimeout(2, reactor)


@KINDS
@pytest_twisted.ensureDeferred
async def test_a_closed_port_says_so(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows its last address; what it can't do any more is refused by one name."""
    net = MemoryNetwork()
    port = listen(kind, net, monkeypatch)
    here = port.getHost()
    closed = port.stopListening()
    net.advance(1)
    await closed
    assert port.getHost() == here
    assert port.getHandle().fileno() == -1
    asked: list[Callable[[], object]] = [
        lambda: port.write(b"x", (here.host, 9)),
        lambda: port.writeSequence([b"x"], (here.host, 9)),
        lambda: port.connect(here.host, 9),
        lambda: port.setBroadcastAllowed(True),
        port.getBroadcastAllowed,
    ]
    for ask in asked:
        with pytest.raises(PortClosed):
            ask()


@pytest_twisted.ensureDeferred
async def test_a_port_of_ours_listens_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a stop it opens another socket, as Twisted's does: here at the port that it had."""
    monkeypatch.setenv(STOCK_PORT, "0")
    first = listen_udp(reactor, 0, DatagramProtocol(), "127.0.0.1")
    number = first.getHost().port
    await first.stopListening()
    port: Any = listen_udp(reactor, number, DatagramProtocol(), "127.0.0.1")
    for _ in range(2):
        await port.stopListening()
        port.startListening()
        assert port.getHost().port == number
        assert port.write(b"x", ("127.0.0.1", number)) == 1
    await port.stopListening()


@KINDS
@pytest_twisted.ensureDeferred
async def test_a_port_that_listens_does_not_listen_twice(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays as it is, whoever serves it."""
    net = MemoryNetwork()
    port: Any = listen(kind, net, monkeypatch)
    here = port.getHost()
    with pytest.raises(CannotListenError if "ours" in kind else StockPortOnly):
        port.startListening()
    assert port.getHost() == here
    assert port.write(b"x", (here.host, here.port)) == 1
    closed = port.stopListening()
    net.advance(1)
    await closed


@pytest_twisted.ensureDeferred
async def test_twisteds_does_not_listen_again(monkeypatch: pytest.MonkeyPatch) -> None:
    port: Any = listen("stock", MemoryNetwork(), monkeypatch)
    await port.stopListening()
    with pytest.raises(StockPortOnly, match="can't listen again"):
        port.startListening()


class Restless(DatagramProtocol):
    """Listens again as soon as it is stopped, a few times."""

    port: Any
    left = 2

    def stopProtocol(self) -> None:
        self.left -= 1
        if self.left >= 0:
            self.port.startListening()


@pytest_twisted.ensureDeferred
async def test_it_may_listen_again_when_it_hears_that_it_was_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It has another socket then, which the end of the first one leaves alone."""
    monkeypatch.setenv(STOCK_PORT, "0")
    protocol = Restless()
    protocol.port = port = listen_udp(reactor, 0, protocol, "127.0.0.1")
    for _ in range(2):
        await port.stopListening()
        here = port.getHost()
        assert port.write(b"x", (here.host, here.port)) == 1
    await port.stopListening()
    with pytest.raises(PortClosed):
        port.write(b"x", (here.host, here.port))


class Failing(DatagramProtocol):
    """Raises, from all that it is told, what is not even an Exception."""

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        raise CancelledError

    def peerRefused(self, refusal: Refusal) -> None:
        raise CancelledError

    def datagramNotSent(self, data: bytes, addr: object, error: OSError) -> None:
        raise CancelledError

    def stopProtocol(self) -> None:
        raise CancelledError


@pytest_twisted.ensureDeferred
async def test_what_a_hook_raises_closes_nothing(
    monkeypatch: pytest.MonkeyPatch, no_leaks: list[LogEvent]
) -> None:
    """As with Twisted's port; and whoever waits for the end of it hears of that."""
    monkeypatch.setenv(STOCK_PORT, "0")
    port = listen_udp(reactor, 0, Failing(), "127.0.0.1")
    here = port.getHost()
    for number in (here.port, 0, free_port(), 0):
        port.write(b"x", ("127.0.0.1", number))
        await deferLater(reactor, 0.05)
    assert port.counters().not_sent == {"EINVAL": 2}
    await port.stopListening().addTimeout(2, reactor)
    raised = [event["log_failure"].type for event in no_leaks]
    no_leaks.clear()
    assert raised == [CancelledError] * 5


@pytest_twisted.ensureDeferred
async def test_a_refusal_that_closes_twisteds_as_it_stops_is_no_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(STOCK_PORT, "1")
    port: Any = listen_udp(reactor, 0, DatagramProtocol(), "127.0.0.1")
    stopped = port.stopListening()
    reactor.callLater(0, port._port.connectionLost)  # as its doRead does on some of ICMP's codes
    assert await stopped.addTimeout(2, reactor) is None
