"""What a router adds to an ICMP message: RFC 4884's extension, and in it MPLS labels (RFC 4950).

Bytes in, values out, whatever the bytes are: nothing raises.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

MOST_LABELS = 16
"""Labels read of one message; a stack of more than a few is unheard of."""

_HEADER = struct.Struct("!BxH")
"""Of the extension: its version in the upper half of a byte, and its checksum."""

_OBJECT = struct.Struct("!HBB")
"""Of an object in it: its length with this, its class and its kind."""

_VERSION = 0x20
_LABEL_STACK = (1, 1)
_ENTRY = struct.Struct("!I")


class Label(NamedTuple):
    """An MPLS label that a router says the datagram bore (RFC 3032, told by RFC 4950)."""

    label: int
    traffic_class: int
    bottom: bool
    ttl: int


def is_extension(data: bytes) -> bool:
    """Tell whether these bytes are an extension by their version and their checksum."""
    if len(data) < _HEADER.size + _OBJECT.size:
        return False
    version, stated = _HEADER.unpack_from(data)
    return version & 0xF0 == _VERSION and bool(stated) and not _sum(data)


def labels_in(extension: bytes) -> tuple[Label, ...]:
    """Read MPLS labels, the outermost first; none where the bytes are not what they should be."""
    if len(extension) < _HEADER.size:
        return ()
    version, stated = _HEADER.unpack_from(extension)
    if version & 0xF0 != _VERSION or (stated and _sum(extension)):
        return ()
    found: list[Label] = []
    at = _HEADER.size
    while at + _OBJECT.size <= len(extension) and len(found) < MOST_LABELS:
        size, *kind = _OBJECT.unpack_from(extension, at)
        if size < _OBJECT.size or at + size > len(extension):
            break
        if tuple(kind) == _LABEL_STACK:
            found += map(_label, _entries(extension[at + _OBJECT.size : at + size]))
        at += size
    return tuple(found[:MOST_LABELS])


def extension_of(labels: Iterable[Label]) -> bytes:
    """Write an extension that tells these labels."""
    entries = b"".join(
        _ENTRY.pack(each.label << 12 | each.traffic_class << 9 | each.bottom << 8 | each.ttl)
        for each in labels
    )
    body = _OBJECT.pack(_OBJECT.size + len(entries), *_LABEL_STACK) + entries
    return _HEADER.pack(_VERSION, _sum(_HEADER.pack(_VERSION, 0) + body)) + body


def _entries(data: bytes) -> list[int]:
    return [entry for (entry,) in _ENTRY.iter_unpack(data[: len(data) // 4 * 4])]


def _label(entry: int) -> Label:
    return Label(entry >> 12, entry >> 9 & 7, bool(entry >> 8 & 1), entry & 0xFF)


def _sum(data: bytes) -> int:
    """Add up the Internet's checksum (RFC 1071): 0 of what bears a right one."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
