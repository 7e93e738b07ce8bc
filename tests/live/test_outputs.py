"""Outputs and inputs that are closed, full, broken or of few characters: of every command."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.live.conftest import bound
from tests.live.program import PATIENCE, environment, udpecho

COMMANDS = ["help", "ping", "json", "send", "talk", "report", "path", "watch", "wrong"]


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """Save a ping that is longer than a pipe holds."""
    done = subprocess.run(
        udpecho("ping", "--json", "-c300", "-i.001"), env=environment(), capture_output=True,
        check=True, timeout=PATIENCE,
    )  # fmt: skip
    start, *lines = done.stdout.splitlines(keepends=True)
    file = tmp_path / "run.json"
    file.write_bytes(start + b"".join(lines[:-1] * 20) + lines[-1])
    return file


def line_of(name: str, record: Path, where: str) -> list[str]:
    """Write a command that says something."""
    return udpecho(
        *{
            "help": ["--help"],
            "ping": ["ping", "-c1000", "-i.01"],
            "json": ["ping", "--json", "-c1000", "-i.001"],
            "send": ["send", "-t.3", "-r0", where, "hello"],
            "talk": ["talk"],
            "report": ["report", "--lines", str(record)],
            "path": ["path", "--demo"],
            "watch": ["watch", "--web=0"],
            "wrong": ["pign"],
        }[name]
    )


def ended(command: list[str], redirection: str) -> tuple[int, str, str]:
    """Run a command with a shell's redirections; give its status and what it said."""
    done = subprocess.run(
        ["bash", "-c", f'"$@" {redirection}', "bash", *command], env=environment(),
        stdin=subprocess.DEVNULL, capture_output=True, timeout=3 * PATIENCE, check=False,
    )  # fmt: skip
    errors = re.sub("No host given: .*\n", "", done.stderr.decode())
    return done.returncode, done.stdout.decode(), errors


@pytest.mark.parametrize(
    ("redirection", "why"),
    [(">/dev/full", "No space left on device"), (">&-", "Bad file descriptor")],
)
@pytest.mark.parametrize("name", COMMANDS)
def test_full_or_closed(name: str, redirection: str, why: str, record: Path) -> None:
    """One line, and status 2."""
    with bound() as silent:
        where = f"127.0.0.1:{silent.getsockname()[1]}"
        status, _, errors = ended(line_of(name, record, where), redirection)
    assert status == 2
    if name != "wrong":  # says nothing there
        assert errors == f"udpecho: can't write to standard output: {why}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_nobody_reads(name: str, record: Path) -> None:
    """As by SIGPIPE, and without a word."""
    with bound() as silent:
        where = f"127.0.0.1:{silent.getsockname()[1]}"
        command = line_of(name, record, where)
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run(
            command, env=environment(), stdin=subprocess.DEVNULL, stdout=writing,
            stderr=subprocess.PIPE, timeout=3 * PATIENCE, check=False,
        )  # fmt: skip
        os.close(writing)
    errors = re.sub(b"No host given: .*\n", b"", done.stderr)
    if name == "wrong":
        assert done.returncode == 2
        return
    assert done.returncode == -signal.SIGPIPE
    assert errors == b""


@pytest.mark.parametrize("name", ["ping", "json", "report", "help"])
def test_head(name: str, record: Path) -> None:
    """What has been read is whole; who has read enough ends it."""
    command = line_of(name, record, "")
    status, out, errors = ended(command, "| head -n1; exit ${PIPESTATUS[0]}")
    assert out.count("\n") == 1
    assert (status, errors) in ((128 + signal.SIGPIPE, ""), (0, ""))
    assert status != 0 or name == "help", "help may be read whole before head ends"


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
@pytest.mark.parametrize("name", ["ping", "send", "talk", "report", "wrong"])
def test_nowhere_to_complain(name: str, redirection: str, record: Path) -> None:
    """Nothing of it appears elsewhere, and the status is as ever."""
    with bound() as silent:
        where = f"127.0.0.1:{silent.getsockname()[1]}"
        command = line_of(name, record, where)
        if name == "ping":
            command = udpecho("ping", "-c3", "-i.01")
        status, out, errors = ended(command, redirection)
    assert status == {"send": 1, "wrong": 2}.get(name, 0)
    assert errors == ""
    assert "udpecho:" not in out
    assert "Traceback" not in out


@pytest.mark.parametrize(
    ("redirection", "why"),
    [
        ("<&-", "Bad file descriptor"),
        ("0>/dev/null", "Bad file descriptor"),
    ],
)
@pytest.mark.parametrize("line", ["ping --targets -", "report -", "talk"])
def test_no_input(line: str, redirection: str, why: str) -> None:
    """One line that says so: not as if it were empty."""
    status, _, errors = ended(udpecho(*line.split()), redirection)
    assert (status, errors) == (2, f"udpecho: can't read standard input: {why}\n")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_an_encoding_without_our_characters(encoding: str, tmp_path: Path) -> None:
    """They are written as escapes."""
    done = subprocess.run(
        udpecho("send", "☃.invalid", "x"), env=environment(PYTHONIOENCODING=encoding),
        capture_output=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert b"\\u2603" in done.stderr
    assert b"Traceback" not in done.stderr


def test_what_is_written_before_the_end_is_whole_json(record: Path) -> None:
    """A record that somebody stops reading ends with a line, not within one."""
    status, out, errors = ended(udpecho("ping", "--json", "-c2", "-i.01"), "| cat")
    assert (status, errors) == (0, "")
    assert [json.loads(line)["type"] for line in out.splitlines()][-1] == "summary"
