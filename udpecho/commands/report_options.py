"""The options of udpecho report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from udpecho.commands.commandline import WrongUsage
from udpecho.commands.moments import When, moment
from udpecho.commands.options import Group, Once, Parser, plot_file, readable


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """What is asked of report."""

    file: str
    plot: str | None = None
    lines: bool = False
    begins: When | None = None
    ends: When | None = None
    hosts: frozenset[str] = frozenset()
    """Of which to tell; none is all."""

    form: Literal["text", "json", "csv"] = "text"


class ReportOptions(Parser):
    """A saved ping again."""

    def __init__(self) -> None:
        super().__init__(
            "report",
            "[options] FILE",
            "Prints the summary of each run that udpecho ping --json has written to a file, plain "
            "or compressed by gzip; - is standard input. What is left of a run that was cut short "
            "is summed up, and damaged lines are left out. Exit status: as that of udpecho ping, "
            "the highest of all runs.",
        )
        asked = self.add_argument_group("Arguments")
        asked.add_argument("file", metavar="FILE", nargs="*", help="What --json has written.")
        _add_selection(self.add_argument_group("What to sum up"))
        showing = self.add_argument_group("Showing")
        showing.add_argument(
            "-l", "--lines", action="store_true", help="Print a line for each reply, too."
        )
        showing.add_argument(
            "--json", action="store_true", help="Print the summary alone, as JSON, a line a run."
        )
        showing.add_argument(
            "--csv", action="store_true",
            help="Print it as CSV: a row for each host, and for each of several source ports.",
        )  # fmt: skip
        showing.add_argument(
            "--plot", metavar="FILE", action=Once, type=readable(plot_file),
            help="Draw it: FILE.svg or FILE.png; a second run's picture is FILE-2.svg.",
        )  # fmt: skip
        self.add_general()

    def settings(self, words: Iterable[str]) -> ReportSettings:
        """Say what was asked for; raises WrongUsage."""
        said, arguments = self.read(words)
        if len(arguments) != 1:
            raise WrongUsage(f"expected one FILE, got {len(arguments)}")
        if said.json and said.csv:
            raise WrongUsage("expected --json or --csv, got both")
        return ReportSettings(
            file=arguments[0],
            plot=said.plot,
            lines=said.lines,
            begins=said.begins,
            ends=said.ends,
            hosts=frozenset(said.hosts),
            form="json" if said.json else "csv" if said.csv else "text",
        )


def _add_selection(group: Group) -> None:
    group.add_argument(
        "--from", dest="begins", metavar="WHEN", action=Once, type=readable(moment("--from")),
        help="What was sent from then on: seconds after the start, or a local time, 10:05 or "
        "2026-11-26T10:05:30.",
    )  # fmt: skip
    group.add_argument(
        "--to", dest="ends", metavar="WHEN", action=Once, type=readable(moment("--to")),
        help="What was sent before then.",
    )  # fmt: skip
    group.add_argument(
        "--host", dest="hosts", metavar="HOST", action="append", default=[],
        help="What was sent to this host, by its name or address; may be said several times.",
    )  # fmt: skip
