"""Which hooks of ours a protocol has, and that each is asked for when it is called."""

from __future__ import annotations

import copy
import gc
import json
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, cast
from unittest.mock import MagicMock, Mock

import pytest
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from zope.interface import alsoProvides, implementer

from udpecho.guard import Guard
from udpecho.port import IBatchProtocol, PortCounters, listen_udp
from udpecho.port.hooks import ErrorCounts, check_hooks, has_hook, teller_of_not_sent
from udpecho.refusal import Refusal
from udpecho.server import EchoServer
from udpecho.testing import MemoryNetwork

OURS = ("batchReceived", "takesTrains", "peerRefused", "errorsReceived", "datagramNotSent")


class Current(DatagramProtocol):
    def peerRefused(self, refusal: Refusal) -> None:
        """Take what it is given."""


class Optional(DatagramProtocol):
    def peerRefused(self, refusal: Refusal, more: int = 0) -> None:
        """Take what it is given."""


class Past(DatagramProtocol):
    def peerRefused(self, peer: tuple[str, int], data: bytes, errno: int) -> None:
        """Take three things, as was right once."""


class PastByDefault(DatagramProtocol):
    def peerRefused(self, peer: tuple[str, int], data: bytes = b"", errno: int = 0) -> None:
        """Take three things, or a refusal for its peer."""


class Inherits(Current):
    """Has what its base has."""


class SaysNone(Current):
    """Has it no more."""

    peerRefused = None  # type: ignore[assignment]


class CatchAll(DatagramProtocol):
    """Has an attribute of any name, as rpcudp's protocol has."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *_: None


class CatchAllAlone:
    """Has any attribute, those of zope.interface too, and is no DatagramProtocol."""

    def __getattr__(self, name: str) -> Any:
        return self

    def __call__(self, *_: object) -> CatchAllAlone:
        return self


class Meta(type):
    """Classes of it have any attribute."""

    def __getattr__(cls, name: str) -> int:
        return 1


class OfMeta(DatagramProtocol, metaclass=Meta):
    """Its class has all that is asked for, and defines nothing."""


class Proxy:
    """Has what another has."""

    def __init__(self, other: object) -> None:
        self._other = other

    def __getattr__(self, name: str) -> Any:
        return getattr(self._other, name)


@implementer(IBatchProtocol)
class Provides(CatchAll):
    """Says that it has what it is asked for."""


def provider(**hooks: object) -> DatagramProtocol:
    """Make a protocol that has hooks on the instance, and says so."""
    protocol = DatagramProtocol()
    vars(protocol).update(hooks)
    alsoProvides(protocol, IBatchProtocol)
    return protocol


@pytest.mark.parametrize(
    ("protocol", "has"),
    [
        (DatagramProtocol(), ()),
        (Current(), ("peerRefused",)),
        (Inherits(), ("peerRefused",)),
        (SaysNone(), ()),
        (EchoServer(), ("batchReceived", "takesTrains")),
        (CatchAll(), ()),
        (CatchAllAlone(), ()),
        (OfMeta(), ()),
        (Mock(), ()),
        (MagicMock(), ()),
        (Mock(spec=EchoServer), ()),
        (Mock(wraps=Current()), ()),
        (Proxy(Current()), ()),
        (Proxy(provider(peerRefused=print)), ("peerRefused",)),
        (provider(batchReceived=print), ("batchReceived",)),
        (Provides(), OURS),
    ],
)
def test_our_hooks_are_the_class_s_or_declared(protocol: object, has: tuple[str, ...]) -> None:
    assert {name for name in OURS if has_hook(protocol, name)} == set(has)


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """Gather what is logged of ours, in words."""
    events: list[str] = []

    def note(event: LogEvent) -> None:
        if str(event.get("log_namespace")).startswith("udpecho."):
            events.append(str(event["log_format"]).format(**event))

    observer = cast(ILogObserver, note)
    globalLogPublisher.addObserver(observer)
    yield events
    globalLogPublisher.removeObserver(observer)


def test_a_hook_that_does_not_count_is_told(logged: list[str]) -> None:
    """Once, when it listens: who set it on the object alone would wait for it in vain."""
    protocol = DatagramProtocol()
    protocol.batchReceived = print  # type: ignore[attr-defined]
    listen_udp(MemoryNetwork().host("192.0.2.1"), 7, protocol)
    [line] = logged
    assert "DatagramProtocol: its batchReceived is not used" in line
    assert "IBatchProtocol" in line


@pytest.mark.parametrize(
    "protocol",
    [DatagramProtocol(), Current(), SaysNone(), CatchAll(), Mock(), provider(batchReceived=print)],
)
def test_of_those_that_count_and_those_that_nobody_set_nothing_is_told(
    protocol: object, logged: list[str]
) -> None:
    check_hooks(protocol)
    assert logged == []


@pytest.mark.parametrize(
    "protocol", [DatagramProtocol(), Current(), Optional(), Mock(), MagicMock(), CatchAll()]
)
def test_what_takes_a_refusal_listens(protocol: DatagramProtocol) -> None:
    listen_udp(MemoryNetwork().host("192.0.2.1"), 7, protocol)


@pytest.mark.parametrize("protocol", [Past(), PastByDefault()])
def test_what_takes_three_arguments_is_refused(protocol: DatagramProtocol) -> None:
    """It would be called with others than it expects."""
    host = MemoryNetwork().host("192.0.2.1")
    with pytest.raises(TypeError, match=r"Past.*: expected peerRefused\(refusal\), got .*data: "):
        listen_udp(host, 7, protocol)
    assert host.getReaders() == []


def test_to_ask_for_hooks_does_not_make_a_protocol_slower() -> None:
    """CPython 3.11 keeps attributes beside an object, until someone looks at its __dict__."""
    protocol = EchoServer()
    check_hooks(protocol)
    assert Guard in map(type, gc.get_referents(protocol)), "and not a dict that has it"


def test_what_is_not_sent_is_told_to_the_hook_that_there_is_then() -> None:
    class Hears(DatagramProtocol):
        def datagramNotSent(self, data: bytes, addr: object, error: OSError) -> None:
            raise AssertionError("it was replaced")

    protocol = Hears()
    tell = teller_of_not_sent(protocol)
    told: list[bytes] = []
    protocol.datagramNotSent = lambda data, addr, error: told.append(data)  # type: ignore[method-assign]
    assert tell is not None
    tell(b"x", None, OSError())
    assert told == [b"x"]
    assert teller_of_not_sent(CatchAll()) is None
    later = provider()
    tell = teller_of_not_sent(later)
    assert tell is not None
    tell(b"x", None, OSError())
    vars(later)["datagramNotSent"] = lambda data, addr, error: told.append(data)
    tell(b"y", None, OSError())
    assert told == [b"x", b"y"]


class Hears(DatagramProtocol):
    """Notes what comes, one by one."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def datagramReceived(self, datagram: bytes, addr: object) -> None:
        self.heard.append(datagram)

    def connectionRefused(self) -> None:
        self.heard.append("refused")


