"""The rules of UDP (tests/rules.py), in memory: for Twisted's port, and for ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest
from twisted.internet.protocol import DatagramProtocol

from tests.rules import V4, OurRules, StockRules
from udpecho.port import listen_udp
from udpecho.testing import MemoryNetwork


class MemoryWorld:
    """A network of one host."""

    calls_first = True

    def __init__(self, refusals: Literal["called", "closed"]) -> None:
        self.refusals = refusals
        self.net = MemoryNetwork()
        self.reactor = self.net.host(refusals=refusals)
        self.ports: list[Any] = []
        self._listen: Callable[..., Any] = self.reactor.listenUDP

    def listen(
        self,
        protocol: DatagramProtocol,
        interface: str = V4,
        port: int = 0,
        max_packet_size: int = 65536,
        **options: Any,
    ) -> Any:
        self.ports.append(self._listen(port, protocol, interface, max_packet_size, **options))
        return self.ports[-1]

    def turn(self) -> None:
        self.net.advance(0)

    def close(self) -> None:
        for port in self.ports:
            port.stopListening()
        self.turn()
        assert self.reactor.getReaders() == []
        assert self.reactor.getDelayedCalls() == ()


class OurMemoryWorld(MemoryWorld):
    """The same, where listen_udp gives its own port."""

    def __init__(self) -> None:
        super().__init__("called")
        self._listen = lambda *arguments, **options: listen_udp(self.reactor, *arguments, **options)


class TestStock(StockRules):
    """Twisted's own port, with refusals told either way."""

    @pytest.fixture(params=["called", "closed"])
    def world(self, request: pytest.FixtureRequest) -> Iterator[MemoryWorld]:
        memory = MemoryWorld(request.param)
        yield memory
        memory.close()


class TestOurs(OurRules):
    """The port that listen_udp gives."""

    @pytest.fixture
    def world(self) -> Iterator[MemoryWorld]:
        memory = OurMemoryWorld()
        yield memory
        memory.close()
