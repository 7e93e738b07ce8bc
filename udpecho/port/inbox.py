"""What one system call received: records and data where the kernel wrote them, in order.

An item is a datagram or, where the kernel gave several of one flow together, a train of
datagrams of equal size (the last may be shorter).

Where all that comes is sent to one address, which is known, the kernel need not say so of each
datagram: that part of the records is then written once, and what it says goes behind it.

Most batches are like the one before: as long, of as long datagrams. Their headers are then
equal byte for byte, and all that was read out of them still holds.
"""

from __future__ import annotations

from collections.abc import Callable
from ctypes import c_void_p
from itertools import accumulate
from socket import MSG_CTRUNC

from udpecho.columns import Columns, datagrams_in
from udpecho.kernel import calls
from udpecho.kernel.layout import (
    CONTROL,
    NAME,
    RECORD,
    Layout,
    canonical,
    stamped,
    timestamp_ns,
)
from udpecho.kernel.messages import BATCH, FLAGS, HEADER, LONGEST, Headers, Memory, full, packed
from udpecho.port.address import Address, decode_again
from udpecho.port.arrivals import BEFORE, TimesOfArrival
from udpecho.port.cutting import Cutter
from udpecho.port.portsocket import HEAD

_NOTHING = Columns(b"", b"")


class _Form:
    """How datagrams are received: with their times of arrival, or without."""

    def __init__(self, memory: Memory, layout: Layout, untold: int, timed: bool) -> None:
        self.times = times = TimesOfArrival(memory) if timed else None
        self.before = BEFORE if times else 0
        begin = NAME + untold - self.before
        self.headers = Headers(memory, layout, begin, times.names if times else None)
        self.headers.sizes[:] = full(LONGEST)
        self.headers.control_sizes[:] = full(CONTROL - untold + self.before)
        self.fresh = self.headers.map[: BATCH * HEADER]


