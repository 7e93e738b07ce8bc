"""Whether it matters when exactly a datagram came: no reply is older than its request.

The kernel notes when each came, but telling takes time, and mostly it would change nothing: what
is read together answers nothing that is asked from then on, and of what comes after, only the
reply to an earlier request alike could be taken for another one's.
"""

from __future__ import annotations

from math import inf

from udpecho.reactors import TURN_SECONDS


class Freshness:
    """How many batches were heard, and since when what lies in the socket may deceive."""

    __slots__ = ("_since", "_trusting", "heard", "until")

    def __init__(self, *, trusting: bool = False) -> None:
        """Know nothing of what lies in the socket.

        trusting is who believes anyone: what lies there may always be of another request.
        """
        self._trusting = trusting
        self.heard = 0
        """How many batches have been heard."""

        self.until = -inf
        """Until when nothing new lies there but replies, it is taken; who asks later doubts."""

        self._since: float | None = None

    @property
    def is_in_doubt(self) -> bool:
        """Tell whether the next batch may have what is older than the request it answers."""
        return self._since is not None

    def hears(self, now: float, oldest: float) -> int:
        """Count a batch that was read now, and has nothing older than that; give its number."""
        self.until = -inf if self._trusting else now + TURN_SECONDS
        if self._since is not None and self._since < now - oldest:
            self._since = None  # all that was there before has been read
        self.heard += 1
        return self.heard

    def doubts(self, now: float) -> None:
        """Note that a request is sent which something seems to answer that lies there already."""
        self._since = now
