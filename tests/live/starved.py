"""twistd, or twist, whose udpecho finds no room: python -m tests.live.starved WHAT COMMAND ....

WHAT there is no room for, from when it starts: "descriptors", "watches" (of a socket, in an epoll)
or "readers" (in the reactor's).
"""

from __future__ import annotations

import os
import resource
import sys
from errno import ENOSPC
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from udpecho.kernel import wake
from udpecho.server import EchoService

_privileged_start, _start = EchoService.privilegedStartService, EchoService.startService


class Full:
    """An epoll without room."""

    def register(self, *_: object) -> None:
        """Take nothing."""
        no_room()

    def close(self) -> None:
        """Hold nothing, either."""


def no_room(*_: object) -> None:
    """Say what epoll_ctl(2) says at fs.epoll.max_user_watches."""
    raise OSError(ENOSPC, os.strerror(ENOSPC))


def starve(service: Any, what: str) -> None:
    """Leave no room."""
    if what == "descriptors":
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
    elif what == "watches":
        wake.select = SimpleNamespace(epoll=Full)  # type: ignore[attr-defined, assignment]
    else:
        service._reactor.addReader = no_room


def privileged_start(self: Any) -> None:
    """Start a service without room."""
    starve(self, sys.argv[0])
    _privileged_start(self)


def start(self: Any) -> None:
    """Start a service without room, if it has not."""
    starve(self, sys.argv[0])
    _start(self)


if __name__ == "__main__":
    _, what, command, *arguments = sys.argv
    EchoService.privilegedStartService = privileged_start  # type: ignore[method-assign]
    EchoService.startService = start  # type: ignore[method-assign]
    sys.argv = [what, *arguments]
    if command == "twistd":
        import_module("twisted.scripts.twistd").run()
    else:
        import_module("twisted.application.twist._twist").Twist.main()
