"""How much a source prefix may have answered: token buckets in a table of fixed size.

Holds no I/O and no clock; it is told the time, in whole nanoseconds that never go back, and
counts in whole numbers, so that the same datagrams at the same times and under the same key
always fare alike, whether they are charged one by one or many together. A datagram costs one
token, and one more for each further 1,500 bytes of data begun.

A prefix finds its bucket by secret random numbers (see placing). Nothing is stored of who owns a
bucket: two that meet share its allowance, see the limit sooner, and keep their one in four over
it. The table never grows and is never searched, so a million spoofed prefixes cost what one costs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from mmap import ACCESS_COPY, mmap
from random import Random
from typing import Literal

from udpecho.guard.placing import Placing

BUCKETS = 65_536
"""Entries in the table: 1.3 MB. A flood from every prefix there is would need 65,536 times the
rate, 65 million datagrams a second by default, before it pushed every bucket over the limit.
(NSD's rate limiter has a fixed million of buckets, Knot's 524,288 by default, at 8 bytes each.)"""

PAID = 1500
"""Bytes of a datagram that a token pays for: all that fit in a packet of a usual link."""

SLIP = 4
"""Over the limit, one in this many still passes, so that who forges a victim's address cannot
silence the victim. (chrony's default leak answers one in four, Unbound lets one in ten through;
BIND, NSD and Knot call it slip: one in two, one in two, every one, but cut short for DNS.)"""

MAX_SLIP = 255
"""The most that --slip takes: the key decides by a byte which one of a group passes."""

MAX_RATE = 10**9
"""The most that --rate and --burst take: no network sends more, and the sums fit in 64 bits."""

_TOKEN = 10**9  # in units of (datagrams a second) x (nanoseconds)
_PLACES = 4096  # groups of datagrams over the limit, before the order in which they pass repeats


def cost(size: int) -> int:
    """Say how many tokens a datagram with this many bytes of data costs."""
    return -(-size // PAID) or 1


class RateLimiter:
    """Token buckets that fill at rate tokens a second up to burst, by source prefix."""

    def __init__(
        self,
        rate: int,
        burst: int,
        key: bytes,
        *,
        ipv4_prefix: int = 24,
        ipv6_prefix: int = 56,
        slip: int = SLIP,
        buckets: int = BUCKETS,
    ) -> None:
        self._rate = rate
        self._capacity = burst * _TOKEN
        self._slip = slip
        self._placing, self._places = _secrets(key, buckets, ipv4_prefix, ipv6_prefix)
        # A bucket is how far it was from full, when that was, and how many came over the limit.
        self._spent = _zeros("q", 8 * buckets)
        self._when = _zeros("q", 8 * buckets)
        self._over = _zeros("I", 4 * buckets)

    def bucket(self, packed: bytes) -> int:
        """Return the index of the bucket of an address (4 or 16 bytes)."""
        return self._placing.place(packed)

    def charge(self, charges: Mapping[int, int], now: int) -> list[int]:
        """Charge buckets these tokens; return those that would not hold theirs.

        These are not charged: take says which of their datagrams pass.
        """
        spent, when, rate, capacity = self._spent, self._when, self._rate, self._capacity
        over = []
        for bucket, tokens in charges.items():
            total = spent[bucket] - (now - when[bucket]) * rate
            total = (total if total > 0 else 0) + tokens * _TOKEN
            if total > capacity:
                over.append(bucket)
            else:
                spent[bucket] = total
                when[bucket] = now
        return over

    def take(
        self, bucket: int, costs: Sequence[int], now: int, long: Collection[int] = ()
    ) -> bytes:
        """Charge datagrams, or trains that pass as a whole; return a 1 for each over the limit.

        Each passes while there is a token for its first 1,500 bytes; what it costs beyond is owed,
        so that a small burst silences nobody who asks with much. Over the limit nothing is charged,
        and of every SLIP in a row one passes, at a place among them that the key decides (a sender
        who counts learns nothing), if it is not long: those are given by index, in which a datagram
        costs more than a token.
        """
        refilled = (now - self._when[bucket]) * self._rate
        spent = max(0, self._spent[bucket] - refilled)
        passed = 0
        for tokens in costs:
            if spent + _TOKEN > self._capacity:
                break
            spent += tokens * _TOKEN
            passed += 1
        self._spent[bucket] = spent
        self._when[bucket] = now
        over = bytearray(passed) + b"\1" * (len(costs) - passed)
        for index in self._slipping(bucket, passed, len(costs)):
            over[index] = index in long
        return bytes(over)

    def _slipping(self, bucket: int, start: int, stop: int) -> Iterator[int]:
        """Give those whose turn it is of what is over the limit, from start to stop."""
        if self._slip:
            first = self._over[bucket]
            last = first + stop - start
            self._over[bucket] = last % (self._slip * _PLACES)
            for group in range(first // self._slip, -(-last // self._slip)):
                chosen = self._places[(bucket + group) % _PLACES] % self._slip
                place = start + group * self._slip + chosen - first
                if start <= place < stop:
                    yield place


@lru_cache(maxsize=8)
def _secrets(key: bytes, buckets: int, ipv4: int, ipv6: int) -> tuple[Placing, bytes]:
    """Draw what a key decides: it takes 20 ms, and peers come and go under the same."""
    secret = Random(key)
    return Placing(buckets, ipv4, ipv6, secret), secret.randbytes(_PLACES)


def _zeros(kind: Literal["q", "I"], size: int) -> memoryview[int]:
    """Return size bytes of numbers, which take no memory until they are written.

    After a fork they are each process's own: a table that two write in would be nobody's.
    """
    return memoryview(mmap(-1, size, access=ACCESS_COPY)).cast(kind)
