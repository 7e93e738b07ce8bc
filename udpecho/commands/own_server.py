"""The echo server that a ping without a host starts for itself: in a process of its own.

In the ping's process it would wait for the ping's turns, and each RTT would show that. The
child serves until its standard input ends, so that it never outlives the ping.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReactorProcess
from twisted.internet.protocol import ProcessProtocol, Protocol
from twisted.internet.stdio import StandardIO
from twisted.python.failure import Failure

from udpecho.commands.signals import held_back
from udpecho.errors import UdpEchoError
from udpecho.port import listen_udp
from udpecho.server import EchoServer


class NotServing(UdpEchoError):
    """The server's process ended before it served."""


class OwnServer:
    """A server on loopback: start() it, ping its address, stop() it."""

    address: tuple[str, int]
    _stop: Callable[[], Deferred[Any]]

    async def start(self, reactor: Any, address: str) -> None:
        """Serve on a port that the kernel chooses. Raises NotServing or CannotListenError."""
        if not IReactorProcess.providedBy(reactor):  # in memory there are no processes
            listening = listen_udp(reactor, 0, EchoServer(), address)
            self.address = address, listening.getHost().port
            self._stop = listening.stopListening
            return
        child = _Child()
        # -P: by -m alone, Python would look for modules in the working directory first.
        command = [sys.executable, "-P", "-m", "udpecho.commands.own_server", address]
        with held_back():  # Ctrl-C reaches the whole terminal: we still wait for last replies
            reactor.spawnProcess(child, sys.executable, command, os.environ, childFDs=_CHILD_FDS)
        self._stop = child.stop
        self.address = address, await child.serving

    async def stop(self) -> None:
        """End it."""
        await self._stop()


_CHILD_FDS: dict[int, int | str] = {0: "w", 1: "r", 2: 2}


class _Child(ProcessProtocol):
    """The server's process, as seen from the ping."""

    transport: Any

    def __init__(self) -> None:
        self.serving: Deferred[int] = Deferred()
        self._ended: Deferred[None] = Deferred()
        self._said = b""

    def outReceived(self, data: bytes) -> None:
        self._said += data
        if self._said.endswith(b"\n") and not self.serving.called:
            self.serving.callback(int(self._said))

    def processEnded(self, reason: Failure) -> None:
        if not self.serving.called:
            self.serving.errback(NotServing("our own echo server did not start"))
        self._ended.callback(None)

    def stop(self) -> Deferred[None]:
        self.transport.closeStdin()
        return self._ended


class _UntilEnd(Protocol):
    """Standard input: nothing is said there, but when it ends all does."""

    def __init__(self) -> None:
        self.ended: Deferred[None] = Deferred()

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008
        if not self.ended.called:
            self.ended.callback(None)


async def serve(reactor: Any, address: str) -> None:
    """Echo until standard input ends; the port is what is said first."""
    listening: Any = listen_udp(reactor, 0, EchoServer(), address)
    with suppress(BrokenPipeError):  # whoever started us is gone, and so has our input ended
        os.write(1, f"{listening.getHost().port}\n".encode())
    until_end = _UntilEnd()
    StandardIO(until_end)
    await until_end.ended


if __name__ == "__main__":
    task.react(
        lambda reactor, address: Deferred.fromCoroutine(serve(reactor, address)), sys.argv[1:]
    )
