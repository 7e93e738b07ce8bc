"""What a file, a name or the network says is one line, and steers no terminal."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.examples import given, st
from tests.show.recorded import OUTCOMES, record
from udpecho.commands.report import report_command
from udpecho.commands.report_options import ReportSettings
from udpecho.commands.saying import complain, one_line, say

EVIL = "\x1b]0;TITLE\x07\x1b[2Jred\nFAKE LINE \u202etxt.exe\u2028\x9b1m\r"


@given(st.text())
def test_whatever_is_said_is_one_line(text: str) -> None:
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    assert not set(line) & set("\x1b\x9b\r\n\u202a\u202b\u202d\u202e\u2066\u2067\u2068")
    line.encode()


@pytest.mark.parametrize("form", ["text", "json", "csv"])
def test_a_record_steers_no_terminal(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Names and reasons are the file's; an address is one."""
    lines = [json.loads(line) for line in record(OUTCOMES)]
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    for word in ("echo.example", "ECONNREFUSED"):
        text = text.replace(word, json.dumps(word + EVIL)[1:-1])
    file = tmp_path / "run.jsonl"
    file.write_text(text + "not a line: " + EVIL.replace("\n", " ") + "\n")
    report_command(ReportSettings(str(file), lines=True, form=form), say, complain)  # type: ignore[arg-type]
    out, err = capsys.readouterr()
    assert "FAKE LINE" in out
    assert not set(out + err) & set("\x1b\x9b\r\x07\u202e\u2028")
    assert not [line for line in out.splitlines() if line.lstrip().startswith("FAKE LINE")]


def on_a_terminal(columns: int) -> Callable[[int], os.terminal_size]:
    return lambda _: os.terminal_size((columns, 24))


@pytest.mark.parametrize("columns", [20, 40, 80])
def test_a_complaint_on_a_terminal_is_broken_at_spaces(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The terminal itself breaks lines within words."""
    line = "udpecho: --sport: expected 16 ports, one for each of --flows, got 2; two are not many"
    monkeypatch.delenv("COLUMNS")
    monkeypatch.setattr("os.get_terminal_size", on_a_terminal(columns))
    complain(line)
    lines = capsys.readouterr().err.splitlines()
    assert max(map(len, lines)) <= columns
    assert " ".join(each.strip() for each in lines) == line


def test_a_complaint_elsewhere_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever looks for it in a file finds it, whatever COLUMNS is."""
    monkeypatch.setenv("COLUMNS", "20")
    line = "udpecho: expected one HOST, got 2"
    complain(line)
    assert capsys.readouterr().err == f"{line}\n"
