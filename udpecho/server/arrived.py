"""Which probes have arrived of late, by the 16 bytes that they begin with.

Told the time, and of a fixed size: each source prefix has a place among a few, which a secret hash
gives it, and a flood takes that place's room alone. Whoever asks is told how far back the memory
of its place goes, for what is older may have been forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from udpecho.columns import split_addresses
from udpecho.guard.placing import Placing
from udpecho.telling import NAMED

PLACES = 64
"""Places for prefixes: a flood from one harms the one in 64 others that share its place."""

KEPT = 4096
"""Probes in each of a place's two generations, or a batch more: at a limit of 1,000 a second the
last 4 s at least. When all places are full that is 30 MB at most."""

LOOKED_AT = 64
"""Places at which a probe is looked for in a generation: what stands at more is none, for nobody
guesses what a probe begins with, and who floods with zeros makes each question a long one."""


class _Generation:
    """What came in a row."""

    __slots__ = ("_joined", "began_ns", "heads", "sources")

    def __init__(self, began_ns: int) -> None:
        self.began_ns = began_ns
        self.sources: list[bytes] = []
        self.heads: list[bytes] = []
        """Those that were not looked at yet: most never are."""

        self._joined = bytearray()

    def holds(self, head: bytes, source: bytes) -> bool:
        """Tell whether it has a probe that began so and came from there."""
        self.join()
        at = -1
        for _ in range(LOOKED_AT):
            at = self._joined.find(head, at + 1)
            if at < 0:
                return False
            if not at % NAMED and self.sources[at // NAMED] == source:
                return True
        return False

    def join(self) -> None:
        """Put all heads in a row: so they take the least room."""
        self._joined += b"".join(self.heads)
        self.heads.clear()


class _Place:
    """What came of late from the prefixes at one place."""

    __slots__ = ("newer", "older")

    def __init__(self, began_ns: int) -> None:
        self.older = self.newer = _Generation(began_ns)


class Arrived:
    """The last probes."""

    def __init__(
        self,
        key: bytes,
        *,
        ipv4_prefix: int = 24,
        ipv6_prefix: int = 56,
        kept: int = KEPT,
    ) -> None:
        """Know none yet; key seeds the places."""
        self._placing = Placing(PLACES, ipv4_prefix, ipv6_prefix, Random(key))
        self._kept = kept
        self._began_ns: int | None = None
        self._places: dict[int, _Place] = {}
        self._known: dict[bytes, _Place] = {}  # of the last sources

    def begin(self, now_ns: int) -> None:
        """Remember what comes from now on, if that has not begun."""
        if self._began_ns is None:
            self._began_ns = now_ns

    def add(self, heads: bytes, source: bytes, count: int, now_ns: int) -> None:
        """Note what came from one source: the first 16 bytes of each, in a row."""
        newer = self._newer(source, now_ns)
        newer.heads.append(heads)
        newer.sources += [source] * count

    def add_each(self, heads: bytes, sources: Sequence[bytes], now_ns: int) -> None:
        """Note what came from several sources."""
        takes = {}
        for source in set(sources):
            newer = self._newer(source, now_ns)
            takes[source] = newer.heads.append, newer.sources.append
        for head, source in zip(split_addresses(heads, len(sources)), sources, strict=True):
            take_head, take_source = takes[source]
            take_head(head)
            take_source(source)

    def find(self, head: bytes, source: bytes, now_ns: int) -> tuple[bool, int]:
        """Tell whether a probe came from a source, and how far back that is known, in ns."""
        place = self._place(source)
        found = place.newer.holds(head, source) or place.older.holds(head, source)
        return found, now_ns - place.older.began_ns

    def _newer(self, source: bytes, now_ns: int) -> _Generation:
        """Give the generation that takes what comes from a source: another, when it is full."""
        place = self._place(source)
        if len(place.newer.sources) >= self._kept:
            place.newer.join()
            place.older, place.newer = place.newer, _Generation(now_ns)
        return place.newer

    def _place(self, source: bytes) -> _Place:
        place = self._known.get(source)
        if place is None:
            if len(self._known) >= self._kept:
                self._known.clear()
            number = self._placing.place(source)
            place = self._places.setdefault(number, _Place(self._began_ns or 0))
            self._known[source] = place
        return place
