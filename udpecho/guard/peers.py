"""A rate of their own for some addresses: peers that ask as we know, beside all the world.

Told the addresses and the time; like the limiter beneath, it opens nothing and reads no clock.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from udpecho.guard.ratelimit import BUCKETS, RateLimiter


class Limiter(Protocol):
    """What a guard asks of a limiter."""

    def bucket(self, packed: bytes) -> int:
        """Return the number of an address's bucket."""

    def charge(self, charges: Mapping[int, int], now: int) -> list[int]:
        """Charge buckets; return those that would not hold theirs."""

    def take(
        self, bucket: int, costs: Sequence[int], now: int, long: Collection[int] = ()
    ) -> bytes:
        """Charge datagrams; return a 1 for each over the limit."""


class PeerLimits:
    """Limiter peers each by its address, and others as before."""

    def __init__(self, others: Limiter, peers: frozenset[bytes], rate: int, key: bytes) -> None:
        """Give each of these addresses (packed) so many tokens a second, twice as many at once."""
        self._others = others
        self._peers = peers
        self._own = RateLimiter(rate, 2 * rate, key, ipv4_prefix=32, ipv6_prefix=128)

    def bucket(self, packed: bytes) -> int:
        """Return the number of an address's bucket: a peer's is beyond all others'."""
        if packed in self._peers:
            return BUCKETS + self._own.bucket(packed)
        return self._others.bucket(packed)

    def charge(self, charges: Mapping[int, int], now: int) -> list[int]:
        """Charge buckets; return those that would not hold theirs."""
        own = {each - BUCKETS: tokens for each, tokens in charges.items() if each >= BUCKETS}
        others = {each: tokens for each, tokens in charges.items() if each < BUCKETS}
        over = [BUCKETS + each for each in self._own.charge(own, now)] if own else []
        return over + self._others.charge(others, now)

    def take(
        self, bucket: int, costs: Sequence[int], now: int, long: Collection[int] = ()
    ) -> bytes:
        """Charge datagrams; return a 1 for each over the limit."""
        if bucket >= BUCKETS:
            return self._own.take(bucket - BUCKETS, costs, now, long)
        return self._others.take(bucket, costs, now, long)
