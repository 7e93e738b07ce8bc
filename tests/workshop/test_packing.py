"""The same bytes from any clone, and all that belongs there."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.workshop.packing import PLUGIN, differences, pack_again, wrong_contents

WHEN = 1_700_000_000

TRACKED = ["setup.cfg", "udpecho/__init__.py", PLUGIN, "tests/test_a.py", ".gitignore"]


def sdist(folder: Path, names: list[str], *, when: int, owner: int, mode: int) -> Path:
    """Make an sdist as setuptools does: of someone, at a time, in an order."""
    folder.mkdir(exist_ok=True)
    file = folder / "udpecho-1.tar.gz"
    with tarfile.open(file, "w:gz") as archive:
        for name in names:
            entry = tarfile.TarInfo(f"udpecho-1/{name}")
            entry.mtime, entry.uid, entry.gname, entry.mode = when, owner, str(owner), mode
            entry.size = len(name)
            archive.addfile(entry, io.BytesIO(name.encode()))
    return file


def wheel(folder: Path, names: list[str]) -> None:
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / "udpecho-1-py3-none-any.whl", "w") as archive:
        for name in names:
            archive.writestr(name, "")


def test_packed_again_two_are_one(tmp_path: Path) -> None:
    one = sdist(tmp_path / "a", ["a.py", "b.py"], when=1, owner=0, mode=0o644)
    other = sdist(tmp_path / "b", ["b.py", "a.py"], when=2, owner=7, mode=0o600)
    assert differences(one.parent, other.parent) != []
    for each in (one, other):
        pack_again(each, WHEN)
    assert differences(one.parent, other.parent) == []
    with tarfile.open(one) as archive:
        members = archive.getmembers()
        assert [member.name for member in members] == ["udpecho-1/a.py", "udpecho-1/b.py"]
        assert {(m.mtime, m.uid, m.gid, m.uname, m.mode) for m in members} == {
            (WHEN, 0, 0, "", 0o644)
        }
        content = archive.extractfile(members[1])
        assert content is not None
        assert content.read() == b"b.py"


def test_a_program_stays_one(tmp_path: Path) -> None:
    packed = sdist(tmp_path, ["run"], when=1, owner=0, mode=0o700)
    pack_again(packed, WHEN)
    with tarfile.open(packed) as archive:
        assert archive.getmembers()[0].mode == 0o755


def test_a_file_that_only_one_has(tmp_path: Path) -> None:
    wheel(tmp_path / "a", [])
    (tmp_path / "b").mkdir()
    [difference] = differences(tmp_path / "a", tmp_path / "b")
    assert difference.startswith("udpecho-1-py3-none-any.whl: ")


@pytest.mark.parametrize(
    ("installed", "shipped", "wrong"),
    [
        ([], [], []),
        (["tests/test_a.py"], [], ["expected no tests/test_a.py"]),
        (["twisted/__init__.py"], [], ["expected no twisted/__init__.py"]),
        (["twisted/plugins/dropin.cache"], [], ["expected no twisted/plugins/dropin.cache"]),
        ([f"-{PLUGIN}"], [], [f"expected {PLUGIN}"]),
        (["-udpecho/__init__.py"], [], ["expected udpecho/__init__.py"]),
        ([], ["-tests/test_a.py"], ["expected tests/test_a.py"]),
    ],
)
def test_contents(
    installed: list[str], shipped: list[str], wrong: list[str], tmp_path: Path
) -> None:
    """A name with a minus is taken away from what belongs there, another one added."""

    def changed(names: set[str], changes: list[str]) -> list[str]:
        gone = {name[1:] for name in changes if name.startswith("-")}
        return sorted((names | set(changes)) - gone - {f"-{name}" for name in gone})

    wheel(tmp_path, changed({"udpecho/__init__.py", PLUGIN}, installed))
    belongs = {name for name in TRACKED if not name.startswith(".")}
    sdist(tmp_path, changed(belongs, shipped), when=1, owner=0, mode=0o644)
    found = [line.partition(": ")[2] for line in wrong_contents(tmp_path, TRACKED)]
    assert [line.partition(",")[0] for line in found] == wrong
