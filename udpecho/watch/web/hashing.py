"""Passwords are hashed in a child process: a hash takes a tenth of a second of CPU and more.

Not in a thread: a process can be nicer than this one, so that probes leave in time on one core,
too. One password at a time; the child lives until its input ends, and so never longer than we do.
"""

from __future__ import annotations

import os
import sys
from base64 import b64encode
from collections import deque
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorProcess
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

MOST_KEPT = 4096
"""Bytes of what a child may say that is no answer."""

_FDS: dict[int, int | str] = {0: "w", 1: "r", 2: 2}


def missing_extra(error: ImportError) -> str:
    """Say what brings what is missing to serve by TLS and passwords."""
    return f"{error.name} is missing, which comes with: pip install 'udpecho[watch-access]'"


def why_no_bcrypt() -> str | None:
    """Say what to do about it if bcrypt is not there."""
    try:
        from udpecho.watch.web.hashing_child import serve as _  # noqa: F401
    except ImportError as error:
        return missing_extra(error)
    return None


class CantCheck(Exception):
    """The child ended before it said whether a password is right."""


class Hashing(Service):
    """Checks passwords, one after another; a child is started when the first is to be checked."""

    def __init__(self, reactor: IReactorProcess) -> None:
        self._reactor = reactor
        self._waiting: deque[tuple[bytes, Deferred[bool]]] = deque()
        self._asked: Deferred[bool] | None = None
        self._child: _Hasher | None = None

    def check(self, password: bytes, hashed: bytes) -> Deferred[bool]:
        """Tell whether a password is the one of a hash; fails with CantCheck.

        Who cancels it is not waited for.
        """
        line = b64encode(password) + b" " + hashed + b"\n"
        answer: Deferred[bool] = Deferred()
        self._waiting.append((line, answer))
        self._go_on()
        return answer

    def stopService(self) -> None:
        """Have the child end."""
        super().stopService()  # type: ignore[no-untyped-call]
        child, self._child = self._child, None
        if child is not None:
            child.end()

    def answered(self, is_right: bool) -> None:
        """Hear from the child."""
        asked, self._asked = self._asked, None
        if asked is not None and not asked.called:
            asked.callback(is_right)
        self._go_on()

    def ended(self, child: _Hasher) -> None:
        """Hear that the child is no more."""
        if self._child is not child:
            return
        self._child = None
        asked, self._asked = self._asked, None
        if asked is not None and not asked.called:
            asked.errback(Failure(CantCheck("no password can be checked now")))
        self._go_on()

    def _go_on(self) -> None:
        while self._asked is None and self._waiting:
            line, answer = self._waiting.popleft()
            if answer.called:  # nobody waits for it any more
                continue
            if self._child is None:
                self._child = child = _Hasher(self)
                command = [sys.executable, "-P", "-m", "udpecho.watch.web.hashing_child"]
                self._reactor.spawnProcess(
                    child, sys.executable, command, os.environ, childFDs=_FDS
                )
            self._asked = answer
            self._child.ask(line)


class _Hasher(ProcessProtocol):
    """The process that hashes."""

    transport: Any

    def __init__(self, hashing: Hashing) -> None:
        self._hashing = hashing
        self._said = b""

    def ask(self, line: bytes) -> None:
        self.transport.write(line)

    def end(self) -> None:
        self.transport.closeStdin()

    def outReceived(self, data: bytes) -> None:
        *lines, self._said = (self._said + data).split(b"\n")
        self._said = self._said[-MOST_KEPT:]
        for line in lines:
            self._hashing.answered(line == b"yes")

    def processEnded(self, reason: Failure) -> None:
        self._hashing.ended(self)
