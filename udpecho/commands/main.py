"""The udpecho command: parses, runs the reactor, prints, and owns the exit statuses.

0: a reply came. 1: none did. 2: anything else.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, ClassVar

from twisted.internet import task
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import CannotListenError
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogPublisher
from twisted.python import usage
from zope.interface import provider

from udpecho.commands.options import Command
from udpecho.commands.ping import ping_command
from udpecho.commands.ping_options import PingOptions, PingSettings
from udpecho.commands.report import ReportOptions, ReportSettings, report_command
from udpecho.commands.send import SendOptions, SendSettings, send
from udpecho.commands.status import FAILED
from udpecho.commands.talk import TalkOptions, talk
from udpecho.errors import UdpEchoError
from udpecho.shown import harmless


class Commands(Command):
    """The commands."""

    synopsis = "COMMAND [options]"
    longdesc = "UDP done carefully. udpecho COMMAND --help tells of each."
    subCommands: ClassVar[list[list[object]]] = [
        ["send", None, SendOptions, "Send one datagram and print who answered."],
        ["talk", None, TalkOptions, "Ask many servers, line by line."],
        ["ping", None, PingOptions, "Measure loss, delay, jitter and reordering."],
        ["report", None, ReportOptions, "Show a saved ping again."],
    ]

    def postOptions(self) -> None:
        """Want a command."""
        if self.subCommand is None:
            names = " or ".join(str(command[0]) for command in self.subCommands)
            raise usage.UsageError(f"expected a command, {names}, got none")


def run_command(argv: Sequence[str] | None = None) -> None:
    """Run the udpecho command; leaves by SystemExit with its status."""
    options: Any = Commands()
    try:
        options.parseOptions(sys.argv[1:] if argv is None else argv)
        asked = options.subOptions.settings()
    except usage.UsageError as error:
        _complain(f"udpecho: {error}")
        raise SystemExit(FAILED) from None
    if isinstance(asked, ReportSettings):
        raise SystemExit(_report(asked))
    if isinstance(asked, SendSettings):
        task.react(_run, [lambda reactor: send(reactor, asked, _say, _complain)])
    elif isinstance(asked, PingSettings):
        task.react(_run, [lambda reactor: ping_command(reactor, asked, _say, _complain)])
    else:
        task.react(_run, [lambda reactor: talk(reactor, asked)])


def _report(asked: ReportSettings) -> int:
    try:
        return report_command(asked, _say)
    except UdpEchoError as error:
        _complain(f"udpecho: {error}")
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
        _complain("udpecho: interrupted")
        status = FAILED
    except CannotListenError as error:
        _complain(f"udpecho: can't open a socket: {error.socketError.strerror}")
        status = FAILED
    except UdpEchoError as error:
        _complain(f"udpecho: {error}")
        status = FAILED
    finally:
        reactor.callLater(0, done.callback, None)
    raise SystemExit(status)


def _say(line: str) -> None:
    print(harmless(line), flush=True)


@provider(ILogObserver)
def _warn(event: LogEvent) -> None:
    """Pass on what udpecho warns of, such as the want of its own port."""
    ours = str(event.get("log_namespace", "")).startswith("udpecho.")
    if ours and event.get("log_level") is LogLevel.warn:
        _complain(f"udpecho: {formatEvent(event)}")


def _complain(line: str) -> None:
    print(harmless(line), file=sys.stderr, flush=True)
