"""Files that are read again when they have changed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from twisted.internet.interfaces import IReactorTime

from udpecho.shown import harmless
from udpecho.watch.peers.again import Hears
from udpecho.watch.peers.targets import LONGEST_LIST, reading
from udpecho.watch.pieces import all_of

LOOK_SECONDS = 2.0
"""How often a file is looked at: a stat(2), and no more while it is the same."""


def read_text(path: Path) -> str:
    """Read a text of UTF-8. Raises OSError, or ValueError for what is too long or none."""
    with open(path, "rb", opener=_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("expected a file, got what is none")
        data = file.read(LONGEST_LIST + 1)
    if len(data) > LONGEST_LIST:
        raise ValueError(f"expected {LONGEST_LIST} bytes at most, got more")
    return text_of(data)


def text_of(data: bytes) -> str:
    """Read UTF-8. Raises ValueError, which names the line."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {line}: expected UTF-8, got what is not") from None


def why_unread(path: Path, error: OSError | ValueError) -> str:
    """Say in a line why a file can't be read, or why what it has is none."""
    if isinstance(error, OSError):
        return f"can't read {path}: {error.strerror or error}"
    return f"{path}: {error}"


def _at_once(path: str, flags: int) -> int:
    """Open a file: a pipe that nobody writes to would hold us up without O_NONBLOCK (fifo(7))."""
    return os.open(path, flags | os.O_NONBLOCK)


class ChangingFile:
    """A file, and whether it is another than when it was last looked at."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, ...] | None = None

    def has_changed(self) -> bool:
        """Look whether it is another, or has come or gone; the first time it is."""
        before, self._seen = self._seen, self._look()
        return before != self._seen

    def _look(self) -> tuple[int, ...]:
        try:
            found = self.path.stat()
        except (OSError, ValueError):
            return ()
        # What could not be read may be since a chmod(1), which changes st_ctime alone.
        times = found.st_mtime_ns, found.st_ctime_ns
        return found.st_dev, found.st_ino, found.st_size, *times


class FileSource:
    """A file that names peers, as JSON or a host in each line."""

    def __init__(
        self, reactor: IReactorTime, path: Path, port: int, zone: str | None, hears: Hears
    ) -> None:
        self._reactor = reactor
        self._file = ChangingFile(path)
        self._port = port
        self._zone = zone
        self._hears = hears

    async def ask(self) -> float:
        """Read it if it has changed; return when to look again, in seconds."""
        if self._file.has_changed():
            await self._read()
        return LOOK_SECONDS

    async def _read(self) -> None:
        path = self._file.path
        try:
            steps = reading(read_text(path), self._port, self._zone, self._hears.name)
            found = await all_of(self._reactor, steps)
        except (OSError, ValueError) as error:
            self._hears.failed(harmless(why_unread(path, error)))
        else:
            self._hears.found(found)
