"""The options that say whether lines or a table are seen of a ping while it runs."""

from __future__ import annotations

import argparse
from typing import Literal

from udpecho.commands.commandline import WrongUsage
from udpecho.commands.options import Group


def add_view(group: Group) -> None:
    """Add --lines and --table."""
    group.add_argument(
        "--lines", action="store_true", help="Print a line for each reply, however many come."
    )
    group.add_argument(
        "--table",
        action="store_true",
        help="Show a table, drawn anew as replies come: on a terminal, the default for several "
        "hosts or an interval below 0.1.",
    )


def chosen_view(said: argparse.Namespace) -> Literal["lines", "table"] | None:
    """Read what is to be seen meanwhile, if that was said: one of the four that there are."""
    asked = [f"--{name}" for name in ("json", "quiet", "lines", "table") if getattr(said, name)]
    if len(asked) > 1 and (said.lines or said.table):
        raise WrongUsage(
            f"expected one of --json, --quiet, --lines and --table, got {' and '.join(asked)}"
        )
    return "table" if said.table else "lines" if said.lines else None
