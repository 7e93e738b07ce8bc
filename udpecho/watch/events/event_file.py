"""Events appended to a file, a pipe or standard output, line by line, and never waited for.

What can't be written now waits, and what there is no room for is left out and counted; each is said
once. A file that was moved away (logrotate) is begun anew.
"""

from __future__ import annotations

import os
import select
import stat
from collections import deque
from contextlib import suppress
from errno import EDQUOT, ENOSPC, ENXIO, EPIPE
from pathlib import Path

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from udpecho.watch.events.outlet_counts import MOST_UNSENT, OutletCounts

MOST_AT_ONCE = 64
"""Lines written in a turn of the reactor."""

AGAIN_SECONDS = 5.0
SOON_SECONDS = 0.7

FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
STANDARD_OUTPUT = 1


class EventFile:
    """Appends lines to a file, or to standard output if it has no path."""

    def __init__(
        self, reactor: IReactorTime, path: Path | None, counts: OutletCounts, log: Logger
    ) -> None:
        """Open nothing yet."""
        self._reactor = reactor
        self._path = path
        self._counts = counts
        self._log = log
        self._fd = STANDARD_OUTPUT if path is None else -1
        self._is_file: tuple[int, int] | None = None
        """The file that is open, by its device and number."""

        self._waiting: deque[bytes] = deque()
        self._begun = 0
        """Bytes of the first line that are written."""

        self._why = ""
        self._dropped = 0
        self._alarm: IDelayedCall | None = None

    def check(self) -> None:
        """Raise OSError if it can't be opened; a pipe may be read by nobody yet."""
        if self._path is not None:
            try:
                os.close(os.open(self._path, FLAGS, 0o644))
            except OSError as error:
                if error.errno != ENXIO:
                    raise

    def write(self, line: str) -> None:
        """Append a line."""
        if len(self._waiting) >= MOST_UNSENT:
            self._drop()
            return
        self._waiting.append(line.encode() + b"\n")
        self._counts.waits(len(self._waiting))
        if self._alarm is None:
            self._go_on()

    def give_back(self) -> list[str]:
        """Give what waits, but a line that is half written, for another; end() is to follow."""
        lines: list[str] = []
        while len(self._waiting) > bool(self._begun):
            lines.append(self._waiting.pop().decode().rstrip("\n"))
        self._counts.waits(len(self._waiting))
        return lines[::-1]

    def end(self) -> None:
        """Write what can be written at once, and close; what is left is lost, and said so."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        with suppress(OSError):
            self._write(MOST_UNSENT)
        if self._waiting:
            self._log.error(
                "{number} events could not be written to {where}",
                number=len(self._waiting), where=self._where(),
            )  # fmt: skip
            self._counts.drops(len(self._waiting))
            self._waiting.clear()
        self._counts.waits(0)
        self._close()

    def _where(self) -> str:
        return "standard output" if self._path is None else str(self._path)

    def _go_on(self) -> None:
        self._alarm = None
        try:
            self._write(MOST_AT_ONCE)
        except BlockingIOError:
            self._set_alarm(SOON_SECONDS)
        except OSError as error:
            self._fails(error)
        else:
            if self._why:
                self._log.info("events are written to {where} again", where=self._where())
                self._why = ""
            self._dropped = 0
            if self._waiting:
                self._set_alarm(0)
        self._counts.waits(len(self._waiting))

    def _set_alarm(self, seconds: float) -> None:
        self._alarm = self._reactor.callLater(seconds, self._go_on)

    def _fails(self, error: OSError) -> None:
        self._counts.fails()
        nobody = error.errno in (ENXIO, EPIPE)
        why = "nobody reads it" if nobody else error.strerror or str(error)
        if why != self._why:
            self._log.error(
                "events can't be written to {where}: {why}; up to {most} wait",
                where=self._where(), why=why, most=MOST_UNSENT,
            )  # fmt: skip
        self._why = why
        if error.errno not in (ENOSPC, EDQUOT):
            self._close()
        self._set_alarm(AGAIN_SECONDS)

    def _drop(self) -> None:
        self._counts.drops()
        self._dropped += 1
        if self._dropped == 1:
            self._log.error(
                "events wait for {where}, and there is no room for more: they are left out",
                where=self._where(),
            )  # fmt: skip

    # The file itself.

    def _write(self, most: int) -> None:
        """Write some lines. Raises OSError; BlockingIOError if nothing is read of a pipe now."""
        self._open()
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        for _ in range(min(most, len(self._waiting))):
            line = self._waiting[0]
            while self._begun < len(line):
                if not poll.poll(0):
                    raise BlockingIOError
                piece = line[self._begun : self._begun + select.PIPE_BUF]
                self._begun += os.write(self._fd, piece)
            self._waiting.popleft()
            self._begun = 0
            self._counts.sends()

    def _open(self) -> None:
        """Open the file, if it isn't open or another is in its place. Raises OSError."""
        if self._path is None:
            return
        if self._fd != -1 and _identity(self._path) != self._is_file:
            self._close()
        if self._fd == -1:
            self._fd = os.open(self._path, FLAGS, 0o644)
            found = os.fstat(self._fd)
            was, self._is_file = self._is_file, (found.st_dev, found.st_ino)
            if was != self._is_file or not stat.S_ISREG(found.st_mode):
                self._begun = 0
                if _ends_within_a_line(self._path, found):
                    os.write(self._fd, b"\n")

    def _close(self) -> None:
        if self._path is not None and self._fd != -1:
            with suppress(OSError):
                os.close(self._fd)
            self._fd = -1


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _ends_within_a_line(path: Path, found: os.stat_result) -> bool:
    """Tell whether who wrote a file before us could not write a whole line."""
    if not stat.S_ISREG(found.st_mode) or not found.st_size:
        return False
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.pread(fd, 1, found.st_size - 1) != b"\n"
        finally:
            os.close(fd)
    except OSError:
        return False
