"""What control messages say of a probe and its reply: when each left or came.

Pure layout, on bytes: no sockets, no system calls. What nearly all datagrams have is read by
its place, of all that came together in one go; the rest as it comes.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Sequence
from functools import cache
from socket import IPPROTO_IP, IPPROTO_IPV6, SOL_SOCKET

from udpecho.kernel.errqueue import (
    EXTENDED_ERROR,
    FROM_TIMESTAMPING,
    extended_error,
    stamp_ns,
)
from udpecho.kernel.layout import (
    CONTROL_HEADER,
    IP_RECVERR,
    IP_TOS,
    IP_TTL,
    IPV6_HOPLIMIT,
    IPV6_RECVERR,
    IPV6_TCLASS,
    NAME,
    RECORD,
    SO_TIMESTAMPING,
    control_messages,
)

_STAMP = (SOL_SOCKET, SO_TIMESTAMPING)
_TTLS = {(IPPROTO_IP, IP_TTL), (IPPROTO_IPV6, IPV6_HOPLIMIT)}
_CLASSES = {(IPPROTO_IP, IP_TOS), (IPPROTO_IPV6, IPV6_TCLASS)}

_STAMPED = CONTROL_HEADER.pack(64, *_STAMP)
_DESCRIBED = {CONTROL_HEADER.pack(20, *key) for key in _TTLS}
_QUEUED = {
    CONTROL_HEADER.pack(48, IPPROTO_IP, IP_RECVERR),
    CONTROL_HEADER.pack(60, IPPROTO_IPV6, IPV6_RECVERR),
}

_ARRIVAL = "16sqq32x16si4x"
"""What comes beside a reply: a timestamp, then the TTL."""

_ARRIVAL_SIZE = struct.calcsize("=" + _ARRIVAL)

_DEPARTURE = "16sqq32x16s4xB7xI"
"""What comes beside a stamp from the error queue: a timestamp, whose word it is, and of what."""

_DEPARTURE_SIZE = struct.calcsize("=" + _DEPARTURE)


def arrivals(
    records: bytes, sizes: Sequence[int], name: int
) -> list[tuple[bytes, int | None, int | None, int | None]]:
    """Read of datagrams who sent each, when it came, in ns by the kernel, its TTL and its class.

    sizes are the bytes of control messages that each record has (see kernel.layout), name those
    of its socket address.
    """
    read: list[tuple[bytes, int | None, int | None, int | None]] = []
    places, rows = range(NAME, len(records), RECORD), _rows(name, _ARRIVAL).iter_unpack(records)
    for at, size, row in zip(places, sizes, rows, strict=True):
        sender, stamped, seconds, nanoseconds, described, ttl = row
        if size == _ARRIVAL_SIZE and stamped == _STAMPED and described in _DESCRIBED:
            read.append((sender, seconds * 1_000_000_000 + nanoseconds or None, ttl, None))
        else:
            read.append((sender, *_described(records[at : at + size])))
    return read


def departures(records: bytes, sizes: Sequence[int]) -> list[tuple[int, int] | None]:
    """Read from the error queue which sends left, by number, and when, in ns by the kernel.

    What is no such news is None.
    """
    read: list[tuple[int, int] | None] = []
    places, rows = range(NAME, len(records), RECORD), _rows(0, _DEPARTURE).iter_unpack(records)
    for at, size, row in zip(places, sizes, rows, strict=True):
        _, stamped, seconds, nanoseconds, queued, origin, number = row
        ours = stamped == _STAMPED and queued in _QUEUED and origin == FROM_TIMESTAMPING
        if ours and size >= _DEPARTURE_SIZE:
            read.append((number, seconds * 1_000_000_000 + nanoseconds))
        else:
            read.append(_departure(records[at : at + size]))
    return read


def following(number: int) -> int:
    """Give the number of the next send: the kernel counts in 32 bits (OPT_ID)."""
    return (number + 1) & 0xFFFFFFFF


@cache
def _rows(name: int, control: str) -> struct.Struct:
    """Lay out a record: a socket address of this many bytes, then control messages."""
    padding = RECORD - NAME - struct.calcsize("=" + control)
    return struct.Struct(f"={name}s{NAME - name}x{control}{padding}x")


def _described(control: bytes) -> tuple[int | None, int | None, int | None]:
    found = control_messages(control)
    ttls, classes = (
        [int.from_bytes(found[key], sys.byteorder) for key in keys & found.keys()]
        for keys in (_TTLS, _CLASSES)
    )
    return stamp_ns(found), ttls[0] if ttls else None, classes[0] if classes else None


def _departure(control: bytes) -> tuple[int, int] | None:
    found = control_messages(control)
    error, kernel_ns = extended_error(found), stamp_ns(found)
    if len(error) < EXTENDED_ERROR.size or kernel_ns is None:
        return None
    _, origin, _, _, _, number = EXTENDED_ERROR.unpack_from(error)
    return (number, kernel_ns) if origin == FROM_TIMESTAMPING else None
