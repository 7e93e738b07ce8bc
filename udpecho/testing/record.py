"""The record of a network in memory: every datagram, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, TypeAlias, overload

from udpecho.errors import BadAddress
from udpecho.names import canonical_host
from udpecho.peer import Peer
from udpecho.testing.packet import Packet
from udpecho.testing.passage import NO_FAULTS, Datagram, Fate, Fault, Passage

__all__ = ["Datagram", "Datagrams", "Fate", "Fault", "Passage", "Record"]

End: TypeAlias = Peer | str
"""Where a datagram comes from or goes to: an address and a port, or an address with any port."""

LOST_ON_LINKS = (Fate.LOST, Fate.CONGESTED, Fate.TOO_LONG, Fate.EXPIRED)
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

    As text it is a line for each.
    """

    def __init__(self, clock: Now) -> None:
        self._clock = clock
        self._passages: list[Passage] = []

    def __len__(self) -> int:
        """Count all datagrams."""
        return len(self._passages)

    def __iter__(self) -> Iterator[Datagram]:
        """Go through all datagrams, the first sent first."""
        return map(Passage.seen, self._passages)

    @overload
    def __getitem__(self, index: int) -> Datagram: ...
    @overload
    def __getitem__(self, index: slice) -> Datagrams: ...

    def __getitem__(self, index: int | slice) -> Datagram | Datagrams:
        """Give one by its number, or some."""
        if isinstance(index, slice):
            return Datagrams(map(Passage.seen, self._passages[index]))
        return self._passages[index].seen()

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
        "192.0.2.1". Raises BadAddress for anything else.
        """
        fits = [
            (lambda passage: passage.fate in fates) if fates else None,
            _is_end("source", source),
            _is_end("destination", to),
            None if data is None else lambda passage: passage.packet.data == data,
            None if fault is None else lambda passage: fault in passage.faults,
        ]
        passages: Iterator[Passage] = iter(self._passages)
        for fit in fits:
            if fit is not None:
                passages = filter(fit, passages)
        return Datagrams(map(Passage.seen, passages))

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
        """Return what links lost: by chance, or for a full queue, an MTU or a TTL."""
        return self.select(*LOST_ON_LINKS, source=source, to=to, data=data)

    # What the network notes

    def add(self, packet: Packet, faults: frozenset[Fault] = NO_FAULTS) -> Passage:
        """Enter a datagram that is sent now."""
        passages = self._passages
        passage = Passage(len(passages), self._clock.now, packet, faults)
        passages.append(passage)
        return passage

    def queued(self, passage: Passage) -> None:
        """Note that a datagram has reached a socket's receive queue."""
        passage.fate = Fate.QUEUED
        passage.arrived = self._clock.now

    def settle(self, passage: Passage, fate: Fate) -> None:
        """Note a datagram's final fate."""
        passage.fate = fate
        passage.ended = self._clock.now


def _is_end(which: str, end: End | None) -> Callable[[Passage], bool] | None:
    """Make a test of where a datagram comes from, or goes to."""
    if end is None:
        return None
    host, port = (end, None) if isinstance(end, str) else end
    canonical = canonical_host(host)
    if canonical is None:
        raise BadAddress(end, f"expected an IP address, or (address, port), got {end!r}")

    def fits(passage: Passage) -> bool:
        found: Peer = getattr(passage.packet, which)
        return found[0] == canonical and port in (None, found[1])

    return fits
