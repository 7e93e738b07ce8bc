"""udpecho path, on a host in memory."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol

from tests.routers import TARGET, FourWays, line
from udpecho import EchoServer
from udpecho.commands.commandline import WrongUsage
from udpecho.commands.path import WAIT, path_command
from udpecho.commands.path_demo import path_demo
from udpecho.commands.path_options import PathOptions
from udpecho.commands.status import NO_REPLY, OK
from udpecho.testing import Fate, MemoryNetwork


def run(*words: str, loss: float = 0.0) -> tuple[int, list[str]]:
    net = MemoryNetwork(seed=1)
    far, near = net.host("192.0.2.1", names=["echo.example"]), net.host("192.0.2.2")
    net.link(near, far, delay=0.01, hops=2, loss=loss)
    far.listenUDP(7, EchoServer())
    said: list[str] = []
    running: Any = path_command(near, PathOptions().settings(words), said.append)
    return net.run_until(Deferred.fromCoroutine(running), limit=600), said


def test_shows_the_hops_and_ends_with_0() -> None:
    status, said = run("--flows=2", "echo.example:7")
    assert status == OK
    assert said[0] == "2 flows to echo.example:7 (192.0.2.1:7)"
    assert said[-2:] == [
        "then echo.example:7, at hop 3: reached by 2 of 2 flows, min 20.000 ms",
        "way back: not told",
    ]


def test_ends_with_1_if_the_host_was_not_reached() -> None:
    status, said = run("--flows=1", "echo.example:7", loss=1.0)
    assert status == NO_REPLY
    assert said[-2:] == ["echo.example:7 was not reached:", "  no router answered"]


def test_routers_have_their_names_unless_addresses_are_asked_for() -> None:
    net, source, target, _ = line(count=2)
    target.listenUDP(7, EchoServer())

    def rows(*words: str) -> list[str]:
        said: list[str] = []
        running: Any = path_command(source, PathOptions().settings(words), said.append)
        net.run_until(Deferred.fromCoroutine(running), limit=100)
        return said[2:-2]

    named = rows("--flows=1", TARGET)
    assert [row.split()[:3] for row in named] == [
        ["hop", "router", "name"], ["1", "10.9.0.2", "r1"], ["2", "10.9.1.2", "r2"],
    ]  # fmt: skip
    plain = rows("--flows=1", "-n", TARGET)
    assert [row.split()[:3] for row in plain] == [
        ["hop", "router", "from"], ["1", "10.9.0.2", "1"], ["2", "10.9.1.2", "1"],
    ]  # fmt: skip


def test_a_look_ends_when_it_is_told_and_shows_what_is_known() -> None:
    net, source, _, routers = line(count=3, silent=False)
    routers[2].core.silent = tuple(Fate)
    routers[2].drop()
    said: list[str] = []
    settings = PathOptions().settings(["--flows=1", "-w0.5", TARGET])
    running: Any = path_command(source, settings, said.append)
    assert net.run_until(Deferred.fromCoroutine(running), limit=100) == NO_REPLY
    assert source.seconds() == 0.5
    assert [row.split()[1] for row in said[3:-3]] == ["10.9.0.2", "10.9.1.2"]
    assert said[-2] == f"{TARGET} was not reached:"


def test_interrupted_it_shows_what_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    """Where only the host keeps silent; at SIGQUIT it tells how far it is."""
    net = MemoryNetwork(seed=1)
    far, near = net.host("192.0.2.1", names=["echo.example"]), net.host("192.0.2.2")
    net.link(near, far, delay=0.01, hops=2)
    far.listenUDP(7, DatagramProtocol())
    said: list[str] = []
    tells: list[Callable[[], None]] = []
    settings = PathOptions().settings(["--flows=2", "echo.example:7"])
    running: Any = path_command(near, settings, said.append, tells.append)
    done = Deferred.fromCoroutine(running)
    net.advance(2)
    [tell] = tells
    tell()
    assert said == []
    done.cancel()
    assert net.run_until(done) == NO_REPLY
    assert said[0] == "2 flows to echo.example:7 (192.0.2.1:7)"
    assert [line.split()[0] for line in said[3:5]] == ["1", "2"], said
    assert capsys.readouterr().err.splitlines() == [
        "udpecho: 2 routers seen so far, the host reached by 0 of 2 flows",
        "udpecho: interrupted: this is what is known so far",
    ]


def test_before_it_looks_it_heeds_nothing() -> None:
    """A name that nobody answers for: a signal has its default meaning."""
    heeded: list[Callable[[], None]] = []
    near = MemoryNetwork(seed=1).host("192.0.2.2")
    settings = PathOptions().settings(["absent.example"])
    running: Any = path_command(near, settings, print, heeded.append)
    Deferred.fromCoroutine(running).addErrback(lambda _: None)
    assert heeded == []


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("loss", "told"), [(1.0, True), (0.0, False)])
def test_who_waits_at_a_terminal_is_told_why(
    loss: float, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    run("--flows=1", "echo.example:7", loss=loss)
    assert screen.getvalue() == (f"{WAIT.format(60)}\n" if told else "")


def test_in_a_script_nobody_is(capsys: pytest.CaptureFixture[str]) -> None:
    run("--flows=1", "echo.example:7", loss=1.0)
    assert capsys.readouterr().err == ""


def test_json_is_a_line_for_each_flow(capsys: pytest.CaptureFixture[str]) -> None:
    status, said = run("--json", "--sport=40000-40001", "echo.example:7")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (status, said) == (OK, [])
    assert [line["source_port"] for line in lines] == [40000, 40001]
    assert {line["distance"] for line in lines} == {3}


class TestPackets:
    def run(self, *words: str) -> tuple[int, list[str]]:
        """Look over four ways, of which the last takes 1400 bytes and clears the DSCP."""
        four = FourWays(1, icmp_per_second=None, icmp_msgs_per_second=None)
        four.net.link(four.source, four.r1, mtu=1500)
        four.net.link(four.r1, four.members[3], mtu=1400, one_way=True)
        four.members[3].core.dscp = 0
        said: list[str] = []
        settings = PathOptions().settings(["--sport=40000-40015", "-n", *words, f"{TARGET}:7"])
        running: Any = path_command(four.source, settings, said.append)
        return four.net.run_until(Deferred.fromCoroutine(running), limit=600), said

    def test_the_path_mtu_and_the_dscp_are_said(self) -> None:
        status, said = self.run("--mtu", "--dscp=EF")
        assert status == OK
        text = " ".join(" ".join(said).split())
        assert "path MTU 1500, as 10.9.0.2 says, " in text
        assert "path MTU 1400, as 10.9.0.2 says, " in text
        assert "DSCP 46 came back as it was, " in text
        assert "DSCP 46 came back as 0, changed on the way out or back, " in text

    def test_nothing_is_said_that_was_not_asked(self) -> None:
        _, said = self.run()
        assert said[-2].startswith("then ")
        assert said[-1] == "way back: not told"

    def test_json_has_it_too(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.run("--mtu", "--dscp=46", "--json")
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        found = {tuple(line["mtu"].values()) for line in lines}
        assert found == {(1500, "10.9.0.2", False), (1400, "10.9.0.2", False)}
        assert {line["dscp"] for line in lines} == {46}
        assert {tuple(line["dscp_back"]) for line in lines} == {(46,), (0,)}


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_paths_are_drawn(ending: str, tmp_path: Path) -> None:
    file = tmp_path / f"paths.{ending}"
    status, said = run("--flows=2", f"--plot={file}", "echo.example:7")
    assert (status, said[0]) == (OK, "2 flows to echo.example:7 (192.0.2.1:7)")
    assert file.read_bytes().startswith(b"<?xml" if ending == "svg" else b"\x89PNG")


def test_the_demonstration_finds_what_is_wrong() -> None:
    said: list[str] = []
    assert path_demo(said.append) == OK
    truth = " ".join(said[[line[:9] for line in said].index("The truth") :])
    [named] = [line for line in said if "they die behind" in line]
    leaf = "leaf5 (10.5.255.0 and 10.5.255.1)"
    assert (
        " ".join(truth.split()) == f"The truth: what spine1 (10.255.1.0) sends to {leaf} is lost."
    )
    assert "10.255.1.0 (hop 2)" in named  # spine1, as it answers


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ([], "expected one HOST, got 0"),
        (["--demo", "a"], "--demo: expected no HOST, got 'a'"),
        (["--demo", "--json"], "--demo: expected no other option"),
        (["--demo", "--flows=3"], "--demo: expected no other option"),
        (["--demo", "-6"], "--demo: expected no other option"),
        (["a", "b"], "expected one HOST, got 2"),
        (["a", "7"], "expected one HOST, got 2; a port is HOST:PORT or -p PORT"),
        (["-w", "0", "a"], "-w: expected seconds above 0, a day at most, got '0'"),
        (["--dscp=64", "a"],
         "--dscp: expected a DSCP from 0 to 63 or by name (EF, AF41), got '64'"),
        (["--demo", "--mtu"], "--demo: expected no other option"),
        (["--plot=a.gif", "a"], "--plot: expected FILE.svg or FILE.png, got 'a.gif'"),
        (["--live", "--json", "a"], "--live: expected no --json: a terminal is drawn on"),
        (["--live", "--plot=a.svg", "a"],
         "--live: expected no --plot: which look it is of would not be known"),
        (["-p", "0", "a"], "-p: expected a port from 1 to 65535, got '0'"),
        (["-m", "0", "a"], "-m: expected a whole number from 1 to 255, got '0'"),
        (["--flows=0", "a"], "--flows: expected a whole number from 1 to 1024, got '0'"),
        (["--flows=2", "--sport=40000", "a"],
         "--sport: expected 2 ports, one for each of --flows, got 1"),
    ],
)  # fmt: skip
def test_what_can_not_be_is_one_line(words: list[str], error: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        PathOptions().settings(words)
    assert str(caught.value) == error
