"""What is handed out: an sdist whose bytes depend on what is committed alone, and its contents."""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

PLUGIN = "twisted/plugins/udpecho_plugin.py"

ABROAD = ("tests/", "twisted/__init__", "twisted/plugins/__init__")
"""What a wheel must not have: our tests, and what would take the place of Twisted's own."""


def pack_again(sdist: Path, when: int) -> None:
    """Pack a .tar.gz anew: in order, of nobody, all of it as of one time (seconds since 1970).

    setuptools writes each file's own time, owner and mode into it.
    """
    packed = io.BytesIO()
    with (
        tarfile.open(sdist) as before,
        gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=when) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as after,
    ):
        for member in sorted(before.getmembers(), key=lambda member: member.name):
            entry = tarfile.TarInfo(member.name)
            entry.type, entry.size, entry.mtime = member.type, member.size, when
            entry.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            after.addfile(entry, before.extractfile(member) if member.isfile() else None)
    sdist.write_bytes(packed.getvalue())


def differences(one: Path, other: Path) -> list[str]:
    """Say in what two folders of built files differ: a line for each file."""
    here, there = ({file.name: file.read_bytes() for file in d.iterdir()} for d in (one, other))
    return [
        f"{name}: expected the same bytes from two clones, got others"
        for name in sorted(here | there)
        if here.get(name) != there.get(name)
    ]


def wrong_contents(built: Path, tracked: Iterable[str]) -> list[str]:
    """Say what is amiss in a folder's wheel and sdist, given the files that git tracks."""
    [wheel], [sdist] = built.glob("*.whl"), built.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        installed = archive.namelist()
    with tarfile.open(sdist) as source:
        shipped = {name.partition("/")[2] for name in source.getnames()}
    wrong = [
        f"{wheel.name}: expected no {name}, got it"
        for name in installed
        if name.startswith(ABROAD) or "dropin" in name
    ]
    missing = {PLUGIN, *(name for name in tracked if _is_code(name))} - set(installed)
    wrong += [f"{wheel.name}: expected {name}, found none" for name in sorted(missing)]
    missing = {name for name in tracked if not name.startswith(".")} - shipped
    return wrong + [f"{sdist.name}: expected {name}, found none" for name in sorted(missing)]


def _is_code(name: str) -> bool:
    return name.startswith(("udpecho/", "twisted/"))


def keep(built: Path, where: Path) -> None:
    """Have a folder hold these built files and nothing else."""
    shutil.rmtree(where, ignore_errors=True)
    shutil.copytree(built, where)
