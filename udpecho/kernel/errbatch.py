"""Errors by the batch: what ICMP says, taken from a socket's error queue many at a time (ip(7)).

Linux keeps errors in the room of the receive buffer: who forges ICMP would fill that, and no
datagram came in. So here the buffer is twice as large as it was, and what is more than can be read
at once is thrown away.
"""

from __future__ import annotations

import socket

from udpecho.kernel import calls
from udpecho.kernel.errqueue import read_peer, refusal
from udpecho.kernel.layout import NAME, Layout, control_messages
from udpecho.kernel.messages import BATCH, Headers, Memory, full
from udpecho.refusal import Refusal

QUOTED = 64
"""Bytes that are read of what a message quotes: they tell a probe, or a question."""

_RECORD = 384
"""Bytes of a socket address and all that may be said of an error: 32 and at most 216."""


class ErrorBatch:
    """Room for errors of a socket, which it takes from its queue."""

    def __init__(self, skt: socket.socket, layout: Layout) -> None:
        """Have all that ICMP says kept from now on, and room for it."""
        self._socket, self._layout = skt, layout
        self._memory = Memory(_RECORD, QUOTED)
        self._headers = headers = Headers(self._memory, layout)
        self._name_sizes, self._control_sizes = full(layout.name), full(_RECORD - NAME)
        headers.sizes[:] = full(QUOTED)
        room = skt.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)  # told doubled (socket(7))
        calls.set_buffer(skt, socket.SO_RCVBUF, room)
        calls.queue_errors(skt)

    def take(self, most: int) -> list[Refusal]:
        """Take what ICMP said, at most this many or a batch more; what is left is thrown away."""
        taken: list[Refusal] = []
        count = BATCH
        while count == BATCH and len(taken) < most:
            count = self._receive()
            taken += filter(None, map(self._read, range(count)))
        if count == BATCH:
            calls.drop_errors(self._socket)
        return taken

    def _receive(self) -> int:
        headers, fd = self._headers, self._socket.fileno()
        headers.name_sizes[:] = self._name_sizes
        headers.control_sizes[:] = self._control_sizes
        return max(calls.receive_errors(fd, headers.at[0], BATCH), 0)

    def _read(self, index: int) -> Refusal | None:
        memory, headers = self._memory, self._headers
        at, slot = memory.record_at[index], memory.slot_at[index]
        begin = at + NAME
        said = memory.read(begin, begin + headers.control_sizes[index])
        name = memory.read(at, at + headers.name_sizes[index])
        data = memory.read(slot, slot + headers.lengths[index])
        return refusal(data, read_peer(name), control_messages(said))
