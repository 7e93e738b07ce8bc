"""What one system call received: records and data where the kernel wrote them, in order.

An item is a datagram or, where the kernel gave several of one flow together, a train of
datagrams of equal size (the last may be shorter).

Where all that comes is sent to one address, which is known, the kernel need not say so of each
datagram: that part of the records is then written once, and what it says goes behind it.

Most batches are like the one before: as long, of as long datagrams. Their headers are then
equal byte for byte, and all that was read out of them still holds.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from itertools import accumulate
from operator import itemgetter

from udpecho.kernel.layout import CONTROL, NAME, RECORD, Layout, canonical
from udpecho.kernel.messages import BATCH, HEADER, LONGEST, Headers, Memory, full
from udpecho.port.address import Address, decode_again

_MAPPED = b"\0" * 10 + b"\xff\xff"


class Inbox:
    """Room for up to 128 items, filled again and again."""

    def __init__(self, layout: Layout, known: bytes = b"") -> None:
        """Make room; known is the control message (see sent_to) that the kernel does not give."""
        self.layout = layout
        self.untold = len(known)
        """How many bytes of each record's control messages the kernel does not give."""

        self.memory = Memory()
        for at in self.memory.record_at:
            self.memory.write(at + NAME, known)
        self.headers = Headers(self.memory, layout, NAME + self.untold)
        self.headers.sizes[:] = full(LONGEST)
        self.headers.control_sizes[:] = full(CONTROL - self.untold)
        self._headers_map = self.headers.map
        self._fresh = self._written = self._headers_map[: BATCH * HEADER]
        self._known = b""
        self._lengths: list[int] = []
        self._octets = [0]
        self._stamped = False
        self._put = False  # whether records had to be put in order
        self._as_they_came = self._in_order = b""
        self._datagrams = 0
        self.count = 0
        """How many items there are."""

        self.datagrams = 0
        """How many datagrams they are."""

        self.octets = 0
        """How many bytes of data they have."""

        self.longest = 0
        """No item has more bytes."""

        self.trains: dict[int, int] = {}
        """The items that are trains, and the bytes of one datagram of each."""

        self.sizes: memoryview = self.headers.lengths[:0]
        """Bytes of data of each item, as a column, which may go on: another when they change."""

    def receive(self, fd: int) -> int:
        """Take what a socket has; return how many items, or -errno."""
        image = self._headers_map
        written = self._written
        image[: len(written)] = written
        count = self.headers.receive(fd)
        if count <= 0:
            self._written = b""
            self.forget()
            return count
        size = count * HEADER
        self._written = self._fresh[:size]
        self.count = count
        if image[:size] != self._known[:size] or (self._put and not self._put_again()):
            self._measure(image[:size])
        self.datagrams = self._datagrams if self.trains else count
        self.octets = self._octets[count]
        return count

    def forget(self) -> None:
        """Be empty."""
        self.count = self.datagrams = self.octets = 0

    @property
    def lengths(self) -> list[int]:
        """Bytes of data of each item, a train's datagrams together."""
        return self._lengths[: self.count]

    def datagrams_of(self, index: int) -> int:
        """Count the datagrams of an item."""
        segment = self.trains.get(index)
        return 1 if segment is None else -(-self._lengths[index] // segment)

    def length(self, index: int) -> int:
        """Count the bytes of an item's data."""
        return self._lengths[index]

    def data(self, index: int) -> bytes:
        """Copy an item's data."""
        slot = self.memory.slot_at[index]
        return self.memory.read(slot, slot + self._lengths[index])

    def datagrams_at(self, index: int) -> list[bytes]:
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

    def records(self) -> bytes:
        """Copy all that the kernel said of the items, from their senders' addresses on."""
        return self.memory.read(0, self.count * RECORD)

    def ttls(self) -> bytes:
        """Copy the TTLs or hop limits, a byte each."""
        return self.memory.octets(self.layout.ttl, self.count)

    def traffic_classes(self) -> bytes:
        """Copy DSCP and ECN, a byte each."""
        return self.memory.octets(self.layout.tos, self.count)

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
        return list(map(_first, _cutter(offset, octets).iter_unpack(self.records())))

    def _measure(self, image: bytes) -> None:
        """Read out of the headers what is received, and whether it came as usual."""
        headers, count = self.headers, self.count
        self._known = image
        self.sizes = memoryview(image).cast("Q")[7::8]
        self._lengths = self.sizes.tolist()
        self._octets = list(accumulate(self._lengths, initial=0))
        self.longest = max(self._lengths)
        self.trains = {}
        self._put = self._stamped = False
        untold = self.untold
        controls = [untold + size for size in headers.control_sizes[:count].tolist()]
        if controls.count(self.layout.control) != count:
            self._put_in_order(controls)

    def _put_in_order(self, controls: list[int]) -> None:
        """Give unusual records the usual offsets, and find trains."""
        memory, layout = self.memory, self.layout
        self._put = True
        self._as_they_came = self.records()
        for index, size in enumerate(controls):
            if size == layout.control:
                continue
            at = memory.record_at[index] + NAME
            control, segment = canonical(layout, memory.read(at, at + size))
            memory.write(at, control)
            self._stamped |= len(control) > layout.timestamp - NAME
            if segment:
                self.trains[index] = segment
        self._in_order = self.records()
        self._datagrams = sum(map(self.datagrams_of, range(self.count)))

    def _put_again(self) -> bool:
        """Put the records in order as the last time, if they have come as they did then."""
        if self.records() != self._as_they_came:
            return False
        self.memory.write(0, self._in_order)
        return True


_first = itemgetter(0)


@lru_cache
def _cutter(offset: int, octets: int) -> struct.Struct:
    return struct.Struct(f"{offset}x{octets}s{RECORD - offset - octets}x")
