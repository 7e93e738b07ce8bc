"""Where replies died, as ICMP said: by the 16 bytes that it quoted, and whom the reply was for.

A table of a fixed size, which ICMP alone fills. An entry's place is a secret hash of what is
quoted, all of which who forges a message would have to know to overwrite it: so made-up messages
fall all over the table, and what is true stays until as many have come as it has room for.
"""

from __future__ import annotations

from mmap import ACCESS_COPY, mmap
from struct import Struct
from typing import NamedTuple

from udpecho.telling import NAMED

SETS = 16_384
"""Sets of entries: a power of 2."""

WAYS = 8
"""Entries in a set, of which the oldest makes room: so of 131,072 nearly all live until about as
many have come. At 80,000 messages a second that is a second and a half."""

_KEY = NAMED + 16
_ENTRY = Struct("!32s16sBBB13x")
_SET = WAYS * _ENTRY.size


class Death(NamedTuple):
    """What ICMP said of a reply."""

    by: bytes
    """Who said so, packed."""

    icmp_type: int
    icmp_code: int


class Deaths:
    """What ICMP said of late."""

    def __init__(self, key: bytes, sets: int = SETS) -> None:
        """Know nothing; the key places what comes. That takes 8 MB when the table is full."""
        self._key, self._mask = key, sets - 1
        self._table = mmap(-1, sets * _SET, access=ACCESS_COPY)  # after a fork each has its own
        self._oldest = bytearray(sets)

    def add(self, head: bytes, asker: bytes, death: Death) -> None:
        """Note that a reply that began with these 16 bytes, to this address, died."""
        key = head + asker.ljust(16, b"\0")
        place = hash(self._key + key) & self._mask
        start = place * _SET
        found = self._table[start : start + _SET].find(key)
        if found < 0 or found % _ENTRY.size:
            way = self._oldest[place]
            self._oldest[place] = (way + 1) % WAYS
            found = way * _ENTRY.size
        by, kind, code = death
        self._table[start + found : start + found + _ENTRY.size] = _ENTRY.pack(
            key, by, kind, code, len(by)
        )

    def find(self, head: bytes, asker: bytes) -> Death | None:
        """Tell what was said of a reply; None if nothing is known."""
        key = head + asker.ljust(16, b"\0")
        start = (hash(self._key + key) & self._mask) * _SET
        entries = self._table[start : start + _SET]
        for at in range(0, _SET, _ENTRY.size):
            if entries.startswith(key, at):
                _, by, kind, code, width = _ENTRY.unpack_from(entries, at)
                return Death(by[:width], kind, code) if width else None
        return None