class TwoHosts:
    """A port of a protocol's, and a host that sends to it, or that nobody listens at."""

    def __init__(self, protocol: DatagramProtocol) -> None:
        self.net = MemoryNetwork()
        self.port: Any = listen_udp(self.net.host("192.0.2.1"), 7, protocol)
        self.other = self.net.host("192.0.2.2")

    def send(self, data: bytes) -> None:
        sender = Hears()
        port = listen_udp(self.other, 0, sender)
        port.write(data, ("192.0.2.1", 7))
        self.net.advance(1)
        port.stopListening()
        self.net.advance(1)

    def is_refused(self) -> None:
        self.port.write(b"x", ("192.0.2.2", 9))
        self.net.advance(1)


class HearsAll(Hears):
    """Has the hook for all that ICMP says, and the one whose place that takes."""

    def errorsReceived(self, refusals: Sequence[Refusal]) -> None:
        self.heard.append([(each.to, each.data, each.icmp_type) for each in refusals])

    def peerRefused(self, refusal: Refusal) -> None:
        raise AssertionError("errorsReceived takes its place")


def test_all_that_icmp_says_is_handed_over_together() -> None:
    protocol = HearsAll()
    hosts = TwoHosts(protocol)
    hosts.port.write(b"one", ("192.0.2.2", 9))
    hosts.port.write(b"two", ("192.0.2.2", 10))
    hosts.net.advance(1)
    assert protocol.heard == [
        [(("192.0.2.2", 9), b"one", 3), (("192.0.2.2", 10), b"two", 3)],
    ]
    assert hosts.port.counters().refused == 2


