"""The arrays that recvmmsg(2) and sendmmsg(2) work on, laid out so that columns can be cut.

Memory is one mapping with, for each of 128 messages, a record (see layout) and a slot for data.
Headers is an array of struct mmsghdr over it; several may stand over one memory, so that what
one received another sends without a copy. A column is a strided memoryview: one field of every
message, read, compared or copied in one go.
"""

from __future__ import annotations

import ctypes
import mmap
from array import array
from collections.abc import Callable, Sequence
from errno import (
    EACCES,
    EAGAIN,
    ECONNREFUSED,
    EHOSTDOWN,
    EHOSTUNREACH,
    EMSGSIZE,
    ENETUNREACH,
    ENOBUFS,
    ENONET,
    ENOPROTOOPT,
    EOPNOTSUPP,
    EPROTO,
)
from typing import Any, Literal

from udpecho.kernel import calls
from udpecho.kernel.layout import NAME, RECORD, Layout

BATCH = 128
"""Messages at a time: enough that Python's share of each is small."""

LONGEST = 65536
"""Bytes of a slot. A UDP datagram or train has 65535 at most; jumbograms (RFC 2675) are cut."""

HEADER = 64
"""Bytes of a struct mmsghdr."""

FLAGS = 48
"""Bytes of it before msg_flags."""

_SLOT = LONGEST + 2048 + 64
"""Bytes from slot to slot. Not a power of two, or all datagrams would share a few cache lines."""

PRIVATE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
"""A process that is forked gets a copy: with mmap's own flags, parent and child had one memory, and
wrote over each other's datagrams."""

Code = Literal["H", "I", "Q"]

_IOVEC = 16  # struct iovec


