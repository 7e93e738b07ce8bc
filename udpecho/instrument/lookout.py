"""When an instrument looks at its sockets: as soon as anything comes, or after a rest.

To be woken costs a process more than to take what came, many times as much if it is idle
otherwise. What the kernel stamps may wait without a figure being worse for it; so an instrument
may rest after it has sent or read, and take together what comes meanwhile. Nothing is late by
that but what is told. Linux only; no Twisted.
"""

from __future__ import annotations

import select

from udpecho.kernel.wake import ExactTimer

MOST_SOCKETS = 64
"""Sockets looked at in a turn."""

LEAST_REST_NS = 1_000_000
"""A rest after which far more had come than was asked for is followed by an eighth, and by twice as
long when that is over: what comes unasked is to leave room in the buffers."""


_NEVER_NS = 1 << 62


class Lookout:
    """A timer and sockets in one epoll; in a second one those sockets that it may rest from."""

    def __init__(self, rest_ns: int = 0) -> None:
        """Rest for so long at a time, if at all."""
        self.rest_ns = rest_ns
        self._timer = ExactTimer()
        self._epoll = select.epoll()
        self._epoll.register(self._timer.fileno(), select.EPOLLIN)
        self._sockets = select.epoll() if rest_ns else self._epoll
        self._rests_until_ns: int | None = None
        self._lasts_ns = rest_ns
        self._wake_at_ns: int | None = None
        self._watch()

    def fileno(self) -> int:
        """Return the descriptor that is readable when there is something to do; -1 once closed."""
        return -1 if self._epoll.closed else self._epoll.fileno()

    def add(self, fd: int) -> None:
        """Look at a socket, too."""
        self._sockets.register(fd, select.EPOLLIN | select.EPOLLERR)

    def remove(self, fd: int) -> None:
        """Look at a socket no more."""
        self._sockets.unregister(fd)

    def wake_at(self, monotonic_ns: int) -> None:
        """Be readable from that time on, and not from the one asked for before."""
        self._wake_at_ns = monotonic_ns
        self._set()

    def is_due(self, now_ns: int) -> bool:
        """Tell whether the time asked for has come; if so, none is asked for any more."""
        due = self._wake_at_ns is not None and now_ns >= self._wake_at_ns
        if due:
            self._wake_at_ns = None
        return due

    def settle(self) -> None:
        """Be readable no more for what was due, if no other time was asked for since."""
        if self._wake_at_ns is None:
            self._set()

    def rests(self, now_ns: int) -> bool:
        """Tell whether it is too early to look; it is not if something is due again at once."""
        if self._wake_at_ns is not None and self._wake_at_ns <= now_ns:
            return False
        return self._rests_until_ns is not None and now_ns < self._rests_until_ns

    def look(self) -> list[int]:
        """Return the sockets that have something, a batch at most."""
        return [] if self._sockets.closed else [fd for fd, _ in self._sockets.poll(0, MOST_SOCKETS)]

    def rest(self, now_ns: int, calm: bool = True) -> None:
        """Look away for a while: a short one unless it was calm."""
        if calm:
            self._lasts_ns = min(2 * self._lasts_ns, self.rest_ns)
        else:
            self._lasts_ns = min(max(self._lasts_ns // 8, LEAST_REST_NS), self.rest_ns)
        if self._rests_until_ns is None:
            self._epoll.unregister(self._sockets.fileno())
        self._rests_until_ns = now_ns + self._lasts_ns
        self._set()

    def go_on(self) -> None:
        """Be readable at once, and rest no more, if it is not watched what there is."""
        if self._rests_until_ns is not None:
            self._rests_until_ns = 0
            self._set()

    def wake(self) -> None:
        """Be readable again as soon as anything comes."""
        if self._rests_until_ns is not None:
            self._rests_until_ns = None
            self._watch()
            self._set()

    def close(self) -> None:
        """Close all but the sockets."""
        self._timer.close()
        self._epoll.close()
        self._sockets.close()

    def _watch(self) -> None:
        if self._sockets is not self._epoll:
            self._epoll.register(self._sockets.fileno(), select.EPOLLIN)

    def _set(self) -> None:
        times = (self._wake_at_ns, self._rests_until_ns)
        self._timer.set(min((at for at in times if at is not None), default=_NEVER_NS))
