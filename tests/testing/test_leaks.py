"""What the leak catcher sees, and what it leaves alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from twisted.internet.defer import fail
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger

from udpecho.testing.leaks import LeakCatcher

WITHOUT_A_REACTOR = """
import sys
from collections.abc import Iterator
from udpecho.testing.leaks import LeakCatcher
catcher = LeakCatcher()
assert catcher.stop() == []
assert "twisted.internet.reactor" not in sys.modules
catcher = LeakCatcher()
from twisted.internet import reactor
assert catcher.stop() == []
catcher = LeakCatcher()
reactor.callLater(1, print)
assert len(catcher.stop()) == 1
"""


def left_by(*does: object, log: bool = True) -> list[str]:
    """Watch while these are called."""
    catcher = LeakCatcher(log=log)
    for each in does:
        assert callable(each)
        each()
    return catcher.stop()


def test_nothing_is_left() -> None:
    assert left_by() == []


def test_a_call_is_left() -> None:
    """It is cancelled, so that the next test has it not."""
    from twisted.internet import reactor

    before = reactor.callLater(60, list)
    [line] = left_by(lambda: reactor.callLater(60, list))
    assert line.startswith("delayed call: <DelayedCall")
    assert before.active()
    before.cancel()
    assert left_by() == []


def test_an_open_port_is_left() -> None:
    """A port on a real reactor; those of a network in memory go with it."""
    from twisted.internet import reactor

    ports = []

    def listen() -> None:
        ports.append(reactor.listenUDP(0, DatagramProtocol(), "127.0.0.1"))  # type: ignore[attr-defined]

    [line] = left_by(listen)
    assert line.startswith("open port or reader: <")
    assert "DatagramProtocol" in line
    assert ports[0] not in reactor.getReaders()
    ports[0].socket.close()


def test_a_failure_that_nobody_handled() -> None:
    lines = left_by(lambda: fail(KeyError("nobody")) and None)
    assert lines[-1].startswith("logged error: [Failure instance")
    assert "KeyError" in lines[-1]


def test_a_failure_in_a_circle() -> None:
    """It is collected, and so logged, in the test that left it."""

    def make() -> None:
        circle: list[object] = [fail(KeyError("nobody"))]
        circle.append(circle)

    assert "KeyError" in left_by(make)[-1]


def test_an_error_in_the_log() -> None:
    assert left_by(lambda: Logger().info("fine")) == []
    [line] = left_by(log_error)
    assert "ValueError" in line
    assert left_by(log_error, log=False) == []


def log_error() -> None:
    try:
        raise ValueError("logged")
    except ValueError:
        Logger().failure("bad")


def test_an_error_that_was_expected() -> None:
    catcher = LeakCatcher()
    log_error()
    [event] = catcher.errors
    catcher.errors.clear()
    assert event["log_failure"].type is ValueError
    assert catcher.stop() == []


def test_no_reactor_is_installed() -> None:
    """Where a test did not use one, there is nothing to look at; one that it installed is seen."""
    program = [sys.executable, "-c", WITHOUT_A_REACTOR]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.fixture(autouse=True)
def _our_own_catcher_looks_away(no_udp_leaks: list[object]) -> Iterator[None]:
    """Leave to these tests what they leave."""
    yield
    no_udp_leaks.clear()
