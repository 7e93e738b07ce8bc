"""The man pages and the completions say what the commands' options are."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.workshop.shellpages import ROOT, SHELLS, pages

MAN_PAGES = [file for file in pages() if file.endswith(".1")]


@pytest.mark.parametrize("file", pages())
def test_it_is_current(file: str) -> None:
    """If not: nox -s pages."""
    assert (ROOT / file).read_text(encoding="utf-8") == pages()[file]


def test_nothing_else_is_there() -> None:
    there = {str(path.relative_to(ROOT)) for path in (ROOT / "share").rglob("*") if path.is_file()}
    assert there == set(pages())


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
@pytest.mark.parametrize("file", MAN_PAGES)
def test_roff_has_nothing_to_say_of_a_page(file: str) -> None:
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z", str(ROOT / file)], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        (["udpecho", "pi"], "ping"),
        (["udpecho", "ping", "--fl"], "--flows"),
        (["udpecho", "report", "--cs"], "--csv"),
        (["udpecho", "ping", "-M", "d"], "dont"),
        (["udpecho", "ping", "--accept", "c"], "connected"),
        (["udpecho", "ping", "--clock", ""], "user"),
        (["udpecho", "send", "-a", "m"], "matching"),
        (["udpecho", "ping", "--targets", "noxf"], "noxfile.py"),
        (["udpecho", "report", "noxf"], "noxfile.py"),
        (["udpecho", "watch", "--ch"], "--check"),
        (["udpecho", "watch", "--check", "noxf"], "noxfile.py"),
    ],
    ids=" ".join,
)
def test_bash_completes_what_is_typed(typed: list[str], completed: str) -> None:
    words = " ".join(f"'{word}'" for word in typed)
    text = (
        f"source {ROOT / SHELLS['bash']}; COMP_WORDS=({words}); COMP_CWORD={len(typed) - 1}; "
        f"_shtab_udpecho; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    done = subprocess.run(
        ["bash", "-c", text], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert completed in done.stdout.split(), done.stdout + done.stderr


INSTALLED = [shell for shell in SHELLS if shutil.which(shell) is not None]
"""What can be asked here. None but bash must be."""


@pytest.mark.parametrize("shell", INSTALLED)
def test_a_shell_can_read_its_file(shell: str) -> None:
    done = subprocess.run([shell, "-n", str(ROOT / SHELLS[shell])], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


if "fish" in INSTALLED:

    @pytest.mark.parametrize(
        ("typed", "completed"),
        [
            ("udpecho pi", "ping\tMeasure loss, delay, jitter and reordering."),
            ("udpecho ping --spo", "--sport\t"),
            ("udpecho ping -M pro", "probe"),
        ],
    )
    def test_fish_completes_what_is_typed(typed: str, completed: str) -> None:
        text = f"source {ROOT / SHELLS['fish']}; complete -C '{typed}'"
        done = subprocess.run(["fish", "-Nc", text], capture_output=True, text=True, check=False)
        assert done.stdout.startswith(completed), done.stdout + done.stderr


def test_a_file_for_each_shell(tmp_path: Path) -> None:
    assert set(SHELLS) == {"bash", "zsh", "fish"}
