"""Batch: the datagrams of one system call, as columns and one by one, and their echo in place.

An item of a batch is a datagram or, where the kernel gave several of one flow together, a
train of datagrams of equal size (the last may be shorter). A column has one value for each
item, and costs no Python for each of them; what is true of an item's source, TTL or
destination is true of each datagram in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set

from udpecho._cmsg import IPV6
from udpecho._inbox import Inbox
from udpecho._reply import Echoed, Reply
from udpecho.address import Address
from udpecho.columns import Columns

__all__ = ["Batch", "Echoed"]

_NONE: Set[int] = frozenset()


class Batch:
    """What arrived together. It is valid until the hook that it was given to returns."""

    def __init__(self, inbox: Inbox, reply: Reply) -> None:
        self._inbox = inbox
        self._reply = reply
        self._dropped: Set[int] = _NONE
        self._columns: Columns | None = None
        self._ttls: bytes | None = None
        self._tos: bytes | None = None
        self._records = b""
        self._cut_from_them = Columns(b"", b""), b""
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
        for index in range(self._inbox.count):
            if index not in self._dropped:
                address = self._inbox.address(index)
                for data in self._inbox.datagrams_at(index):
                    yield data, address

    @property
    def ttls(self) -> bytes:
        """TTLs or hop limits, a byte each. What is set is what echo() sends; 0 can't be sent."""
        return self.columns().ttls if self._ttls is None else self._ttls

    @ttls.setter
    def ttls(self, column: bytes) -> None:
        self._ttls = column

    @property
    def tos(self) -> bytes:
        """DSCP and ECN, a byte each. What is set is what echo() sends."""
        if self._tos is None:
            self.columns()
            self._tos = self._cut_from_them[1]
        return self._tos

    @tos.setter
    def tos(self, column: bytes) -> None:
        self._tos = column

    def columns(self) -> Columns:
        """Give what a guard judges by, of every item, those dropped too."""
        if self._columns is None:
            records = self._inbox.records()
            # The same records are those of the same senders, asking as they did the last time.
            if self._inbox.trains or records != self._records:
                self._records = b"" if self._inbox.trains else records
                self._cut_from_them = self._cut(), self._inbox.traffic_classes()
            self._columns = self._cut_from_them[0]
        return self._columns

    def drop(self, indices: Iterable[int]) -> int:
        """Leave items out from here on; return how many datagrams they are."""
        fresh = set(indices) - self._dropped
        self._dropped |= fresh
        datagrams = sum(map(self._inbox.datagrams_of, fresh))
        self.datagrams -= datagrams
        self.octets -= sum(map(self._inbox.length, fresh))
        return datagrams

    def echo(self) -> Echoed:
        """Send every datagram that is not dropped back to its sender, from the address asked.

        Nothing is copied, and trains leave as trains.
        """
        if not self._inbox.count:
            return Echoed(0, 0, {})
        return self._reply.send(self.datagrams, self.octets, self._dropped, self.ttls, self.tos)

    def renew(self) -> None:
        """Stand for what the inbox holds now."""
        inbox = self._inbox
        self._dropped = _NONE
        self.octets = inbox.octets
        self.datagrams = inbox.datagrams
        self._columns = self._ttls = self._tos = None

    def over(self) -> None:
        """Be empty: the hook that had the datagrams has returned."""
        self._inbox.forget()
        self.datagrams = self.octets = 0

    def _cut(self) -> Columns:
        inbox, count = self._inbox, self._inbox.count
        sent_to_us = not self._may_be_sent_to_others()
        return Columns(
            self._ports[:count].tobytes(),
            _packed(self._hosts, count),
            b"" if sent_to_us else _packed(self._asked, count),
            b"" if sent_to_us else _packed(self._local, count),
            inbox.ttls(),
            list(map(inbox.datagrams_of, range(count))) if inbox.trains else (),
        )

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
