"""What ping -M probe says of the path, on a network in memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.commands.test_ping import Terminal
from udpecho.commands import path_mtus
from udpecho.commands.report import report_command
from udpecho.commands.report_options import ReportOptions
from udpecho.commands.status import NO_REPLY, OK
from udpecho.commands.traces import joined
from udpecho.path import Hop, PathMtu, Paths
from udpecho.path import Path as Flow


def said(*words: str, **link: Any) -> tuple[int, list[str]]:
    terminal = Terminal(**{"mtu": 1400, "hops": 2} | link)
    status = terminal.ping("-c2", "-i0.1", *words, "echo.example:7")
    return status, terminal.said


def test_the_path_mtu_is_said_before_the_lines_that_programs_read() -> None:
    status, lines = said("-Mprobe")
    assert status == OK
    at = next(n for n, line in enumerate(lines) if line.startswith("path MTU 1400, as "))
    assert lines[at].endswith(" says, 1 flow")
    assert lines[at - 1] == ""
    assert "statistics" in " ".join(lines[at + 1 :])


@pytest.mark.parametrize("words", [[], ["-Mdo"], ["-Mwant"], ["-Mdont"]])
def test_without_it_nothing_is_searched(words: list[str]) -> None:
    _, lines = said(*words)
    assert not any("path MTU" in line for line in lines)


def test_of_a_host_that_does_not_answer_nothing_is_searched() -> None:
    status, lines = said("-Mprobe", loss=1.0)
    assert status == NO_REPLY
    assert not any("path MTU" in line for line in lines)


def test_each_flow_has_its_own() -> None:
    _, lines = said("-Mprobe", "--flows=3")
    assert any(line.startswith("path MTU 1400") and "all flows" in line for line in lines)


def test_an_interrupt_ends_the_search_and_the_summary_comes() -> None:
    terminal = Terminal(hops=2, delay=0.5)
    running = terminal.begin("-c1", "-Mprobe", "echo.example:7")
    terminal.net.advance(1.5)
    running.cancel()
    terminal.net.advance(10)
    assert terminal.results == [OK]
    assert "1 packets transmitted" in " ".join(terminal.said)


def test_json_has_a_line_for_each_flow(capsys: pytest.CaptureFixture[str]) -> None:
    said("-Mprobe", "--json", "--flows=2")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = [line for line in lines if line["type"] == "path"]
    assert [line["mtu"]["bytes"] for line in found] == [1400, 1400]
    assert [line["type"] for line in lines[-3:]] == ["path", "path", "summary"]


def test_the_record_has_it_and_report_tells_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "record"
    said("-Mprobe", "--json", "--flows=2")
    file.write_text(capsys.readouterr().out)
    lines: list[str] = []
    complaints: list[str] = []
    settings = ReportOptions().settings([str(file)])
    assert report_command(settings, lines.append, complaints.append) == OK
    [line] = [line for line in lines if line.startswith("path MTU")]
    assert line.startswith("path MTU 1400, as ")
    assert complaints == []


def test_a_flow_that_was_traced_has_one_record() -> None:
    peer = ("192.0.2.1", 7)
    hops = (Hop(1, ("10.0.0.1",)),)
    traced = [Paths("h", peer, (Flow(1, 40001, hops),))]
    sized = tuple(Flow(n, 40000 + n, mtu=PathMtu(1400)) for n in range(2))
    first, second = joined(traced, [Paths("h", peer, sized)])
    assert first.paths == (Flow(1, 40001, hops, mtu=PathMtu(1400)),)
    assert second.paths == sized[:1]
    assert joined(traced, []) == traced


def test_of_many_hosts_some_are_searched_and_the_others_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(path_mtus, "MOST_HOSTS", 1)
    _, lines = said("-Mprobe", "192.0.2.1:7")
    assert [line for line in lines if "path MTU" in line][1:] == [
        "path MTUs of 1 more hosts were not searched"
    ]
