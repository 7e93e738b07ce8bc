"""The wire of a network in memory: its time, its links and their faults, and who is where."""

from __future__ import annotations

import errno
import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import partial
from itertools import count, islice
from random import Random

from udpecho._memory_record import Datagram, Fate, Fault, Record
from udpecho._memory_socket import Stack, is_loopback
from udpecho.peer import Peer

MAX_EVENTS_AT_ONCE = 100_000
"""More at one instant is a loop without delay: time would never move on."""


class Timeline:
    """Time that moves when told to, and what is to happen in it."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()

    def seconds(self) -> float:
        """Return the time, in seconds since the network was made."""
        return self.now

    def at(self, time: float, event: Callable[[], None]) -> None:
        """Have something happen at a time; of two at the same time, the first told is first."""
        heapq.heappush(self._events, (time, next(self._order), event))

    def advance(self, seconds: float) -> None:
        """Move time on, and let everything due until then happen at its own time."""
        if not seconds >= 0:
            raise ValueError(f"time moves forward only: 0 seconds or more, not {seconds!r}")
        end = self.now + seconds
        at_once = 0
        while self._events and self._events[0][0] <= end:
            time, _, event = heapq.heappop(self._events)
            at_once = at_once + 1 if time <= self.now else 0
            if at_once > MAX_EVENTS_AT_ONCE:
                raise RuntimeError(f"a loop without delay: time stands still at {self.now} s")
            self.now = max(self.now, time)
            event()
        self.now = end


@dataclass(frozen=True, slots=True)
class Link:
    """What happens to datagrams in one direction between two hosts.

    delay is in seconds, and up to jitter seconds are added to it at random. The others are
    probabilities from 0 to 1: of being lost, of arriving twice, of being held back by hold
    seconds, of having one bit flipped.
    """

    delay: float = 0.0
    jitter: float = 0.0
    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    corrupt: float = 0.0
    hold: float = 0.1

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self)):
            value = getattr(self, name)
            top = float("inf") if name in ("delay", "jitter", "hold") else 1.0
            if not 0 <= value <= top:
                expected = "0 seconds or more" if top > 1 else "a probability from 0 to 1"
                raise ValueError(f"a link's {name} is {expected}, not {value!r}")

    def copies(
        self, data: bytes, random: Random
    ) -> Iterator[tuple[float, bytes, frozenset[Fault]]]:
        """Tell what arrives of one datagram: after how long, which bytes, with which faults."""

        def hit(probability: float) -> bool:
            return probability > 0 and random.random() < probability

        if hit(self.loss):
            return
        for copy in range(1 + hit(self.duplicate)):
            faults = {Fault.DUPLICATE} if copy else set()
            delay, arriving = self.delay, data
            if self.jitter:
                delay += random.uniform(0, self.jitter)
            if hit(self.reorder):
                delay += self.hold
                faults.add(Fault.REORDERED)
            if data and hit(self.corrupt):
                bit = random.randrange(8 * len(data))
                flipped = bytearray(data)
                flipped[bit // 8] ^= 1 << bit % 8
                arriving = bytes(flipped)
                faults.add(Fault.CORRUPTED)
            yield delay, arriving, frozenset(faults)


PERFECT = Link()


class Wire:
    """Takes datagrams from host to host, through the link between them."""

    def __init__(self, seed: int) -> None:
        self.timeline = Timeline()
        self.record = Record(self.timeline.seconds)
        self.stacks: dict[str, Stack] = {}
        self.links: dict[tuple[Stack, Stack], Link] = {}
        self._random = Random(seed)

    def transmit(self, sender: Stack, source: Peer, destination: Peer, data: bytes) -> None:
        """Take a datagram to the host that has the address, if there is one."""
        target = self._find(destination[0], sender)
        if target is None or (is_loopback(source[0]) and target is not sender):
            self.record.settle(self.record.add(source, destination, data), Fate.UNREACHABLE)
            return
        copies = list(self._link(sender, target).copies(data, self._random))
        if not copies:
            self.record.settle(self.record.add(source, destination, data), Fate.LOST)
        for delay, arriving, faults in copies:
            datagram = self.record.add(source, destination, arriving, faults)
            self._after(delay, partial(target.receive, datagram))

    def forge(
        self, data: bytes, source: Peer, to: Peer, delay: float, target: Stack | None
    ) -> None:
        """Take a datagram to a host, whoever sent it; no link touches it."""
        datagram = self.record.add(source, to, data, frozenset({Fault.FORGED}))
        target = target or self.stacks.get(to[0])
        if target is None:
            self.record.settle(datagram, Fate.UNREACHABLE)
        else:
            self._after(delay, partial(target.receive, datagram))

    def refuse(self, refuser: Stack, datagram: Datagram) -> None:
        """Take an ICMP port unreachable back over the link, which may lose it."""
        sender = self._find(datagram.source[0], refuser)
        if sender is None:
            return
        told = partial(sender.fail_peer, datagram.source, datagram.destination, errno.ECONNREFUSED)
        for delay, _, _ in islice(self._link(refuser, sender).copies(b"", self._random), 1):
            self._after(delay, told)

    def _find(self, host: str, near: Stack) -> Stack | None:
        return near if near.owns(host) else self.stacks.get(host)

    def _link(self, sender: Stack, receiver: Stack) -> Link:
        return self.links.get((sender, receiver), PERFECT)

    def _after(self, delay: float, event: Callable[[], None]) -> None:
        if delay:
            self.timeline.at(self.timeline.now + delay, event)
        else:
            event()
