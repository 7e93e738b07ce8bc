"""A command runs: the reactor, what is logged meanwhile, and how the process ends.

Exit statuses: 0: a reply came. 1: none did. 2: anything else.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Coroutine
from signal import SIGTERM
from typing import Any, NoReturn, TypeAlias

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import CannotListenError
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import provider

from udpecho.commands.ending import die_by, leave
from udpecho.commands.saying import complain, say
from udpecho.commands.signals import Heed, Signals, usual
from udpecho.commands.status import FAILED
from udpecho.errors import UdpEchoError

Command: TypeAlias = Callable[[Any, Heed], Coroutine[Any, Any, int]]
"""What runs in a reactor to an exit status, and says from when on signals are to be heeded."""


ALL_IS_LOADED = 1.0
"""Seconds after which what a command needs is there, and garbage is looked for."""


def run(name: str, asked: Any) -> NoReturn:
    """Run a command by what its options' room has made of a command line; leaves by SystemExit."""
    if name == "report" or (name == "watch" and asked.check is not None):
        leave(_at_once(name, asked))
    leave(_in_reactor(_command(name, asked)))


def _command(name: str, asked: Any) -> Command:
    """Load no more than what the command needs."""
    if name == "ping":
        from udpecho.commands.ping import ping_command

        return lambda reactor, heed: ping_command(reactor, asked, say, complain, heed)
    if name == "send":
        from udpecho.commands.send import send

        return lambda reactor, heed: send(reactor, asked, say, complain, heed)
    if name == "path":
        from udpecho.commands.path import path_command

        return lambda reactor, heed: path_command(reactor, asked, say, heed)
    if name == "watch":
        from udpecho.commands.watch import watch_command

        return lambda reactor, heed: watch_command(reactor, asked, say, complain, heed)
    assert name == "talk"
    from udpecho.commands.talk import talk

    return lambda reactor, heed: talk(reactor, asked, heed)


def _at_once(name: str, asked: Any) -> int:
    """Run a command that needs no reactor."""
    gc.enable()
    try:
        if name == "report":
            from udpecho.commands.report import report_command

            return report_command(asked, say, complain)
        from udpecho.commands.watch import check_command

        return check_command(asked, say)
    except UdpEchoError as error:
        complain(f"udpecho: {error}")
        return FAILED


def _in_reactor(command: Command) -> int:
    """Run a command to its exit status; a signal that it heeds cancels it."""
    from twisted.internet import reactor as any_reactor

    reactor: Any = any_reactor
    results: list[int | Failure | None] = []
    started: Deferred[None] = Deferred()
    signals = Signals(wake=reactor.callFromThread)

    async def begun() -> int:
        await started
        usual()
        reactor.callLater(ALL_IS_LOADED, gc.enable)
        return await command(reactor, lambda tell: signals.heed(running.cancel, tell))

    running = Deferred.fromCoroutine(begun())
    globalLogPublisher.addObserver(_warn)
    running.addErrback(_status_of).addBoth(results.append)
    running.addBoth(lambda _: reactor.crash())  # stop() would wait for a dead resolver
    reactor.callWhenRunning(started.callback, None)
    reactor.run()
    if not results:  # while the reactor began to run a SIGTERM was still its own
        die_by(SIGTERM)
    [result] = results
    if isinstance(result, Failure):
        result.raiseException()
    return signals.last_word(result)


def _status_of(failure: Failure) -> int | None:
    """Say what went wrong; what nobody has foreseen is raised. None: a signal ended it."""
    failure.trap(UdpEchoError, CannotListenError, CancelledError)
    if failure.check(CancelledError):
        return None
    if isinstance(failure.value, CannotListenError):
        complain(f"udpecho: can't open a socket: {failure.value.socketError.strerror}")
    else:
        complain(f"udpecho: {failure.value}")
    return FAILED


@provider(ILogObserver)
def _warn(event: LogEvent) -> None:
    """Pass on what udpecho warns of, such as the want of its own port."""
    ours = str(event.get("log_namespace", "")).startswith("udpecho.")
    if ours and event.get("log_level") is LogLevel.warn:
        complain(f"udpecho: {formatEvent(event)}")
