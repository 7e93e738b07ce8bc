"""The kernel's own stamps and timer, on a reactor: what makes a busy process invisible in an RTT.

All sockets and the timer stand in one private epoll, of which the reactor watches the
descriptor: an error queue then is something to read, whatever the reactor makes of errors.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from time import monotonic_ns
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from udpecho.instrument.bulk import Intake, Outlet
from udpecho.instrument.clocks import read_clocks
from udpecho.instrument.instrument import Observer, ProbeSocket, SocketOptions
from udpecho.instrument.lookout import MOST_SOCKETS, Lookout
from udpecho.instrument.stamped import StampedSocket
from udpecho.instrument.stamps import Stamp
from udpecho.peer import Peer, is_ipv6
from udpecho.reactors import TURN_SECONDS

BATCH = 32
"""Datagrams taken from one socket before its stamps are looked for: some 0.3 ms of work."""

_TURN_NS = round(TURN_SECONDS * 1e9)

MOST_BEHIND_NS = 1_000_000_000
"""After so long in which more came than could be read it counts as caught up all the same: else a
flood would keep it from telling what is lost. No buffer holds as much as comes in a second."""

ROOM = 2048
"""Bytes taken of a datagram at least, whatever size we sent: a longer one is corrupt anyway."""

STAMPS_BEGIN_NS = 1_000_000_000
"""When what comes is surely stamped as it comes: a worker of the kernel's turns that on for the
first who asks, and what comes before is stamped when it is read."""


@implementer(IReadDescriptor)
class KernelInstrument:
    """Sockets that the kernel stamps, and a timer of its own; an Instrument."""

    def __init__(
        self,
        reactor: Any,
        options: SocketOptions,
        *,
        size: int,
        stamps: bool = True,
        rest_ns: int = 0,
    ) -> None:
        """Take the options for all sockets. With stamps=False the process's clock alone counts.

        rest_ns is for how long what comes may wait to be read, as long as the kernel stamps all.
        """
        self._reactor = reactor
        self._options = options
        self._intake = Intake(max(ROOM, size + 1))
        self._outlet = Outlet(size)
        self._stamps = stamps
        self._lookout = Lookout(rest_ns)
        self._begun_ns = 0
        self._owes = False  # to say that all has been read
        self._behind_ns = 0  # since when there was always more to read
        self._sockets: dict[int, StampedSocket] = {}
        self._dropped = 0  # by those that were shut
        self._observer: Observer | None = None

    def now(self) -> int:
        """Read the monotonic clock, in ns."""
        return monotonic_ns()

    def stamp(self) -> Stamp:
        """Read both clocks."""
        return read_clocks()

    def open(self, peer: Peer, *, connected: bool, port: int = 0) -> ProbeSocket:
        """Open a socket of a peer's family; if connected, for that peer alone. Raises OSError."""
        ipv6 = is_ipv6(peer[0])
        options = self._options
        stamped = StampedSocket(
            (options.source or ("::" if ipv6 else "0.0.0.0"), port),
            family=socket.AF_INET6 if ipv6 else socket.AF_INET,
            intake=self._intake,
            outlet=self._outlet,
            stamps=self._stamps,
            options=options,
        )
        if connected:
            try:
                stamped.connect(peer)
            except BaseException:
                stamped.close()
                raise
        self._sockets[stamped.fileno()] = stamped
        self._lookout.add(stamped.fileno())
        return stamped

    def shut(self, socket: ProbeSocket) -> None:
        """Close one of the sockets, for good."""
        [(fd, opened)] = [each for each in self._sockets.items() if each[1] is socket]
        self._dropped += opened.dropped
        self._lookout.remove(fd)
        del self._sockets[fd]
        opened.close()

    def start(self, observer: Observer) -> Stamp:
        """Tell the observer from now on, and return when that is."""
        self._observer = observer
        self._reactor.addReader(self)
        begun = read_clocks()
        self._begun_ns = begun.monotonic_ns
        return begun

    def wake_at(self, monotonic_ns: int) -> None:
        """Call due() at that time, and caught_up() when what came before it has been read."""
        self._lookout.wake_at(monotonic_ns)

    def dropped(self) -> int:
        """Count the datagrams that came and found no room, until it is closed."""
        return self._dropped + sum(opened.dropped for opened in self._sockets.values())

    def close(self) -> Deferred[None]:
        """Close everything."""
        if self._observer is not None:
            self._reactor.removeReader(self)
            self._observer = None
        self._dropped = self.dropped()
        for opened in self._sockets.values():
            opened.close()
        self._sockets.clear()
        self._lookout.close()
        return succeed(None)

    # IReadDescriptor

    def fileno(self) -> int:
        """Return the descriptor of the epoll in which all others stand."""
        return self._lookout.fileno()

    def doRead(self) -> None:
        """Send what is due; then take what has come, and only then look for what has not.

        Nothing delays a probe that could be done after it, and a reply read late is not late.
        """
        lookout, now_ns = self._lookout, monotonic_ns()
        due, wanted = lookout.is_due(now_ns), False
        if due and self._observer is not None:
            self._owes = True
            wanted = self._observer.due()
        if due and self._observer is not None:
            lookout.settle()
        if not wanted and lookout.rests(monotonic_ns()):
            if self._is_full():
                lookout.go_on()  # in the next turn: this one has sent already
            return
        ready = lookout.look()
        behind = self._take(ready, now_ns + _TURN_NS)
        if behind and self._observer is not None:
            lookout.go_on()
            self._behind_ns = self._behind_ns or now_ns
            if now_ns - self._behind_ns < MOST_BEHIND_NS:
                return
        self._behind_ns = 0
        if self._observer is not None:
            if self._owes or lookout.rest_ns:
                self._owes = False
                self._observer.caught_up()
            if not behind:
                self._rest(now_ns, due or bool(ready))

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Do nothing: the reactor ends, and whoever opened this closes it."""

    def logPrefix(self) -> str:
        """Return the name that log lines bear."""
        return "udpecho ping"

    def _is_full(self) -> bool:
        """Tell whether what was sent has a socket's buffer fill up."""
        return any(each.sends.is_full for each in self._sockets.values())

    def _take(self, ready: Sequence[int], until_ns: int) -> bool:
        """Take what has come, as much as a turn may; tell whether there may be more."""
        left = len(ready) == MOST_SOCKETS
        for fd in ready:
            opened = self._sockets.get(fd)
            if opened is not None:
                left |= self._read(opened)
            if monotonic_ns() > until_ns:
                return True
        return left and bool(self._lookout.rest_ns)

    def _rest(self, now_ns: int, has_work: bool) -> None:
        """Rest, if something was done and more is to come: its stamps tell when."""
        if not self._lookout.rest_ns or self._observer is None:
            return
        sends = [each.sends for each in self._sockets.values()]
        waits = self._is_full() or now_ns - self._begun_ns < STAMPS_BEGIN_NS
        calm = sum(each.count_anew() for each in sends) == len(sends)  # all are asked
        if has_work and not waits and all(each.are_stamped for each in sends):
            self._lookout.rest(now_ns, calm)
        else:
            self._lookout.wake()

    def _read(self, opened: StampedSocket) -> bool:
        """Take a batch, then the stamps: so that every probe answered in it has its own.

        Tell whether there may be more.
        """
        batches = list(opened.arrivals(BATCH))
        refusals, left = opened.notices(2 * BATCH)
        for refused in refusals:
            if self._observer is None:  # it had all it waited for
                return False
            self._observer.refused(refused)
        for arrivals, stamp in batches:
            opened.sends.came(len(arrivals))
            if self._observer is None:
                return False
            self._observer.came(opened, arrivals, stamp)
        return left or any(len(arrivals) == BATCH for arrivals, _ in batches)
