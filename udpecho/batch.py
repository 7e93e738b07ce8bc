"""Batch: the datagrams of one system call, as columns and one by one, and their echo in place.

An item of a batch is a datagram or, where the kernel gave several of one flow together, a
train of datagrams of equal size (the last may be shorter). A column has one value for each
item, and costs no Python for each of them; what is true of an item's source, TTL or
destination is true of each datagram in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from udpecho._cmsg import IPV6
from udpecho._inbox import Inbox
from udpecho._reply import Echoed, Reply
from udpecho.address import Address
from udpecho.columns import Columns

__all__ = ["Batch", "Echoed"]


class Batch:
    """What arrived together. It is valid until the hook that it was given to returns."""

    def __init__(self, inbox: Inbox, reply: Reply) -> None:
        self._inbox = inbox
        self._reply = reply
        self._dropped: set[int] = set()
        self.datagrams = 0
        """How many datagrams there are, those dropped apart."""

        self.octets = 0
        """How many bytes of data there are, those dropped apart."""

        layout, memory = inbox.layout, inbox.memory
        self._ports = memory.column("H", 2)
        self._hosts = memory.columns(layout.host, layout.host_size)
        self._asked = memory.columns(layout.asked, layout.host_size)
        self._local = memory.columns(layout.local, layout.host_size)

    def __len__(self) -> int:
        """Count the items, those dropped too."""
        return self._inbox.count

    def __iter__(self) -> Iterator[tuple[bytes, Address]]:
        """Go through the datagrams that are not dropped, one by one."""
        if self._inbox.is_plain and not self._dropped:
            yield from self._inbox.pairs()
            return
        for index in self._indices:
            address = self._inbox.address(index)
            for data in self._inbox.datagrams(index):
                yield data, address

    @property
    def _indices(self) -> Iterable[int]:
        """The items that are not dropped."""
        if not self._dropped:
            return range(self._inbox.count)
        return [index for index in range(self._inbox.count) if index not in self._dropped]

    @property
    def ttls(self) -> bytes:
        """TTLs or hop limits, a byte each. What is set is what echo() sends; 0 can't be sent."""
        return self._inbox.memory.octets(self._inbox.layout.ttl, self._inbox.count)

    @ttls.setter
    def ttls(self, column: bytes) -> None:
        self._inbox.memory.set_octets(self._inbox.layout.ttl, column)

    @property
    def tos(self) -> bytes:
        """DSCP and ECN, a byte each. What is set is what echo() sends."""
        return self._inbox.memory.octets(self._inbox.layout.tos, self._inbox.count)

    @tos.setter
    def tos(self, column: bytes) -> None:
        self._inbox.memory.set_octets(self._inbox.layout.tos, column)

    def columns(self) -> Columns:
        """Give what a guard judges by, of every item, those dropped too."""
        inbox, count = self._inbox, self._inbox.count
        if count == 1 and not inbox.trains:
            return self._columns_of_one()
        sent_to_us = not self._may_be_sent_to_others()
        return Columns(
            self._ports[:count].tobytes(),
            _packed(self._hosts, count),
            b"" if sent_to_us else _packed(self._asked, count),
            b"" if sent_to_us else _packed(self._local, count),
            self.ttls,
            list(map(inbox.datagrams_of, range(count))) if inbox.trains else (),
        )

    def _columns_of_one(self) -> Columns:
        """Do so for one datagram, quicker than by cutting columns."""
        record, layout = self._inbox.memory.map, self._inbox.layout
        asked = record[layout.asked : layout.asked + layout.host_size]
        local = record[layout.local : layout.local + layout.host_size]
        sent_to_us = asked[0] != 0xFF if layout is IPV6 else asked == local
        return Columns(
            record[2:4],
            record[layout.host : layout.host + layout.host_size],
            b"" if sent_to_us else asked,
            b"" if sent_to_us else local,
            record[layout.ttl : layout.ttl + 1],
        )

    def drop(self, indices: Iterable[int]) -> int:
        """Leave items out from here on; return how many datagrams they are."""
        fresh = set(indices) - self._dropped
        self._dropped |= fresh
        datagrams = sum(map(self._inbox.datagrams_of, fresh))
        self.datagrams -= datagrams
        self.octets -= sum(self._inbox.lengths[index] for index in fresh)
        return datagrams

    def echo(self) -> Echoed:
        """Send every datagram that is not dropped back to its sender, from the address asked.

        Nothing is copied, and trains leave as trains.
        """
        return self._reply.send(self.datagrams, self.octets, self._dropped)

    def renew(self) -> None:
        """Stand for what the inbox holds now."""
        inbox = self._inbox
        if self._dropped:
            self._dropped = set()
        self.octets = sum(inbox.lengths)
        self.datagrams = inbox.count
        if inbox.trains:
            self.datagrams = sum(map(inbox.datagrams_of, range(inbox.count)))

    def over(self) -> None:
        """Be empty: the hook that had the datagrams has returned."""
        self._inbox.forget()
        self.datagrams = self.octets = 0

    def _may_be_sent_to_others(self) -> bool:
        count, layout = self._inbox.count, self._inbox.layout
        if layout is IPV6:
            return 0xFF in self._inbox.memory.octets(layout.asked, count)
        return self._asked[0][:count] != self._local[0][:count]


def _packed(columns: Sequence[memoryview], count: int) -> bytes:
    """Put addresses, whose words stand in these columns, one behind the other."""
    if len(columns) == 1:
        return columns[0][:count].tobytes()
    packed = bytearray(8 * len(columns) * count)
    words = memoryview(packed).cast("Q")
    for at, column in enumerate(columns):
        words[at :: len(columns)] = column[:count]
    return bytes(packed)
