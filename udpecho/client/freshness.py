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

    __slots__ = ("_heard_at", "_since", "heard")

    def __init__(self) -> None:
        """Know nothing of what lies in the socket."""
        self.heard = 0
        """How many batches have been heard."""

        self._heard_at = -inf
        self._since: float | None = None

    @property
    def is_in_doubt(self) -> bool:
        """Tell whether the next batch may have what is older than the request it answers."""
        return self._since is not None

    def hears(self, now: float, oldest: float) -> int:
        """Count a batch that was read now, and has nothing older than that; give its number."""
        self._heard_at = now
        if self._since is not None and self._since < now - oldest:
            self._since = None  # all that was there before has been read
        self.heard += 1
        return self.heard

    def sends(self, now: float, alike: bool) -> None:
        """Note that a request is sent; alike: so was an earlier one, whose reply may lie there.

        Unless a batch was read just now, anything may.
        """
        if alike or now - self._heard_at > TURN_SECONDS:
            self._since = now
