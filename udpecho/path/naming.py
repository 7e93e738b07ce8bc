"""The names of routers, looked up beside a look at their paths: nothing there waits for them.

The system is asked in daemon threads, whose end nobody waits for either: getnameinfo(3) can't be
stopped, and with a dead resolver takes ten seconds and more.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable
from threading import Thread
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure

from udpecho.reactors import IDatagramReactor, IReverseResolver, monotonic_clock

QUESTIONS = 8
"""Addresses that are asked about at a time."""

ADDRESSES = 4096
"""Addresses that are asked about in all: 30 hops, and 128 routers at each."""

NAME_LENGTH = 255
"""Characters of a name that are kept: DNS has no longer one (RFC 1035, 2.3.4)."""

SILENCE = 0.5
"""Seconds without an answer after which a resolver that is asked something is silent."""

LookUp: TypeAlias = Callable[[str], "Deferred[str | None]"]


class RouterNames:
    """The names that addresses have, as far as they are known."""

    def __init__(self, reactor: IDatagramReactor) -> None:
        """Ask the reactor's resolver if it can tell (IReverseResolver), else the system's."""
        self.known: dict[str, str] = {}
        self._reactor = reactor
        self._look_up = _look_up_of(reactor)
        self._clock = monotonic_clock(reactor)
        self._asked: set[str] = set()
        self._waiting: deque[str] = deque()
        self._open = 0
        self._heard = self._clock()
        self._settled: Deferred[None] | None = None

    def ask(self, address: str) -> None:
        """Have an address looked up, unless it was asked about before."""
        if address not in self._asked and len(self._asked) < ADDRESSES:
            self._asked.add(address)
            self._waiting.append(address)
            self._next()

    def settled(self) -> Deferred[None]:
        """Wait for the answers that are missing, if the resolver does answer.

        The Deferred fires when there are none left, or half a second has brought none, counted
        from before it was asked for; or when it is cancelled.
        """
        done: Deferred[None] = Deferred(lambda waiting: waiting.callback(None))
        if self._open:
            self._settled = done
            left = self._heard + SILENCE - self._clock()
            done.addTimeout(max(0.0, min(left, SILENCE)), self._reactor)
        else:
            done.callback(None)
        return done

    def _next(self) -> None:
        while self._waiting and self._open < QUESTIONS:
            if not self._open:
                self._heard = self._clock()
            self._open += 1
            address = self._waiting.popleft()
            self._look_up(address).addBoth(self._told, address)

    def _told(self, name: str | Failure | None, address: str) -> None:
        self._open -= 1
        self._heard = self._clock()
        if isinstance(name, str) and name and name != address:
            self.known[address] = name[:NAME_LENGTH]
        self._next()
        if not self._open and self._settled is not None and not self._settled.called:
            self._settled.callback(None)


def _look_up_of(reactor: IDatagramReactor) -> LookUp:
    resolver: Any = reactor.nameResolver
    if IReverseResolver.providedBy(resolver):
        own: LookUp = resolver.name_of
        return own
    if not IReactorFromThreads.providedBy(reactor):
        return lambda _: succeed(None)
    return lambda address: _in_a_thread(reactor, address)


def _in_a_thread(reactor: Any, address: str) -> Deferred[str | None]:
    found: Deferred[str | None] = Deferred()

    def ask() -> None:
        name = None
        try:
            name, _ = socket.getnameinfo((address, 0), socket.NI_NAMEREQD)
        except (OSError, UnicodeError):  # it has none
            pass
        finally:
            reactor.callFromThread(found.callback, name)

    Thread(target=ask, name=f"name of {address}", daemon=True).start()
    return found
