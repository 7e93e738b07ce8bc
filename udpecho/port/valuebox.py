"""Inbox, outbox and echo over a socket whose datagrams are values (reactors.DatagramSocket).

All that is told of a datagram is laid out as the kernel lays it out, so that whoever reads a
record need not know which of the two wrote it.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from errno import EAGAIN, EIO
from functools import lru_cache

from udpecho.columns import Columns
from udpecho.datagrams import Received, ToSend
from udpecho.kernel.layout import NAME, RECORD, Layout, all_for_us, described
from udpecho.kernel.messages import BATCH
from udpecho.port.address import REMEMBERED, Address, encode
from udpecho.port.portsocket import HEAD, Echoed, Unsent
from udpecho.reactors import DatagramSocket


class ValueInbox:
    """Up to 128 datagrams, received together: an Incoming."""

    def __init__(
        self, skt: DatagramSocket, layout: Layout, *, interfaces: bool, timestamps: bool
    ) -> None:
        """Tell the senders' interfaces and the times of arrival, or not."""
        self._socket = skt
        self.layout = layout
        self._interfaces, self._timed = interfaces, timestamps
        self.items: Sequence[Received] = ()
        self.turn = self.count = self.datagrams = self.nbytes = self.longest = 0
        self.trains: dict[int, int] = {}  # there are none
        self._known: tuple[bytes, list[int]] = b"", []  # what the columns were cut from
        self._columns = Columns(b"", b"")

    def be_timed(self, timed: bool) -> None:
        """Tell when each datagram comes, from the next receive() on, or not."""
        self._timed = timed

    def receive(self) -> int:
        """Take what the socket has; return how many datagrams, or -errno."""
        try:
            items = self._socket.receive(BATCH)
        except OSError as error:
            self.forget()
            return -(error.errno or EIO)
        self.turn += 1
        self.items = items
        self.count = self.datagrams = len(items)
        lengths = self.lengths
        self.nbytes, self.longest = sum(lengths), max(lengths, default=0)
        return self.count or -EAGAIN

    def forget(self) -> None:
        """Be empty."""
        self.turn += 1
        self.items = ()
        self.count = self.datagrams = self.nbytes = self.longest = 0

    @property
    def lengths(self) -> list[int]:
        """Bytes of data of each."""
        return [len(each.data) for each in self.items]

    @property
    def stamps(self) -> list[int]:
        """When each came, in ns of the network's time; empty if that is not asked for."""
        return [each.when for each in self.items] if self._timed else []

    @property
    def first(self) -> int:
        """When the first came; 0 if that is not asked for."""
        return min(self.stamps, default=0)

    @property
    def is_plain(self) -> bool:
        """Tell that pairs() has all that there is."""
        return True

    def datagrams_of(self, index: int) -> int:
        """Count the datagrams of an item: it is one."""
        return 1

    def length(self, index: int) -> int:
        """Count the bytes of an item's data."""
        return len(self.items[index].data)

    def datagrams_at(self, index: int) -> list[bytes]:
        """Give an item's datagram."""
        return [self.items[index].data]

    def heads(self) -> bytes:
        """Copy the first 16 bytes of each item; what is shorter is filled up."""
        return b"".join(each.data[:HEAD].ljust(HEAD, b"\0") for each in self.items)

    def put(self, index: int, data: bytes) -> None:
        """Write other bytes in place of an item's, as many."""
        items = list(self.items)
        items[index] = items[index]._replace(data=data)
        self.items = items

    def address(self, index: int) -> Address:
        """Tell who sent an item."""
        return self._address(self.items[index])

    def pairs(self) -> Iterable[tuple[bytes, Address]]:
        """Give all datagrams, with their senders."""
        return [(each.data, self._address(each)) for each in self.items]

    def octets(self, at: int) -> bytes:
        """Copy the byte at an offset of each item's record."""
        return self.records()[at::RECORD]

    def records(self) -> bytes:
        """Lay out all that is known of the items, record by record."""
        return b"".join(self._record(each).ljust(RECORD, b"\0") for each in self.items)

    def columns(self) -> Columns:
        """Give what is known of every item: the same object for what is as the last (columns)."""
        known = self.records(), self.lengths
        if known != self._known:
            self._known, self._columns = known, _columns(self.layout, *known)
        return self._columns

    def _record(self, item: Received) -> bytes:
        _, _, source, asked, local, _, ttl, tos, when = item
        return _record(self.layout, source, asked, local, ttl, tos, when if self._timed else None)

    def _address(self, item: Received) -> Address:
        interface = item.interface if self._interfaces else ""
        return _told(self.layout, self._record(item), interface)


