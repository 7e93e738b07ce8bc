"""How the service's process ends, with which status, and what it does on a signal."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.live.conftest import (
    Start,
    addresses,
    answers_its_queue,
    echo,
    needs,
    needs_our_port,
)
from tests.live.losing import READY
from tests.live.program import PATIENCE, TWIST, environment, python, twistd
from udpecho.port.listen import STOCK_PORT

ANY_PORT = ("udpecho", "--listen=udp:0:interface=127.0.0.1", "--listen=udp:0:interface=127.0.0.2")


def losing(how: str, *command: str) -> list[str]:
    return python("-m", "tests.live.losing", how, *command)


@pytest.mark.parametrize("reactor", ["epoll", "poll", "select", "asyncio"])
@pytest.mark.parametrize("stock", ["0", "1"], ids=["our port", "Twisted's port"])
def test_without_a_socket_twistd_ends_with_status_1(
    stock: str, reactor: str, start: Start, tmp_path: Path
) -> None:
    """So that its supervisor acts; the file of its pid is gone, and the log is whole."""
    line = losing(
        "told", "twistd", "-n", "--pidfile=pid", "--logfile=log", "-r", reactor, *ANY_PORT
    )
    service = start(line, env=environment(**{STOCK_PORT: stock}))
    log = tmp_path / "log"
    wait_for(log, READY)
    assert (tmp_path / "pid").exists()
    service.signal(signal.SIGUSR1)
    assert service.wait() == 1
    told = re.findall(r"udpecho#\w+\] (.*)", log.read_text())
    assert [re.sub(r":\d+", "", line) for line in told[-3:]] == [
        "udpecho has lost its socket at 127.0.0.1, and still answers at 127.0.0.2",
        "udpecho has lost its socket at 127.0.0.2, and answers no more",
        "udpecho ends: it has no socket left",
    ]
    assert log.read_text().endswith("Server Shut Down.\n")
    assert not (tmp_path / "pid").exists()
    assert "Traceback" not in log.read_text() + service.output + service.errors


def wait_for(log: Path, text: str, seconds: float = PATIENCE) -> None:
    """Wait until a log has a text."""
    end = time.monotonic() + seconds
    while not log.exists() or text not in log.read_text():
        assert time.monotonic() < end, f"no {text!r} in the log"
        time.sleep(0.01)


def test_without_a_socket_twist_ends_with_status_1(start: Start) -> None:
    service = start(losing("told", "twist", "--log-format=text", *ANY_PORT))
    service.wait_for(READY)
    service.signal(signal.SIGUSR1)
    assert service.wait() == 1
    assert "udpecho ends: it has no socket left" in service.output
    assert "Traceback" not in service.output + service.errors


def test_as_a_daemon_it_ends_too(start: Start, tmp_path: Path) -> None:
    """With its pid file gone; its status is for whoever adopted it."""
    service = start(losing("told", "twistd", "--pidfile=pid", "--logfile=log", *ANY_PORT))
    assert service.wait() == 0
    wait_for(tmp_path / "log", READY)
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGUSR1)
    wait_for(tmp_path / "log", "Server Shut Down.")
    end = time.monotonic() + PATIENCE
    while (tmp_path / "pid").exists():
        assert time.monotonic() < end
        time.sleep(0.01)


NO_ROOM = {
    "descriptors": "Too many open files",
    "watches": "no room in an epoll for another socket (sysctl fs.epoll.max_user_watches)",
    "readers": "no room in an epoll for another socket (sysctl fs.epoll.max_user_watches)",
}
"""Why a service can't listen, by what there is no room for when it starts."""

A_START = [("0", what) for what in NO_ROOM] + [("1", "descriptors"), ("1", "readers")]
"""Whether Twisted's port serves, and what there is no room for."""


def starved(what: str, *command: str) -> list[str]:
    return python("-m", "tests.live.starved", what, *command)


@pytest.mark.parametrize("command", ["twistd", "twist"])
@pytest.mark.parametrize(("stock", "what"), A_START)
def test_what_there_is_no_room_for_at_the_start_is_one_line_and_status_1(
    stock: str, what: str, command: str, start: Start, tmp_path: Path
) -> None:
    options = ["-n", "--pidfile=pid"] if command == "twistd" else ["--log-format=text"]
    service = start(
        starved(what, command, *options, *ANY_PORT), env=environment(**{STOCK_PORT: stock})
    )
    assert service.wait() == 1
    said = service.output + service.errors
    line = rf"udpecho: can't listen on 127\.0\.0\.1:\d+: {re.escape(NO_ROOM[what])}"
    assert [re.search(line, each) is not None for each in said.splitlines()].count(True) == 1, said
    assert "Traceback" not in said
    assert "Error" not in said
    assert not (tmp_path / "pid").exists()


