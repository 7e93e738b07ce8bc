"""What a link does to datagrams, as figures: pure, and checked when they are set."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from math import inf
from typing import Any, TypedDict

HOLD = 0.1
"""For how many seconds a reordered datagram is held back: long, beside most delays."""

QUEUE = 1000
"""How many datagrams wait for a link with a rate, at most: Linux's txqueuelen."""

SMALLEST_MTU = 68
"""Bytes that each link for IPv4 takes (RFC 791)."""

MOST_HOPS = 254
"""Routers that a datagram can pass: its TTL is 255 at most."""

CHANCE = "a probability from 0 to 1"
SECONDS = "0 seconds or more"


@dataclass(frozen=True, slots=True)
class Bursts:
    """Losses that come in bursts, by the model of Gilbert and Elliott.

    The link is good or bad, and each datagram may turn it: a burst begins with one probability,
    start, and ends with another, end. So it is 1 / end datagrams long on the average, and a part
    start / (start + end) of all datagrams meets one. Of those that do, a part is lost: loss.
    """

    start: float
    end: float
    loss: float = 1.0

    def __post_init__(self) -> None:
        for field in fields(self):
            check(f"the bursts' {field.name}", getattr(self, field.name), CHANCE, 0, 1)


class LinkOptions(TypedDict, total=False):
    """What a link can be told, by name, to a type checker."""

    delay: float
    jitter: float
    loss: float
    duplicate: float
    reorder: float
    hold: float
    corrupt: float
    bursts: Bursts | None
    mtu: int | None
    hops: int
    rate: float | None
    queue: int
    queue_bytes: int | None


@dataclass(frozen=True, slots=True)
class Faults:
    """What happens to datagrams in one direction between two hosts: see MemoryNetwork.link."""

    delay: float = 0.0
    jitter: float = 0.0
    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    hold: float = HOLD
    corrupt: float = 0.0
    bursts: Bursts | None = None
    mtu: int | None = None
    hops: int = 0
    rate: float | None = None
    queue: int = QUEUE
    queue_bytes: int | None = None

    def __post_init__(self) -> None:
        for name, (expected, lowest, highest) in _EXPECTED.items():
            value = getattr(self, name)
            if value is not None or name not in _MAY_BE_NONE:
                check(f"a link's {name}", value, expected, lowest, highest)
        if self.rate is not None and self.rate == 0:
            raise ValueError(f"a link's rate is {_RATE}, not {self.rate!r}")
        if self.bursts is not None and not isinstance(self.bursts, Bursts):
            raise ValueError(f"a link's bursts are Bursts(...) or None, not {self.bursts!r}")

    @property
    def only_delay(self) -> bool:
        """Whether nothing happens to a datagram but that it takes its time."""
        chances = self.jitter or self.loss or self.duplicate or self.reorder or self.corrupt
        others = (self.bursts, self.mtu, self.rate)
        return not chances and not self.hops and others == (None, None, None)


_RATE = "a number of bytes a second above 0, or None"
_BYTES = "a whole number of bytes from 0, or None"
_EXPECTED: dict[str, tuple[str, float, float]] = {
    **dict.fromkeys(("delay", "jitter", "hold"), (SECONDS, 0, inf)),
    **dict.fromkeys(("loss", "duplicate", "reorder", "corrupt"), (CHANCE, 0, 1)),
    "mtu": (f"a whole number of bytes from {SMALLEST_MTU}, or None", SMALLEST_MTU, inf),
    "hops": (f"a whole number of routers from 0 to {MOST_HOPS}", 0, MOST_HOPS),
    "rate": (_RATE, 0, inf),
    "queue": ("a whole number of datagrams from 0", 0, inf),
    "queue_bytes": (_BYTES, 0, inf),
}
_MAY_BE_NONE = {"mtu", "rate", "queue_bytes"}


def check(what: str, value: Any, expected: str, lowest: float, highest: float) -> None:
    """Refuse what is no number, no whole one where one is expected, or out of bounds."""
    kinds = int if "whole" in expected else (int, float)
    right = isinstance(value, kinds) and lowest <= value <= highest and value != inf
    if not right:
        raise ValueError(f"{what} is {expected}, not {value!r}")


def checked(faults: Faults, options: LinkOptions) -> Faults:
    """Change some options, or raise ValueError for one that there isn't."""
    for name in options:
        if name not in Faults.__dataclass_fields__:
            known = ", ".join(Faults.__dataclass_fields__)
            raise ValueError(f"a link has no {name!r}; it has {known}")
    return replace(faults, **options)


PERFECT = Faults()
"""The link of two hosts that were not linked otherwise: no delay, no fault."""
