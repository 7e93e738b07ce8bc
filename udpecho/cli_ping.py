"""The ping and report commands: what a run's outcomes look like, and which exit status they give.

Imports what measures (hdrhistogram, rich, matplotlib) only when a command is run: udpecho
works without.
"""

from __future__ import annotations

import gc
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from errno import EADDRNOTAVAIL, ENODEV
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred

from udpecho.errors import UdpEchoError
from udpecho.options import host_and_port
from udpecho.own_server import OwnServer

if TYPE_CHECKING:
    from udpecho.figures import Summary
    from udpecho.plan import Plan
    from udpecho.plot import Trace
    from udpecho.run import Ping
    from udpecho.views import View

OK, NO_REPLY, FAILED = 0, 1, 2

NEW_OBJECTS = 50_000
"""Objects made and not freed before the garbage collector looks through them, in place of 700.

A run makes hardly any garbage, but remembers each probe for some seconds: with 10,000 hosts
looking through them all takes 0.1 s, in which nothing is sent, and a tenth of the process's time.
"""

Say = Callable[[str], None]


class Unusable(UdpEchoError):
    """The command can't do what it was asked; the text says why, in one line."""


async def ping_command(reactor: Any, options: Any, say: Say, complain: Say) -> int:
    """Probe the hosts until the count, the deadline or the user ends it; sum up."""
    with _wanting("ping", options):
        from udpecho.instrument import choose_instrument
        from udpecho.run import Ping

    own = await _start_own_server(reactor, options, say) if options["own server"] else None
    try:
        plan, unresolved = await _plan(reactor, options, complain)
        view, trace = _view(plan, options, say), _trace(options)
        instrument = choose_instrument(
            reactor,
            _socket_options(options),
            size=plan.size,
            stamps=options["clock"] == "kernel",
        )
        run = Ping(
            instrument,
            plan,
            connected=options["accept"] == "connected",
            deadline_ns=options["deadline"] and round(options["deadline"] * 1e9),
            on_outcome=_both(view.outcome, trace.add) if trace else view.outcome,
            on_overdue=view.overdue,
        )
        summary = await _run(reactor, run, view, trace, complain)
        if trace is not None:
            _write_plot(options["plot"], trace, summary)
    except OSError as error:
        raise Unusable(_why_not(error, options)) from error
    finally:
        if own is not None:
            await own.stop()
    return FAILED if unresolved else exit_status(summary, options)


def report_command(options: Any, say: Say) -> int:
    """Show a saved run again."""
    with _wanting("ping", options):
        from udpecho import record, report
    try:
        with _lines_of(options["file"]) as lines:
            recording = record.read(lines)
    except record.NotARecord as error:
        raise Unusable(f"{options['file']}: {error}") from error
    say(report.banner(recording.start.plan))
    if options["lines"]:
        for outcome in recording.outcomes:
            if (line := report.outcome_text(outcome)) is not None:
                say(line)
    say("")
    if not recording.complete:
        say(f"{options['file']} was cut short: this is what there is of it")
    for line in report.summary_text(recording.summary):
        say(line)
    if (trace := _trace(options)) is not None:
        for outcome in recording.outcomes:
            trace.add(outcome)
        _write_plot(options["plot"], trace, recording.summary)
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


async def _run(reactor: Any, run: Ping, view: View, trace: Trace | None, complain: Say) -> Summary:
    """Run to the end; an interrupt only hastens it."""
    from udpecho.report import interim_text

    interrupted: Deferred[Summary] = Deferred()
    done = run.start()
    view.start(run, reactor)
    if trace is not None:
        trace.start_ns = run.started.monotonic_ns
    done.addBoth(lambda result: None if interrupted.called else interrupted.callback(result))
    with _rare_collections(), _on_quit(lambda: complain(interim_text(run.glance())), reactor):
        try:
            await interrupted
        except CancelledError:
            run.stop()
            await done
    summary = run.summary()
    view.end(summary)
    return summary


async def _plan(reactor: Any, options: Any, complain: Say) -> tuple[Plan, int]:
    """Find the hosts; return the plan and how many were not found."""
    from udpecho.plan import Plan
    from udpecho.targets import resolve_targets

    hosts = [*options["hosts"], *_hosts_in(options["targets"])]
    found, failures = await resolve_targets(reactor, hosts, ipv6=options["family"])
    for failure in failures:
        complain(f"udpecho: {failure}")
    if not found:
        raise Unusable("no host to ping")
    plan = Plan(
        targets=tuple(found),
        interval_ns=round(options["interval"] * 1e9),
        count=options["count"],
        timeout_ns=round(options["timeout"] * 1e9),
        size=options["size"],
        flows=options["flows"],
    )
    return plan, len(failures)


