"""The programs of the tests: what they are not made for they say in one line, and do nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.live.program import ROOT, environment, python

WRONG = [
    ("bench.echo", "x"),
    ("bench.echo", "1 x"),
    ("bench.echo", "0"),
    ("bench.echo", "1 1 1"),
    ("bench.guard", "x"),
    ("bench.guard", "1 nan"),
    ("bench.guard", "serve"),
    ("bench.guard", "serve x 7"),
    ("bench.clients", "x"),
    ("bench.clients", "1 -1"),
    ("bench.ping_truth", "x"),
    ("bench.ping_truth", "--rounds 0"),
    ("bench.ping_truth", "--rounds=x"),
    ("bench.moves", "x"),
    ("bench.draw", "x"),
    ("bench.draw", "--into=x"),
    ("bench.start", "x"),
    ("bench.start", "0"),
    ("bench.soak", "--minutes=x"),
    ("bench.soak", "--minutes=0"),
    ("bench.trees", ""),
    ("bench.trees", "/nonexistent"),
    ("bench.trees", ". --pairs=0"),
    ("bench.servers", ""),
    ("bench.servers", "x 7"),
    ("bench.servers", "udpecho x"),
    ("bench.askers", ""),
    ("bench.askers", "7 1 x"),
    ("live.filtered", ""),
    ("live.filtered", "family"),
    ("live.filtered", "recvmmsg=X true"),
    ("live.filtered", "nonsense=ENOSYS true"),
    ("live.filtered", "family /nonexistent"),
]


@pytest.mark.parametrize(("module", "arguments"), WRONG, ids=map(" ".join, WRONG))
def test_wrong_arguments_are_one_line(module: str, arguments: str) -> None:
    one_line(module, arguments.split())


@pytest.mark.parametrize("module", ["echo", "guard", "clients", "ping_truth", "draw", "trees ."])
def test_what_is_missing_is_one_line(module: str, tmp_path: Path) -> None:
    """A compiler, ip(8): on this path there is none."""
    name, *arguments = module.split()
    one_line(f"bench.{name}", arguments, PATH=str(tmp_path))


def one_line(module: str, arguments: list[str], **others: str) -> None:
    """Run a module, which refuses."""
    before = pictures()
    done = subprocess.run(
        python("-m", f"tests.{module}", *arguments),
        cwd=ROOT,
        env=environment(**others),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith(f"python -m tests.{module}: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert pictures() == before


def pictures() -> dict[str, int]:
    """Tell when each picture was written."""
    folder = ROOT / "tests" / "bench" / "pictures"
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
