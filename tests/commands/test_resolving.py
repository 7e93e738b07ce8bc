"""Names asked of the system in threads that nobody waits for."""

from __future__ import annotations

import socket
from threading import Event, Thread, active_count
from threading import enumerate as threads
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IHostnameResolver, IReactorFromThreads
from zope.interface import implementer
from zope.interface.verify import verifyObject

from udpecho.commands.resolving import DaemonResolver, install_resolver
from udpecho.testing.network import MemoryNetwork


@implementer(IReactorFromThreads)
class Reactor:
    """What hears from threads, and has its resolver installed."""

    def __init__(self) -> None:
        self.resolver: Any = None
        self.told = Event()

    def installNameResolver(self, resolver: Any) -> None:
        self.resolver = resolver

    def callFromThread(self, callable: Any, *args: object, **kwargs: object) -> None:  # noqa: A002
        callable(*args, **kwargs)
        self.told.set()


class Receiver:
    """What is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def resolutionBegan(self, resolution: Any) -> None:
        self.told.append(resolution.name)

    def addressResolved(self, address: object) -> None:
        self.told.append(address)

    def resolutionComplete(self) -> None:
        self.told.append("complete")


def asked(name: str, *types: Any) -> list[object]:
    reactor, receiver = Reactor(), Receiver()
    install_resolver(reactor)
    verifyObject(IHostnameResolver, reactor.resolver)
    reactor.resolver.resolveHostName(receiver, name, 7, types or None, "UDP")
    assert reactor.told.wait(30)
    return receiver.told


def test_a_name_has_its_addresses() -> None:
    ipv4, ipv6 = IPv4Address("UDP", "127.0.0.1", 7), IPv6Address("UDP", "::1", 7)
    assert asked("127.0.0.1") == ["127.0.0.1", ipv4, "complete"]
    assert asked("127.0.0.1", IPv4Address) == ["127.0.0.1", ipv4, "complete"]
    assert asked("::1", IPv6Address) == ["::1", ipv6, "complete"]
    assert asked("::1", IPv4Address) == ["::1", "complete"]


@pytest.mark.parametrize("error", [socket.gaierror(-2, "none"), UnicodeError(), ValueError("NUL")])
def test_what_can_not_be_asked_has_none(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """With Twisted's own a name that can't be encoded is never answered."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("udpecho.commands.resolving.socket.getaddrinfo", fail)
    assert asked("nobody.example") == ["nobody.example", "complete"]


def test_nobody_waits_for_a_resolver_that_is_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    over = Event()
    monkeypatch.setattr(
        "udpecho.commands.resolving.socket.getaddrinfo", lambda *_: over.wait(30) and []
    )
    reactor, before = Reactor(), active_count()
    receiver: Any = Receiver()
    question = DaemonResolver(reactor).resolveHostName(receiver, "dead.example")
    question.cancel()
    asking: list[Thread] = [each for each in threads() if "dead.example" in each.name]
    assert [each.daemon for each in asking] == [True]
    over.set()
    assert reactor.told.wait(30)
    asking[0].join(30)
    assert active_count() == before


def test_a_host_in_memory_keeps_its_resolver() -> None:
    host = MemoryNetwork().host("192.0.2.1")
    before = host.nameResolver
    install_resolver(host)
    assert host.nameResolver is before
