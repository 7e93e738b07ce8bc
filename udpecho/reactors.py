"""What udpecho asks of a reactor, and which clock tells intervals on it.

A real reactor's seconds() is the wall clock, which steps when someone sets it; a clock that
is moved by hand (twisted's Clock, a MemoryNetwork host) is its own best measure.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, cast

from twisted.internet.interfaces import (
    IReactorCore,
    IReactorPluggableNameResolver,
    IReactorTime,
    IReactorUDP,
)


class IDatagramReactor(IReactorUDP, IReactorTime, IReactorPluggableNameResolver):
    """Sockets, timers and names: every reactor of Twisted's, and each MemoryNetwork host."""


class _SelfContained(Protocol):
    """A MemoryNetwork host, to a type checker that knows nothing of zope's interfaces."""

    def seconds(self) -> float:
        """Tell the time."""

    def listenUDP(self, port: int, protocol: Any) -> Any:
        """Give a protocol a port."""


AnyReactor: TypeAlias = IReactorTime | _SelfContained
"""What a user has: twisted.internet.reactor, of which Twisted's stubs promise no more than that it
has timers, or a MemoryNetwork host."""


def datagram_reactor(reactor: AnyReactor) -> IDatagramReactor:
    """Take a user's reactor for what it is, or raise TypeError if it has no UDP."""
    if not IReactorUDP.providedBy(reactor):
        raise TypeError(f"expected a reactor with UDP (IReactorUDP), got {reactor!r}")
    return cast(IDatagramReactor, reactor)


def monotonic_clock(reactor: IReactorTime) -> Callable[[], float]:
    """Return the function whose differences are seconds that truly passed on this reactor."""
    if IReactorCore.providedBy(reactor):
        return time.monotonic
    return reactor.seconds
