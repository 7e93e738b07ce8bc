"""udpecho path: all paths to a host, once."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from errno import EACCES, EADDRINUSE, EADDRNOTAVAIL, ENODEV
from typing import TYPE_CHECKING, Any

from udpecho.commands.extras import Unusable, drawing, format_of, wanting, write_picture
from udpecho.commands.path_demo import path_demo
from udpecho.commands.path_live import LivePaths, refuse_no_screen
from udpecho.commands.path_options import PathSettings
from udpecho.commands.saying import complain
from udpecho.commands.signals import Heed, ignore
from udpecho.commands.status import NO_REPLY, OK
from udpecho.commands.wording import Say
from udpecho.errors import ResolveFailed, UdpEchoError
from udpecho.shown import quoted

if TYPE_CHECKING:
    from udpecho.path import Look, Paths

PATIENCE = 2.0
"""Seconds after which a user wonders whether anything goes on."""

WAIT = "Routers answer about once a second: {:g} s at most. Ctrl-C: what is known."


async def path_command(reactor: Any, asked: PathSettings, say: Say, heed: Heed = ignore) -> int:
    """Look at all paths to a host, and show them.

    From when heed is called on, a cancellation ends it with what is known.
    """
    if asked.host is None:
        return path_demo(say)
    with wanting("ping"):
        from udpecho.path import trace as _  # noqa: F401
    if asked.live:
        refuse_no_screen()
    if asked.plot is not None:
        with drawing():
            from udpecho.show import draw_paths
    try:
        found = await (_live if asked.live else _once)(reactor, asked, say, heed)
    except UdpEchoError:
        raise
    except OSError as error:
        raise Unusable(_why_not(error, asked)) from error
    if asked.plot is not None:
        write_picture(asked.plot, draw_paths(found, format_of(asked.plot)))
    return OK if any(path.reached for path in found.paths) else NO_REPLY


async def _once(reactor: Any, asked: PathSettings, say: Say, heed: Heed) -> Paths:
    """Look once, and show what was found."""
    looks: list[Look] = []

    def started(look: Look) -> None:
        looks.append(look)
        heed(lambda: complain(f"udpecho: {_so_far(look.paths())}"))

    with _patience(reactor, asked.longest):
        found = await _traced(reactor, asked, asked.source_ports, started)
    if looks[0].cut_short:
        complain("udpecho: interrupted: this is what is known so far")
    for number, times in looks[0].unsent.items():
        questions = "1 question" if times == 1 else f"{times} questions"
        complain(f"udpecho: could not send {questions}: {os.strerror(number)}")
    _show(found, asked, say)
    return found


async def _live(reactor: Any, asked: PathSettings, say: Say, heed: Heed) -> Paths:
    """Look again and again, and leave the last picture."""
    from udpecho.show import Canvas, standard_output

    colours = not os.environ.get("NO_COLOR")
    canvas = Canvas(sys.stdout, colours=colours, encoding=standard_output().encoding)

    def started(look: Look) -> None:
        live.started(look)
        heed(lambda: live.above(complain)(f"udpecho: {_so_far(look.paths())}"))

    assert asked.host is not None
    live = LivePaths(
        reactor,
        asked.host[2],
        lambda ports: _traced(reactor, asked, asked.source_ports or ports, started),
        canvas,
    )
    found = await live.run()
    for line in live.last_lines():
        say(line)
    return found


async def _traced(
    reactor: Any,
    asked: PathSettings,
    source_ports: tuple[int, ...],
    started: Callable[[Look], None],
) -> Paths:
    """Look once, as is asked for, from these source ports, or from any."""
    from udpecho.path import trace

    assert asked.host is not None
    host, port, name = asked.host
    found = await trace(
        reactor,
        (host, port),
        flows=asked.flows,
        source_ports=source_ports,
        most_hops=asked.most_hops,
        ipv6=asked.ipv6,
        source=asked.source,
        device=asked.device,
        longest=asked.longest,
        names=asked.names,
        mtu=asked.mtu,
        dscp=asked.dscp,
        on_start=started,
    )
    return replace(found, target=name)


def _show(found: Paths, asked: PathSettings, say: Say) -> None:
    from udpecho.show import standard_output
    from udpecho.show.path_record import path_lines
    from udpecho.show.path_text import paths_text

    if asked.json:
        sys.stdout.writelines(path_lines(found))
        sys.stdout.flush()
    else:
        for line in paths_text(found, standard_output()):
            say(line)


def _so_far(paths: Paths) -> str:
    """Word how far a look is."""
    hops = {address for path in paths.paths for hop in path.hops for address in hop.addresses}
    reached = sum(path.reached for path in paths.paths)
    routers = "1 router" if len(hops) == 1 else f"{len(hops)} routers"
    return f"{routers} seen so far, the host reached by {reached} of {len(paths.paths)} flows"


@contextmanager
def _patience(reactor: Any, longest: float) -> Iterator[None]:
    """Tell who waits at a terminal why nothing shows yet, and what ends it."""
    wait = WAIT.format(longest)
    waiting = reactor.callLater(PATIENCE, complain, wait) if sys.stderr.isatty() else None
    try:
        yield
    finally:
        if waiting is not None and waiting.active():
            waiting.cancel()


def _why_not(error: OSError, asked: PathSettings) -> str:
    """Word why there is no socket; most often it is where questions were to be sent from."""
    why = error.strerror or error
    if isinstance(error, ResolveFailed):
        return str(error)
    if asked.interface is not None and error.errno in (ENODEV, EADDRNOTAVAIL):
        return f"-I: expected where to send from, got {quoted(asked.interface)}: {why}"
    if asked.source_ports and error.errno in (EACCES, EADDRINUSE):
        return f"--sport: can't send from {why}"
    return f"can't look at paths: {why}"
