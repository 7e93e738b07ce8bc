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


def key_of(peer: Hashable, token: Hashable) -> int:
    """Give what stands for a peer and a token, which may be 64 KiB long: a hash.

    It has 64 bits, and is seeded by the interpreter.
    """
    return hash((peer, token))


class Ended:
    """Ended requests by their keys, in bounded memory: two generations, the older dropped."""

    def __init__(self) -> None:
        self.young: dict[int, bool] = {}
        self.old: dict[int, bool] = {}
        """By the keys of those that ended lately, whether they were answered."""

    def __len__(self) -> int:
        """Count what is remembered."""
        return len(self.young) + len(self.old)

    def remember(self, key: int, answered: bool) -> None:
        """Note that a request with this key has ended."""
        if len(self.young) >= REMEMBERED:
            self.old, self.young = self.young, {}
        self.young[key] = answered

    def recall(self, key: int) -> Unclaimed | None:
        """Tell what a datagram with this key is; after a late one, what follows is a duplicate."""
        answered = self.young.get(key)
        if answered is None:
            answered = self.old.get(key)
        if answered is None:
            return None
        if answered:
            return Unclaimed.DUPLICATE
        self.remember(key, answered=True)
        return Unclaimed.LATE
