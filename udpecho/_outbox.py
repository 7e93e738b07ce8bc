"""Datagrams on their way out: the policy for send errors, and the array where writes gather.

No send error stops what stands behind it, and none is lost: each datagram has been accepted
by the kernel, or is reported with its errno.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import (
    EACCES,
    EAGAIN,
    ECONNREFUSED,
    EHOSTDOWN,
    EHOSTUNREACH,
    EMSGSIZE,
    ENETUNREACH,
    ENOBUFS,
    ENONET,
    ENOPROTOOPT,
    EOPNOTSUPP,
    EPROTO,
)

from udpecho._cmsg import NAME, Layout
from udpecho._messages import BATCH, Headers, Memory

_TRIES = dict.fromkeys((EAGAIN, ENOBUFS), 2) | dict.fromkeys(
    (
        EACCES,
        ECONNREFUSED,
        EHOSTDOWN,
        EHOSTUNREACH,
        EMSGSIZE,
        ENETUNREACH,
        ENONET,
        ENOPROTOOPT,
        EOPNOTSUPP,
        EPROTO,
    ),
    3,
)
"""How often a datagram is tried that fails so; all else once.

A full queue may have room at once. The other errors may be what ICMP said of an earlier
datagram: reporting that clears it. One more try suffices, if nothing arrives meanwhile.
"""

Send = Callable[[int, int], int]
"""Sends the messages from an index up to another; returns how many went, or -errno."""


def send_all(send: Send, start: int, stop: int, failed: Callable[[int, int], None]) -> None:
    """Send each of these messages, calling failed(index, errno) for each that won't go."""
    tries = 0
    while start < stop:
        sent = send(start, stop)
        if sent > 0:
            start += sent
            tries = 0
            continue
        tries += 1
        if tries >= _TRIES.get(-sent, 1):
            failed(start, -sent)
            start += 1
            tries = 0


class Outbox:
    """Up to 128 written datagrams that leave together."""

    def __init__(self, layout: Layout) -> None:
        self._memory = memory = Memory()
        self._map = memory.map
        self._slot_at = memory.slot_at
        self._headers = headers = Headers(memory, layout)
        self._name_size = layout.name
        self._sizes = headers.sizes
        self._destinations: list[bytes | None] = [None] * BATCH
        self.written: list[object] = []
        """What waits, by what its writer called where it goes."""

        self.met_errors = False
        """Whether the last flush met an error, be it of the datagram or of an earlier one."""

    def add(self, data: bytes, destination: bytes, address: object) -> int:
        """Take a datagram; destination is a record, or empty on a connected socket.

        address is what its writer called it. Return the room that is left then.
        """
        index = len(self.written)
        length = len(data)
        slot = self._slot_at[index]
        self._map[slot : slot + length] = data
        self._sizes[index] = length
        if self._destinations[index] is not destination:
            self._direct(index, destination)
        self.written.append(address)
        return BATCH - 1 - index

    def _direct(self, index: int, destination: bytes) -> None:
        """Have what stands at an index go somewhere else than what stood there last."""
        self._destinations[index] = destination
        self._memory.write(self._memory.record_at[index], destination)
        self._headers.name_sizes[index] = self._name_size if destination else 0
        self._headers.control_sizes[index] = max(len(destination) - NAME, 0)

    def flush(self, fd: int) -> list[tuple[bytes, object, int]]:
        """Send what was added; return (data, address, errno) of each that the kernel refused."""
        written, self.written = self.written, []
        unsent: list[tuple[bytes, object, int]] = []

        def failed(index: int, errno: int) -> None:
            slot = self._slot_at[index]
            data = self._memory.read(slot, slot + self._sizes[index])
            unsent.append((data, written[index], errno))

        def send(start: int, stop: int) -> int:
            sent = self._headers.send(fd, start, stop)
            self.met_errors |= sent < 0
            return sent

        self.met_errors = False
        send_all(send, 0, len(written), failed)
        return unsent