def _hosts_in(file: str | None) -> Sequence[tuple[str, int]]:
    if file is None:
        return []
    from udpecho.targets import target_names

    with _lines_of(file) as lines:
        try:
            return [host_and_port(name) for name in target_names(lines)]
        except ValueError as error:
            raise Unusable(f"{file}: {error}") from error


async def _start_own_server(reactor: Any, options: Any, say: Say) -> OwnServer:
    """Serve on loopback, and be the host to ping."""
    address = "::1" if options["family"] else "127.0.0.1"
    own = OwnServer()
    await own.start(reactor, address)
    options["hosts"] = [(address, own.port)]
    if not options["json"]:
        say(f"No host given: pinging an echo server of our own, on loopback port {own.port}.")
    return own


def _why_not(error: OSError, options: Any) -> str:
    """Word why there is no socket; most often it is where the probes were to be sent from."""
    why = error.strerror or error
    not_ours = error.errno in (ENODEV, EADDRNOTAVAIL) or isinstance(error, socket.gaierror)
    if options["interface"] is not None and not_ours:  # gaierror: it is of another family
        return f"-I: expected where to send from, got {options['interface']!r}: {why}"
    return f"can't ping: {why}"


def _socket_options(options: Any) -> Any:
    from udpecho.instrument import SocketOptions

    return SocketOptions(
        source=options["source"],
        device=options["device"],
        ttl=options["ttl"],
        dscp=options["dscp"],
    )


def _view(plan: Plan, options: Any, say: Say) -> View:
    """Choose what is seen of the run while it goes on."""
    from udpecho import views

    if options["json"]:
        return views.Json(sys.stdout)
    if options["quiet"]:
        return views.Quiet(say)
    if sys.stdout.isatty() and views.wants_table(plan):
        with _wanting("ping", options):
            from udpecho.live import LiveTable
        return LiveTable(say)
    return views.Lines(
        say,
        numeric=bool(options["numeric"]),
        timestamps=bool(options["timestamps"]),
        outstanding=bool(options["outstanding"]),
    )


def _trace(options: Any) -> Trace | None:
    if options["plot"] is None:
        return None
    with _wanting("plot", options):
        from udpecho.plot import Trace
    return Trace()


def _write_plot(file: str, trace: Trace, summary: Summary) -> None:
    from udpecho.plot import draw

    image = draw(trace, summary, file.rpartition(".")[2].lower())
    try:
        with open(file, "wb") as out:
            out.write(image)
    except OSError as error:
        raise Unusable(f"--plot: can't write {file}: {error.strerror}") from error


@contextmanager
def _wanting(extra: str, options: Any) -> Iterator[None]:
    """Turn the absence of a library into what to do about it."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith(("udpecho", "twisted")):
            raise
        raise Unusable(
            f"{error.name} is missing, which comes with: pip install 'udpecho[{extra}]'"
        ) from error


@contextmanager
def _lines_of(file: str) -> Iterator[Any]:
    if file == "-":
        yield sys.stdin
        return
    try:
        with open(file, encoding="utf-8", errors="replace") as lines:
            yield lines
    except OSError as error:
        raise Unusable(f"can't read {file}: {error.strerror}") from error


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Have the garbage collector look seldom, and never at what was there before."""
    threshold, *others = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, *others)
    try:
        yield
    finally:
        gc.set_threshold(threshold, *others)
        gc.unfreeze()


@contextmanager
def _on_quit(do: Callable[[], None], reactor: Any) -> Iterator[None]:
    """Have SIGQUIT do something other than quit, where there is such a signal."""
    if not hasattr(signal, "SIGQUIT"):
        yield
        return
    before = signal.signal(signal.SIGQUIT, lambda *_: reactor.callFromThread(do))
    try:
        yield
    finally:
        signal.signal(signal.SIGQUIT, before)


def _both(one: Callable[[Any], None], other: Callable[[Any], None]) -> Callable[[Any], None]:
    def each(value: Any) -> None:
        one(value)
        other(value)

    return each
