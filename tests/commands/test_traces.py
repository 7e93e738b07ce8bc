"""What ping --trace tells of paths: as text, as JSON, in the file of -o; and report of that."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.routers import TARGET, FourWays
from tests.show.recorded import OUTCOMES, record
from udpecho.commands.ping_settings import PingSettings
from udpecho.commands.report import report_command
from udpecho.commands.report_options import ReportSettings
from udpecho.commands.traces import Traces
from udpecho.ping import prepare
from udpecho.show.path_plot import BLAMED_COLOUR

PORTS = range(40000, 40016)


class Lines:
    """What is written, in place of the file."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.write = self.written.append


def traced(capsys: pytest.CaptureFixture[str], **asked: Any) -> tuple[list[str], str, list[str]]:
    """Ping where a member drops all; return what is said, printed and recorded."""
    four = FourWays(1, icmp_per_second=None)
    four.members[3].drop(to="10.9.20.0/24")
    run = four.net.run_until(
        prepare(four.source, [(TARGET, 7)], count=320, interval=0.05, flows=16, source_ports=PORTS)
    )
    file: Any = Lines()
    said: list[str] = []
    traces = Traces(run, PingSettings(hosts=(), trace=True, **asked), file)
    four.net.run_until(run.start(), limit=1000)
    traces.tell(said.append)
    return said, capsys.readouterr().out, file.written


def test_the_file_has_it_and_report_tells_it_as_ping_did(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    said, printed, written = traced(capsys)
    assert any("they die behind" in line for line in said)
    assert printed == ""
    kinds = [json.loads(line)["type"] for line in written]
    assert kinds[-1] == "verdict"
    assert set(kinds[:-1]) == {"path"}
    *before, summary = record(OUTCOMES)
    file = tmp_path / "run.jsonl"
    file.write_text("".join([*before, *written, summary]))
    out: list[str] = []
    err: list[str] = []
    assert report_command(ReportSettings(str(file)), out.append, err.append) == 0
    assert err == []
    at = out.index(said[1])
    assert out[at - 1 : at - 1 + len(said)] == said
    assert any("packets transmitted" in line for line in out[at + len(said) :])

    out.clear()
    report_command(ReportSettings(str(file), form="json"), out.append, err.append)
    assert [f"{line}\n" for line in out] == [*written, summary]

    out.clear()
    report_command(
        replace(ReportSettings(str(file)), hosts=frozenset({"echo.example"})),
        out.append,
        err.append,
    )
    assert not any("they die behind" in line for line in out), "it is of all hosts"


def test_a_picture_marks_what_the_verdict_names(tmp_path: Path) -> None:
    four = FourWays(1, icmp_per_second=None)
    four.members[3].drop(to="10.9.20.0/24")
    run = four.net.run_until(
        prepare(four.source, [(TARGET, 7)], count=320, interval=0.05, flows=16, source_ports=PORTS)
    )
    traces = Traces(run, PingSettings(hosts=(), trace=True))
    traces.draw(str(tmp_path / "none.svg"))
    four.net.run_until(run.start(), limit=1000)
    traces.draw(str(tmp_path / "run.svg"))
    assert [each.name for each in tmp_path.iterdir()] == ["run-paths.svg"]
    assert BLAMED_COLOUR.lower() in (tmp_path / "run-paths.svg").read_text().lower()


def test_json_has_it_before_the_summary(capsys: pytest.CaptureFixture[str]) -> None:
    said, printed, written = traced(capsys, json=True)
    assert said == []
    assert printed == "".join(written)
