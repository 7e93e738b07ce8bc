"""What one system call received: records and data where the kernel wrote them, in order.

An item is a datagram or, where the kernel gave several of one flow together, a train of
datagrams of equal size (the last may be shorter).
"""

from __future__ import annotations

import struct
from functools import lru_cache
from operator import itemgetter

from udpecho._cmsg import CONTROL, NAME, RECORD, Layout, canonical
from udpecho._messages import LONGEST, ROOM, Headers, Memory, full
from udpecho.address import Address, decode_again

_MAPPED = b"\0" * 10 + b"\xff\xff"


class Inbox:
    """Room for up to 128 items, filled again and again."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.memory = Memory()
        self.headers = Headers(self.memory, layout)
        self.headers.sizes[:] = full(LONGEST)
        self.headers.control_sizes[:] = ROOM
        self._usual = full(layout.control).tobytes()
        self._filled = 0
        self._stamped = False
        self.count = 0
        self.lengths: list[int] = []
        """Bytes of data of each item, a train's datagrams together."""

        self.trains: dict[int, int] = {}
        """The items that are trains, and the bytes of one datagram of each."""

    def receive(self, fd: int) -> int:
        """Take what a socket has; return how many items, or -errno."""
        headers, before = self.headers, self._filled
        if before == 1:  # one by one is quicker by itself than as a column
            headers.control_sizes[0] = CONTROL
        elif before:
            headers.control_sizes[:before] = ROOM[:before]
        if self.trains:
            self.trains = {}
        count = headers.receive(fd)
        if count == 1:
            self.lengths = [headers.lengths[0]]
            usual = headers.control_sizes[0] == self.layout.control
        elif count > 0:
            self.lengths = headers.lengths[:count].tolist()
            usual = headers.control_sizes[:count].tobytes() == self._usual[: 8 * count]
        else:
            self.count = self._filled = 0
            return count
        self.count = self._filled = count
        if not usual:
            self._put_in_order()
        return count

    def forget(self) -> None:
        """Be empty."""
        self.count = 0
        self.lengths = []

    def datagrams_of(self, index: int) -> int:
        """Count the datagrams of an item."""
        segment = self.trains.get(index)
        return 1 if segment is None else -(-self.lengths[index] // segment)

    def data(self, index: int) -> bytes:
        """Copy an item's data."""
        slot = self.memory.slot_at[index]
        return self.memory.read(slot, slot + self.lengths[index])

    def datagrams(self, index: int) -> list[bytes]:
        """Copy an item's datagrams."""
        data, segment = self.data(index), self.trains.get(index)
        if segment is None:
            return [data]
        return [data[at : at + segment] for at in range(0, len(data), segment)]

    def pairs(self) -> list[tuple[bytes, Address]]:
        """Copy all datagrams, with their senders: for batches without trains or timestamps."""
        layout, read = self.layout, self.memory.map
        end = NAME + layout.control
        return [
            (read[slot : slot + length], decode_again(layout, read[record : record + end]))
            for slot, record, length in zip(
                self.memory.slot_at, self.memory.record_at, self.lengths, strict=False
            )
        ]

    @property
    def is_plain(self) -> bool:
        """Tell whether each item is a datagram by itself, without a timestamp."""
        return not (self.trains or self._stamped)

    def address(self, index: int) -> Address:
        """Tell who sent an item."""
        record = self.memory.record_at[index]
        if self._stamped:
            return Address.decode(self.layout, self.memory.read(record, record + RECORD))
        end = record + NAME + self.layout.control
        return decode_again(self.layout, self.memory.read(record, end))

    def longer_than(self, limit: int) -> list[int]:
        """Find the items whose datagrams have more bytes than the limit."""
        sizes = map(self.trains.get, range(self.count), self.lengths)
        return [index for index, size in enumerate(sizes) if size > limit]

    def mapped(self) -> list[int]:
        """Find the items that came over IPv6 with an IPv4 address for a source."""
        layout = self.layout
        if 0 not in self.memory.octets(layout.host, self.count):
            return []
        return [i for i, host in enumerate(self._cut(layout.host, 12)) if host == _MAPPED]

    def not_from(self, name: bytes) -> list[int]:
        """Find the items that another than this peer sent, given as a socket address."""
        names = self._cut(0, len(name))
        if names.count(name) == self.count:
            return []
        return [index for index, other in enumerate(names) if other != name]

    def _cut(self, offset: int, octets: int) -> list[bytes]:
        """Give so many bytes at an offset of each record."""
        records = self.memory.read(0, self.count * RECORD)
        return list(map(_first, _cutter(offset, octets).iter_unpack(records)))

    def _put_in_order(self) -> None:
        """Give unusual records the usual offsets, and find trains."""
        memory, layout = self.memory, self.layout
        self._stamped = False
        for index, size in enumerate(self.headers.control_sizes[: self.count].tolist()):
            if size == layout.control:
                continue
            at = self.memory.record_at[index] + NAME
            control, segment = canonical(layout, memory.read(at, at + size))
            memory.write(at, control)
            self._stamped |= len(control) > layout.timestamp - NAME
            if segment:
                self.trains[index] = segment


_first = itemgetter(0)


@lru_cache
def _cutter(offset: int, octets: int) -> struct.Struct:
    return struct.Struct(f"{offset}x{octets}s{RECORD - offset - octets}x")