class Memory:
    """Room for a batch. A page is resident only when a datagram has touched it."""

    def __init__(self, record: int = RECORD, slot: int = _SLOT) -> None:
        """Make room, with this many bytes for each record and each slot."""
        self._record = record
        self.map = mmap.mmap(-1, BATCH * (record + slot), PRIVATE)
        self.map.madvise(getattr(mmap, "MADV_NOHUGEPAGE", 15))  # or 2 MiB at the first touch
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.map))
        self.record_at = [i * record for i in range(BATCH)]
        self.slot_at = [BATCH * record + i * slot for i in range(BATCH)]

    def column(self, code: Code, offset: int) -> memoryview:
        """Cut the column of a record's field: of this struct code, at this many bytes."""
        size = ctypes.sizeof(_CODES[code])
        records: memoryview = memoryview(self.map)[: BATCH * self._record].cast(code)
        return records[offset // size :: self._record // size]

    def read(self, start: int, stop: int) -> bytes:
        """Copy bytes out."""
        return self.map[start:stop]

    def write(self, start: int, data: bytes) -> None:
        """Copy bytes in."""
        self.map[start : start + len(data)] = data

    def octets(self, offset: int, count: int) -> bytes:
        """Copy one byte of each of this many records: four times as fast as by a column."""
        return self.map[offset : count * self._record : self._record]

    def words(self, number: int) -> list[memoryview]:
        """Cut the columns of the first words, of 8 bytes, of every slot."""
        slots: memoryview = memoryview(self.map)[self.slot_at[0] :].cast("Q")
        step = (self.slot_at[1] - self.slot_at[0]) // 8
        return [slots[at::step] for at in range(number)]

    def columns(self, offset: int, octets: int) -> list[memoryview]:
        """Cut the columns of the words of 4 or 8 bytes that make up a longer field."""
        if octets == 4:
            return [self.column("I", offset)]
        return [self.column("Q", offset + at) for at in range(0, octets, 8)]


_CODES: dict[Code, Any] = {
    "H": ctypes.c_uint16,
    "I": ctypes.c_uint32,
    "Q": ctypes.c_uint64,
}


class Headers:
    """An array of mmsghdr, one iovec each, whose fields are columns.

    Each message's control messages begin at an offset of its record. Their sizes are to be set
    before anything is sent or received, and the sizes of the data.
    """

    def __init__(
        self, memory: Memory, layout: Layout, control: int = NAME, names: Memory | None = None
    ) -> None:
        """Lay them out; the names stand in other records than the control messages, if given."""
        iovecs_at = BATCH * HEADER
        self.map = block = mmap.mmap(-1, BATCH * (HEADER + _IOVEC), PRIVATE)
        address = ctypes.addressof(ctypes.c_char.from_buffer(block))
        self.at = [ctypes.c_void_p(address + i * HEADER) for i in range(BATCH)]
        words = memoryview(block)[: BATCH * (HEADER + _IOVEC)].cast("Q")
        header, iovec = words[: iovecs_at // 8], words[iovecs_at // 8 :]
        records = [memory.address + at for at in memory.record_at]
        named = names or memory
        header[0::8] = array("Q", [named.address + at for at in named.record_at])
        self.name_sizes = header[1::8]
        header[2::8] = array("Q", [address + iovecs_at + i * _IOVEC for i in range(BATCH)])
        header[3::8] = array("Q", [1] * BATCH)
        header[4::8] = array("Q", [record + control for record in records])
        self.control_sizes = header[5::8]
        self.lengths = header[7::8]
        iovec[0::2] = array("Q", [memory.address + at for at in memory.slot_at])
        self.sizes = iovec[1::2]
        self.name_sizes[:] = full(layout.name)

    def receive(self, fd: int) -> int:
        """Receive what is there; return how many messages, or -errno."""
        return calls.receive(fd, self.at[0], BATCH)

    def send(self, fd: int, start: int, stop: int) -> int:
        """Send the messages from start up to stop; return how many went, or -errno."""
        return calls.send(fd, self.at[start], stop - start)

    def look(self, fd: int, index: int) -> int:
        """Look whether there is a way for a message; return 1, or -errno. Nothing is sent."""
        return calls.look(fd, self.at[index])


def packed(columns: Sequence[memoryview], count: int) -> bytes:
    """Put fields, whose words stand in these columns, one behind the other."""
    if len(columns) == 1:
        return columns[0][:count].tobytes()
    packed = bytearray(8 * len(columns) * count)
    words = memoryview(packed).cast("Q")
    for at, column in enumerate(columns):
        words[at :: len(columns)] = column[:count]
    return bytes(packed)


def full(value: int) -> memoryview:
    """Make a column of one value."""
    return memoryview(array("Q", [value] * BATCH))


_TRIES = dict.fromkeys((EAGAIN, ENOBUFS), 2)
"""How often a datagram is tried that fails so: a full queue may have room at once. Others once."""

_OF_ICMP = frozenset(
    {
        EACCES,
        ECONNREFUSED,
        EHOSTDOWN,
        EHOSTUNREACH,
        EMSGSIZE,
        ENETUNREACH,
        ENONET,
        ENOPROTOOPT,
        EOPNOTSUPP,
        EPROTO,
    }
)
"""What a send may fail with for another datagram's sake: ICMP said so of an earlier one, and the
next send is told, which clears it (ip(7), IP_RECVERR)."""

_WHILE_ICMP_COMES = 32
"""How often a datagram is tried whose own way is open: each time another message may have come."""

_TOO_LONG = 3
"""How often it is tried if it may be too long for its way, which looking at that does not tell."""


Send = Callable[[int, int], int]
"""Sends the messages from an index up to another; returns how many went, or -errno."""

Look = Callable[[int], int]
"""Looks at the way of a message without sending it; returns -errno if there is none."""


def send_all(
    send: Send,
    start: int,
    stop: int,
    failed: Callable[[int, int], None],
    look: Look,
) -> None:
    """Send each of these messages, calling failed(index, errno) for each that won't go."""
    tries = 0
    while start < stop:
        sent = send(start, stop)
        if sent > 0:
            start += sent
            tries = 0
            continue
        tries += 1
        errno = -sent
        if errno in _OF_ICMP:
            errno = _own_error(errno, tries, start, look)
        elif tries < _TRIES.get(errno, 1):
            errno = 0
        if errno:
            failed(start, errno)
            start += 1
            tries = 0


def _own_error(errno: int, tries: int, index: int, look: Look) -> int:
    """Tell a message's own error from that of an earlier one; 0 if it is worth another try."""
    own = -look(index) if tries == 1 else 0
    if own in _OF_ICMP:
        return own
    if errno == EMSGSIZE and tries >= _TOO_LONG:
        return errno
    return 0 if tries < _WHILE_ICMP_COMES else EAGAIN