class Inbox:
    """Room for up to 128 items, filled again and again."""

    turn: int
    """Another number for each batch, and for when it is over."""

    count: int
    """How many items there are."""

    datagrams: int
    """How many datagrams they are."""

    nbytes: int
    """How many bytes of data they have."""

    longest: int
    """No item has more bytes."""

    trains: dict[int, int]
    """The items that are trains, and the bytes of one datagram of each."""

    sizes: memoryview
    """Bytes of data of each item, as a column, which may go on: the same object as long as batches
    are as the last (see columns)."""

    first: int
    """When the first item came, in ns since 1970; 0 if that is not asked for."""

    untold: int
    """How many bytes of each record's control messages the kernel does not give."""

    def __init__(
        self,
        fd: int,
        layout: Layout,
        known: bytes = b"",
        receive: Callable[[int, c_void_p, int], int] = calls.receive,
        told_too_much: Callable[[], None] = lambda: None,
        timed: bool = False,
    ) -> None:
        """Make room; known is the control message (see sent_to) that the kernel does not give.

        told_too_much hears that the kernel says more of a datagram than there is room for. With
        timed, the kernel tells when each datagram came, and nothing is known.
        """
        self._fd = fd
        self.layout = layout
        self.untold = len(known)
        self.memory = Memory()
        for at in self.memory.record_at:
            self.memory.write(at + NAME, known)
        self._forms: dict[bool, _Form] = {}
        self._receive = receive
        self._told_too_much = told_too_much
        self._cutter = Cutter(self.memory, layout)
        self._heads = self.memory.words(HEAD // 8)
        self._described = b""  # the records that the columns were cut from
        self._columns = _NOTHING
        self._lengths: list[int] = []
        self._nbytes = [0]
        self._found: list[int] = []  # the times of unusual records
        self._as_they_came = self._in_order = b""
        self._datagrams = 0
        self.turn = self.count = self.datagrams = self.nbytes = self.longest = self.first = 0
        self.trains = {}
        self.be_timed(timed)
        self.sizes = self.headers.lengths[:0]

    def be_timed(self, timed: bool) -> None:
        """Have the kernel tell when each datagram comes, from the next receive() on, or not.

        There may be nothing in it, nor anything known.
        """
        form = self._forms.get(timed)
        if form is None:
            form = self._forms[timed] = _Form(self.memory, self.layout, self.untold, timed)
        self.headers, self._times, self._before = form.headers, form.times, form.before
        self._headers_map, self._first = form.headers.map, form.headers.at[0]
        self._fresh = self._written = form.fresh
        self._known = b""
        self._put = False  # whether records had to be put in order
        self.first = 0

    def receive(self) -> int:
        """Take what the socket has; return how many items, or -errno."""
        image = self._headers_map
        written = self._written
        image[: len(written)] = written
        count = self._receive(self._fd, self._first, BATCH)
        if count <= 0:
            self._written = b""
            self.forget()
            return count
        self.turn += 1
        size = count * HEADER
        self._written = self._fresh[:size]
        self.count = count
        if image[:size] != self._known[:size] or (self._put and not self._put_again()):
            self._measure(image[:size])
        if self._times is not None and not self._put:
            self.first = self._times.take(count)
        self.datagrams = self._datagrams if self.trains else count
        self.nbytes = self._nbytes[count]
        return count

    def forget(self) -> None:
        """Be empty."""
        self.count = self.datagrams = self.nbytes = 0
        self.turn += 1

    def columns(self) -> Columns:
        """Give what the kernel said of every item, cut where it was received.

        They are the same object for a batch that is as the last one (see columns): if its headers
        and its records are the same byte for byte.
        """
        records = self.memory.map[: self.count * RECORD]
        if records != self._described:
            self._described = records
            cut = self._cutter.cut
            self._columns = cut(self.lengths, self.trains) if records else _NOTHING
        return self._columns

    @property
    def lengths(self) -> list[int]:
        """Bytes of data of each item, a train's datagrams together."""
        return self._lengths[: self.count]

    def datagrams_of(self, index: int) -> int:
        """Count the datagrams of an item."""
        segment = self.trains.get(index)
        return 1 if segment is None else datagrams_in(self._lengths[index], segment)

    def length(self, index: int) -> int:
        """Count the bytes of an item's data."""
        return self._lengths[index]

    def datagrams_at(self, index: int) -> list[bytes]:
        """Copy an item's datagrams."""
        slot, segment = self.memory.slot_at[index], self.trains.get(index)
        data = self.memory.read(slot, slot + self._lengths[index])
        if segment is None:
            return [data]
        return [data[at : at + segment] for at in range(0, len(data), segment)]

    def heads(self) -> bytes:
        """Copy the first 16 bytes of each item; of what is shorter, the rest is not its own."""
        return packed(self._heads, self.count)

    def put(self, index: int, data: bytes) -> None:
        """Write other bytes in place of an item's, as many."""
        self.memory.write(self.memory.slot_at[index], data)

    def pairs(self) -> list[tuple[bytes, Address]]:
        """Copy all datagrams, with their senders: for batches without trains or timestamps."""
        layout, read = self.layout, self.memory.map
        end = NAME + layout.control
        pairs: list[tuple[bytes, Address]] = []
        known = b""
        for slot, record, length in zip(
            self.memory.slot_at, self.memory.record_at, self.lengths, strict=False
        ):
            told = read[record : record + end]
            if told != known:  # most are of the one before's sender
                known, address = told, decode_again(layout, told)
            pairs.append((read[slot : slot + length], address))
        return pairs

    @property
    def is_plain(self) -> bool:
        """Tell whether each item is a datagram by itself, without a timestamp."""
        return not (self.trains or self.first)

    @property
    def stamps(self) -> list[int]:
        """When each item came, in ns since 1970; empty if that is not asked for."""
        if self._times is None or not self.first:
            return []
        return self._found if self._put else self._times.all()

    def address(self, index: int) -> Address:
        """Tell who sent an item."""
        at = self.memory.record_at[index]
        record = self.memory.read(at, at + NAME + self.layout.control)
        if self.first:
            return Address.decode(self.layout, stamped(record, self.stamps[index]))
        return decode_again(self.layout, record)

    def octets(self, at: int) -> bytes:
        """Copy the byte at an offset of each item's record."""
        return self.memory.octets(at, self.count)

    def records(self) -> bytes:
        """Copy all that the kernel said of the items, from their senders' addresses on."""
        return self.memory.read(0, self.count * RECORD)

    def _measure(self, image: bytes) -> None:
        """Read out of the headers what is received, and whether it came as usual."""
        headers, count = self.headers, self.count
        self._known = image
        self._described = b""
        self.sizes = memoryview(image).cast("Q")[7::8]
        self._lengths = self.sizes.tolist()
        self._nbytes = list(accumulate(self._lengths, initial=0))
        self.longest = max(self._lengths)
        self.trains = {}
        self._put, self.first = False, 0
        before = self.untold - self._before
        controls = [before + size for size in headers.control_sizes[:count].tolist()]
        if controls.count(self.layout.control) != count:
            self._put_in_order(controls)

    def _put_in_order(self, controls: list[int]) -> None:
        """Give unusual records the usual offsets, and find trains and times."""
        memory, layout, before = self.memory, self.layout, self._before
        self._put = True
        self._as_they_came = self.records()
        stamps = []
        for index, size in enumerate(controls):
            if size == layout.control and not before:
                continue
            at = memory.record_at[index] + NAME
            control, segment = canonical(layout, memory.read(at - before, at + size))
            memory.write(at, control)
            stamps.append(timestamp_ns(layout, bytes(NAME) + control))
            if segment:
                self.trains[index] = segment
        if self._times is not None:
            self._times.complete(self.count)
            self._found = [each for each in stamps if each is not None]
            told = len(self._found) == self.count  # of one it is not told, then of none
            self.first = min(self._found) if told else 0
        self._in_order = self.records()
        flags = self._known[FLAGS::HEADER]
        if flags.count(0) != len(flags) and any(each & MSG_CTRUNC for each in flags):
            self._told_too_much()
        self._datagrams = sum(map(self.datagrams_of, range(self.count)))

    def _put_again(self) -> bool:
        """Put the records in order as the last time, if they have come as they did then."""
        if self._times is not None or self.records() != self._as_they_came:
            return False
        self.memory.write(0, self._in_order)
        return True
