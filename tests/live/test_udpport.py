"""UdpPort: what can be called on what listen_udp gives, whoever serves it."""
# mypy: disallow-untyped-decorators = False

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_twisted  # type: ignore[import-untyped]
from twisted.internet import reactor as installed
from twisted.internet.interfaces import IListeningPort, ISystemHandle, IUDPTransport
from twisted.internet.protocol import DatagramProtocol
from zope.interface.verify import verifyObject

from udpecho.errors import BadAddress, DatagramTooLong, PortClosed, StockPortOnly
from udpecho.port import PortCounters, UdpPort, listen_udp
from udpecho.port.kernelport import KernelPort
from udpecho.port.listen import STOCK_PORT
from udpecho.port.stock import StockPort
from udpecho.testing import MemoryNetwork

reactor: Any = installed
TYPES: list[type[UdpPort]] = [KernelPort, StockPort]  # that they are is for mypy to say


@pytest_twisted.async_yield_fixture(params=["ours", "stock", "memory"])
async def port(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[UdpPort]:
    """Listen with each kind of port, at an address to which it may also write."""
    monkeypatch.setenv(STOCK_PORT, "1" if request.param == "stock" else "0")
    net = MemoryNetwork()
    where = net.host("192.0.2.1") if request.param == "memory" else reactor
    host = "192.0.2.1" if request.param == "memory" else "127.0.0.1"
    listening = listen_udp(where, 0, DatagramProtocol(), host)
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


def test_what_is_not_counted_is_none(port: UdpPort) -> None:
    figures = port.counters()
    ours = isinstance(port, KernelPort)
    assert figures == (PortCounters() if ours else PortCounters(None, None, None, None, None, None))


def test_a_second_peer(port: UdpPort) -> None:
    """Ours takes it; Twisted's can't, and says so by a name."""
    here = port.getHost()
    port.connect(here.host, here.port)
    if isinstance(port, KernelPort):
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


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("stock", ["0", "1"])
async def test_a_closed_port_says_so(stock: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STOCK_PORT, stock)
    port = listen_udp(reactor, 0, DatagramProtocol(), "127.0.0.1")
    await port.stopListening()
    with pytest.raises(PortClosed):
        port.write(b"x", ("127.0.0.1", 9))
    with pytest.raises(PortClosed):
        port.connect("127.0.0.1", 9)
