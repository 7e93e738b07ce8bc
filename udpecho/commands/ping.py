"""udpecho ping: a run from its hosts to its exit status.

Imports what measures (hdrhistogram, matplotlib) only when a command is run: udpecho
works without.
"""

from __future__ import annotations

import gc
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from errno import EACCES, EADDRINUSE, EADDRNOTAVAIL, ENODEV
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred

from udpecho.commands.extras import Unusable, trace_type, wanting, write_plot
from udpecho.commands.path_mtus import PathMtus
from udpecho.commands.ping_hosts import Hosts
from udpecho.commands.ping_settings import PingSettings
from udpecho.commands.recording import RecordingFile
from udpecho.commands.resolving import install_resolver
from udpecho.commands.signals import Heed, ignore
from udpecho.commands.status import FAILED, exit_status
from udpecho.commands.traces import Traces
from udpecho.commands.wording import Say
from udpecho.errors import ResolveFailed
from udpecho.shown import quoted

if TYPE_CHECKING:
    from udpecho.commands.own_server import OwnServer
    from udpecho.ping import Ping
    from udpecho.ping.figures import Summary
    from udpecho.ping.intervals import Intervals
    from udpecho.ping.plan import Plan
    from udpecho.show import Trace, View

NEW_OBJECTS = 50_000
"""Objects made and not freed before the garbage collector looks through them, in place of 700.

A run makes hardly any garbage, but remembers each probe for some seconds: with 10,000 hosts
looking through them all takes 0.1 s, in which nothing is sent, and a tenth of the process's time.
"""


async def ping_command(
    reactor: Any, asked: PingSettings, say: Say, complain: Say, heed: Heed = ignore
) -> int:
    """Probe the hosts until the count, the deadline or the user ends it; sum up.

    From when heed is called on, a cancellation ends it with the summary.
    """
    _want_ping()
    refuse_no_table(asked)
    install_resolver(reactor)
    file = None if asked.record is None else RecordingFile(asked.record)
    draws = None if asked.plot is None else trace_type()
    own = await _start_own_server(reactor, asked, complain) if asked.own_server else None
    try:
        hosts = Hosts(asked, complain, None if own is None else own.address)
        _refuse_lone_flow(asked, hosts)
        run = await _prepare(reactor, asked, hosts)
        traces = Traces(run, asked, file)
        view = _recorded(_view(run.plan, asked, say), file, complain)
        mtus = PathMtus(reactor, asked)

        async def more(summary: Summary) -> None:
            await mtus.search(summary)
            traces.tell(view.beside(say), mtus.found)
            mtus.tell(view.beside(say))

        every = asked.every
        summary, trace = await _run(reactor, run, view, hosts, every, draws, complain, more, heed)
        if trace is not None and asked.plot is not None:
            write_plot(asked.plot, trace, summary)
            traces.draw(asked.plot)
    except OSError as error:
        if hosts.failed and isinstance(error, ResolveFailed):
            return FAILED  # of each host has been told what is wrong
        raise Unusable(_why_not(error, asked)) from error
    finally:
        await _stop(file, own)
    return FAILED if hosts.failed else exit_status(summary, asked)


def _want_ping() -> None:
    """See that what measures can be loaded, before anything begins."""
    with wanting("ping"):
        from udpecho.ping import prepare as _  # noqa: F401


def _refuse_lone_flow(asked: PingSettings, hosts: Hosts) -> None:
    """Raise Unusable if what loses would be told from nothing, before anything is sent."""
    if asked.trace and asked.flows == 1 and len(hosts.wanted) == 1:
        raise Unusable("--trace: expected several flows to compare (--flows=16), got 1")


async def _prepare(reactor: Any, asked: PingSettings, hosts: Hosts) -> Ping:
    """Make the run that was asked for."""
    from udpecho.ping import prepare

    return await prepare(
        reactor,
        hosts.wanted,
        count=asked.count,
        interval=asked.interval,
        timeout=asked.timeout,
        deadline=asked.deadline,
        size=asked.size,
        flows=asked.flows,
        source_ports=asked.source_ports,
        connected=asked.connected,
        ipv6=asked.ipv6,
        source=asked.source,
        device=asked.device,
        ttl=asked.ttl,
        dscp=asked.dscp,
        tos=asked.tos,
        mtu_discovery=asked.mtu_discovery,
        clock=asked.clock,
        on_unresolved=lambda _: None,  # on_naming hears of it, too
        on_naming=hosts.tell,
        resolve=asked.resolve,
    )


async def _stop(file: RecordingFile | None, own: OwnServer | None) -> None:
    if file is not None:
        await file.close()
    if own is not None:
        await own.stop()


