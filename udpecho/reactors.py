"""What udpecho asks of a reactor, and which clock tells intervals on it.

A real reactor's seconds() is the wall clock, which steps when someone sets it; a clock that
is moved by hand (twisted's Clock, a MemoryNetwork host) is its own best measure.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from socket import AddressFamily
from typing import Any, Protocol, TypeAlias, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IReactorCore,
    IReactorPluggableNameResolver,
    IReactorTime,
    IReactorUDP,
)
from zope.interface import Interface

from udpecho.datagrams import Received, ToSend
from udpecho.refusal import Refusal

TURN_SECONDS = 0.002
"""How long one who has more to do goes on in a turn of the reactor: timers keep their time."""


class IDatagramReactor(IReactorUDP, IReactorTime, IReactorPluggableNameResolver):
    """Sockets, timers and names: every reactor of Twisted's, and each MemoryNetwork host."""


class DatagramSocket(Protocol):
    """A bound UDP socket of one family, that no descriptor stands for.

    It also has the methods of a socket.socket that name, connect and set options: getsockname,
    getpeername, bind, connect, getsockopt and setsockopt.
    """

    @property
    def family(self) -> AddressFamily:
        """AF_INET or AF_INET6; then it takes IPv6 alone."""

    def receive(self, most: int, size: int = 65535) -> Sequence[Received]:
        """Take what is queued: this many datagrams at most, each cut to size bytes.

        Raises OSError for a pending error, which that clears.
        """

    def transmit(self, datagram: ToSend) -> None:
        """Send a datagram, or raise OSError; a pending error is raised in its place."""

    def queue_errors(self) -> None:
        """Keep what ICMP refuses from now on, connected or not: for take_errors()."""

    def take_errors(self, most: int) -> Sequence[Refusal]:
        """Take what ICMP refused, at most this many."""

    def dropped(self) -> int:
        """Count the datagrams lost because the receive buffer was full."""

    def set_receive_buffer(self, size: int) -> int:
        """Ask for a receive buffer of this many bytes; return what was granted."""

    def let_fragment(self, allowed: bool, *, heeds: bool = True) -> None:
        """Let routers cut its datagrams into fragments where a link is too narrow, or not.

        One that may not be cut, and is too long by what ICMP said, is refused; unless it heeds
        nothing, so that it can be tried again.
        """

    def disconnect(self) -> None:
        """Be connected to nobody."""

    def watch(self, ready: Callable[[], None] | None) -> None:
        """Have this called when there is something to read, be it an error; None: not now.

        It is called in each turn of the reactor, as long as there is.
        """

    def close(self) -> None:
        """Close it; what is queued is lost."""


class IReverseResolver(Interface):
    """A reactor's resolver that also tells the name of an address."""

    def name_of(address: str) -> Deferred[str | None]:  # noqa: N805
        """Look an address's name up; the Deferred fires with None if it has none."""


class IDatagramSockets(Interface):
    """A reactor with UDP sockets of its own, which has no descriptors: a MemoryNetwork host."""

    def open_datagram_socket(interface: str, port: int) -> DatagramSocket:  # noqa: N805
        """Open a socket bound to an address, "" being all of IPv4's, and a port, 0 being any.

        Raises OSError as bind(2) does.
        """


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


def clock_of(transport: object) -> Callable[[], float]:
    """Return the monotonic_clock of the reactor that a port is on, or time.monotonic."""
    reactor = getattr(transport, "reactor", None)
    return monotonic_clock(reactor) if IReactorTime.providedBy(reactor) else time.monotonic


_SHARE_EPOLL = ("twisted.internet.epollreactor", "twisted.internet.asyncioreactor")


def shares_its_epoll(reactor: object) -> bool:
    """Tell whether a reactor and its copy in a forked process wait on one epoll of the kernel's.

    What one of them then watches no more, no other does, whatever a port may do.
    """
    return any(each.__module__ in _SHARE_EPOLL for each in type(reactor).__mro__)
