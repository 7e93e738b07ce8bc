"""Where reactor.listenUDP stood, listen_udp stands, and what was written for it goes on working."""
# mypy: disallow-untyped-decorators = False

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from array import array
from collections.abc import AsyncIterator, Callable
from typing import Any
from unittest.mock import MagicMock, Mock

import pytest
import pytest_twisted  # type: ignore[import-untyped]
from twisted.internet import reactor as installed
from twisted.internet.interfaces import (
    IListeningPort,
    ILoggingContext,
    IPushProducer,
    ISystemHandle,
    IUDPTransport,
)
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import deferLater
from twisted.internet.udp import Port
from twisted.logger import LogEvent
from twisted.python import log
from zope.interface.verify import verifyObject

from tests.live.conftest import needs_our_port
from tests.live.program import environment
from udpecho.port import UdpPort, listen_udp
from udpecho.port.listen import STOCK_PORT

reactor: Any = installed

PATIENCE = 2.0
"""Seconds to wait for what must come."""

Listen = Callable[..., UdpPort]

pytestmark = needs_our_port("it is what ours is compared with")


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


STREAMS = {
    "SEND_LIMIT", "bufferSize", "dataBuffer", "doWrite", "getPeer", "loseWriteConnection", "offset",
    "producer", "producerPaused", "readConnectionLost", "registerProducer", "startWriting",
    "stopConsuming", "stopWriting", "streamingProducer", "unregisterProducer",
    "writeConnectionLost", "writeSomeData",
}  # fmt: skip
"""What Twisted's port inherits from what sends streams, and can't mean anything for datagrams."""

MAKES_SOCKETS = {"createInternetSocket"}
"""What is for subclasses of Twisted's port to override."""


@pytest_twisted.ensureDeferred
async def test_it_has_what_twisted_s_port_has(listen: Listen) -> None:
    """Its interfaces and public attributes, but for those of streams: see docs/port.md."""
    port: Any = listen(Notebook())
    verifyObject(IListeningPort, port)
    verifyObject(IUDPTransport, port)
    verifyObject(ISystemHandle, port)
    verifyObject(IPushProducer, port)
    verifyObject(ILoggingContext, port)
    stock = reactor.listenUDP(0, Notebook(), "127.0.0.1")
    public = {name for name in dir(stock) if not name.startswith("_")}
    missing = {name for name in public if not hasattr(port, name)}
    assert isinstance(stock, Port)
    assert missing == (STREAMS | MAKES_SOCKETS) & public
    await stock.stopListening()


@pytest_twisted.ensureDeferred
async def test_its_attributes_say_what_twisted_s_do(listen: Listen) -> None:
    protocol = Notebook()
    port: Any = listen(protocol, maxPacketSize=100)
    stock: Any = reactor.listenUDP(0, Notebook(), "127.0.0.1", 100)
    assert port.protocol is protocol
    for name in (
        "port", "interface", "maxPacketSize", "reactor", "addressFamily", "socketType",
        "logstr", "disconnected", "disconnecting",
    ):  # fmt: skip
        assert getattr(port, name) == getattr(stock, name), name
    assert bool(port.connected) is bool(stock.connected)
    assert port.socket is port.getHandle()
    assert isinstance(port.socket, socket.socket)
    await stock.stopListening()
    await port.stopListening()
    assert (bool(port.connected), bool(port.disconnected)) == (False, True)


@pytest_twisted.ensureDeferred
async def test_protocol_and_longest_datagram_may_be_changed(listen: Listen) -> None:
    first, second = Notebook(), Notebook()
    port: Any = listen(first)
    send(port, b"xxx")
    await until(lambda: len(first.heard) == 1)
    port.protocol = second
    second.makeConnection(port)
    first.doStop()
    port.maxPacketSize = 2
    send(port, b"yyy", b"zz")
    await until(lambda: second.heard == [b"zz"])
    assert (first.heard, port.counters().too_long) == ([b"xxx"], 1)


@pytest_twisted.ensureDeferred
async def test_its_lines_in_the_log_are_twisted_s(listen: Listen) -> None:
    said: list[str] = []

    def observe(event: dict[str, Any]) -> None:
        said.extend(event["message"])

    class Named(DatagramProtocol):
        def logPrefix(self) -> str:
            return "Someone"

    log.addObserver(observe)
    try:
        port: Any = listen(Named())
        number = port.getHost().port
        assert port.logPrefix() == "Someone (UDP)"
        await port.stopListening()
    finally:
        log.removeObserver(observe)
    lines = [line for line in said if "Someone" in line or "UDP Port" in line]
    assert lines == [f"Someone starting on {number}", f"(UDP Port {number} Closed)"]


@pytest_twisted.ensureDeferred
async def test_who_is_not_noisy_is_silent(listen: Listen) -> None:
    said: list[str] = []

    def observe(event: dict[str, Any]) -> None:
        said.extend(event["message"])

    log.addObserver(observe)
    try:
        await listen(Notebook()).stopListening()
    finally:
        log.removeObserver(observe)
    assert said == []


