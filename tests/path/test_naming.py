"""The names of routers: asked for beside a look, each once, and never waited for."""

from __future__ import annotations

from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from zope.interface import implementer

from tests.routers import TARGET, line
from udpecho.path import trace
from udpecho.path.naming import ADDRESSES, NAME_LENGTH, QUESTIONS, SILENCE, RouterNames
from udpecho.reactors import IReverseResolver


@implementer(IReverseResolver)
class Resolver:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.open: dict[str, Deferred[str | None]] = {}

    def name_of(self, address: str) -> Deferred[str | None]:
        self.asked.append(address)
        made = self.open[address] = Deferred()
        return made

    def answer(self, name: str | None) -> None:
        address, waiting = self.open.popitem()
        waiting.callback(name and f"{name}-{address}")


class Names:
    """Names by a resolver, on a clock."""

    def __init__(self) -> None:
        self.clock, self.resolver = Clock(), Resolver()
        reactor = cast(Any, self.clock)
        reactor.nameResolver = self.resolver
        self.names = RouterNames(reactor)

    def settles(self) -> list[None]:
        fired: list[None] = []
        self.names.settled().addCallback(fired.append)
        return fired


def test_each_address_is_asked_about_once_and_few_at_a_time() -> None:
    here = Names()
    for number in range(3 * QUESTIONS):
        for _ in range(2):
            here.names.ask(f"a{number}")
    assert len(here.resolver.asked) == QUESTIONS
    while here.resolver.open:
        assert len(here.resolver.open) <= QUESTIONS
        here.resolver.answer("r")
    assert here.resolver.asked == [f"a{number}" for number in range(3 * QUESTIONS)]
    assert here.names.known["a5"] == "r-a5"


def test_no_more_than_so_many_are() -> None:
    here = Names()
    for number in range(ADDRESSES + 10):
        here.names.ask(f"a{number}")
    while here.resolver.open:
        here.resolver.answer(None)
    assert len(here.resolver.asked) == ADDRESSES
    assert here.names.known == {}


def test_a_resolver_that_answers_is_waited_for() -> None:
    here = Names()
    here.names.ask("a")
    here.clock.advance(SILENCE / 2)
    fired = here.settles()
    assert not fired
    here.resolver.answer("r")
    assert fired == [None]
    assert here.settles() == [None]


def test_one_that_is_silent_is_not() -> None:
    here = Names()
    here.names.ask("a")
    here.clock.advance(10)
    fired = here.settles()
    here.clock.advance(0)
    assert fired == [None]
    here.resolver.answer("r")  # later: nobody minds


def test_one_that_falls_silent_then_is_waited_for_as_long_as_it_may_be_silent() -> None:
    here = Names()
    here.names.ask("a")
    fired = here.settles()
    here.clock.advance(SILENCE - 0.01)
    assert not fired
    here.clock.advance(0.01)
    assert fired == [None]


def test_who_waits_may_stop() -> None:
    here = Names()
    here.names.ask("a")
    waiting = here.names.settled()
    fired: list[None] = []
    waiting.addCallback(fired.append)
    waiting.cancel()
    assert fired == [None]


def test_one_that_fails_or_says_too_much_harms_nobody() -> None:
    here = Names()
    here.names.ask("a")
    here.resolver.open.pop("a").errback(ZeroDivisionError())
    here.names.ask("b")
    here.resolver.open.pop("b").callback("x" * 10_000)
    here.names.ask("c")
    here.resolver.open.pop("c").callback("c")
    assert here.names.known == {"b": "x" * NAME_LENGTH}


@pytest.mark.parametrize("names", [True, False])
def test_names_come_with_the_paths_if_they_are_asked_for(names: bool) -> None:
    net, source, _, _ = line(count=2)
    found = net.run_until(trace(source, (TARGET, 7), flows=2, names=names))
    assert found.names == ({"10.9.0.2": "r1", "10.9.1.2": "r2"} if names else {})
    assert all(path.rtt_ns and path.rtt_ns >= 2_000_000 for path in found.paths)


def test_a_silent_resolver_delays_no_probe_and_no_end() -> None:
    def looked(silent: bool) -> tuple[list[float], float]:
        net, source, _, _ = line(count=2)
        if silent:
            resolver: Any = Silent(source.nameResolver)
            source.installNameResolver(resolver)
        net.run_until(trace(source, (TARGET, 7), source_ports=[40000, 40001], names=True))
        return [each.sent for each in net.record], source.seconds()

    (plain, ended), (silent, later) = looked(False), looked(True)
    assert plain == silent
    assert later <= ended + SILENCE


@implementer(IReverseResolver)
class Silent:
    """Finds addresses as another does, and never a name."""

    def __init__(self, other: Any) -> None:
        self.resolveHostName = other.resolveHostName

    def name_of(self, address: str) -> Deferred[str | None]:
        return Deferred()