@needs_our_port("it watches its socket by one epoll_ctl, not two")
@needs("strace")
@pytest.mark.parametrize("at", [2, 3, 4], ids=["the trial", "its epoll", "the reactor's"])
def test_so_it_is_where_the_kernel_finds_none(at: int, start: Start) -> None:
    """The first call is the reactor's own."""
    inject = ("-e", "trace=epoll_ctl", "-e", f"inject=epoll_ctl:error=ENOSPC:when={at}+")
    strace = ("strace", "-f", "-qq", "-o", os.devnull, *inject)
    service = start([*strace, *twistd("-r", "epoll", *ANY_PORT)])
    assert service.wait() == 1
    assert f": {NO_ROOM['watches']}\n" in service.output
    assert "Traceback" not in service.output + service.errors


def test_a_daemon_that_finds_no_room_says_so_to_who_starts_it(start: Start, tmp_path: Path) -> None:
    """With status 1, and why; its log has the line, and its pid file is gone."""
    line = starved("watches", "twistd", "--pidfile=pid", "--logfile=log", *ANY_PORT)
    service = start(line)
    assert service.wait() == 1
    assert "can't listen on 127.0.0.1" in service.errors
    wait_for(tmp_path / "log", NO_ROOM["watches"])
    assert "Traceback" not in (tmp_path / "log").read_text()
    assert not (tmp_path / "pid").exists()


@pytest.mark.parametrize("reactor", ["poll", "select"])
def test_a_descriptor_that_is_closed_behind_its_back_is_a_loss(reactor: str, start: Start) -> None:
    """Where the reactor can tell: one that is closed vanishes from an epoll, and from asyncio's."""
    service = start(losing("closed", "twistd", "-n", "--pidfile=", "-r", reactor, *ANY_PORT))
    service.wait_for(READY)
    service.signal(signal.SIGUSR1)
    assert service.wait() == 1


@pytest.mark.parametrize("command", ["twistd", "twist"])
def test_sighup_answers_what_is_queued_and_ends_it(command: str, start: Start) -> None:
    """As SIGTERM does: a terminal that is closed costs nobody a reply."""
    line = twistd("udpecho") if command == "twistd" else [TWIST, "--log-format=text", "udpecho"]
    service = start([*line, "--port=0"])
    answers_its_queue(service, addresses(service)[0], signal.SIGHUP)
    assert service.wait() == -signal.SIGTERM
    assert "has stopped: 201 received, 201 echoed" in service.output


def test_under_nohup_sighup_stays_ignored(start: Start) -> None:
    service = start(["nohup", *twistd("udpecho", "--port=0")])
    server = addresses(service)[0]
    assert echo(server) == b"hello"
    service.signal(signal.SIGHUP)
    assert echo(server) == b"hello"
    service.stop()


@pytest.mark.parametrize("reactor", ["epoll", "asyncio"])
def test_sigusr2_logs_the_counters(reactor: str, start: Start) -> None:
    service = start(twistd("-r", reactor, "udpecho", "--port=0"))
    server = addresses(service)[0]
    for times in (1, 2):
        assert echo(server) == b"hello"
        service.signal(signal.SIGUSR2)
        service.wait_for(f"udpecho has counted: {times} received, {times} echoed")
    service.stop()


def test_what_holds_sigusr2_keeps_it(start: Start) -> None:
    """As the debugger does, of twistd --debug."""
    service = start(twistd("--debug", "udpecho", "--port=0"), stdin=subprocess.PIPE)
    assert service.process.stdin is not None
    service.process.stdin.write(b"continue\n")  # as it begins in the debugger
    service.process.stdin.flush()
    assert echo(addresses(service)[0]) == b"hello"
    asked = service.output.count("(Pdb)")
    service.signal(signal.SIGUSR2)
    service.wait_for(rf"(\(Pdb\)[^\0]*){{{asked + 1}}}")
    assert "has counted" not in service.output


def test_sigusr1_has_twistd_rotate_its_log(start: Start, tmp_path: Path) -> None:
    service = start(twistd("--logfile=log", "udpecho", "--port=0"))
    wait_for(tmp_path / "log", "udpecho answers at")
    service.signal(signal.SIGUSR1)
    wait_for(tmp_path / "log.1", "udpecho answers at")
    service.stop()