ADDRESSES = {
    "a list": lambda host, port: [host, port],
    "bytes": lambda host, port: (host.encode(), port),
}
IPV6_ADDRESSES = {
    **ADDRESSES,
    "with a flow label": lambda host, port: (host, port, 0),
    "with a scope": lambda host, port: (host, port, 0, socket.if_nametoindex("lo")),
}


@pytest.mark.parametrize("form", IPV6_ADDRESSES)
@pytest_twisted.ensureDeferred
async def test_an_address_may_have_any_form_that_a_socket_takes(form: str, listen: Listen) -> None:
    for interface in ("127.0.0.1", "::1") if form in ADDRESSES else ("::1",):
        protocol = Notebook()
        port = listen(protocol, interface)
        here = port.getHost()
        address: Any = IPV6_ADDRESSES[form](here.host, here.port)
        assert listen(Notebook(), interface).write(b"x", address) == 1
        await until(lambda heard=protocol.heard: heard == [b"x"])  # type: ignore[misc]


@pytest.mark.parametrize(
    "data",
    [
        b"\1\0\2\0",
        bytearray(b"\1\0\2\0"),
        memoryview(b"x\1\0\2\0")[1:],
        array("H", [1, 2]),
        array("I", [131073]),
    ],
    ids=lambda data: type(data).__name__,
)
@pytest_twisted.ensureDeferred
async def test_data_may_be_whatever_has_bytes(data: Any, listen: Listen) -> None:
    """What write() returns is how many bytes they are."""
    protocol = Notebook()
    port = listen(protocol)
    here = port.getHost()
    assert listen(Notebook()).write(data, (here.host, here.port)) == 4
    await until(lambda: protocol.heard == [b"\1\0\2\0"])


@pytest.mark.parametrize("data", ["text", None, 5, [1, 2]])
@pytest_twisted.ensureDeferred
async def test_what_has_no_bytes_is_a_type_error(data: Any, listen: Listen) -> None:
    port = listen(Notebook())
    with pytest.raises(TypeError, match="a bytes-like object is required"):
        port.write(data, ("127.0.0.1", 9))


@pytest.mark.parametrize(
    "names", [("pauseProducing", "resumeProducing"), ("stopReading", "startReading")]
)
@pytest_twisted.ensureDeferred
async def test_what_comes_while_it_is_paused_waits(names: tuple[str, str], listen: Listen) -> None:
    protocol = Notebook()
    port: Any = listen(protocol)
    getattr(port, names[0])()
    send(port, b"0", b"1")
    await deferLater(reactor, 0.05)
    assert protocol.heard == []
    getattr(port, names[1])()
    await until(lambda: protocol.heard == [b"0", b"1"])


class Pauses(Notebook):
    """Pauses at each datagram."""

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        super().datagramReceived(datagram, addr)
        self.transport.pauseProducing()  # type: ignore[union-attr]


@pytest_twisted.ensureDeferred
async def test_after_a_pause_not_one_more_is_delivered(listen: Listen) -> None:
    """Of what was received together, the rest waits, too, and keeps its order."""
    protocol = Pauses()
    port = listen(protocol)
    sent = [b"%d" % number for number in range(6)]
    send(port, *sent)
    for heard in range(1, 6):
        await deferLater(reactor, 0.02)
        assert protocol.heard == sent[:heard]
        port.resumeProducing()
        if heard == 3:
            send(port, b"later")
    await until(lambda: len(protocol.heard) == 6)
    port.resumeProducing()
    await until(lambda: protocol.heard == [*sent, b"later"])


@pytest_twisted.ensureDeferred
async def test_a_paused_port_that_stops_delivers_nothing(listen: Listen) -> None:
    protocol = Notebook()
    port = listen(protocol)
    port.pauseProducing()
    send(port, b"0")
    await deferLater(reactor, 0.02)
    await port.stopListening()
    assert protocol.heard == []
    port.resumeProducing()


@pytest_twisted.ensureDeferred
async def test_what_is_held_when_it_stops_is_not_delivered(listen: Listen) -> None:
    protocol = Pauses()
    port = listen(protocol)
    send(port, b"0", b"1")
    await until(lambda: protocol.heard == [b"0"])
    await port.stopListening()
    assert protocol.heard == [b"0"]


class PausesAtStart(Notebook):
    def startProtocol(self) -> None:
        self.transport.pauseProducing()  # type: ignore[union-attr]


@pytest_twisted.ensureDeferred
async def test_it_may_be_paused_from_its_start(listen: Listen) -> None:
    protocol = PausesAtStart()
    port = listen(protocol)
    send(port, b"0")
    await deferLater(reactor, 0.02)
    assert protocol.heard == []
    port.resumeProducing()
    await until(lambda: protocol.heard == [b"0"])


