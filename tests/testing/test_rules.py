"""The rules of UDP (tests/rules.py), in memory: for Twisted's port, and for ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest

from tests.rules import OurRules, StockRules, World
from udpecho.testing import MemoryNetwork


class MemoryWorld(World):
    """A network of one host."""

    def __init__(self, refusals: Literal["called", "closed"], ours: bool = False) -> None:
        self.net = MemoryNetwork()
        super().__init__(self.net.host(refusals=refusals), refusals, ours)

    def turn(self) -> None:
        self.net.advance(0)

    def close(self) -> None:
        self.stop()
        assert self.reactor.getReaders() == []
        assert self.reactor.getDelayedCalls() == ()


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
        memory = MemoryWorld("called", ours=True)
        yield memory
        memory.close()