async def _run(
    reactor: Any,
    run: Ping,
    view: View,
    hosts: Hosts,
    every: float | None,
    draws: type[Trace] | None,
    complain: Say,
    tell_more: Callable[[Summary], Awaitable[None]],
    heed: Heed,
) -> tuple[Summary, Trace | None]:
    """Run to the end, which an interrupt only hastens; more is told before the summary."""
    from udpecho.show.text import interim_text

    interrupted: Deferred[Summary] = Deferred()
    run.listen(view.outcome, view.overdue)
    done = run.start()
    view.start(run, reactor)
    hosts.show(view)
    trace = None if draws is None else draws(run.started.monotonic_ns, run.started.wall_ns)
    if trace is not None:
        run.listen(trace.add)
    intervals = None if every is None else _intervals(run, every, view)
    done.addBoth(lambda result: None if interrupted.called else interrupted.callback(result))
    complain = view.beside(complain)
    heed(lambda: complain(interim_text(run.glance(), run.losers())))
    with _rare_collections():
        try:
            await interrupted
        except CancelledError:
            run.stop()
            await done
    summary = run.summary()
    if intervals is not None:
        intervals.end(summary.elapsed_ns)
    await tell_more(summary)
    view.end(summary)
    return summary, trace


def _intervals(run: Ping, every: float, view: View) -> Intervals:
    """Have each interval of a run that has started shown."""
    from udpecho.ping.intervals import Intervals

    began_ns = run.started.monotonic_ns
    intervals = Intervals(round(every * 1e9), run.plan.timeout_ns, began_ns, view.interval)
    run.listen(intervals.add, on_sent=intervals.sent)
    return intervals


async def _start_own_server(reactor: Any, asked: PingSettings, complain: Say) -> OwnServer:
    """Serve on loopback, to be pinged."""
    from udpecho.commands.own_server import OwnServer

    own = OwnServer()
    try:
        await own.start(reactor, "::1" if asked.ipv6 else "127.0.0.1")
    except OSError as error:
        raise Unusable(f"can't start an echo server of our own: {error.strerror}") from error
    if not asked.json:
        _, port = own.address
        complain(f"No host given: pinging an echo server of our own, on loopback port {port}.")
    return own


def _why_not(error: OSError, asked: PingSettings) -> str:
    """Word why there is no socket; most often it is where the probes were to be sent from."""
    why = error.strerror or error
    not_ours = error.errno in (ENODEV, EADDRNOTAVAIL) or isinstance(error, socket.gaierror)
    if asked.interface is not None and not_ours:  # gaierror: it is of another family
        return f"-I: expected where to send from, got {quoted(asked.interface)}: {why}"
    if asked.source_ports and error.errno in (EACCES, EADDRINUSE):
        return f"--sport: can't send from {why}"
    return f"can't ping: {why}"


def _view(plan: Plan, asked: PingSettings, say: Say) -> View:
    """Choose what is seen of the run while it goes on."""
    from udpecho.show import Json, Lines, Quiet, standard_output

    if asked.json:
        return Json(sys.stdout)
    if asked.quiet:
        return Quiet(say, standard_output)
    if _shows_table(plan, asked):
        from udpecho.show import Canvas, LiveTable

        canvas = Canvas(
            sys.stdout,
            colours=not os.environ.get("NO_COLOR"),
            encoding=standard_output().encoding,
        )
        return LiveTable(say, canvas, numeric=asked.numeric)
    return Lines(
        say,
        standard_output,
        numeric=asked.numeric,
        timestamps=asked.timestamps,
        outstanding=asked.outstanding,
    )


def _recorded(view: View, file: RecordingFile | None, complain: Say) -> View:
    """Have the file of -o, if there is one, beside what is seen."""
    from udpecho.show import Recorder, Together

    if file is None:
        return view
    tell = view.beside(complain)
    return Together(view, Recorder(file, lambda reactor: file.start(reactor, tell)))


def _shows_table(plan: Plan, asked: PingSettings) -> bool:
    from udpecho.show import standard_output, wants_plain_lines, wants_table, why_no_table

    if asked.view is not None:
        return asked.view == "table"
    if asked.timestamps or asked.outstanding or why_no_table(sys.stdout, os.environ):
        return False
    return wants_table(plan) and not wants_plain_lines(standard_output(), os.environ)


def refuse_no_table(asked: PingSettings) -> None:
    """Raise Unusable if a table is asked for where none can be drawn, before anything is sent."""
    from udpecho.show import why_no_table

    if asked.view == "table" and (why := why_no_table(sys.stdout, os.environ)) is not None:
        raise Unusable(f"--table: expected a terminal to draw on, got {why}")


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
