"""What is told of a release stands in one place, and in the form that its readers know."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from udpecho import __version__

ROOT = Path(__file__).resolve().parents[2]

CHANGES = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
"""Those of keepachangelog.com, 1.1.0."""


def test_the_version_stands_in_one_place() -> None:
    """Whoever makes a release changes one line: and dates a section of CHANGELOG.md."""
    files = [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(each for each in (ROOT / "deploy").rglob("*") if each.is_file()),
        *(ROOT / "udpecho").rglob("*.py"),
        ROOT / "setup.cfg",
        ROOT / "pyproject.toml",
    ]
    files.remove(ROOT / "CHANGELOG.md")
    number = re.compile(rf"(?<![\d.]){re.escape(__version__)}(?![\d.])")
    found = [file for file in files if number.search(file.read_text(encoding="utf-8"))]
    assert found == [ROOT / "udpecho" / "__init__.py"]


def test_the_change_log_has_its_form() -> None:
    unreleased, *releases = re.findall("^## (.*)$", CHANGES, re.MULTILINE)
    assert unreleased == "[Unreleased]"
    for release in releases:
        assert re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", release)
    assert set(re.findall("^### (.*)$", CHANGES, re.MULTILINE)) <= KINDS


MOVED = re.findall(r"^\| `([\w.]+)` \| (.*) \|$", CHANGES, re.MULTILINE)


@pytest.mark.parametrize(("before", "now"), MOVED, ids=[before for before, _ in MOVED])
def test_what_moved_is_where_the_change_log_says(before: str, now: str) -> None:
    """Each part names a room that is there, and what it names beside is in it."""
    for part in now.split(";"):
        words = re.findall(r"`([\w.]+)`", part)
        rooms = {word: ROOT.joinpath("udpecho", *word.split(".")) for word in words}
        sources = [
            path.with_suffix(".py").read_text(encoding="utf-8")
            for path in rooms.values()
            if path.with_suffix(".py").exists()
        ]
        assert sources != [], part
        for word, path in rooms.items():
            if not path.with_suffix(".py").exists() and (before, word) != ("cli", "main"):
                assert re.search(rf"\b{word}\b", "".join(sources)), word


def test_the_sites_first_command_is_the_readmes() -> None:
    """.ci/run runs the README's; the site shows the same."""
    first = [
        re.findall(r"^```sh\n(.*?)^```$", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)[0]
        for page in ("README.md", "docs/index.md")
    ]
    assert first[0] == first[1]
