"""udpecho path --live, on a network in memory that changes meanwhile."""

from __future__ import annotations

import io
import os
import re
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from tests.routers import TARGET, FourWays
from udpecho.commands.extras import Unusable
from udpecho.commands.path import path_command
from udpecho.commands.path_live import PAUSE
from udpecho.commands.path_options import PathOptions
from udpecho.commands.status import NO_REPLY, OK

AT_WILL: dict[str, Any] = {"icmp_per_second": None, "icmp_msgs_per_second": None}


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


class Watched:
    """A command that runs on a screen."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *words: str, **options: Any) -> None:
        self.screen, self.said = Screen(), list[str]()
        monkeypatch.setattr("sys.stdout", self.screen)
        monkeypatch.setitem(os.environ, "TERM", "xterm")
        monkeypatch.setitem(os.environ, "COLUMNS", "80")
        self.four = FourWays(1, **AT_WILL, **options)
        settings = PathOptions().settings(["--live", "-n", "--sport=40000-40007", *words, TARGET])
        running: Any = path_command(self.four.source, settings, self.said.append, self.heed)
        self.tell: Any = None
        self.ended: Deferred[int] = Deferred.fromCoroutine(running)

    def heed(self, tell: Any) -> None:
        self.tell = tell

    def after(self, seconds: float) -> None:
        self.four.net.advance(seconds)

    def interrupted(self) -> int:
        results: list[int] = []
        self.ended.cancel()
        self.ended.addCallback(results.append)
        self.four.net.advance(0)
        [status] = results
        return status

    def picture(self) -> list[str]:
        """Give what was drawn last."""
        return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", self.screen.getvalue()).splitlines()[-20:]


def test_looks_go_on_and_what_changed_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch)
    watched.after(4)
    assert watched.picture()[-1] == "look 1; Ctrl-C ends"
    four = watched.four
    used = {path[5] for path in re.findall(r"10\.9\.[1-4]\.2", watched.screen.getvalue())}
    gone = four.members[int(min(used)) - 1]
    four.r1.route("10.9.20.0/24", via=[each for each in four.members if each is not gone])
    watched.after(PAUSE + 4)
    assert watched.picture()[-1] == "look 2; Ctrl-C ends"
    assert any(line.startswith(f"-  2    10.9.{min(used)}.2") for line in watched.picture())
    assert watched.interrupted() == OK
    assert watched.said[0] == f"8 flows to {TARGET}:7" or watched.said[0].startswith("8 flows to")
    assert any(line.startswith("-  2 ") for line in watched.said)
    assert "reached by 8 of 8 flows" in watched.said[-1]
    sent = len(four.net.record)
    watched.after(60)
    assert len(four.net.record) == sent, "nothing is left that looks on"


def test_an_interrupted_first_look_shows_what_it_saw(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch, answers=True)
    watched.after(0.1)
    watched.tell()
    assert watched.interrupted() == OK
    assert "reached by 8 of 8 flows" in watched.said[-1]


def test_a_later_look_that_fails_is_said_and_the_next_is_awaited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watched = Watched(monkeypatch)
    watched.after(4)
    sockets = [watched.four.source.open_datagram_socket("", port) for port in range(40000, 40003)]
    watched.after(PAUSE + 1)
    assert "look 1 failed" in watched.picture()[-1]
    for each in sockets:
        each.close()
    watched.after(PAUSE + 4)
    assert watched.picture()[-1] == "look 2; Ctrl-C ends"
    watched.interrupted()


def test_who_is_not_reached_is_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch)
    watched.four.net.link(watched.four.r3, watched.four.target, loss=1.0)
    watched.after(15)
    assert watched.interrupted() == NO_REPLY


@pytest.mark.parametrize(("term", "why"), [("dumb", "TERM=dumb"), ("", "TERM=")])
def test_where_nothing_can_be_drawn_nothing_is_sent(
    term: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout", Screen())
    monkeypatch.setitem(os.environ, "TERM", term)
    four = FourWays(1)
    running: Any = path_command(four.source, PathOptions().settings(["--live", TARGET]), print)
    failure: list[Any] = []
    Deferred.fromCoroutine(running).addErrback(failure.append)
    [failed] = failure
    assert failed.check(Unusable)
    assert str(failed.value) == f"--live: expected a terminal to draw on, got {why}"
    assert len(four.net.record) == 0
