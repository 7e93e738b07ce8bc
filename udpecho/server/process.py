"""What a process that serves owes whoever runs it: an end when it is deaf, and ears for signals.

And one line where it can't start, and what it inherits.

For tap alone: a service within another's program decides nothing about that. SIGTERM and SIGINT end
it by the reactor's doing, and SIGUSR1 has twistd rotate its log: these stay as they are.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import ENOSPC
from pathlib import Path
from typing import Any

from twisted.internet.error import CannotListenError, ReactorNotRunning
from twisted.logger import Logger
from twisted.python.systemd import ListenFDs

from udpecho.errors import PortUnavailable
from udpecho.peer import format_peer
from udpecho.server.addresses import DESCRIPTOR
from udpecho.server.service import EchoService


class CannotStart(SystemExit, Exception):
    """The service can't be served: one line, which Python prints, and status 1.

    It is an Exception, too, for twistd: so that removes its pid file, and tells whoever waits for
    a daemon's start.
    """


@contextmanager
def one_line_if_not() -> Iterator[None]:
    """Have what the system says against a start end the program with one line: CannotStart."""
    try:
        yield
    except CannotListenError as error:
        at = error.interface or "*"
        where = f"{at} {error.port}" if at == DESCRIPTOR else format_peer((at, error.port))
        raise CannotStart(f"udpecho: can't listen on {where}: {_why(error.socketError)}") from None
    except PortUnavailable as error:
        raise CannotStart(f"udpecho: {error}") from None
    except OSError as error:
        raise CannotStart(f"udpecho: can't listen: {_why(error)}") from None


def _why(error: OSError) -> str:
    """Say why, where the system's own words say something else."""
    if error.errno == ENOSPC:  # no disk is meant: epoll_ctl(2)
        return "no room in an epoll for another socket (sysctl fs.epoll.max_user_watches)"
    return str(error.strerror or error)


def mind_process(
    reactor: Any,
    service: EchoService,
    log: Logger,
    on_hangup: Callable[[], None] | None = None,
) -> None:
    """Have the process end with status 1 when its service has lost its sockets, and take signals.

    SIGHUP ends it as SIGTERM does, or does what is given, and SIGUSR2 has the counters logged in a
    line: each unless something else holds it, or it is ignored.
    """

    def end(_: None) -> None:
        log.error("udpecho ends: it has no socket left")
        _exit_at_last(1)
        with suppress(ReactorNotRunning):  # it ends anyway
            reactor.stop()

    def end_as_by_sigterm() -> None:
        log.info("SIGHUP is taken as SIGTERM")
        signal.raise_signal(signal.SIGTERM)

    def log_counters() -> None:
        log.info("udpecho has counted: {counts}", counts=service.counters().in_words())

    def take_signals() -> None:
        _take("SIGHUP", lambda: reactor.callFromThread(on_hangup or end_as_by_sigterm))
        _take("SIGUSR2", lambda: reactor.callFromThread(log_counters))

    service.lost.addCallback(end)
    reactor.callWhenRunning(take_signals)  # when all others that want some have theirs


def _take(name: str, wish: Callable[[], None]) -> None:
    """Do something on a signal that would else do what it does by default."""
    number = getattr(signal, name, None)
    if number is None or signal.getsignal(number) is not signal.SIG_DFL:
        return
    with suppress(ValueError):  # the reactor runs in another thread than the main one
        signal.signal(number, lambda *_: wish())


def _exit_at_last(status: int) -> None:
    """Have the process end with a status when it has ended: pid file, logs and threads are done.

    A reactor that stops ends it with 0, and twistd takes a SystemExit for a crash, and goes on.
    """

    def end() -> None:
        atexit.unregister(end)
        atexit._run_exitfuncs()  # what others want done, before it is too late
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(status)

    atexit.register(end)


def inherited_sockets() -> ListenFDs:
    """Learn which sockets systemd passed us (sd_listen_fds(3)).

    Twisted's endpoints, once imported, have taken that out of os.environ for themselves; the
    kernel still has what the process was started with (proc(5), /proc/pid/environ).
    """
    environ = dict(os.environ)
    if "LISTEN_PID" not in environ:
        with suppress(OSError):
            started_with = Path("/proc/self/environ").read_bytes().decode("utf-8", "replace")
            pairs = (pair.partition("=") for pair in started_with.split("\0"))
            environ.update({name: value for name, _, value in pairs if name.startswith("LISTEN_")})
    count = environ.get("LISTEN_FDS", "")
    if count.isdecimal():  # names came later than numbers, and some who hand down have none
        environ.setdefault("LISTEN_FDNAMES", ":".join(["unknown"] * int(count)))
    return ListenFDs.fromEnvironment(environ)
