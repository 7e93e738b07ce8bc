"""udpecho report of a long record: the memory that it takes is that of a short one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.bench.report import report
from tests.live.program import run

COMMAND = [sys.executable, "-P", "-m", "udpecho"]

MOST_MIB = 120
"""Of 10,000,000 probes, which python -m tests.bench.report measures."""


@pytest.mark.parametrize("arguments", [[], ["--from", "1", "--csv"]])
def test_memory_does_not_grow_with_the_record(arguments: list[str]) -> None:
    short, long = (report(probes, *arguments) for probes in (20_000, 100_000))
    assert (short.status, long.status) == (0, 0)
    assert long.rss_mib < MOST_MIB
    assert long.rss_mib < short.rss_mib + 32  # what waits to be in order has its bound
    assert "100000 packets transmitted" in long.text or long.text.startswith("run,")


def test_nor_does_that_of_its_picture(tmp_path_factory: pytest.TempPathFactory) -> None:
    picture = tmp_path_factory.mktemp("pictures") / "run.png"
    short, long = (report(probes, "--plot", str(picture)) for probes in (50_000, 100_000))
    assert long.rss_mib < short.rss_mib + 20
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["run.jsonl", "run.jsonl.gz"])
def test_what_ping_records_is_reported(name: str, tmp_path: Path) -> None:
    """With a file of -o, as without: the same summary, from the file's own."""
    pinged = run([*COMMAND, "ping", "-q", "-c5", "-i0.05", "-o", name], tmp_path)
    reported = run([*COMMAND, "report", name], tmp_path)
    assert (pinged.returncode, reported.returncode, reported.stderr) == (0, 0, "")
    assert pinged.stdout == reported.stdout


@pytest.mark.parametrize("backend", ["bogus", "module://absent.backend", "tkagg", ""])
def test_a_picture_needs_no_backend(
    backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as notebooks set for what they start."""
    monkeypatch.setenv("MPLBACKEND", backend)
    done = run([*COMMAND, "ping", "-q", "-c2", "-i0.05", "--plot", "run.svg"], tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)  # the notice of its own server
    assert (tmp_path / "run.svg").read_bytes().startswith(b"<?xml")


def test_a_full_disk_ends_no_ping(tmp_path: Path) -> None:
    done = run([*COMMAND, "ping", "-q", "-c5", "-i0.05", "-o", "/dev/full"], tmp_path)
    assert done.returncode == 0
    assert "5 packets transmitted, 5 received" in done.stdout
    assert "-o: can't write /dev/full: No space left on device; the run goes on" in done.stderr
