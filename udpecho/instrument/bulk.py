"""Room for the datagrams that one system call takes or sends. No sockets of its own; no Twisted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ctypes import c_void_p
from errno import EAGAIN
from typing import TypeAlias

from udpecho.kernel import calls
from udpecho.kernel.layout import CONTROL, IPV4, IPV6, NAME, RECORD
from udpecho.kernel.messages import BATCH, LONGEST, Headers, Memory, full

_NAME_SIZES = {size: full(size) for size in (0, IPV4.name, IPV6.name)}
_CONTROL_SIZES = full(CONTROL)

_ATTEMPTS = 3
"""At a read that may report what an earlier datagram met with, in place of doing its work."""

Receive: TypeAlias = Callable[[int, c_void_p, int], int]


class Intake:
    """Room for a batch of datagrams and what the kernel says of each; sockets share it."""

    def __init__(self, size: int) -> None:
        """Make room for datagrams of this many bytes; a longer one is cut."""
        self._count = 0
        self._memory = Memory()
        self._headers = Headers(self._memory, IPV6)  # its names are the longest
        self._headers.sizes[:] = full(min(size, LONGEST))

    def take(self, fd: int, most: int, receive: Receive = calls.receive) -> int:
        """Take what a socket has, at most this many and at most BATCH; return how many came.

        receive says from which queue.
        """
        headers = self._headers
        for _ in range(_ATTEMPTS):
            headers.name_sizes[:] = _NAME_SIZES[IPV6.name]
            headers.control_sizes[:] = _CONTROL_SIZES
            count = receive(fd, headers.at[0], min(most, BATCH))
            if count >= 0 or count == -EAGAIN:
                break  # else it is what ICMP said, which the error queue says better
        self._count = max(count, 0)
        return self._count

    def records(self) -> bytes:
        """Copy what the kernel said of what was taken."""
        return self._memory.read(0, self._count * RECORD)

    def control_sizes(self) -> list[int]:
        """Tell how many bytes of control messages each record has."""
        sizes: list[int] = self._headers.control_sizes[: self._count].tolist()
        return sizes

    def control(self, index: int) -> bytes:
        """Copy the control messages of one record."""
        at = self._memory.record_at[index] + NAME
        return self._memory.read(at, at + self._headers.control_sizes[index])

    def data(self) -> list[bytes]:
        """Copy the data of each."""
        read, lengths = self._memory.map, self._headers.lengths[: self._count].tolist()
        slots = self._memory.slot_at[: self._count]
        return [read[slot : slot + length] for slot, length in zip(slots, lengths, strict=True)]


class Outlet:
    """Room for datagrams of one size that leave together; sockets share it."""

    def __init__(self, size: int) -> None:
        """Make room for datagrams of this many bytes."""
        self.size = size
        self._memory = Memory(record=NAME, slot=size)
        self._headers = Headers(self._memory, IPV6)
        self._headers.sizes[:] = full(size)

    def fill(self, data: Sequence[bytes], names: Sequence[bytes], name_size: int) -> None:
        """Lay out datagrams, each with the socket address that it goes to.

        A name has 32 bytes, of which name_size count: none for a socket that has a peer.
        """
        self._memory.write(0, b"".join(names))
        self._memory.write(self._memory.slot_at[0], b"".join(data))
        self._headers.name_sizes[:] = _NAME_SIZES[name_size]

    def send(self, fd: int, start: int, stop: int) -> int:
        """Send those from start up to stop; return how many went, or -errno."""
        return self._headers.send(fd, start, stop)

    def look(self, fd: int, index: int) -> int:
        """Look whether there is a way for one of them; return 1, or -errno. Nothing is sent."""
        return self._headers.look(fd, index)
