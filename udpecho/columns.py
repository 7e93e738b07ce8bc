"""A batch of datagrams as columns of bytes, one column for each thing known of them.

Holds no payload and no socket. A column answers most questions as a whole, in one step; it is
split into Python objects only for whoever must look at each.

"As the last" is a contract. Most batches are like the one before: as many datagrams, as long, of
the same senders, asking in the same way. Then what was worked out of the one before is handed on
again, not an equal object but that one; and whoever works something out of it does so, too. So
"is" asks whether a batch is as the last, at every step of its way, and that costs nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from struct import Struct
from types import MappingProxyType
from typing import NamedTuple

_NO_TRAINS: Mapping[int, int] = MappingProxyType({})


def datagrams_in(size: int, segment: int) -> int:
    """Count the datagrams of a train of so many bytes, each of segment bytes, the last of fewer."""
    return -(-size // segment)


class Columns(NamedTuple):
    """A batch of datagrams, column by column; all but the first two may be missing (empty).

    Ports are 2 bytes a datagram, addresses 4 or 16, all in network order. asked is where the
    datagram was sent, local the address that the kernel would answer from (IP_PKTINFO's
    ipi_addr and ipi_spec_dst): they differ if it was broadcast. ttls are a byte each, and tos
    (DSCP and ECN), by which nobody is judged. sizes are the bytes of each one's data. Where a
    train of datagrams came as one (UDP_GRO), that is all of theirs, and trains has, by its index,
    the bytes of each datagram in it; the last may be shorter.
    """

    ports: bytes
    sources: bytes
    asked: bytes = b""
    local: bytes = b""
    ttls: bytes = b""
    tos: bytes = b""
    sizes: Sequence[int] = ()
    trains: Mapping[int, int] = _NO_TRAINS

    def longest(self, index: int) -> int:
        """Give the bytes of the longest datagram that one stands for."""
        return self.trains.get(index, self.sizes[index])

    def datagrams(self, index: int) -> int:
        """Count the datagrams that one stands for."""
        segment = self.trains.get(index)
        return 1 if segment is None else datagrams_in(self.sizes[index], segment)


class Sources:
    """The column of source addresses: each, in the order in which they came, and the distinct."""

    def __init__(self, column: bytes, size: int) -> None:
        first = column[: len(column) // size]
        self._size = size
        self._is_one = column == first * size
        self.each = (first,) * size if self._is_one else split_addresses(column, size)
        self.distinct = {first} if self._is_one else set(self.each)

    def tally(self, costs: Sequence[int], without: Collection[int]) -> Mapping[bytes, int]:
        """Add up what each address has to pay, those at some indexes apart; 1 each, if no costs."""
        if self._is_one and not without:
            return {self.each[0]: sum(costs) if costs else self._size}
        if not (costs or without):
            return Counter(self.each)
        tally = dict.fromkeys(self.distinct, 0)
        for index, source in enumerate(self.each):
            if index not in without:
                tally[source] += costs[index] if costs else 1
        return tally


def split_ports(column: bytes) -> tuple[int, ...]:
    """Return a column of ports as numbers."""
    return _layout(">", "H", len(column) // 2).unpack(column)


def split_addresses(column: bytes, size: int) -> tuple[bytes, ...]:
    """Return a column of size addresses as packed addresses."""
    return _layout("", f"{len(column) // size}s", size).unpack(column)


def every_byte_but(numbers: Iterable[int]) -> bytes:
    """Return the bytes that are none of some numbers: what bytes.translate is to delete."""
    return bytes(set(range(256)).difference(numbers))


@lru_cache(maxsize=1024)  # sizes of batches, for each of three items
def _layout(order: str, item: str, size: int) -> Struct:
    return Struct(order + item * size)
