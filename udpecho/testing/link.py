"""What a link does to the datagrams that pass it: pure, but for the dice it is given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from random import Random

from udpecho.testing.record import Fault

HOLD = 0.1
"""For how many seconds a reordered datagram is held back: long, beside most delays."""


@dataclass(frozen=True, slots=True)
class Link:
    """What happens to datagrams in one direction between two hosts.

    delay, jitter and hold are in seconds, the others are probabilities from 0 to 1; what each
    means is told at MemoryNetwork.link.
    """

    delay: float = 0.0
    jitter: float = 0.0
    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    hold: float = HOLD
    corrupt: float = 0.0

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
"""The link of two hosts that were not linked otherwise: no delay, no fault."""
