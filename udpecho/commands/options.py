"""What the options of all commands have in common: argparse, with our words for what is wrong.

Loads nothing that a command runs with. Each command's own room has its options and makes of them
the settings that it runs by.
"""

from __future__ import annotations

import argparse
import os
import textwrap
from collections.abc import Callable, Iterable, Mapping
from errno import EACCES, EISDIR, ENOENT

from udpecho import __version__
from udpecho.commands.commandline import NONE, WrongUsage, split_words
from udpecho.shown import quoted, short

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn, TypeAlias, TypeVar

    Value = TypeVar("Value")

Group: TypeAlias = argparse._ArgumentGroup
"""A part of the options, under a title of its own."""


class _Columns(argparse.HelpFormatter):
    """Help that says what an option takes once, as Python 3.13 does: -c, --count N."""

    def __init__(self, prog: str, **others: Any) -> None:
        super().__init__(prog, **{"width": max(_columns() - 2, NARROWEST)} | others)

    def _format_usage(self, *usage: Any) -> str:
        """Break the line where the terminal ends; argparse leaves alone what it was given."""
        return textwrap.fill(super()._format_usage(*usage), self._width) + "\n\n"

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        return f"{', '.join(action.option_strings)} {action.metavar}"


USUAL_COLUMNS = 80

NARROWEST = 1
"""Help is broken into lines of so many columns at least: textwrap refuses less."""


def _columns() -> int:
    """Tell how wide a terminal is; shutil's way to, and argparse's, takes 3 ms to load."""
    asked = os.environ.get("COLUMNS", "")
    if asked.isdecimal() and int(asked):
        return int(asked)
    try:
        return os.get_terminal_size(1).columns or USUAL_COLUMNS
    except OSError:
        return USUAL_COLUMNS


class Parser(argparse.ArgumentParser):
    """The options of a command: groups of them, a help text, and what was said as a namespace.

    A subclass is a command: it adds its options, and its settings() reads a command line.
    """

    others: Mapping[str, str] = NONE
    """Letters of a program like it, which are not its own, and what to say of them."""

    def __init__(self, name: str, usage: str, about: str) -> None:
        super().__init__(
            prog=f"udpecho {name}".rstrip(),
            usage=f"%(prog)s {usage}",
            description=about,
            formatter_class=_Columns,
            add_help=False,
            allow_abbrev=False,
        )
        self.color = False  # of Python 3.14: its escapes would be counted as columns

    def add_general(self) -> None:
        """Add what every command has, which is to stand last."""
        general = self.add_argument_group("General")
        general.add_argument("-h", "--help", action="help", help="Show this, and exit.")
        version = f"udpecho {__version__}"
        about = "Show the version, and exit."
        general.add_argument("--version", action="version", version=version, help=about)

    def settings(self, words: Iterable[str]) -> object:
        """Say what was asked for; raises WrongUsage."""
        raise NotImplementedError

    def read(self, words: Iterable[str]) -> tuple[argparse.Namespace, list[str]]:
        """Give what the options say, and the arguments beside them. Raises WrongUsage."""
        named = self._option_string_actions
        takes = {name: each.nargs != 0 for name, each in named.items()}
        said, arguments = split_words(words, takes, self.others)
        plain = (  # so that argparse has nothing to guess
            name if value is None else f"{named[name].option_strings[-1]}={value}"
            for name, value in said
        )
        return self.parse_args(list(plain)), arguments

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print, with all of the usage, and exit for."""
        raise WrongUsage(message)


class Once(argparse._StoreAction):
    """An option whose first value would be lost without a word if it were said again."""

    def __call__(self, parser: Any, said: argparse.Namespace, value: Any, name: Any = None) -> None:
        """Keep the value. Raises WrongUsage if there is one."""
        if getattr(said, self.dest) != self.default:
            raise WrongUsage(f"{self.option_strings[0]}: expected one {self.metavar}, got two")
        super().__call__(parser, said, value, name)


def readable(read: Callable[[str], Value]) -> Callable[[str], Value]:
    """Have argparse pass on a reader's own words, which name the option."""

    def reader(text: str) -> Value:
        try:
            return read(text)
        except ValueError as error:
            raise WrongUsage(str(error)) from error

    return reader


def add_families(group: Group) -> None:
    """Add -4 and -6."""
    group.add_argument("-4", "--ipv4", action="store_true", help="Use IPv4 only.")
    group.add_argument("-6", "--ipv6", action="store_true", help="Use IPv6 only.")


def chosen_family(said: argparse.Namespace) -> bool | None:
    """Read -4 and -6: whether it is to be IPv6 (True), IPv4 (False), or either."""
    if said.ipv4 and said.ipv6:
        raise WrongUsage("expected -4 or -6, got both")
    return True if said.ipv6 else False if said.ipv4 else None


PLOT_FORMATS = ("svg", "png")


def plot_file(text: str) -> str:
    """Read the name of a picture's file, whose ending says of which kind it is.

    It is written after the run, which would be for nothing if it could not be.
    """
    if text.rpartition(".")[2].lower() not in PLOT_FORMATS:
        raise ValueError(f"--plot: expected FILE.svg or FILE.png, got {quoted(text)}")
    if (why := _why_unwritable(text)) is not None:
        raise ValueError(f"--plot: can't write {short(text)}: {os.strerror(why)}")
    return text


def record_file(text: str) -> str:
    """Read the name of a record's file."""
    if text in ("", "-"):
        raise ValueError(
            f"-o: expected a FILE (--json writes to standard output), got {quoted(text)}"
        )
    return text


def _why_unwritable(file: str) -> int | None:
    """Tell the errno of writing a file, without writing anything."""
    folder = os.path.dirname(file) or "."
    try:
        os.stat(file)
    except FileNotFoundError:
        if not os.path.isdir(folder):
            return ENOENT
        return None if os.access(folder, os.W_OK) else EACCES
    except OSError as error:  # ENOTDIR, ENAMETOOLONG
        return error.errno
    return EISDIR if os.path.isdir(file) else None if os.access(file, os.W_OK) else EACCES
