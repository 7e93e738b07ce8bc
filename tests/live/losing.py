"""twistd, or twist, whose udpecho loses its sockets: python -m tests.live.losing HOW COMMAND ....

HOW is "told" for a port that is told so, "closed" for a descriptor that is closed behind its back.
It happens at SIGUSR1, from when it has said READY.
"""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from typing import Any

from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from udpecho.server import EchoService

READY = "may lose its sockets"

_start = EchoService.startService


def lose(service: Any, how: str) -> None:
    """Take its sockets from a service."""
    for server in list(service._servers.values()):
        if how == "told":
            server.transport.connectionLost(Failure(ConnectionLost()))
        else:
            os.close(server.transport.fileno())


def start(self: Any) -> None:
    """Start a service, and wait for the signal."""
    _start(self)
    call = self._reactor.callFromThread
    signal.signal(signal.SIGUSR1, lambda *_: call(lose, self, sys.argv[0]))
    print(READY)


if __name__ == "__main__":
    _, how, command, *arguments = sys.argv
    EchoService.startService = start  # type: ignore[method-assign]
    if command == "twistd":
        sys.argv = [how, *arguments]
        import_module("twisted.scripts.twistd").run()
    else:
        sys.argv = [how, *arguments]
        import_module("twisted.application.twist._twist").Twist.main()
