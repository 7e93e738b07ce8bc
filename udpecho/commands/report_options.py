"""The options of udpecho report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from udpecho.commands.commandline import WrongUsage
from udpecho.commands.options import Parser, plot_file, readable


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """What is asked of report."""

    file: str
    plot: str | None = None
    lines: bool = False


class ReportOptions(Parser):
    """A saved ping again."""

    def __init__(self) -> None:
        super().__init__(
            "report",
            "[options] FILE",
            "Prints the summary of what udpecho ping --json has written to a file; - is standard "
            "input. If the file was cut short, what there is of it is summed up. Exit status: as "
            "that of udpecho ping.",
        )
        asked = self.add_argument_group("Arguments")
        asked.add_argument("file", metavar="FILE", nargs="*", help="What --json has written.")
        showing = self.add_argument_group("Showing")
        showing.add_argument(
            "-l", "--lines", action="store_true", help="Print a line for each reply, too."
        )
        showing.add_argument(
            "--plot", metavar="FILE", type=readable(plot_file),
            help="Draw it: FILE.svg or FILE.png.",
        )  # fmt: skip
        self.add_general()

    def settings(self, words: Iterable[str]) -> ReportSettings:
        """Say what was asked for; raises WrongUsage."""
        said, arguments = self.read(words)
        if len(arguments) != 1:
            raise WrongUsage(f"expected one FILE, got {len(arguments)}")
        return ReportSettings(arguments[0], said.plot, said.lines)
