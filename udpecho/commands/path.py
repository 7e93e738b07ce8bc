"""udpecho path: all paths to a host, once."""

from __future__ import annotations

import sys
from dataclasses import replace
from errno import EACCES, EADDRINUSE, EADDRNOTAVAIL, ENODEV
from typing import Any

from udpecho.commands.extras import Unusable, wanting
from udpecho.commands.path_demo import path_demo
from udpecho.commands.path_options import PathSettings
from udpecho.commands.status import NO_REPLY, OK
from udpecho.commands.wording import Say
from udpecho.errors import ResolveFailed, UdpEchoError


async def path_command(reactor: Any, asked: PathSettings, say: Say) -> int:
    """Look at all paths to a host, and show them."""
    if asked.host is None:
        return path_demo(say)
    with wanting("ping"):
        from udpecho.path import trace
        from udpecho.show import standard_output
        from udpecho.show.path_record import path_lines
        from udpecho.show.path_text import paths_text
    host, port, name = asked.host
    try:
        found = await trace(
            reactor,
            (host, port),
            flows=asked.flows,
            source_ports=asked.source_ports,
            most_hops=asked.most_hops,
            ipv6=asked.ipv6,
            source=asked.source,
            device=asked.device,
        )
    except UdpEchoError:
        raise
    except OSError as error:
        raise Unusable(_why_not(error, asked)) from error
    found = replace(found, target=name)
    if asked.json:
        sys.stdout.writelines(path_lines(found))
        sys.stdout.flush()
    else:
        for line in paths_text(found, standard_output()):
            say(line)
    return OK if any(path.reached for path in found.paths) else NO_REPLY


def _why_not(error: OSError, asked: PathSettings) -> str:
    """Word why there is no socket; most often it is where questions were to be sent from."""
    why = error.strerror or error
    if isinstance(error, ResolveFailed):
        return str(error)
    if asked.interface is not None and error.errno in (ENODEV, EADDRNOTAVAIL):
        return f"-I: expected where to send from, got {asked.interface!r}: {why}"
    if asked.source_ports and error.errno in (EACCES, EADDRINUSE):
        return f"--sport: can't send from {why}"
    return f"can't look at paths: {why}"