def test_a_hook_for_all_that_icmp_says_may_fail(no_leaks: list[LogEvent]) -> None:
    protocol = HearsAll()
    alsoProvides(protocol, IBatchProtocol)
    vars(protocol)["errorsReceived"] = lambda refusals: 1 / 0
    hosts = TwoHosts(protocol)
    hosts.is_refused()
    assert [event["log_failure"].type for event in no_leaks] == [ZeroDivisionError]
    no_leaks.clear()
    hosts.send(b"still there")
    assert protocol.heard == [b"still there"]


def test_a_declared_hook_may_come_and_go_while_it_listens() -> None:
    """As Twisted's own may: it is looked up when it is called."""
    protocol = Hears()
    alsoProvides(protocol, IBatchProtocol)
    hosts = TwoHosts(protocol)
    hosts.send(b"1")
    vars(protocol)["batchReceived"] = lambda batch: protocol.heard.append(batch.datagrams)
    hosts.send(b"2")
    del vars(protocol)["batchReceived"]
    hosts.send(b"3")
    assert protocol.heard == [b"1", 1, b"3"]


def test_a_hook_of_the_class_may_be_replaced_or_taken_away() -> None:
    class ByBatch(Hears):
        def batchReceived(self, batch: Any) -> None:
            self.heard.append(batch.datagrams)

    protocol = ByBatch()
    hosts = TwoHosts(protocol)
    hosts.send(b"1")
    vars(protocol)["batchReceived"] = lambda batch: protocol.heard.append("other")
    hosts.send(b"2")
    vars(protocol)["batchReceived"] = None
    hosts.send(b"3")
    assert protocol.heard == [1, "other", b"3"]


def test_who_is_put_in_another_s_place_has_hooks_of_its_own(logged: list[str]) -> None:
    """And is told of the same mistakes as who listens; then the first stays."""

    class Refusable(Hears):
        def peerRefused(self, refusal: Refusal) -> None:
            self.heard.append(refusal.errno)

    first, second, third = Refusable(), Hears(), Refusable()
    hosts = TwoHosts(first)
    hosts.is_refused()
    with pytest.raises(TypeError, match="Past: expected peerRefused"):
        hosts.port.protocol = Past()
    assert hosts.port.protocol is first
    hosts.is_refused()
    hosts.port.protocol = second
    hosts.is_refused()
    hosts.send(b"2")
    hosts.port.protocol = third
    hosts.is_refused()
    assert len(first.heard) == 2
    assert second.heard == [b"2"], "nobody is told that an unconnected port was refused"
    assert len(third.heard) == 1
    wrong = Hears()
    wrong.batchReceived = print  # type: ignore[attr-defined]
    hosts.port.protocol = wrong
    assert "its batchReceived is not used" in logged[-1]


@pytest.mark.parametrize("name", ["peerRefused", "batchReceived", "datagramNotSent"])
def test_a_hook_that_would_have_to_be_awaited_is_refused(name: str) -> None:
    """Nobody would: nothing of it would run, and Python would warn at each call."""

    async def hook(self: object, *_: object) -> None:
        raise AssertionError("it is not called")

    kind = type("Awaited", (DatagramProtocol,), {name: hook})
    host = MemoryNetwork().host("192.0.2.1")
    with pytest.raises(TypeError, match=f"Awaited: expected {name} to be a plain function"):
        listen_udp(host, 7, kind())
    assert host.getReaders() == []


def test_what_was_counted_cannot_be_changed() -> None:
    """It is a dict nevertheless, for whoever copies it, compares it, or writes it as JSON."""
    counts = ErrorCounts({"EAGAIN": 2})
    changes: list[Callable[[Any], object]] = [
        lambda each: each.update(EPERM=1),
        lambda each: each.clear(),
        lambda each: each.pop("EAGAIN"),
        lambda each: each.popitem(),
        lambda each: each.setdefault("EPERM", 1),
        lambda each: each.__setitem__("EPERM", 1),
        lambda each: each.__delitem__("EAGAIN"),
        lambda each: each.__ior__({"EPERM": 1}),
    ]
    for change in changes:
        with pytest.raises(TypeError, match="can't be changed"):
            change(counts)
    counters = PortCounters(not_sent=counts)
    assert counters.not_sent == {"EAGAIN": 2}
    assert copy.deepcopy(counters) == pickle.loads(pickle.dumps(counters)) == counters
    assert json.loads(json.dumps(asdict(counters)))["not_sent"] == {"EAGAIN": 2}
    port = listen_udp(MemoryNetwork().host("192.0.2.1"), 7, DatagramProtocol())
    with pytest.raises(TypeError, match="can't be changed"):
        cast(Any, port.counters().not_sent)["EAGAIN"] = 1
