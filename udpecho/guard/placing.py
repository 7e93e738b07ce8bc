"""A place for each source prefix, which nobody can choose or foresee without the key.

By secret random numbers, one for each value of each of a prefix's bytes, combined by exclusive or
(simple tabulation hashing): any two prefixes that are chosen without the key meet with odds of one
in the number of places.
"""

from __future__ import annotations

from random import Random


class Placing:
    """Places for prefixes of both families."""

    def __init__(self, places: int, ipv4_prefix: int, ipv6_prefix: int, secret: Random) -> None:
        """Have this many places, a power of 2."""
        self._hashes = {
            4: _tabulation(ipv4_prefix, places, secret),
            16: _tabulation(ipv6_prefix, places, secret),
        }

    def place(self, packed: bytes) -> int:
        """Return the place of an address (4 or 16 bytes), from 0."""
        place = 0
        for numbers, byte in zip(self._hashes[len(packed)], packed, strict=False):
            place ^= numbers[byte]
        return place


def _tabulation(prefix: int, places: int, secret: Random) -> list[list[int]]:
    """Return a number below places (a power of 2) for each value of each byte of a prefix.

    Values that differ only beyond the prefix have the same number.
    """
    tables = []
    for bits in range(prefix, 0, -8):
        numbers = [secret.randrange(places) for _ in range(256)]
        beyond = 0xFF >> bits
        tables.append([numbers[byte & ~beyond] for byte in range(256)])
    return tables
