"""A command runs: a reactor, what is logged, how it ends.

Exit statuses: 0: a reply came. 1: none did. 2: anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet import task
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import CannotListenError
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogPublisher
from zope.interface import provider

from udpecho.commands.path import path_command
from udpecho.commands.path_options import PathSettings
from udpecho.commands.ping import ping_command
from udpecho.commands.ping_settings import PingSettings
from udpecho.commands.report import report_command
from udpecho.commands.report_options import ReportSettings
from udpecho.commands.saying import complain, say
from udpecho.commands.send import send
from udpecho.commands.send_options import SendSettings
from udpecho.commands.status import FAILED
from udpecho.commands.talk import talk
from udpecho.commands.talk_options import TalkSettings
from udpecho.errors import UdpEchoError


def run(asked: object) -> None:
    """Run what one of the options' rooms has made of a command line; leaves by SystemExit."""
    if isinstance(asked, ReportSettings):
        raise SystemExit(_report(asked))
    if isinstance(asked, SendSettings):
        task.react(_run, [lambda reactor: send(reactor, asked, say, complain)])
    elif isinstance(asked, PingSettings):
        task.react(_run, [lambda reactor: ping_command(reactor, asked, say, complain)])
    elif isinstance(asked, PathSettings):
        task.react(_run, [lambda reactor: path_command(reactor, asked, say)])
    elif isinstance(asked, TalkSettings):
        task.react(_run, [lambda reactor: talk(reactor, asked)])


def _report(asked: ReportSettings) -> int:
    try:
        return report_command(asked, say, complain)
    except UdpEchoError as error:
        complain(f"udpecho: {error}")
        return FAILED


async def _run(reactor: Any, command: Callable[[Any], Coroutine[Any, Any, int]]) -> None:
    """Run a command to its exit status; an interrupt cancels it, and it ends in its own way."""
    started: Deferred[None] = Deferred()
    reactor.callWhenRunning(started.callback, None)
    await started  # until the reactor runs, an interrupt is Python's KeyboardInterrupt
    globalLogPublisher.addObserver(_warn)
    running = Deferred.fromCoroutine(command(reactor))
    done: Deferred[None] = Deferred()

    def interrupt() -> Deferred[None]:
        running.cancel()
        return done

    reactor.addSystemEventTrigger("before", "shutdown", interrupt)
    try:
        status = await running
    except CancelledError:
        complain("udpecho: interrupted")
        status = FAILED
    except CannotListenError as error:
        complain(f"udpecho: can't open a socket: {error.socketError.strerror}")
        status = FAILED
    except UdpEchoError as error:
        complain(f"udpecho: {error}")
        status = FAILED
    finally:
        reactor.callLater(0, done.callback, None)
    raise SystemExit(status)


@provider(ILogObserver)
def _warn(event: LogEvent) -> None:
    """Pass on what udpecho warns of, such as the want of its own port."""
    ours = str(event.get("log_namespace", "")).startswith("udpecho.")
    if ours and event.get("log_level") is LogLevel.warn:
        complain(f"udpecho: {formatEvent(event)}")
