"""What the options of all commands, and of twistd's udpecho, have in common."""

from __future__ import annotations

import getopt
import os
import sys
from collections.abc import Sequence
from errno import EACCES, EISDIR, ENOENT, ENOTDIR

from twisted.python import usage

from udpecho import __version__
from udpecho.client import RETRIES, TIMEOUT
from udpecho.values import seconds, whole_number


class Command(usage.Options):
    """What the options of every command have in common."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse, and leave out what Twisted puts before a coercer's error."""
        try:
            super().parseOptions(options)  # type: ignore[no-untyped-call]
        except usage.UsageError as error:
            text = str(error).removeprefix("Parameter type enforcement failed: ")
            raise usage.UsageError(text) from error

    def opt_version(self) -> None:
        """Print udpecho's version and exit."""
        print(f"udpecho {__version__}")
        raise SystemExit(0)

    def parseArgs(self, *args: str) -> None:
        """Refuse what is not an option."""
        if args:
            raise usage.UsageError(f"expected options only, got {args[0]!r}")


class Interspersed(Command):
    """Options that may stand behind the arguments, as GNU's programs let them."""

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Read the command line, with the options moved to its front."""
        given = sys.argv[1:] if options is None else list(options)
        try:
            moved, arguments = getopt.gnu_getopt(given, self.shortOpt, self.longOpt)
        except getopt.GetoptError as error:
            raise usage.UsageError(str(error)) from error
        front: list[str] = []
        for name, value in moved:  # an empty value is one too, where one is expected
            front += [name, value] if self._takes_value(name) else [name]
        super().parseOptions([*front, "--", *arguments])

    def _takes_value(self, name: str) -> bool:
        """Tell whether an option, -c or --count, is followed by its value."""
        if name.startswith("--"):
            return f"{name[2:]}=" in self.longOpt
        return f"{name[1:]}:" in self.shortOpt


def chosen_family(options: usage.Options) -> bool | None:
    """Read -4 and -6: whether it is to be IPv6 (True), IPv4 (False), or either."""
    if options["ipv4"] and options["ipv6"]:
        raise usage.UsageError("expected -4 or -6, got both")
    return True if options["ipv6"] else False if options["ipv4"] else None


PATIENCE: list[list[object]] = [
    ["timeout", "t", TIMEOUT, "Seconds to wait, doubled at each retry.", seconds("--timeout")],
    ["retries", "r", RETRIES, "Attempts after the first.", whole_number("--retries", 0, 1000)],
]


PLOT_FORMATS = ("svg", "png")


def plot_file(text: str) -> str:
    """Read the name of a picture's file, whose ending says of which kind it is.

    It is written after the run, which would be for nothing if it could not be.
    """
    if text.rpartition(".")[2].lower() not in PLOT_FORMATS:
        raise ValueError(f"--plot: expected FILE.svg or FILE.png, got {text!r}")
    if (why := _why_unwritable(text)) is not None:
        raise ValueError(f"--plot: can't write {text}: {os.strerror(why)}")
    return text


def _why_unwritable(file: str) -> int | None:
    """Tell the errno of writing a file, without writing anything."""
    folder = os.path.dirname(file) or "."
    if os.path.isdir(file):
        return EISDIR
    if not os.path.isdir(folder):
        return ENOTDIR if os.path.exists(folder) else ENOENT
    return None if os.access(file if os.path.exists(file) else folder, os.W_OK) else EACCES
