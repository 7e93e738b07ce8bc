"""The arguments of a program of the tests: what is wrong with them is one line, and status 2."""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Callable
from typing import NoReturn, TypeVar

_Number = TypeVar("_Number", int, float)


class Arguments(argparse.ArgumentParser):
    """What a module takes that is run with python -m."""

    def __init__(self, module: str, description: str | None) -> None:
        super().__init__(prog=f"python -m {module}", description=description)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, without how it is used: --help tells that."""
        self.exit(2, f"{self.prog}: {message}\n")

    def want(self, *programs: str, root: bool = False) -> None:
        """End, if a program that is needed is not installed, or this is not root."""
        if root and os.geteuid() != 0:
            self.error("expected to be run by root")
        for program in programs:
            if shutil.which(program) is None:
                self.error(f"expected the program {program}, which is not installed")


def at_least(lowest: _Number) -> Callable[[str], _Number]:
    """Make a reader of a number: whole, if the lowest is."""
    kind = type(lowest)

    def read(text: str) -> _Number:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not lowest <= value < 1e9:
            what = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"expected {what} from {lowest}, got {text!r}")
        return value

    return read


def rounds_and_seconds(module: str, description: str | None, *programs: str) -> tuple[int, float]:
    """Read [ROUNDS [SECONDS]], which many benches take; the programs are what they need."""
    arguments = Arguments(module, description)
    arguments.add_argument("rounds", type=at_least(1), nargs="?", default=7, metavar="ROUNDS")
    arguments.add_argument(
        "seconds", type=at_least(0.01), nargs="?", default=1.0, metavar="SECONDS"
    )
    asked = arguments.parse_args()
    arguments.want(*programs)
    return asked.rounds, asked.seconds
