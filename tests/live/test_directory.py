"""No command runs code that lies in the working directory, whoever may have put it there.

A PYTHONPATH that names the directory is the user's own word, and is obeyed.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.live.conftest import Start, addresses
from tests.live.program import BIN, python, run, twistd

CUSTOM = ("sitecustomize", "usercustomize")
"""What Python imports of itself when it starts."""

INSTALLED = [str(BIN / "udpecho")]
"""The command as pip wrote it: Python leaves the working directory out for it."""

BY_MODULE = python("-m", "udpecho")

as_a_command = pytest.mark.parametrize(
    "command",
    [
        pytest.param(
            INSTALLED,
            id="udpecho",
            marks=pytest.mark.skipif(
                not Path(*INSTALLED).exists(), reason="udpecho is not installed"
            ),
        ),
        pytest.param(BY_MODULE, id="python -P -m udpecho"),
    ],
)


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """Fill the working directory with a module for every name that could be imported.

    Each notes that it was run, in a file of its own.
    """
    marks = tmp_path / "marks"
    marks.mkdir()
    for name in {*sys.stdlib_module_names, *packages_distributions(), "udpecho", *CUSTOM}:
        text = f"open({str(marks / name)!r}, 'w').close()\n"
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    plugins = tmp_path / "twisted" / "plugins"
    plugins.mkdir(parents=True)
    text = f"open({str(marks / 'a plugin')!r}, 'w').close()\n"
    (plugins / "hostile.py").write_text(text, encoding="utf-8")
    return marks


def ran(hostile: Path) -> list[str]:
    """Return the names of the modules that were run."""
    return sorted(mark.name for mark in hostile.iterdir())


def test_the_directory_is_hostile(hostile: Path, tmp_path: Path) -> None:
    """Python's own -m does run what is there: the others' empty lists say something."""
    run([sys.executable, "-m", "udpecho", "--version"], tmp_path)
    assert ran(hostile)


@as_a_command
@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["ping", "-c", "1"],
        ["ping", "-c", "1", "--plot", "run.svg"],
        ["talk"],
    ],
    ids=" ".join,
)
def test_a_command_runs_none_of_it(
    command: list[str], arguments: list[str], hostile: Path, tmp_path: Path
) -> None:
    done = run([*command, *arguments], tmp_path)
    assert ran(hostile) == []
    assert done.returncode == 0
    assert re.fullmatch(r"(No host given: .*\n)?", done.stderr)


@as_a_command
def test_a_report_runs_none_of_it(command: list[str], hostile: Path, tmp_path: Path) -> None:
    record = run([*command, "ping", "--json", "-c", "1"], tmp_path).stdout
    (tmp_path / "run.json").write_text(record, encoding="utf-8")
    done = run([*command, "report", "run.json", "--plot", "run.svg"], tmp_path)
    assert ran(hostile) == []
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("text", ["axes.facecolor: red\nfont.size: 40\n", "\xff\n", "a: b: c\n"])
def test_a_picture_is_the_same_whatever_matplotlibrc_is_there(text: str, tmp_path: Path) -> None:
    """Even if it can't be read."""
    record = run([*BY_MODULE, "ping", "--json", "-c", "1"], tmp_path).stdout
    (tmp_path / "run.json").write_text(record, encoding="utf-8")
    drawn = [*BY_MODULE, "report", "run.json", "--plot", "run.png"]
    pictures = []
    for _ in range(2):
        done = run(drawn, tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        pictures.append((tmp_path / "run.png").read_bytes())
        (tmp_path / "matplotlibrc").write_text(text, encoding="latin-1")
    assert pictures[0] == pictures[1]


@as_a_command
def test_asking_runs_none_of_it(
    command: list[str], server: tuple[str, int], hostile: Path, tmp_path: Path
) -> None:
    done = run([*command, "send", f"127.0.0.1:{server[1]}", "hello"], tmp_path)
    assert "5 bytes" in done.stdout, done.stderr
    assert ran(hostile) == []


def test_the_service_runs_none_of_it(start: Start, hostile: Path) -> None:
    serving = start(twistd("udpecho", "--port=0"))
    assert addresses(serving)
    serving.stop()
    assert ran(hostile) == []
