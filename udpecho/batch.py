"""Batch: the datagrams of one system call, as columns and one by one, and their echo in place.

An item of a batch is a datagram or, where the kernel gave several of one flow together, a
train of datagrams of equal size (the last may be shorter). A column has one value for each
item, and costs no Python for each of them; what is true of an item's source, TTL or
destination is true of each datagram in it.
"""

from __future__ import annotations

import socket
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from errno import EINVAL, EIO, EMSGSIZE
from functools import lru_cache
from operator import itemgetter
from types import MappingProxyType
from typing import NamedTuple

from udpecho._cmsg import IPV6, NAME, RECORD, Layout, canonical, control_messages
from udpecho._messages import BATCH, LONGEST, ROOM, Headers, Memory, full
from udpecho._outbox import send_all
from udpecho.address import Address, decode_again, with_scope
from udpecho.columns import Columns

_NOT_AS_A_TRAIN = frozenset({EINVAL, EIO, EMSGSIZE})
"""What the kernel says of a train that does not fit the path out, or its device."""

_NO_ERRORS: Mapping[int, int] = MappingProxyType({})

_MAPPED = b"\0" * 10 + b"\xff\xff"


class Echoed(NamedTuple):
    """What became of a batch's echo; errors counts datagrams by errno."""

    datagrams: int
    octets: int
    errors: Mapping[int, int]