_told = lru_cache(maxsize=REMEMBERED)(Address.decode)


@lru_cache(maxsize=REMEMBERED)
def _record(
    layout: Layout,
    source: tuple[str, int],
    asked: str,
    local: str,
    ttl: int,
    tos: int,
    when: int | None,
) -> bytes:
    """Lay out what is known of a datagram."""
    name = encode(layout, *source)[: layout.name]
    hosts = [socket.inet_pton(layout.family, host) for host in (asked, local)]
    return described(layout, name, hosts[0], hosts[1], ttl, tos, when)


def _columns(layout: Layout, records: bytes, sizes: Sequence[int]) -> Columns:
    """Cut columns out of records."""

    def column(at: int, size: int) -> bytes:
        return b"".join(records[i + at : i + at + size] for i in range(0, len(records), RECORD))

    asked, local = column(layout.asked, layout.host_size), column(layout.local, layout.host_size)
    for_us = all_for_us(layout, lambda: records[layout.asked :: RECORD], asked, local)
    return Columns(
        column(2, 2),
        column(layout.host, layout.host_size),
        b"" if for_us else asked,
        b"" if for_us else local,
        records[layout.ttl :: RECORD],
        records[layout.tos :: RECORD],
        sizes,
    )


class ValueOutbox:
    """Up to 128 written datagrams that leave together: an Outgoing."""

    def __init__(self, skt: DatagramSocket, layout: Layout) -> None:
        self._socket = skt
        self._layout = layout
        self._waiting: list[ToSend] = []
        self.written: list[object] = []
        self.met_errors = False

    def add(self, data: bytes, destination: bytes, address: object) -> int:
        """Take a datagram; destination is a record, or empty on a connected socket.

        address is that place as its writer gave it. Return the room that is left then.
        """
        to, local = _directed(self._layout, destination)
        self._waiting.append(ToSend(bytes(memoryview(data)), to, local))
        self.written.append(address)
        return BATCH - len(self.written)

    def flush(self) -> list[Unsent]:
        """Send what was added; return each that was refused."""
        waiting, self._waiting = self._waiting, []
        written, self.written = self.written, []
        unsent: list[Unsent] = []

        def failed(index: int, errno: int) -> None:
            unsent.append((waiting[index].data, written[index], errno))

        self.met_errors = _send(self._socket, waiting, failed)
        return unsent


@lru_cache(maxsize=REMEMBERED)
def _directed(layout: Layout, destination: bytes) -> tuple[tuple[str, int] | None, str | None]:
    """Read a destination's record: where to, and from which address."""
    if not destination:
        return None, None
    address = Address.decode(layout, destination)
    return (address[0], address[1]), address.local if len(destination) > NAME else None


class ValueEcho:
    """Sends an inbox's datagrams back to their senders: an Answering."""

    def __init__(self, skt: DatagramSocket, inbox: ValueInbox) -> None:
        self._socket = skt
        self._inbox = inbox

    def send(
        self, datagrams: int, nbytes: int, dropped: Collection[int], ttls: bytes, tos: bytes
    ) -> Echoed:
        """Send all but those dropped back, each with its TTL and its traffic class."""
        replies = [
            ToSend(each.data, each.source, each.local, ttls[index], tos[index])
            for index, each in enumerate(self._inbox.items)
            if index not in dropped
        ]
        unsent: list[tuple[int, int]] = []
        _send(self._socket, replies, lambda index, errno: unsent.append((index, errno)))
        return Echoed(
            datagrams - len(unsent),
            nbytes - sum(len(replies[index].data) for index, _ in unsent),
            Counter(errno for _, errno in unsent),
        )


def _send(
    skt: DatagramSocket, datagrams: Sequence[ToSend], failed: Callable[[int, int], None]
) -> bool:
    """Send all; tell whether an error was met, be it of a datagram or of an earlier one.

    The first error of two may have been pending; then it is over, and the datagram can leave.
    """
    met_errors = False
    for index, datagram in enumerate(datagrams):
        for last in (False, True):
            try:
                skt.transmit(datagram)
                break
            except OSError as error:
                met_errors = True
                if last:
                    failed(index, error.errno or EIO)
    return met_errors
