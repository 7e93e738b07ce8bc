"""What a command takes from outside, libraries of extras and files: if missing, one line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import chdir, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from udpecho.errors import UdpEchoError
from udpecho.shown import short

if TYPE_CHECKING:
    from udpecho.ping.figures import Summary
    from udpecho.show import Trace


RC_FILE = Path("matplotlibrc")


class Unusable(UdpEchoError):
    """The command can't do what it was asked; the text says why, in one line."""


@contextmanager
def drawing() -> Iterator[None]:
    """Have what draws loaded within the block.

    When it is loaded, matplotlib obeys a matplotlibrc of the working directory, if it can read
    it, whoever has put it there; and can't be told not to. Nor is there need to. An MPLBACKEND
    that it does not know it refuses; no window is opened, so that none is needed.
    """
    os.environ.pop("MPLBACKEND", None)
    with wanting("plot"), chdir(Path(__file__).parent) if RC_FILE.exists() else nullcontext():
        yield


def trace_type() -> type[Trace]:
    """Load what --plot draws from."""
    with drawing():
        from udpecho.show import Trace, draw
    del draw  # it is there, then, when the run is over
    return Trace


def write_plot(file: str, trace: Trace, summary: Summary) -> None:
    """Draw a run, and write the picture's file."""
    from udpecho.show import draw

    write_picture(file, draw(trace, summary, format_of(file)))


def format_of(file: str) -> str:
    """Tell of which kind a picture is by the ending of its file's name."""
    return file.rpartition(".")[2].lower()


def write_picture(file: str, image: bytes) -> None:
    """Write a picture's file. Raises Unusable."""
    try:
        with open(file, "wb") as out:
            out.write(image)
    except OSError as error:
        raise Unusable(f"--plot: can't write {short(file)}: {error.strerror}") from error


@contextmanager
def wanting(extra: str) -> Iterator[None]:
    """Turn the absence of a library into what to do about it."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith(("udpecho", "twisted")):
            raise
        raise Unusable(
            f"{error.name} is missing, which comes with: pip install 'udpecho[{extra}]'"
        ) from error


LONGEST_LINE = 1 << 16
"""Characters of a line, with its comment: a file without line ends, /dev/zero, holds no hosts."""


@contextmanager
def lines_of(file: str) -> Iterator[Iterator[str]]:
    """Open a file of lines; - is standard input. A line that is too long is an Unusable."""
    standard = file == "-"
    try:
        with open(
            0 if standard else file, encoding="utf-8", errors="replace", closefd=not standard
        ) as lines:
            yield _lines_of(lines, file)
    except OSError as error:
        name = "standard input" if standard else file
        raise Unusable(f"can't read {short(name)}: {error.strerror}") from error


def _lines_of(lines: TextIO, file: str) -> Iterator[str]:
    number = 0
    while line := lines.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE:
            got = f"got one of {LONGEST_LINE} characters and more"
            raise Unusable(f"{short(file)}:{number}: expected lines, {got}")
        yield line