BEFORE = """
import socket
from twisted.internet import reactor
from twisted.internet.protocol import DatagramProtocol
from udpecho import listen_udp

there = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
there.bind(("127.0.0.1", 0))
there.settimeout(2)


class Writes(DatagramProtocol):
    def startProtocol(self):
        for number in range(200):
            self.transport.write(b"%d" % number, there.getsockname())


listen_udp(reactor, 0, Writes(), "127.0.0.1")
assert [there.recv(9) for _ in range(200)] == [b"%d" % number for number in range(200)]
"""


def python_is_content(program: str, *arguments: str, **extra: str) -> str:
    """Run a program that asserts what it wants, in a Python of its own."""
    command, env = [sys.executable, "-c", program, *arguments], environment(**extra)
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_is_written_before_the_reactor_runs_leaves() -> None:
    """Also if the reactor never runs."""
    python_is_content(BEFORE)


SCARCE = """
import json, os, resource, select, socket, sys
from errno import ENOMEM, ENOSPC
from types import SimpleNamespace
from twisted.internet import %sreactor as chosen
chosen.install()
from twisted.internet import reactor
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol
from udpecho import EchoServer, adopt_udp, listen_udp
from udpecho.kernel import wake

reactor.iterate(0)
listen_udp(reactor, 0, EchoServer(), "127.0.0.1").connectionLost()  # all is imported now
given = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
given.bind(("127.0.0.1", 0))


def opened():
    return sorted(os.listdir("/proc/self/fd"))


def descriptors(most):
    holes = sorted(set(range(max(map(int, opened())) + 1)) - set(map(int, opened())))
    holes = [os.dup(0) for _ in holes]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, opened())) + most, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    for hole in holes:
        os.close(hole)


def calls(number):
    def scarce(most):
        left = [most]

        def counted(call):
            def counting(*arguments):
                left[0] -= 1
                if left[0] < 0:
                    raise OSError(number, os.strerror(number))
                return call(*arguments)
            return counting

        class Epoll:
            def __init__(self):
                self.epoll = select.epoll()
                self.register = counted(self.epoll.register)

            def __getattr__(self, name):
                return getattr(self.epoll, name)

        wake.select, adding = SimpleNamespace(epoll=Epoll), reactor.addReader
        reactor.addReader = counted(adding)
        yield
        wake.select, reactor.addReader = select, adding
    return scarce


hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
scarcity = {"descriptors": descriptors, "room": calls(ENOSPC), "memory": calls(ENOMEM)}[sys.argv[1]]
outcomes = {}
for name, listen in {
    "plain": lambda: listen_udp(reactor, 0, DatagramProtocol(), "127.0.0.1"),
    "batches": lambda: listen_udp(reactor, 0, EchoServer(), "127.0.0.1"),
    "adopted": lambda: adopt_udp(reactor, given.fileno(), EchoServer()),
}.items():
    outcomes[name] = []
    for most in range(6):
        before, readers = opened(), len(reactor.getReaders())
        for _ in scarcity(most):
            try:
                port = listen()
            except CannotListenError:
                outcomes[name].append(False)
            else:
                getattr(port, "_port", port).connectionLost()
                outcomes[name].append(True)
        assert opened() == before, (name, most, opened(), before)
        assert len(reactor.getReaders()) == readers
print(json.dumps(outcomes))
"""


@pytest.mark.parametrize("kind", ["select", "poll", "epoll", "asyncio"])
@pytest.mark.parametrize("scarce", ["descriptors", "room", "memory"])
@pytest.mark.parametrize("stock", ["0", "1"], ids=["our port", "Twisted's port"])
def test_where_there_is_no_room_nothing_is_left_open(stock: str, scarce: str, kind: str) -> None:
    """CannotListenError, wherever on the way it happens: none is free, or none in an epoll."""
    said = python_is_content(SCARCE % kind, scarce, **{STOCK_PORT: stock})
    for outcome in json.loads(said).values():
        assert outcome == sorted(outcome), "with more to spare it works"
        assert (outcome[0], outcome[-1]) == (False, True)


class FailsToStart(Notebook):
    def startProtocol(self) -> None:
        raise KeyError("from a test")


class FailsToSayItsName(Notebook):
    def logPrefix(self) -> str:
        raise KeyError("from a test")


@pytest.mark.parametrize("kind", [FailsToStart, FailsToSayItsName])
@pytest_twisted.ensureDeferred
async def test_what_is_raised_at_the_start_is_the_caller_s_and_leaves_nothing_open(
    kind: type[Notebook],
) -> None:
    before, opened = set(reactor.getReaders()), sorted(os.listdir("/proc/self/fd"))
    with pytest.raises(KeyError):
        listen_udp(reactor, 0, kind(), "127.0.0.1")
    assert set(reactor.getReaders()) == before
    assert sorted(os.listdir("/proc/self/fd")) == opened
