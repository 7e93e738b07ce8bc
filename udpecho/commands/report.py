"""udpecho report: a saved ping again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from twisted.python import usage

from udpecho.commands.extras import Unusable, lines_of, trace_type, wanting, write_plot
from udpecho.commands.options import Interspersed, plot_file
from udpecho.commands.status import exit_status
from udpecho.commands.wording import Say


def report_command(settings: ReportSettings, say: Say) -> int:
    """Show a saved run again."""
    with wanting("ping"):
        from udpecho.show import record, standard_output, text
    try:
        with lines_of(settings.file) as lines:
            recording = record.read(lines)
    except record.NotARecord as error:
        raise Unusable(f"{settings.file}: {error}") from error
    say(text.banner(recording.start.plan))
    if settings.lines:
        for outcome in recording.outcomes:
            if (line := text.outcome_text(outcome)) is not None:
                say(line)
    say("")
    if not recording.complete:
        say(f"{settings.file} was cut short: this is what there is of it")
    for line in text.summary_text(recording.summary, standard_output()):
        say(line)
    if settings.plot is not None:
        trace = trace_type()()
        for outcome in recording.outcomes:
            trace.add(outcome)
        write_plot(settings.plot, trace, recording.summary)
    return exit_status(recording.summary)


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """What is asked of report."""

    file: str
    plot: str | None = None
    lines: bool = False


class ReportOptions(Interspersed):
    """A saved ping again."""

    synopsis = "[options] FILE"
    longdesc = (
        "Prints the summary of what udpecho ping --json has written to a file; - is standard "
        "input. If the file was cut short, what there is of it is summed up."
    )
    optParameters: ClassVar[list[list[object]]] = [
        ["plot", None, None, "Draw it: FILE.svg or FILE.png.", plot_file],
    ]
    optFlags: ClassVar[list[list[str | None]]] = [
        ["lines", "l", "Print a line for each reply, too."],
    ]

    def parseArgs(self, *files: str) -> None:
        """Read the file's name."""
        if len(files) != 1:
            raise usage.UsageError(f"expected one FILE, got {len(files)}")
        [self["file"]] = files

    def settings(self) -> ReportSettings:
        """Say what was asked for."""
        return ReportSettings(self["file"], self["plot"], bool(self["lines"]))
