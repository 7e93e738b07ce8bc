"""What a reactor watches in place of a socket: an epoll of our own.

So an error on the socket is something to read, which some reactors would take for the end of
it. And it can look away: the kernel tells who waits for a socket of every datagram that it has
sent through it, whether there was any need for room or not.
"""

from __future__ import annotations

import select

_EVENTS = select.EPOLLIN | select.EPOLLERR if hasattr(select, "epoll") else 0


class Watch:
    """Watches a socket for what there is to read, errors too."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._epoll = select.epoll()
        self._epoll.register(fd, _EVENTS)
        self._away = False

    def fileno(self) -> int:
        """Return the descriptor that is readable when the socket has something to read."""
        return self._epoll.fileno()

    def look_away(self) -> None:
        """Watch it no more, until look_again()."""
        if not self._away:
            self._epoll.unregister(self._fd)
            self._away = True

    def look_again(self) -> None:
        """Watch it again, and what has come meanwhile; nothing if it is closed."""
        if self._away and not self._epoll.closed:
            self._epoll.register(self._fd, _EVENTS)
            self._away = False

    def close(self) -> None:
        """Watch it no more."""
        self._epoll.close()
