"""What ping -M probe says of the path, on a network in memory."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.commands.test_ping import Terminal
from udpecho.commands import path_mtus
from udpecho.commands.status import NO_REPLY, OK


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
    assert [line["mtu_bytes"] for line in found] == [1400, 1400]
    assert [line["type"] for line in lines[-2:]] == ["path", "path"]


def test_of_many_hosts_some_are_searched_and_the_others_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(path_mtus, "MOST_HOSTS", 1)
    _, lines = said("-Mprobe", "192.0.2.1:7")
    assert [line for line in lines if "path MTU" in line][1:] == [
        "path MTUs of 1 more hosts were not searched"
    ]
