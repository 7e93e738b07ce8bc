"""Outbox: what is written, laid out for sendmmsg(2), and what the kernel would not send."""

from __future__ import annotations

from functools import partial

from udpecho.kernel.layout import NAME, Layout
from udpecho.kernel.messages import BATCH, Headers, Memory, send_all
from udpecho.port.portsocket import Unsent


class Outbox:
    """Up to 128 written datagrams that leave together."""

    def __init__(self, fd: int, layout: Layout) -> None:
        self._fd = fd
        self._memory = memory = Memory()
        self._map = memory.map
        self._slot_at = memory.slot_at
        self._headers = headers = Headers(memory, layout)
        self._look = partial(headers.look, fd)
        self._name_size = layout.name
        self._sizes = headers.sizes
        self._destinations: list[bytes | None] = [None] * BATCH
        self.written: list[object] = []
        """The addresses of what waits, as its writer gave them."""

        self.met_errors = False
        """Whether the last flush met an error, be it of the datagram or of an earlier one."""

    def add(self, data: bytes, destination: bytes, address: object) -> int:
        """Take a datagram; destination is a record, or empty on a connected socket.

        address is that place as its writer gave it. Return the room that is left then.
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

    def flush(self) -> list[Unsent]:
        """Send what was added; return (data, address, errno) of each that the kernel refused."""
        written, self.written = self.written, []
        unsent: list[Unsent] = []

        def failed(index: int, errno: int) -> None:
            slot = self._slot_at[index]
            data = self._memory.read(slot, slot + self._sizes[index])
            unsent.append((data, written[index], errno))

        def send(start: int, stop: int) -> int:
            sent = self._headers.send(self._fd, start, stop)
            self.met_errors |= sent < 0
            return sent

        self.met_errors = False
        send_all(send, 0, len(written), failed, self._look)
        return unsent
