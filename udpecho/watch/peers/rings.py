"""Circles on which every node has a place of its own, as good as random and the same for all.

On each circle of its own order (consistent hashing), so that whoever comes next after a node is
another one on each. One who comes or goes changes who is next for the one before, and for nobody
else.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left, insort
from hashlib import shake_128
from itertools import count

_WORD_BYTES = 8
_NUMBERS = (1 << 24) - 1
"""A place is 40 bits of a hash, and then the node's number: one word of a list that is searched."""


def places(name: str, number: int, rings: int) -> list[int]:
    """Give a node's place on each of so many rings."""
    digest = shake_128(name.encode("utf-8", "surrogatepass")).digest(_WORD_BYTES * rings)
    words = struct.unpack(f">{rings}Q", digest)  # the same on every machine
    return [word & ~_NUMBERS | number for word in words]


class Rings:
    """Some rings, and the nodes on them by number."""

    def __init__(self, rings: int) -> None:
        """Begin with nobody."""
        self._rings = [array("Q") for _ in range(rings)]

    def __len__(self) -> int:
        """Count the nodes."""
        return len(self._rings[0])

    def add(self, places: list[int]) -> None:
        """Put a node in its places."""
        for ring, place in zip(self._rings, places, strict=True):
            insort(ring, place)

    def remove(self, places: list[int]) -> None:
        """Take a node out of its places."""
        for ring, place in zip(self._rings, places, strict=True):
            del ring[bisect_left(ring, place)]

    def next(self, ring: int, place: int) -> int:
        """Give the number of the node that comes after a place."""
        nodes = self._rings[ring]
        at = bisect_left(nodes, place + 1)
        return nodes[at if at < len(nodes) else 0] & _NUMBERS

    def mirrored(self, ring: int, place: int, zones: list[str], farthest: int) -> int | None:
        """Give the node of another zone that stands as far beyond a border as this one before it.

        A border is where one zone's nodes end that stand side by side, and another's begin. So who
        stands last before it has the first beyond it, and whoever is farther away has one as far:
        each has one at most, and is one's at most. None if that one's zone is a third, or if it is
        farther than so many steps.
        """
        nodes, zone = self._rings[ring], zones[place & _NUMBERS]
        at = bisect_left(nodes, place)
        for steps in count():
            beyond = at + 1 + steps
            other = zones[nodes[beyond % len(nodes)] & _NUMBERS]
            if other != zone:
                break
            if steps >= min(farthest, len(nodes)):
                return None
        for at in range(beyond, beyond + steps + 1):
            if zones[nodes[at % len(nodes)] & _NUMBERS] != other:
                return None
        return nodes[at % len(nodes)] & _NUMBERS