class Batch:
    """What arrived together. It is valid until the hook that it was given to returns."""

    def __init__(self, skt: socket.socket, layout: Layout) -> None:
        self._socket = skt
        self._fd = skt.fileno()
        self._layout = layout
        self._memory = memory = Memory()
        self._received = Headers(memory, layout)
        self._reply = Headers(memory, layout)
        self._received.sizes[:] = full(LONGEST)
        self._received.control_sizes[:] = ROOM
        self._plain_sizes = full(layout.control)
        self._plain = self._plain_sizes.tobytes()
        self._reply.control_sizes[:] = self._plain_sizes
        self._ports = memory.column("H", 2)
        self._hosts = memory.columns(layout.host, layout.host_size)
        self._asked = memory.columns(layout.asked, layout.host_size)
        self._local = memory.columns(layout.local, layout.host_size)
        self._heads = memory.column("B", layout.host)
        self._interfaces = memory.column("I", layout.interface)
        self._no_interfaces = memoryview(bytes(4 * BATCH)).cast("I")
        self._count = self._filled = 0
        self._lengths: list[int] = []
        self._dropped: set[int] = set()
        self._trains: dict[int, int] = {}
        self._stamped = False

    # What there is.

    def __len__(self) -> int:
        """Count the items, those dropped too."""
        return self._count

    def __iter__(self) -> Iterator[tuple[bytes, Address]]:
        """Go through the datagrams that are not dropped, one by one."""
        for index in self.indices:
            address = self.address(index)
            segment = self._trains.get(index)
            if segment is None:
                yield self.data(index), address
            else:
                data = self.data(index)
                for at in range(0, len(data), segment):
                    yield data[at : at + segment], address

    @property
    def indices(self) -> Iterable[int]:
        """The items that are not dropped."""
        if not self._dropped:
            return range(self._count)
        return [index for index in range(self._count) if index not in self._dropped]

    @property
    def datagrams(self) -> int:
        """How many datagrams there are, those dropped apart."""
        if not (self._trains or self._dropped):
            return self._count
        return sum(map(self.datagrams_of, self.indices))

    @property
    def octets(self) -> int:
        """How many bytes of data there are, those dropped apart."""
        if not self._dropped:
            return sum(self._lengths)
        return sum(self._lengths[index] for index in self.indices)

    def datagrams_of(self, index: int) -> int:
        """Count the datagrams of an item."""
        segment = self._trains.get(index)
        return 1 if segment is None else -(-self._lengths[index] // segment)

    def data(self, index: int) -> bytes:
        """Copy an item's data; a train's datagrams stand one behind the other."""
        slot = self._memory.slot_at[index]
        return bytes(self._memory.bytes[slot : slot + self._lengths[index]])

    def address(self, index: int) -> Address:
        """Tell who sent an item."""
        record = self._memory.record_at[index]
        if self._stamped:
            return Address.decode(self._layout, bytes(self._memory.bytes[record : record + RECORD]))
        end = record + NAME + self._layout.control
        return decode_again(self._layout, bytes(self._memory.bytes[record:end]))

    # Columns.

    @property
    def lengths(self) -> list[int]:
        """Bytes of data, a train's datagrams together."""
        return self._lengths

    @property
    def trains(self) -> Mapping[int, int]:
        """The items that are trains, and the bytes of one datagram of each."""
        return self._trains

    @property
    def wire_ports(self) -> list[int]:
        """Source ports in network byte order: compare with what socket.htons() gives."""
        return self._ports[: self._count].tolist()

    @property
    def source_heads(self) -> bytes:
        """The first byte of each source address: 127 is loopback, from 224 on IPv4's multicast."""
        return self._heads[: self._count].tobytes()

    def sources(self, octets: int) -> list[bytes]:
        """Give so many first bytes of each source address: 3 are a /24, 7 a /56."""
        return self._cut(self._layout.host, octets)

    @property
    def not_unicast(self) -> list[int]:
        """The items that were sent to a broadcast or multicast address."""
        layout = self._layout
        asked = self._cut(layout.asked, layout.host_size)
        if layout is IPV6:
            return [index for index, host in enumerate(asked) if host[0] == 0xFF]
        local = self._cut(layout.local, layout.host_size)
        if asked == local:
            return []
        # Linux tells no local address of what came before the socket was ours.
        return [i for i in range(self._count) if any(local[i]) and asked[i] != local[i]]

    @property
    def ttls(self) -> bytes:
        """TTLs or hop limits, a byte each. What is set is what echo() sends; 0 can't be sent."""
        return self._memory.octets(self._layout.ttl, self._count)

    @ttls.setter
    def ttls(self, column: bytes) -> None:
        self._memory.set_octets(self._layout.ttl, column)

    @property
    def tos(self) -> bytes:
        """DSCP and ECN, a byte each. What is set is what echo() sends."""
        return self._memory.octets(self._layout.tos, self._count)

    @tos.setter
    def tos(self, column: bytes) -> None:
        self._memory.set_octets(self._layout.tos, column)

    def columns(self) -> Columns:
        """Give what a guard judges by, of every item, those dropped too."""
        count = self._count
        sent_to_us = not self._may_be_sent_to_others()
        return Columns(
            self._ports[:count].tobytes(),
            _packed(self._hosts, count),
            b"" if sent_to_us else _packed(self._asked, count),
            b"" if sent_to_us else _packed(self._local, count),
            self.ttls,
            list(map(self.datagrams_of, range(count))) if self._trains else (),
        )

    def _may_be_sent_to_others(self) -> bool:
        if self._layout is IPV6:
            return 0xFF in self._memory.octets(self._layout.asked, self._count)
        return self._asked[0][: self._count] != self._local[0][: self._count]

    # What may be done with it.

    def drop(self, indices: Iterable[int]) -> int:
        """Leave items out from here on; return how many datagrams they are."""
        fresh = set(indices) - self._dropped
        self._dropped |= fresh
        return sum(map(self.datagrams_of, fresh))

    def echo(self) -> Echoed:
        """Send every datagram that is not dropped back to its sender, from the address asked.

        Nothing is copied, and trains leave as trains.
        """
        count = self._count
        self._reply.sizes[:count] = self._received.lengths[:count]
        self._interfaces[:count] = self._no_interfaces[:count]  # or routing is bypassed
        sent = 0 if self._dropped else self._reply.send(self._fd, 0, count)
        if sent == count:
            return Echoed(self.datagrams, self.octets, _NO_ERRORS)
        return self._echo_from(max(sent, 0))

    def _echo_from(self, first: int) -> Echoed:
        """Go on with an echo that could not be sent all at once."""
        datagrams, octets = self.datagrams, self.octets
        errors: Counter[int] = Counter()
        unsent: list[tuple[int, int]] = []
        for start, stop in self._runs(first):
            send_all(self._send, start, stop, lambda index, errno: unsent.append((index, errno)))
        for index, errno in unsent:
            datagrams -= self.datagrams_of(index)
            octets -= self._lengths[index]
            if errno in _NOT_AS_A_TRAIN and index in self._trains:
                sent = self._send_apart(index, errors)
                datagrams += sent.datagrams
                octets += sent.octets
            else:
                errors[errno] += self.datagrams_of(index)
        return Echoed(datagrams, octets, errors)

    def _send(self, start: int, stop: int) -> int:
        return self._reply.send(self._fd, start, stop)

    def _runs(self, start: int) -> Iterator[tuple[int, int]]:
        """Give the stretches of items, from one on, that are not dropped."""
        for index in sorted(self._dropped):
            if start < index:
                yield start, index
            start = index + 1
        if start < self._count:
            yield start, self._count

    def _send_apart(self, index: int, errors: Counter[int]) -> Echoed:
        """Send a train's datagrams one by one."""
        record = self._memory.record_at[index]
        control = bytes(self._memory.bytes[record + NAME : record + NAME + self._layout.control])
        ancillary = [(*kind, data) for kind, data in control_messages(control).items()]
        address = with_scope(*self.address(index))
        data, segment = self.data(index), self._trains[index]
        datagrams = octets = 0
        for at in range(0, len(data), segment):
            part = data[at : at + segment]
            try:
                octets += self._socket.sendmsg([part], ancillary, socket.MSG_DONTWAIT, address)
                datagrams += 1
            except OSError as error:
                errors[error.errno or EIO] += 1
        return Echoed(datagrams, octets, errors)

    # What the port does with it.

    def receive(self) -> int:
        """Take what the socket has, at most 128 items; return how many, or -errno."""
        received, before = self._received, self._filled
        received.control_sizes[:before] = ROOM[:before]
        if self._trains:
            self._reply.control_sizes[:before] = self._plain_sizes[:before]
            self._trains = {}
        if self._dropped:
            self._dropped = set()
        count = received.receive(self._fd)
        self._count = self._filled = max(count, 0)
        if count <= 0:
            return count
        self._lengths = received.lengths[:count].tolist()
        if received.control_sizes[:count].tobytes() != self._plain[: 8 * count]:
            self._put_in_order()
        return count

    def over(self) -> None:
        """Forget the datagrams: the hook that had them has returned."""
        self._count = 0
        self._lengths = []

    def longer_than(self, limit: int) -> list[int]:
        """Find the items whose datagrams have more bytes than the limit."""
        sizes = map(self._trains.get, range(self._count), self._lengths)
        return [index for index, size in enumerate(sizes) if size > limit]

    def mapped(self) -> list[int]:
        """Find the items that came over IPv6 with an IPv4 address for a source."""
        if self._layout is not IPV6 or 0 not in self.source_heads:
            return []
        return [index for index, host in enumerate(self.sources(12)) if host == _MAPPED]

    def not_from(self, name: bytes) -> list[int]:
        """Find the items that another than this peer sent, given as a socket address."""
        names = self._cut(0, len(name))
        if names.count(name) == self._count:
            return []
        return [index for index, other in enumerate(names) if other != name]

    def _cut(self, offset: int, octets: int) -> list[bytes]:
        """Give so many bytes at an offset of each record."""
        records = self._memory.bytes[: self._count * RECORD]
        return list(map(_first, _cutter(offset, octets).iter_unpack(records)))

    def _put_in_order(self) -> None:
        """Give unusual records the usual offsets, and find trains."""
        memory, layout = self._memory.bytes, self._layout
        self._stamped = False
        for index, size in enumerate(self._received.control_sizes[: self._count].tolist()):
            if size == layout.control:
                continue
            at = self._memory.record_at[index] + NAME
            control, segment = canonical(layout, bytes(memory[at : at + size]))
            memory[at : at + len(control)] = control
            self._stamped |= len(control) > layout.timestamp - NAME
            if segment:
                self._trains[index] = segment
                self._reply.control_sizes[index] = layout.segment - NAME + 8


def _packed(columns: Sequence[memoryview], count: int) -> bytes:
    """Put addresses, whose words stand in these columns, one behind the other."""
    if len(columns) == 1:
        return columns[0][:count].tobytes()
    packed = bytearray(8 * len(columns) * count)
    words = memoryview(packed).cast("Q")
    for at, column in enumerate(columns):
        words[at :: len(columns)] = column[:count]
    return bytes(packed)


_first = itemgetter(0)


@lru_cache
def _cutter(offset: int, octets: int) -> struct.Struct:
    return struct.Struct(f"{offset}x{octets}s{RECORD - offset - octets}x")
