"""The ping and report commands: what a run's outcomes look like, and which exit status they give.

Imports what measures (hdrhistogram, rich, matplotlib) only when a command is run: udpecho
works without.
"""

from __future__ import annotations

import gc
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from errno import EADDRNOTAVAIL, ENODEV
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred

from udpecho.commands.console import FAILED, Say
from udpecho.commands.extras import Unusable, lines_of, trace_of, wanting, write_plot
from udpecho.commands.own_server import OwnServer
from udpecho.commands.report import exit_status
from udpecho.names import host_and_port

if TYPE_CHECKING:
    from udpecho.ping import Ping
    from udpecho.ping.figures import Summary
    from udpecho.ping.plan import Plan
    from udpecho.show import Trace, View

NEW_OBJECTS = 50_000
"""Objects made and not freed before the garbage collector looks through them, in place of 700.

A run makes hardly any garbage, but remembers each probe for some seconds: with 10,000 hosts
looking through them all takes 0.1 s, in which nothing is sent, and a tenth of the process's time.
"""


async def ping_command(reactor: Any, options: Any, say: Say, complain: Say) -> int:
    """Probe the hosts until the count, the deadline or the user ends it; sum up."""
    with wanting("ping", options):
        from udpecho.instrument import choose_instrument
        from udpecho.ping import Ping

    own = await _start_own_server(reactor, options, say) if options["own server"] else None
    try:
        plan, unresolved = await _plan(reactor, options, complain)
        view, trace = _view(plan, options, say), trace_of(options)
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
            write_plot(options["plot"], trace, summary)
    except OSError as error:
        raise Unusable(_why_not(error, options)) from error
    finally:
        if own is not None:
            await own.stop()
    return FAILED if unresolved else exit_status(summary, options)


async def _run(reactor: Any, run: Ping, view: View, trace: Trace | None, complain: Say) -> Summary:
    """Run to the end; an interrupt only hastens it."""
    from udpecho.show.text import interim_text

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
    from udpecho.names import resolve_all
    from udpecho.ping.plan import Plan, Target

    hosts = [*options["hosts"], *_hosts_in(options["targets"])]
    found, failures = await resolve_all(reactor, hosts, ipv6=options["family"])
    for failure in failures:
        complain(f"udpecho: {failure}")
    if not found:
        raise Unusable("no host to ping")
    plan = Plan(
        targets=tuple(Target(name, peer) for name, peer in found),
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
    from udpecho.commands.ping import target_names

    with lines_of(file) as lines:
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
    from udpecho.show import Json, Lines, Quiet, wants_table

    if options["json"]:
        return Json(sys.stdout)
    if options["quiet"]:
        return Quiet(say)
    if sys.stdout.isatty() and wants_table(plan):
        with wanting("ping", options):
            from udpecho.show import LiveTable
        return LiveTable(say)
    return Lines(
        say,
        numeric=bool(options["numeric"]),
        timestamps=bool(options["timestamps"]),
        outstanding=bool(options["outstanding"]),
    )


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


def target_names(lines: Iterable[str]) -> list[str]:
    """Read a file of hosts: one a line, empty lines and what follows a # left out."""
    bare = (line.partition("#")[0].strip() for line in lines)
    return [name for name in bare if name]
