"""Batch: the datagrams of one system call, as columns and one by one, and their echo in place.

An item of a batch is a datagram or, where the kernel gave several of one flow together, a
train of datagrams of equal size (the last may be shorter). A column has one value for each
item, and costs no Python for each of them; what is true of an item's source, TTL or
destination is true of each datagram in it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Set

from udpecho.columns import Columns
from udpecho.port.address import Address
from udpecho.port.portsocket import Answering, Echoed, Incoming

__all__ = ["Batch", "Echoed"]

_NONE: Set[int] = frozenset()


class Batch:
    """What arrived together. It is valid until the hook that it was given to returns."""

    not_whole: Set[int]
    """The items that were not received whole, too long or cut: they are dropped."""

    def __init__(self, inbox: Incoming, echo: Answering) -> None:
        self._inbox = inbox
        self._echo = echo
        self._turn = 0  # of the inbox, when something was dropped
        self.not_whole = self._dropped = _NONE
        self._datagrams = self._nbytes = 0  # of what was dropped

    @property
    def datagrams(self) -> int:
        """How many datagrams there are that are not dropped."""
        inbox = self._inbox
        return inbox.datagrams - (self._datagrams if inbox.turn == self._turn else 0)

    @property
    def nbytes(self) -> int:
        """How many bytes of data those have."""
        inbox = self._inbox
        return inbox.nbytes - (self._nbytes if inbox.turn == self._turn else 0)

    def __len__(self) -> int:
        """Count the items, those dropped too."""
        return self._inbox.count

    def __iter__(self) -> Iterator[tuple[bytes, Address]]:
        """Go through the datagrams that are not dropped, one by one."""
        inbox = self._inbox
        dropped = self._dropped if inbox.turn == self._turn else _NONE
        if inbox.is_plain and not dropped:
            yield from inbox.pairs()
            return
        for index in range(inbox.count):
            if index not in dropped:
                address = inbox.address(index)
                for data in inbox.datagrams_at(index):
                    yield data, address

    def arrivals(self) -> list[int]:
        """Tell when each of the datagrams came, in ns since 1970; empty if not asked for."""
        inbox = self._inbox
        stamps = inbox.stamps
        if stamps and (inbox.trains or inbox.turn == self._turn):
            dropped = self._dropped if inbox.turn == self._turn else _NONE
            left = [index for index in range(inbox.count) if index not in dropped]
            return [stamps[index] for index in left for _ in range(inbox.datagrams_of(index))]
        return stamps

    def first_arrival(self) -> int | None:
        """Tell when the first item came, be it dropped, in ns since 1970; None if not asked for."""
        return self._inbox.first or None

    def untimed(self) -> Iterable[tuple[bytes, Address]]:
        """Give the datagrams as iterating does, but their addresses need not know when they came.

        That takes half the time; see arrivals().
        """
        inbox = self._inbox
        return self if inbox.trains or inbox.turn == self._turn else inbox.pairs()

    def columns(self) -> Columns:
        """Give what the kernel said of every item, those dropped too.

        They are the same object for a batch that is as the last one (see columns).
        """
        return self._inbox.columns()

    def heads(self) -> bytes:
        """Copy the first 16 bytes of each item, those dropped too, one behind the other.

        Of what is shorter, the rest is not its own.
        """
        return self._inbox.heads()

    def item(self, index: int) -> list[bytes]:
        """Copy an item's datagrams: one, if it is no train."""
        return self._inbox.datagrams_at(index)

    def put(self, index: int, data: bytes) -> None:
        """Have echo() send other bytes in place of an item's, as many as it has."""
        if len(data) != self._inbox.length(index):
            raise ValueError(f"expected {self._inbox.length(index)} bytes, got {len(data)}")
        self._inbox.put(index, data)

    def drop(self, indices: Iterable[int]) -> int:
        """Leave these items out from here on; return how many datagrams they hold."""
        inbox = self._inbox
        if inbox.turn != self._turn:
            self._turn, self._dropped = inbox.turn, _NONE
            self._datagrams = self._nbytes = 0
        fresh = set(indices) - self._dropped
        self._dropped |= fresh
        datagrams = sum(map(inbox.datagrams_of, fresh)) if inbox.trains else len(fresh)
        self._datagrams += datagrams
        self._nbytes += sum(map(inbox.length, fresh))
        return datagrams

    def drop_cut(self, indices: Collection[int]) -> int:
        """Drop items that were not received whole; return how many datagrams they hold."""
        self.not_whole |= set(indices)
        return self.drop(indices)

    def end(self) -> None:
        """Forget what was not received whole: another batch comes."""
        self.not_whole = _NONE

    def echo(self, ttls: bytes | None = None, tos: bytes | None = None) -> Echoed:
        """Send every datagram that is not dropped back to its sender, from the address asked.

        ttls and tos have the byte that each item's reply is to carry (dropped items, too), if
        not the one it came with; a TTL of 0 can't be sent. Nothing is copied, and trains leave
        as trains.
        """
        inbox = self._inbox
        if ttls is None or tos is None:
            columns = inbox.columns()
            ttls, tos = ttls or columns.ttls, tos or columns.tos
        if inbox.turn != self._turn:
            return self._echo.send(inbox.datagrams, inbox.nbytes, _NONE, ttls, tos)
        return self._echo.send(self.datagrams, self.nbytes, self._dropped, ttls, tos)
