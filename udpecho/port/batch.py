"""Batch: the datagrams of one system call, as columns and one by one, and their echo in place.

An item of a batch is a datagram or, where the kernel gave several of one flow together, a
train of datagrams of equal size (the last may be shorter). A column has one value for each
item, and costs no Python for each of them; what is true of an item's source, TTL or
destination is true of each datagram in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set

from udpecho.columns import Columns
from udpecho.kernel.layout import IPV6
from udpecho.port.address import Address
from udpecho.port.echo import Echoed, Reply
from udpecho.port.inbox import Inbox

__all__ = ["Batch", "Echoed"]

_NONE: Set[int] = frozenset()
_NOTHING = Columns(b"", b"")


class Batch:
    """What arrived together. It is valid until the hook that it was given to returns."""

    def __init__(self, inbox: Inbox, reply: Reply) -> None:
        self._inbox = inbox
        self._reply = reply
        self._dropped: Set[int] = _NONE
        self._sizes = inbox.sizes
        self._records = b""
        self._columns = _NOTHING
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

    def columns(self) -> Columns:
        """Give what the kernel said of every item, those dropped too."""
        sizes, records = self._inbox.sizes, self._inbox.records()
        # The same records are those of the same senders, asking as they did the last time.
        if sizes is not self._sizes or records != self._records:
            self._sizes, self._records = sizes, records
            self._columns = self._cut() if records else _NOTHING
        return self._columns

    def drop(self, indices: Iterable[int]) -> int:
        """Leave items out from here on; return how many datagrams they are."""
        fresh = set(indices) - self._dropped
        self._dropped |= fresh
        datagrams = sum(map(self._inbox.datagrams_of, fresh))
        self.datagrams -= datagrams
        self.octets -= sum(map(self._inbox.length, fresh))
        return datagrams

    def echo(self, ttls: bytes | None = None, tos: bytes | None = None) -> Echoed:
        """Send every datagram that is not dropped back to its sender, from the address asked.

        ttls and tos have the byte that each item's reply is to carry (dropped items, too), if
        not the one it came with; a TTL of 0 can't be sent. Nothing is copied, and trains leave
        as trains.
        """
        if ttls is None or tos is None:
            _, _, _, _, came_with, came_as, _ = self.columns()
            ttls, tos = ttls or came_with, tos or came_as
        return self._reply.send(self.datagrams, self.octets, self._dropped, ttls, tos)

    def renew(self) -> None:
        """Stand for what the inbox holds now."""
        self._dropped = _NONE
        self.octets = self._inbox.octets
        self.datagrams = self._inbox.datagrams

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
            inbox.traffic_classes(),
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
