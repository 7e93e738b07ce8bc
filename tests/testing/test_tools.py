"""The fixtures for pytest and the mixin for trial, as a stranger's tests use them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from configparser import ConfigParser
from importlib.metadata import entry_points
from pathlib import Path

from twisted.trial.unittest import TestCase

import udpecho
from udpecho.testing import UdpMixin

ROOT = Path(udpecho.__file__).parents[1]

DRAW = """
def draw(network):
    from twisted.internet.protocol import DatagramProtocol
    a, b = network.host("192.0.2.1"), network.host("192.0.2.2")
    network.link(a, b, loss=0.5)
    peer = b.peer(7, [])
    port = a.listenUDP(0, DatagramProtocol())
    for number in range(64):
        port.write(b"%d" % number, ("192.0.2.2", 7))
    return [data for data, _ in peer.heard]
"""

WITH_PYTEST = """
import sys
import pytest

def test_00_nothing_was_loaded_for_tests_that_use_nothing():
    assert "udpecho.testing.pytest_plugin" in sys.modules
    assert [name for name in sys.modules if name.split(".")[0] in ("twisted", "zope")] == []

def test_01_a_network(memory_network):
    memory_network.host("192.0.2.1").peer(7, [])
    memory_network.forge(b"hello", source=("192.0.2.9", 9), to=("192.0.2.1", 7))
    assert len(memory_network.record) == 1
    assert "twisted.internet.reactor" not in sys.modules

def test_02_it_is_each_test_s_own(memory_network):
    assert len(memory_network.record) == 0

@pytest.mark.parametrize("memory_network", [0, 7], indirect=True)
def test_03_its_seed(memory_network, request):
    from udpecho.testing import MemoryNetwork
    drawn = draw(memory_network)
    assert [seed for seed in (0, 7) if draw(MemoryNetwork(seed)) == drawn] == [
        request.node.callspec.params["memory_network"]
    ]

def test_04_a_failure_shows_the_record(memory_network):
    memory_network.forge(b"\\x1b[2J", source=("192.0.2.9", 9), to=("192.0.2.1", 7))
    assert False

def test_05_leaves_a_call():
    from twisted.internet import reactor
    reactor.callLater(60, print)

def test_06_leaves_a_call_and_says_so(no_udp_leaks):
    from twisted.internet import reactor
    reactor.callLater(60, print)

def test_07_logs_an_error(no_udp_leaks):
    from twisted.internet.defer import fail
    fail(KeyError("nobody"))

def test_08_expects_an_error(no_udp_leaks):
    from twisted.internet.defer import fail
    fail(KeyError("nobody"))
    assert "nobody" in str(no_udp_leaks[-1]["log_failure"].value)
    no_udp_leaks.clear()
"""

WITH_TRIAL = """
from twisted.trial.unittest import TestCase
from udpecho.testing import UdpMixin

class Tests(UdpMixin, TestCase):
    def test_network(self):
        self.assertIs(self.memory_network, self.memory_network)
        self.assertEqual(len(self.memory_network.record), 0)
        self.memory_network.forge(b"", source=("192.0.2.9", 9), to=("192.0.2.1", 7))

    test_another = test_network

    def test_leaves_a_port(self):
        self.no_udp_leaks()
        from twisted.internet import reactor
        from twisted.internet.protocol import DatagramProtocol
        reactor.listenUDP(0, DatagramProtocol(), "127.0.0.1")

    def test_stops_its_port(self):
        self.no_udp_leaks()
        from twisted.internet import reactor
        from twisted.internet.protocol import DatagramProtocol
        port = reactor.listenUDP(0, DatagramProtocol(), "127.0.0.1")
        self.addCleanup(port.stopListening)

    def test_logs(self):
        self.no_udp_leaks()
        from twisted.logger import Logger
        try:
            1 / 0
        except ZeroDivisionError:
            Logger().failure("expected")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def forge(self, data):
        self.memory_network.forge(data, source=("192.0.2.9", 9), to=("192.0.2.1", 7))

    def test_passes_and_is_silent(self):
        self.forge(b"silent")

    def test_fails(self):
        self.forge(b"\\x1b[2J")
        self.fail("so that its record is shown")

    def test_meets_an_error_late(self):
        from twisted.internet import reactor
        from twisted.internet.task import deferLater
        self.forge(b"late")
        return deferLater(reactor, 0, dict().__getitem__, "nobody")

    def test_skips(self):
        self.forge(b"skipped")
        self.skipTest("no reason")

