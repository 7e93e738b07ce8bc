"""How the process ends other than by returning: as by a signal, or since its output failed.

What must not be left as it is, a terminal's modes or a file's end, is put right before.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import EIO, EPIPE

from udpecho.commands.status import FAILED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_to_put_right: list[Callable[[], None]] = []
_heeding: list[Callable[[int | None], None]] = []


@contextmanager
def putting_right(undo: Callable[[], None]) -> Iterator[None]:
    """Have something undone when the block ends, and also if the process dies within it.

    undo must not block, nor print.
    """
    _to_put_right.append(undo)
    try:
        yield
    finally:
        _to_put_right.remove(undo)
        undo()


def die_by(number: int) -> NoReturn:
    """End as by a signal: a shell sees 128 and its number."""
    _put_right()
    signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)
    os._exit(128 + number)  # it is ignored all the same: so for a container's first process


def output_failed(error: OSError, descriptor: int) -> None:
    """End since output can't be written: in the command's own way, if one heeds that; else now.

    A pipe that nobody reads is silent, and a terminal that is gone: they end it as by SIGPIPE and
    SIGHUP. All else is a line, and status 2. What is said from then on goes nowhere. For what
    standard error has no room nobody ends.
    """
    by = _as_by(error, descriptor)
    if by is None and descriptor == 2:
        _silence(2)
        return
    if by is None:
        with suppress(OSError):
            os.write(2, f"udpecho: can't write to standard output: {error.strerror}\n".encode())
    _silence(1, 2)
    if _heeding:
        _heeding[-1](by)
    elif by is not None:
        die_by(by)
    else:
        _put_right()
        os._exit(FAILED)


def _silence(*descriptors: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in descriptors:
        os.dup2(nowhere, descriptor)
    os.close(nowhere)


def heed_output(end: Callable[[int | None], None]) -> None:
    """Have this called where output fails, with the signal that it is as by, if it is."""
    _heeding.append(end)


def _as_by(error: OSError, descriptor: int) -> int | None:
    if error.errno == EPIPE:
        return signal.SIGPIPE
    gone = error.errno == EIO and stat.S_ISCHR(os.fstat(descriptor).st_mode)
    return signal.SIGHUP if gone else None


def leave(status: int) -> NoReturn:
    """End with a status, when all that was said is written, and whatever a thread still waits for.

    A resolver that never answers would have the interpreter wait for it.
    """
    import threading

    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    if hasattr(signal, "setitimer"):  # while the interpreter ends, an alarm has its default meaning
        signal.setitimer(signal.ITIMER_REAL, 0)
    if threading.active_count() > 1:
        os._exit(status)
    raise SystemExit(status)


def _put_right() -> None:
    for undo in reversed(_to_put_right):
        with suppress(Exception):
            undo()
