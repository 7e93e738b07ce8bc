"""What the process of a service does on signals and at its end, by a reactor that is none."""

from __future__ import annotations

import atexit
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.error import ConnectionLost, ReactorNotRunning
from twisted.logger import LogEvent, Logger, formatEvent
from twisted.python.failure import Failure

from udpecho.server import EchoService, UdpAddress, mind_process
from udpecho.testing import MemoryNetwork

TAKEN = ("SIGHUP", "SIGTERM", "SIGUSR2")


class Reactor:
    """Runs what it is asked to when the test has it run."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []
        self.stops = 0
        self.running = True

    def callWhenRunning(self, call: Callable[[], None]) -> None:
        self.waiting.append(call)

    callFromThread = callWhenRunning

    def turn(self) -> None:
        waiting, self.waiting = self.waiting, []
        for call in waiting:
            call()

    def stop(self) -> None:
        if not self.running:
            raise ReactorNotRunning
        self.stops += 1


class Minded:
    """A service in memory whose process is minded."""

    def __init__(self) -> None:
        self.net = MemoryNetwork()
        self.reactor = Reactor()
        self.events: list[LogEvent] = []
        self.log: Any = Logger(observer=self.events.append)  # type: ignore[arg-type]
        listens = [UdpAddress(7, "192.0.2.1")]
        self.service = EchoService(self.net.host("192.0.2.1"), listens, log=self.log)
        mind_process(self.reactor, self.service, self.log)
        self.service.startService()
        self.events.clear()

    def lines(self) -> list[str]:
        return [formatEvent(event) for event in self.events]

    def lose(self) -> None:
        for server in list(self.service._servers.values()):
            transport: Any = server.transport
            transport.connectionLost(Failure(ConnectionLost()))
        self.net.advance(0)


@pytest.fixture
def handlers() -> Iterator[None]:
    """Let a test have signals, all at their default."""
    before = {name: signal.signal(getattr(signal, name), signal.SIG_DFL) for name in TAKEN}
    yield
    for name, handler in before.items():
        signal.signal(getattr(signal, name), handler)


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Have what is to be done at the end, and do not end."""
    done: list[Any] = []
    monkeypatch.setattr(atexit, "register", done.append)
    monkeypatch.setattr(atexit, "_run_exitfuncs", lambda: done.append("others"))
    monkeypatch.setattr(os, "_exit", done.append)
    return done


@pytest.mark.usefixtures("handlers")
def test_signals_are_taken_when_the_reactor_runs_and_answered_in_its_turn() -> None:
    minded = Minded()
    assert signal.getsignal(signal.SIGUSR2) is signal.SIG_DFL
    minded.reactor.turn()
    signal.raise_signal(signal.SIGUSR2)
    assert minded.lines() == []
    minded.reactor.turn()
    assert minded.lines() == ["udpecho has counted: 0 received, 0 echoed"]


@pytest.mark.usefixtures("handlers")
def test_sighup_is_sigterm() -> None:
    heard: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    minded = Minded()
    minded.reactor.turn()
    signal.raise_signal(signal.SIGHUP)
    assert heard == []
    minded.reactor.turn()
    assert heard == [signal.SIGTERM]


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("held", [signal.SIG_IGN, lambda *_: None], ids=["ignored", "held"])
def test_a_signal_that_is_not_at_its_default_is_left(held: Any) -> None:
    for name in ("SIGHUP", "SIGUSR2"):
        signal.signal(getattr(signal, name), held)
    minded = Minded()
    minded.reactor.turn()
    assert {signal.getsignal(getattr(signal, name)) for name in ("SIGHUP", "SIGUSR2")} == {held}


@pytest.mark.parametrize("running", [True, False])
def test_without_a_socket_it_says_a_line_and_ends(running: bool, ends: list[Any]) -> None:
    """With a status, after what others want done at the end; also if it ends anyway."""
    minded = Minded()
    minded.reactor.running = running
    minded.lose()
    assert minded.lines()[1:] == ["udpecho ends: it has no socket left"]
    assert minded.reactor.stops == running
    [end] = ends
    end()
    assert ends == [end, "others", 1]


def test_a_service_that_is_stopped_ends_no_process(ends: list[Any]) -> None:
    minded = Minded()
    minded.service.stopService()
    minded.net.advance(1)
    assert (minded.reactor.stops, ends) == (0, [])


def test_a_reactor_of_another_thread_takes_no_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    """As only the main thread may."""

    def refuse(*_: object) -> None:
        raise ValueError("signal only works in main thread of the main interpreter")

    minded = Minded()
    monkeypatch.setattr(signal, "signal", refuse)
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.SIG_DFL)
    minded.reactor.turn()
    assert minded.lines() == []
