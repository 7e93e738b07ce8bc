"""The record of a network in memory: every datagram, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeAlias, overload

from udpecho.errors import BadAddress
from udpecho.hosts import canonical_host
from udpecho.peer import Peer
from udpecho.testing.packet import Packet
from udpecho.testing.passage import NO_FAULTS, Datagram, Fate, Fault, Passage

__all__ = ["Datagram", "Datagrams", "Fate", "Fault", "Passage", "Record"]

End: TypeAlias = Peer | str
"""Where a datagram comes from or goes to: an address and a port, or an address with any port."""

SHOWN = 200
"""How many lines of its network's record a failing test shows: the last ones."""

LOST_ON_THE_WAY = (
    Fate.LOST,
    Fate.CONGESTED,
    Fate.TOO_LONG,
    Fate.EXPIRED,
    Fate.FILTERED,
    Fate.PROHIBITED,
)
READ = (Fate.DELIVERED, Fate.TRUNCATED)


class Now(Protocol):
    """What knows the time, in seconds."""

    now: float


class Datagrams(tuple[Datagram, ...]):
    """Some of a record's datagrams; as text, a line for each."""

    __slots__ = ()

    def __str__(self) -> str:
        """Write a line for each."""
        return "\n".join(map(str, self))


class Record:
    """Every datagram in the order of sending, each as far as its fate is known when it is read.

    As text it is a line for each. It is kept in columns, of what is no object of its own: a million
    of those would have the garbage collector look at each again and again.
    """

    def __init__(self, clock: Now) -> None:
        self._clock = clock
        self._sent: list[float] = []
        self._sources: list[Peer] = []
        self._destinations: list[Peer] = []
        self._data: list[bytes] = []
        self._ttls: list[int] = []
        self._classes: list[int] = []
        self._fates: list[Fate] = []
        self._ended: list[float | None] = []
        self._faults: dict[int, frozenset[Fault]] = {}  # by number
        self._where: dict[int, str] = {}  # likewise

    def __len__(self) -> int:
        """Count all datagrams."""
        return len(self._sent)

    def __iter__(self) -> Iterator[Datagram]:
        """Go through all datagrams, the first sent first."""
        number = 0
        while number < len(self):  # it may grow meanwhile
            yield self._seen(number)
            number += 1

    def _seen(self, number: int) -> Datagram:
        """Give what is known of a datagram now."""
        return Datagram(
            number,
            self._sent[number],
            self._sources[number],
            self._destinations[number],
            self._data[number],
            self._ttls[number],
            self._classes[number],
            self._fates[number],
            self._ended[number],
            self._faults.get(number, NO_FAULTS),
            self._where.get(number),
        )

    @overload
    def __getitem__(self, index: int) -> Datagram: ...
    @overload
    def __getitem__(self, index: slice) -> Datagrams: ...

    def __getitem__(self, index: int | slice) -> Datagram | Datagrams:
        """Give one by its number, or some."""
        numbers = range(len(self))[index]
        return self._seen(numbers) if isinstance(numbers, int) else self._all(numbers)

    def _all(self, numbers: Iterable[int]) -> Datagrams:
        return Datagrams(map(self._seen, numbers))

    def __str__(self) -> str:
        """Write a line for each."""
        return "\n".join(map(str, self))

    def __repr__(self) -> str:
        """Tell how many there are."""
        return f"<Record of {len(self)} datagrams>"

    # What tests ask

    def select(
        self,
        *fates: Fate,
        source: End | None = None,
        to: End | None = None,
        data: bytes | None = None,
        fault: Fault | None = None,
    ) -> Datagrams:
        """Return the datagrams that have one of these fates, if any are named, and all the rest.

        source and to are an address and a port, or an address alone: ("192.0.2.1", 7) or
        "192.0.2.1". Raises BadAddress for anything else, ValueError for what is no Fate or Fault,
        and TypeError for data that is no bytes: none of them could be found.
        """
        fates = tuple(map(Fate, fates))
        if data is not None and not isinstance(data, bytes):
            raise TypeError(f"data is bytes, not {data!r}")
        kind = None if fault is None else Fault(fault)
        fits = [
            (lambda number: self._fates[number] in fates) if fates else None,
            _is_end(self._sources, source),
            _is_end(self._destinations, to),
            None if data is None else lambda number: self._data[number] == data,
            None if kind is None else lambda number: kind in self._faults.get(number, ()),
        ]
        numbers: Iterable[int] = range(len(self))
        for fit in fits:
            if fit is not None:
                numbers = filter(fit, numbers)
        return self._all(numbers)

    def count(
        self,
        *fates: Fate,
        source: End | None = None,
        to: End | None = None,
        data: bytes | None = None,
        fault: Fault | None = None,
    ) -> int:
        """Count the datagrams that select would return; without arguments, all."""
        return len(self.select(*fates, source=source, to=to, data=data, fault=fault))

    def sent(
        self, *, source: End | None = None, to: End | None = None, data: bytes | None = None
    ) -> Datagrams:
        """Return what left a host, or a forger, each once: no duplicates that a link made."""
        found = self.select(source=source, to=to, data=data)
        copies = (each.fate is Fate.UNSENT or Fault.DUPLICATE in each.faults for each in found)
        return Datagrams(each for each, copy in zip(found, copies, strict=True) if not copy)

    def delivered(
        self, *, source: End | None = None, to: End | None = None, data: bytes | None = None
    ) -> Datagrams:
        """Return what applications read, duplicates and what was cut among it."""
        return self.select(*READ, source=source, to=to, data=data)

    def lost(
        self, *, source: End | None = None, to: End | None = None, data: bytes | None = None
    ) -> Datagrams:
        """Return what links and routers lost: by chance, for a queue, an MTU, a TTL, a filter."""
        return self.select(*LOST_ON_THE_WAY, source=source, to=to, data=data)

    # What the network notes

    def add(self, packet: Packet, faults: frozenset[Fault] = NO_FAULTS) -> Passage:
        """Enter a datagram that is sent now."""
        number = len(self._sent)
        source, destination, data, ttl, tos, _ = packet
        self._sent.append(self._clock.now)
        self._sources.append(source)
        self._destinations.append(destination)
        self._data.append(data)
        self._ttls.append(ttl)
        self._classes.append(tos)
        self._fates.append(Fate.IN_FLIGHT)
        self._ended.append(None)
        if faults:
            self._faults[number] = faults
        return Passage(number, packet)

    def queued(self, passage: Passage) -> None:
        """Note that a datagram has reached a socket's receive queue."""
        self._fates[passage.number] = Fate.QUEUED
        passage.arrived = self._clock.now

    def arrived(self, passage: Passage, faults: frozenset[Fault]) -> None:
        """Note what routers made of a datagram that has come to its host."""
        number, packet = passage.number, passage.packet
        self._data[number] = packet.data
        self._ttls[number] = packet.ttl
        self._classes[number] = packet.tos
        if faults:
            self._faults[number] = faults

    def settle(self, passage: Passage, fate: Fate, where: str | None = None) -> None:
        """Note a datagram's final fate, and at which router or link it met that."""
        number = passage.number
        self._fates[number] = fate
        self._ended[number] = self._clock.now
        if where is not None:
            self._where[number] = where


def last_lines(record: Record) -> str:
    """Write what a failing test shows of its network's record."""
    shown = record[-SHOWN:]
    before = len(record) - len(shown)
    return f"{before} datagrams before\n{shown}" if before else str(shown)


def _is_end(ends: list[Peer], end: End | None) -> Callable[[int], bool] | None:
    """Make a test of where a datagram comes from, or goes to, by its number."""
    if end is None:
        return None
    host, port = (end, None) if isinstance(end, str) or len(end) != 2 else end
    canonical = canonical_host(host) if isinstance(host, str) else None
    if canonical is None:
        raise BadAddress(end, f"expected an IP address, or (address, port), got {end!r}")
    return lambda number: ends[number][0] == canonical and port in (None, ends[number][1])
