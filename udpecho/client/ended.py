"""The latest ended requests: they tell a late reply, or a duplicate, from a stranger."""

from __future__ import annotations

from collections.abc import Hashable
from enum import Enum

REMEMBERED = 4096
"""Ended requests remembered, at least, to tell a late reply or a duplicate from a stranger."""


class Unclaimed(Enum):
    """What a datagram is that no outstanding request waits for."""

    DUPLICATE = "its request was answered before"
    LATE = "its request had ended before it came"


class Ended:
    """Ended requests, in bounded memory: two generations of hashes, the older dropped.

    A hash (of 64 bits, seeded by the interpreter) stands for the keys, which may be 64 KiB long.
    """

    def __init__(self) -> None:
        self._young: dict[int, bool] = {}  # by hash: whether it was answered
        self._old: dict[int, bool] = {}

    def __len__(self) -> int:
        """Count what is remembered."""
        return len(self._young) + len(self._old)

    def remember(self, key: Hashable, answered: bool) -> None:
        """Note that a request with this key has ended."""
        if len(self._young) >= REMEMBERED:
            self._old, self._young = self._young, {}
        self._young[hash(key)] = answered

    def recall(self, key: Hashable) -> Unclaimed | None:
        """Tell what a datagram with this key is; after a late one, what follows is a duplicate."""
        hashed = hash(key)
        answered = self._young.get(hashed)
        if answered is None:
            answered = self._old.get(hashed)
        if answered is None:
            return None
        if answered:
            return Unclaimed.DUPLICATE
        self.remember(key, answered=True)
        return Unclaimed.LATE
