"""Which items of an inbox are for no protocol: told by their bytes, many at a time."""

from __future__ import annotations

import struct
from functools import lru_cache
from operator import itemgetter

from udpecho.kernel.layout import RECORD
from udpecho.port.portsocket import Incoming

_MAPPED = b"\0" * 10 + b"\xff\xff"

_first = itemgetter(0)


def longer_than(inbox: Incoming, limit: int) -> list[int]:
    """Find the items whose datagrams have more bytes than the limit."""
    sizes = map(inbox.trains.get, range(inbox.count), inbox.lengths)
    return [index for index, size in enumerate(sizes) if size > limit]


def mapped(inbox: Incoming) -> list[int]:
    """Find the items that came over IPv6 with an IPv4 address for a source."""
    host = inbox.layout.host
    if 0 not in inbox.octets(host):
        return []
    return [index for index, each in enumerate(_cut(inbox, host, 12)) if each == _MAPPED]


def not_from(inbox: Incoming, name: bytes) -> list[int]:
    """Find the items that another than this peer sent, given as a socket address."""
    names = _cut(inbox, 0, len(name))
    if names.count(name) == inbox.count:
        return []
    return [index for index, other in enumerate(names) if other != name]


def _cut(inbox: Incoming, offset: int, size: int) -> list[bytes]:
    """Give this many bytes at an offset of each record."""
    return list(map(_first, _cutter(offset, size).iter_unpack(inbox.records())))


@lru_cache
def _cutter(offset: int, size: int) -> struct.Struct:
    return struct.Struct(f"{offset}x{size}s{RECORD - offset - size}x")
