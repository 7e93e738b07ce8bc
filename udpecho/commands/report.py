"""udpecho report: a saved ping again."""

from __future__ import annotations

from udpecho.commands.extras import Unusable, lines_of, trace_type, wanting, write_plot
from udpecho.commands.report_options import ReportSettings
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
    for line in text.banner(recording.start.plan):
        say(line)
    if settings.lines:
        for outcome in recording.outcomes:
            if (shown := text.outcome_text(outcome)) is not None:
                say(shown)
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
