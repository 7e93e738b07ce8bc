"""udpecho watch: nodes for the desk, and a node's configuration, looked at."""

from __future__ import annotations

import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import CannotListenError
from twisted.logger import Logger

from udpecho.commands.extras import Unusable, wanting
from udpecho.commands.resolving import install_resolver
from udpecho.commands.signals import Heed, ignore
from udpecho.commands.status import OK
from udpecho.commands.watch_options import PAGE_PORTS, WatchSettings
from udpecho.commands.wording import Say
from udpecho.watch.configuring.settings import ProbeSettings

if TYPE_CHECKING:
    from udpecho.watch import Desk


def check_command(asked: WatchSettings, say: Say) -> int:
    """Say what a file would have a node do; raises Unusable for one that can't be."""
    with wanting("watch"):
        from udpecho.watch import BadConfig, check_file
    assert asked.check is not None
    try:
        for line in check_file(Path(asked.check), socket.gethostname()):
            say(line)
    except BadConfig as error:
        raise Unusable(str(error)) from None
    return OK


async def watch_command(
    reactor: Any, asked: WatchSettings, say: Say, complain: Say, heed: Heed = ignore
) -> int:
    """Probe until the user ends it, and show it on a page.

    From when heed is called on, a cancellation ends it at once.
    """
    with wanting("watch"):
        from udpecho.watch import BadConfig, Desk
    install_resolver(reactor)
    desk = Desk(reactor, Logger("udpecho.watch"))
    until_ended: Deferred[None] = Deferred()
    heed(lambda: complain(f"udpecho: {desk.so_far()}"))
    probe = ProbeSettings(asked.interval, asked.flows, asked.size, asked.timeout)
    try:
        desk.probe(asked.hosts, asked.port, probe)
    except BadConfig as error:
        raise Unusable(str(error)) from None
    except OSError as error:
        raise Unusable(f"can't watch: {error.strerror or error}") from error
    port = _show(desk, asked.web)
    if not (asked.hosts or asked.quiet):
        complain(_OWN)
    say(f"http://127.0.0.1:{port}/")
    if not asked.quiet:
        desk.listen(say)
        if sys.stderr.isatty():
            complain("Ctrl-C ends it.")
    with suppress(CancelledError):
        await until_ended
    return OK  # whatever still runs ends with the process


_OWN = (
    "No host given: three nodes of our own on loopback, of which one drops some of what some "
    "flows ask it."
)


def _show(desk: Desk, web: int | None) -> int:
    """Show the page; return its port. Raises Unusable if there is none to be had."""
    ports = PAGE_PORTS if web is None else (web,)
    for port in ports:
        try:
            return desk.show(port)
        except CannotListenError as error:
            why = error.socketError.strerror
    named = f"port {web}" if web is not None else f"any of the ports {ports[0]} to {ports[-1]}"
    raise Unusable(f"--web: can't show a page on 127.0.0.1 {named}: {why}")