class Seeded(UdpMixin, TestCase):
    memory_network_seed = 7

    def test_its_seed(self):
        from udpecho.testing import MemoryNetwork
        self.assertEqual(draw(self.memory_network), draw(MemoryNetwork(7)))

    def test_its_seed_is_not_0(self):
        from udpecho.testing import MemoryNetwork
        self.assertNotEqual(draw(self.memory_network), draw(MemoryNetwork(0)))
"""


def ran(folder: Path, *arguments: str, **environment: str) -> str:
    """Run a module on the folder's tests, in a Python of its own."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": "", **environment}
    command = [sys.executable, "-P", "-m", *arguments]
    ended = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    return ended.stdout + ended.stderr


def test_with_pytest(tmp_path: Path) -> None:
    """Only who names a fixture has it; a leak fails the test that left it, and names it."""
    (tmp_path / "test_theirs.py").write_text(WITH_PYTEST + DRAW)
    options = ("-q", "-p", "udpecho.testing.pytest_plugin", "-p", "no:cacheprovider")
    out = ran(tmp_path, "pytest", *options, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    failed = re.findall(r"^(?:FAILED|ERROR) test_theirs.py::test_(\d+)", out, re.MULTILINE)
    assert failed == ["04", "06", "07"], out
    assert "9 passed" in out
    assert "0.000000 192.0.2.9:9 > 192.0.2.1:7 4 bytes b'\\x1b[2J' unreachable" in out
    assert "\x1b[2J" not in out
    assert "\ndelayed call: <DelayedCall" in out
    assert "KeyError: 'nobody'" in out


def test_with_trial(tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text(WITH_TRIAL + DRAW)
    (tmp_path / "run_trial.py").write_text("from twisted.scripts.trial import run\nrun()\n")
    out = ran(tmp_path, "run_trial", "test_theirs", PYTHONPATH=f"{ROOT}{os.pathsep}{tmp_path}")
    assert "FAILED (skips=1, failures=1, errors=2, successes=7)" in out, out
    assert "open port or reader: <" in out
    assert "test_theirs.Tests.test_leaves_a_port" in out
    shown = re.findall(r"^memory network of (\S+).*\n(.*)$", out, re.MULTILINE)
    line = "0.000000 192.0.2.9:9 > 192.0.2.1:7 4 bytes {} unreachable at 0.000000 (forged)"
    assert {(name.rpartition(".")[2].rstrip(")"), record) for name, record in shown} == {
        ("test_fails", line.format(r"b'\x1b[2J'")),
        ("test_meets_an_error_late", line.format("b'late'")),
    }


def test_a_mixed_test_under_pytest(tmp_path: Path) -> None:
    """The same tests, as pytest runs them: it shows what a failing one has printed."""
    (tmp_path / "test_theirs.py").write_text(WITH_TRIAL + DRAW)
    out = ran(tmp_path, "pytest", "-q", "-p", "no:cacheprovider", "-k", "fails or seed or silent")
    assert "1 failed, 3 passed" in out, out
    assert "b'\\x1b[2J' unreachable" in out
    assert "silent" not in out


def test_pytest_finds_the_plugin() -> None:
    """By the entry point that setup.cfg declares."""
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    declared = config["options.entry_points"]["pytest11"].split()
    assert declared == ["udpecho", "=", "udpecho.testing.pytest_plugin"]
    installed = [each for each in entry_points(group="pytest11") if each.name == "udpecho"]
    assert {each.value for each in installed} <= {"udpecho.testing.pytest_plugin"}


def test_coverage_begins_before_the_plugin_is_loaded(tmp_path: Path) -> None:
    """What nox -s test measures has the lines that run when pytest loads the plugin."""
    (tmp_path / "test_theirs.py").write_text("def test_nothing():\n    pass\n")
    options = ("-q", "-p", "udpecho.testing.pytest_plugin", "-p", "no:cacheprovider")
    run = ("coverage", "run", "--source=udpecho", "-m", "pytest", *options)
    ran(tmp_path, *run, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    out = ran(tmp_path, "coverage", "json", "-q", "-o", "-")
    [measured] = [
        each for name, each in json.loads(out)["files"].items() if name.endswith("pytest_plugin.py")
    ]
    source = (ROOT / "udpecho" / "testing" / "pytest_plugin.py").read_text().splitlines()
    first = source.index("from __future__ import annotations") + 1
    assert first in measured["executed_lines"]


class Mixed(UdpMixin, TestCase):
    """A test case of our own: trial's, as pytest runs it."""

    def test_a_network(self) -> None:
        self.no_udp_leaks()
        peer = self.memory_network.host("192.0.2.1").peer(7, [])
        self.memory_network.forge(b"x", source=("192.0.2.9", 9), to=("192.0.2.1", 7))
        assert peer.heard == [(b"x", ("192.0.2.9", 9))]
