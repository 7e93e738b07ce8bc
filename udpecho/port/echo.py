"""The echo of what an inbox holds, sent from where it lies: nothing is copied.

Each reply leaves from the address that was asked, with the TTL and the traffic class of its
record. Most batches have one TTL and no traffic class; then it is set on the socket for as
long as the batch takes to leave, which costs the kernel less than reading it from each.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from ctypes import c_void_p
from errno import EINVAL, EIO, EMSGSIZE
from functools import partial
from types import MappingProxyType

from udpecho.kernel import calls
from udpecho.kernel.layout import IPV6, NAME, RECORD, control_messages
from udpecho.kernel.messages import BATCH, Headers, full, send_all
from udpecho.names import with_scope
from udpecho.port.inbox import Inbox
from udpecho.port.portsocket import Echoed

_NOT_AS_A_TRAIN = frozenset({EINVAL, EIO, EMSGSIZE})
"""What the kernel says of a train that does not fit the path out, or its device."""

_NO_ERRORS: Mapping[int, int] = MappingProxyType({})


WORTHWHILE = 8
"""Items from which on setting a TTL on the socket, and back, costs less than it saves."""


class Echo:
    """Sends an inbox's items back to their senders."""

    def __init__(
        self,
        skt: socket.socket,
        inbox: Inbox,
        send: Callable[[int, c_void_p, int], int] = calls.send,
    ) -> None:
        self._socket = skt
        self._send = send
        self._fd = skt.fileno()
        self._inbox = inbox
        layout, memory = inbox.layout, inbox.memory
        # A socket that all is sent to at one address answers from it without being told.
        self._skipped = skipped = inbox.untold
        self._whole = Headers(memory, layout, NAME + skipped)
        self._whole_size = layout.control - skipped
        self._train_size = layout.segment - NAME + 8 - skipped
        self._plain = Headers(memory, layout)
        self._plain.control_sizes[:] = full(layout.source - skipped)
        self._whole.control_sizes[:] = full(self._whole_size)
        self._sizes = inbox.sizes  # of the last batch, as what follows is
        self._trains: list[int] = []
        self._map, self._ttl_at, self._tos_at = memory.map, layout.ttl, layout.tos
        self._interfaces = memory.column("I", layout.interface)
        self._ttls = self._tos = b""
        self._ttl = 0  # what all of that had, and no traffic class
        self._no_interfaces = memoryview(bytes(4 * BATCH)).cast("I")
        if layout is IPV6:
            self._ttl_option = socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS
        else:
            self._ttl_option = socket.IPPROTO_IP, socket.IP_TTL

    def send(
        self, datagrams: int, nbytes: int, dropped: Collection[int], ttls: bytes, tos: bytes
    ) -> Echoed:
        """Send all items but those dropped: this many datagrams and bytes, so counted.

        ttls and tos have the byte that each item's reply is to carry.
        """
        inbox, count = self._inbox, self._inbox.count
        if not count:
            return Echoed(0, 0, _NO_ERRORS)
        if inbox.sizes is not self._sizes:  # as the last: see columns
            self._measure()
        if not self._skipped:
            self._interfaces[:count] = self._no_interfaces[:count]  # or routing is bypassed
        if ttls is not self._ttls or tos is not self._tos:
            self._ttls, self._tos = ttls, tos
            self._ttl = _one_ttl(ttls, tos)
        headers, own = self._whole, 0
        if self._ttl and count >= WORTHWHILE and not inbox.trains:
            try:
                own = self._set_ttl(self._ttl)
                headers = self._plain
            except OSError:
                pass  # then each says it for itself
        if headers is self._whole:
            self._map[self._ttl_at : count * RECORD : RECORD] = ttls
            self._map[self._tos_at : count * RECORD : RECORD] = tos
        try:
            sent = 0 if dropped else self._send(self._fd, headers.at[0], count)
            if sent == count:
                return Echoed(datagrams, nbytes, _NO_ERRORS)
            return self._send_from(headers, max(sent, 0), datagrams, nbytes, dropped)
        finally:
            if own:
                self._give_back(own)

    def _measure(self) -> None:
        """Have each reply be as long as what was received, and a train again a train."""
        self._sizes = sizes = self._inbox.sizes
        self._plain.sizes[: len(sizes)] = self._whole.sizes[: len(sizes)] = sizes
        for index in self._trains:
            self._whole.control_sizes[index] = self._whole_size
        self._trains = list(self._inbox.trains)
        for index in self._trains:
            self._whole.control_sizes[index] = self._train_size

    def _set_ttl(self, ttl: int) -> int:
        """Have the socket send with a TTL; return its own, or 0 if it is the same."""
        own = self._socket.getsockopt(*self._ttl_option)
        if ttl == own:
            return 0
        self._socket.setsockopt(*self._ttl_option, ttl)
        return own

    def _give_back(self, own: int) -> None:
        """Have the socket send with its own TTL again: what fails in passing is tried once more."""
        try:
            self._socket.setsockopt(*self._ttl_option, own)
        except OSError:
            self._socket.setsockopt(*self._ttl_option, own)

    def _send_from(
        self,
        headers: Headers,
        first: int,
        datagrams: int,
        nbytes: int,
        dropped: Collection[int],
    ) -> Echoed:
        """Go on with an echo that could not be sent all at once."""
        inbox = self._inbox
        errors: Counter[int] = Counter()
        unsent: list[tuple[int, int]] = []

        def send(start: int, stop: int) -> int:
            return self._send(self._fd, headers.at[start], stop - start)

        look = partial(headers.look, self._fd)
        for start, stop in self._runs(first, dropped):
            send_all(send, start, stop, lambda index, errno: unsent.append((index, errno)), look)
        for index, errno in unsent:
            datagrams -= inbox.datagrams_of(index)
            nbytes -= inbox.length(index)
            if errno in _NOT_AS_A_TRAIN and index in inbox.trains:
                sent = self._send_apart(index, errors)
                datagrams += len(sent)
                nbytes += sum(sent)
            else:
                errors[errno] += inbox.datagrams_of(index)
        return Echoed(datagrams, nbytes, errors)

    def _runs(self, start: int, dropped: Collection[int]) -> Iterator[tuple[int, int]]:
        """Give the stretches of items, from one on, that are not dropped."""
        for index in sorted(dropped):
            if start < index:
                yield start, index
            start = index + 1
        if start < self._inbox.count:
            yield start, self._inbox.count

    def _send_apart(self, index: int, errors: Counter[int]) -> list[int]:
        """Send a train's datagrams one by one; return the lengths of those that went."""
        inbox = self._inbox
        at = inbox.memory.record_at[index] + NAME + self._skipped
        control = inbox.memory.read(at, at + self._whole_size)
        ancillary = [(*kind, data) for kind, data in control_messages(control).items()]
        address = with_scope(*inbox.address(index))
        sent = []
        for data in inbox.datagrams_at(index):
            try:
                sent.append(self._socket.sendmsg([data], ancillary, socket.MSG_DONTWAIT, address))
            except OSError as error:
                errors[error.errno or EIO] += 1
        return sent


def _one_ttl(ttls: bytes, tos: bytes) -> int:
    """Give the TTL that all have, if it is one that a socket can have; 0 if some need more said."""
    return ttls[0] if ttls.count(ttls[0]) == len(ttls) and not any(tos) else 0
