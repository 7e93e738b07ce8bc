"""PortSocket: what our port stands on, and all that differs by it. Types, and no code.

A port reads, sifts, delivers, writes and counts in one way. What it reads from and writes to is
the kernel's arrays (kernelsocket), or sockets that a reactor has of its own (valuesocket).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol, TypeAlias

from udpecho.columns import Columns
from udpecho.kernel.layout import Layout
from udpecho.port.address import Address
from udpecho.port.connection import Connection
from udpecho.refusal import Refusal

HEAD = 16
"""Bytes that heads() gives of each item."""

Unsent: TypeAlias = tuple[bytes, object, int]
"""What was not sent, the address as its writer gave it, and the errno."""


class Echoed(NamedTuple):
    """What became of an echo; errors counts datagrams by errno."""

    datagrams: int
    nbytes: int
    errors: Mapping[int, int]


class Incoming(Protocol):
    """An inbox: what was received together, in items. Each is a datagram, or a train of them."""

    layout: Layout
    turn: int
    """Another number for each batch, and for when it is over."""

    count: int
    """How many items there are."""

    datagrams: int
    nbytes: int
    longest: int
    """No item has more bytes."""

    trains: dict[int, int]
    """The items that are trains, and the bytes of one datagram of each."""

    @property
    def first(self) -> int:
        """When the first item came, in ns since 1970; 0 if that is not asked for."""

    @property
    def stamps(self) -> list[int]:
        """When each item came, in ns since 1970; empty if that is not asked for."""

    def receive(self) -> int:
        """Take what the socket has; return how many items, or -errno."""

    def forget(self) -> None:
        """Be empty."""

    def columns(self) -> Columns:
        """Give what is known of every item."""

    @property
    def lengths(self) -> list[int]:
        """Bytes of data of each item, a train's datagrams together."""

    @property
    def is_plain(self) -> bool:
        """Tell whether pairs() has all that there is: no trains, and no times of arrival."""

    def datagrams_of(self, index: int) -> int:
        """Count the datagrams of an item."""

    def length(self, index: int) -> int:
        """Count the bytes of an item's data."""

    def datagrams_at(self, index: int) -> list[bytes]:
        """Copy an item's datagrams."""

    def heads(self) -> bytes:
        """Copy the first 16 bytes of each item; of what is shorter, the rest is not its own."""

    def put(self, index: int, data: bytes) -> None:
        """Write other bytes in place of an item's, as many."""

    def address(self, index: int) -> Address:
        """Tell who sent an item."""

    def pairs(self) -> Iterable[tuple[bytes, Address]]:
        """Copy all datagrams, if none is a train, with their senders; not when they came."""

    def octets(self, at: int) -> bytes:
        """Copy the byte at an offset of each item's record (see layout)."""

    def records(self) -> bytes:
        """Copy all that is known of the items, record by record."""


class Outgoing(Protocol):
    """An outbox: what is written, until it leaves together."""

    written: list[object]
    """The addresses of what waits, as its writer gave them."""

    met_errors: bool
    """Whether the last flush met an error, be it of the datagram or of an earlier one."""

    def add(self, data: bytes, destination: bytes, address: object) -> int:
        """Take a datagram; destination is a record, or empty on a connected socket.

        address is that place as its writer gave it. Return the room that is left then.
        """

    def flush(self) -> list[Unsent]:
        """Send what was added; return each that was refused."""


class Answering(Protocol):
    """The echo of what an inbox holds."""

    def send(
        self, datagrams: int, nbytes: int, dropped: Collection[int], ttls: bytes, tos: bytes
    ) -> Echoed:
        """Send all items but those dropped back: this many datagrams and bytes, so counted.

        ttls and tos have the byte that each item's reply is to carry.
        """


class Watching(Protocol):
    """What tells the reactor that there is something to read, errors too."""

    away: bool
    """Whether it looks away."""

    def fileno(self) -> int:
        """Return the descriptor that the reactor watches; -1 where it has none."""

    def look_away(self) -> None:
        """Watch no more, until look_again()."""

    def look_again(self) -> None:
        """Watch again, and what has come meanwhile; away says whether that failed."""

    def close(self) -> None:
        """Watch no more."""


class PortSocket(Protocol):
    """A bound socket, with what is received from it and sent through it."""

    @property
    def layout(self) -> Layout:
        """How addresses of its family are laid out."""

    @property
    def handle(self) -> Any:
        """A socket.socket, or what has its methods: names, options, connect."""

    @property
    def inbox(self) -> Incoming:
        """What is received."""

    @property
    def outbox(self) -> Outgoing:
        """What is written."""

    @property
    def echo(self) -> Answering:
        """What is received, sent back."""

    @property
    def connection(self) -> Connection:
        """Whom it is connected to."""

    @property
    def watch(self) -> Watching:
        """What tells when to read."""

    def open(self, *, by_batch: bool, trains: bool, timestamps: bool) -> None:
        """Get ready to receive: batches or one by one, trains together, with times of arrival."""

    def tell_times(self, wanted: bool) -> None:
        """Have what is received next come with its times of arrival, if they are noted, or not."""

    def set_receive_buffer(self, size: int) -> int:
        """Ask for a receive buffer of this many bytes; return what was granted."""

    def dropped(self) -> int:
        """Count the datagrams lost to a full receive buffer."""

    def queue_errors(self) -> None:
        """Have what ICMP refuses kept, for refusals()."""

    def refusals(self, most: int) -> Iterator[Refusal]:
        """Take what ICMP refused, at most this many."""

    def queue_all_errors(self) -> None:
        """Have all that ICMP says kept, for errors(), without room taken from datagrams."""

    def errors(self, most: int) -> list[Refusal]:
        """Take what ICMP said, at most this many; if there is yet more, it is thrown away.

        Of what each quotes, the first 64 bytes are told.
        """

    def start_reading(self, port: Any, turn: Callable[[], None]) -> None:
        """Have a port's turn called when there is something to read."""

    def stop_reading(self, port: Any) -> None:
        """Leave a port alone, until it starts again."""

    def close(self) -> None:
        """Close it; what is queued is lost."""
