"""udpecho report: saved pings again, of a file however long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from udpecho.commands.extras import Unusable, trace_type, wanting, write_plot
from udpecho.commands.moments import span
from udpecho.commands.report_options import ReportSettings
from udpecho.commands.status import exit_status
from udpecho.commands.wording import Say
from udpecho.shown import short

if TYPE_CHECKING:
    from udpecho.ping.figures import Summary
    from udpecho.show import Trace
    from udpecho.show.forms import Form
    from udpecho.show.reading import LeftOut, SavedRun, Told
    from udpecho.show.summing import Selection, Summing


def report_command(asked: ReportSettings, say: Say, complain: Say) -> int:
    """Show the runs of a file again, one after the other; return the worst's exit status."""
    with wanting("ping"):
        from udpecho.commands.record_file import RecordFile
        from udpecho.show.reading import Entries, NotARecord, runs
        from udpecho.show.summing import Summing
    trace_of = None if asked.plot is None else trace_type()
    form = _form(asked, say, complain)
    statuses = []
    with RecordFile(asked.file) as file:
        reading = Entries(file)
        try:
            for run in runs(reading):
                trace = None if trace_of is None else trace_of(0, run.start.unix_ns)
                summary = _tell(run, asked, form, trace, Summing)
                if summary is None:
                    continue
                statuses.append(exit_status(summary))
                if trace is not None and asked.plot is not None:
                    write_plot(_numbered(asked.plot, len(statuses)), trace, summary)
        except NotARecord as error:
            raise Unusable(f"{_name(asked)}: {error}") from error
    for line in _troubles(file.trouble, reading.left_out):
        complain(f"udpecho: {_name(asked)}: {line}")
    if not statuses:
        hosts = ", ".join(sorted(asked.hosts))
        raise Unusable(f"--host: expected a host of {_name(asked)}, got {short(hosts)}")
    return max(statuses)


def _form(asked: ReportSettings, say: Say, complain: Say) -> Form:
    from udpecho.show import standard_output
    from udpecho.show.forms import AsCsv, AsJson, AsText

    if asked.form == "text":
        return AsText(say, standard_output, lines=asked.lines)
    return (AsJson if asked.form == "json" else AsCsv)(
        say, lambda line: complain(f"udpecho: {line}")
    )


def _tell(
    run: SavedRun,
    asked: ReportSettings,
    form: Form,
    trace: Trace | None,
    sums: type[Summing],
) -> Summary | None:
    """Tell of a run, as far as it is asked for; return its figures, if it has such a host."""
    from udpecho.path import Paths, Verdict
    from udpecho.ping.outcome import Outcome
    from udpecho.show.summing import Selection

    plan = run.start.plan
    when = span(asked.begins, asked.ends, run.start.unix_ns)
    selection = Selection(when.from_ns, when.to_ns, asked.hosts)
    hosts = tuple(each for each in plan.targets if selection.names(each.name, each.peer))
    start = replace(run.start, plan=replace(plan, targets=hosts))
    begun = bool(hosts or plan.expected or not asked.hosts)
    if begun:
        form.begin(run.number, start)
    summing = sums(plan, selection)
    for told in _selected(run, selection, summing):
        if not begun:  # a host that was asked for by an address that it has moved to
            form.begin(run.number, start)
            begun = True
        if isinstance(told, Outcome):
            form.outcome(told)
            if trace is not None:
                trace.add(told)
        elif isinstance(told, Paths | Verdict):
            form.found(told)
        else:
            form.named(told)
    if not begun:
        return None
    remarks = [*_remarks(run, asked, selection)]
    own = run.summary if selection.is_all else None
    summary = summing.summary() if own is None else own
    if not (summary.figures.sent or selection.is_all):
        remarks.append(f"nothing: the run began at {_local(run.start.unix_ns)}")
    form.end(run.number, start, summary, remarks)
    return summary


def _selected(run: SavedRun, selection: Selection, summing: Summing) -> Iterator[Told]:
    """Sum a run up, and yield what of it is asked for."""
    from udpecho.path import Paths, Verdict
    from udpecho.ping.outcome import Outcome

    for told in run:
        if isinstance(told, Outcome):
            looks = summing.add(told)
        elif isinstance(told, Paths | Verdict):  # of all of it, and no part
            looks = selection.is_all
        else:
            looks = selection.takes_naming(told)
        if looks:
            yield told


def _remarks(run: SavedRun, asked: ReportSettings, selection: Selection) -> Iterator[str]:
    if run.summary is None:
        name = _name(asked)
        which = name if run.number == 1 else f"run {run.number} of {name}"
        yield f"{which} was cut short: this is what there is of it"
    if selection.from_ns is not None or selection.to_ns is not None:
        yield f"of what was sent {_part(run.start.unix_ns, asked, selection)}:"


def _part(start_unix_ns: int, asked: ReportSettings, selection: Selection) -> str:
    """Word which part of a run is told, as it was asked for: by the clock, or since the start."""
    edges = [edge for edge in (asked.begins, asked.ends) if edge is not None]
    by_clock = not any(isinstance(edge, float) for edge in edges)

    def worded(since_ns: int) -> str:
        return _local(start_unix_ns + since_ns) if by_clock else f"{since_ns / 1e9:.9g} s"

    ends = "on" if selection.to_ns is None else f"to {worded(selection.to_ns)}"
    return f"from {worded(selection.from_ns or 0)} {ends}{'' if by_clock else ' after the start'}"


def _local(unix_ns: int) -> str:
    return datetime.fromtimestamp(unix_ns // 1_000_000_000).isoformat(" ")


def _name(asked: ReportSettings) -> str:
    """Name the file as a person would."""
    return "standard input" if asked.file == "-" else short(asked.file)


def _numbered(file: str, number: int) -> str:
    """Name the picture of a run: run.svg, run-2.svg."""
    name, _, ending = file.rpartition(".")
    return file if number == 1 else f"{name}-{number}.{ending}"


def _troubles(trouble: str | None, left_out: LeftOut) -> Iterator[str]:
    """Say what of the file was not taken."""
    if trouble is not None:
        yield f"can't be read any further: {trouble}"
    if left_out.damaged:
        number = "1 damaged line" if left_out.damaged == 1 else f"{left_out.damaged} damaged lines"
        yield f"{number} left out: {left_out.first}"
    if left_out.unknown:
        number = "1 line" if left_out.unknown == 1 else f"{left_out.unknown} lines"
        yield f"{number} of types unknown to this udpecho left out"
