"""A timer finer than a millisecond, as a descriptor (timerfd_create(2)). Linux only; no Twisted."""

from __future__ import annotations

import ctypes
import os
import select
from contextlib import suppress
from struct import Struct
from time import CLOCK_MONOTONIC

_TFD_TIMER_ABSTIME = 1
_ITIMERSPEC = Struct("@qqqq")


class ExactTimer:
    """Readable from a time of the monotonic clock on, to some ten microseconds.

    From Python 3.13 on, os.timerfd_create does the same.
    """

    def __init__(self) -> None:
        """Open it, or raise OSError."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        # TFD_NONBLOCK and TFD_CLOEXEC have the values of O_NONBLOCK and O_CLOEXEC.
        self._fd = self._libc.timerfd_create(CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise _last_error()

    def fileno(self) -> int:
        """Return the descriptor."""
        return int(self._fd)

    def set(self, monotonic_ns: int) -> None:
        """Become readable at that time, and until then not."""
        seconds, nanoseconds = divmod(max(monotonic_ns, 1), 1_000_000_000)  # 0 would disarm it
        spec = _ITIMERSPEC.pack(0, 0, seconds, nanoseconds)
        if self._libc.timerfd_settime(self._fd, _TFD_TIMER_ABSTIME, spec, None) < 0:
            raise _last_error()

    def close(self) -> None:
        """Close it."""
        os.close(self._fd)


_EVENTS = select.EPOLLIN | select.EPOLLERR if hasattr(select, "epoll") else 0


class Watch:
    """Watches a socket for what there is to read, errors too."""

    def __init__(self, fd: int) -> None:
        """Watch a descriptor, or raise OSError."""
        self._fd = fd
        self._epoll = select.epoll()
        try:
            self._epoll.register(fd, _EVENTS)
        except OSError:
            self._epoll.close()
            raise
        self._shared = False
        self.away = False
        """Whether it looks away."""

    def fileno(self) -> int:
        """Return the descriptor that is readable when the socket has something to read."""
        return self._epoll.fileno()

    def look_away(self) -> None:
        """Watch it no more, until look_again(), if it can."""
        if self.away or self._shared:
            return
        with suppress(OSError):  # it is watched still, then: that costs time alone
            self._epoll.unregister(self._fd)
            self.away = True

    def look_again(self) -> None:
        """Watch it again, and what has come meanwhile; it is away still if that can't be."""
        if self.away and not self._epoll.closed:
            try:
                self._epoll.register(self._fd, _EVENTS)
            except FileExistsError:  # another process did, with which it is shared
                pass
            except OSError:
                return
            self.away = False

    def part(self) -> None:
        """In a child, have an epoll of its own, with the same number: the parent's was shared."""
        if self._epoll.closed:
            return
        try:
            with select.epoll() as own:
                if not self.away:
                    own.register(self._fd, _EVENTS)
                os.dup2(own.fileno(), self._epoll.fileno(), inheritable=False)
        except OSError:
            self.share()

    def share(self) -> None:
        """Look away no more: another process has the same epoll, and would be deaf meanwhile."""
        self._shared = True

    def close(self) -> None:
        """Watch it no more."""
        self._epoll.close()


def _last_error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
