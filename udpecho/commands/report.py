"""udpecho report: a saved ping again."""

from __future__ import annotations

from typing import Any, ClassVar

from twisted.python import usage

from udpecho.commands.console import NO_REPLY, OK, Say
from udpecho.commands.extras import Unusable, lines_of, trace_of, wanting, write_plot
from udpecho.commands.ping_options import Interspersed, plot_file
from udpecho.ping.figures import Summary


def report_command(options: Any, say: Say) -> int:
    """Show a saved run again."""
    with wanting("ping", options):
        from udpecho.show import record, text
    try:
        with lines_of(options["file"]) as lines:
            recording = record.read(lines)
    except record.NotARecord as error:
        raise Unusable(f"{options['file']}: {error}") from error
    say(text.banner(recording.start.plan))
    if options["lines"]:
        for outcome in recording.outcomes:
            if (line := text.outcome_text(outcome)) is not None:
                say(line)
    say("")
    if not recording.complete:
        say(f"{options['file']} was cut short: this is what there is of it")
    for line in text.summary_text(recording.summary):
        say(line)
    if (trace := trace_of(options)) is not None:
        for outcome in recording.outcomes:
            trace.add(outcome)
        write_plot(options["plot"], trace, recording.summary)
    return exit_status(recording.summary)


def exit_status(summary: Summary, options: Any = None) -> int:
    """Give ping's exit status: 1 without a reply, or with fewer than -c and -w together want."""
    figures = summary.figures
    if not figures.received:
        return NO_REPLY
    if options is None:
        return OK
    limit = options["max-loss"]
    if limit is not None and 100 * (figures.loss or 0.0) > limit:
        return NO_REPLY
    wanted = (options["count"] or 0) * len(summary.targets) if options["deadline"] else 0
    return NO_REPLY if figures.received < wanted else OK


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
