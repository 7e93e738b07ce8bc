"""The echo of what an inbox holds, sent from where it lies: nothing is copied.

Each reply leaves from the address that was asked, with the TTL and the traffic class of its
record. Most batches have one TTL and no traffic class; then it is set on the socket for as
long as the batch takes to leave, which costs the kernel less than reading it from each.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from errno import EINVAL, EIO, EMSGSIZE
from types import MappingProxyType
from typing import NamedTuple

from udpecho._cmsg import IPV6, NAME, control_messages
from udpecho._inbox import Inbox
from udpecho._messages import BATCH, Headers, full
from udpecho._outbox import send_all
from udpecho.address import with_scope

_NOT_AS_A_TRAIN = frozenset({EINVAL, EIO, EMSGSIZE})
"""What the kernel says of a train that does not fit the path out, or its device."""

_NO_ERRORS: Mapping[int, int] = MappingProxyType({})


WORTHWHILE = 8
"""Items from which on setting a TTL on the socket, and back, costs less than it saves."""


class Echoed(NamedTuple):
    """What became of an echo; errors counts datagrams by errno."""

    datagrams: int
    octets: int
    errors: Mapping[int, int]


class Reply:
    """Sends an inbox's items back to their senders."""

    def __init__(self, skt: socket.socket, inbox: Inbox) -> None:
        self._socket = skt
        self._fd = skt.fileno()
        self._inbox = inbox
        layout = inbox.layout
        self._headers = Headers(inbox.memory, layout)
        self._interfaces = inbox.memory.column("I", layout.interface)
        self._no_interfaces = memoryview(bytes(4 * BATCH)).cast("I")
        self._whole = full(layout.control)
        self._source_alone = full(layout.source)
        self._controls = self._whole
        self._headers.control_sizes[:] = self._controls
        if layout is IPV6:
            self._ttl_option = socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS
        else:
            self._ttl_option = socket.IPPROTO_IP, socket.IP_TTL

    def send(self, datagrams: int, octets: int, dropped: Collection[int]) -> Echoed:
        """Send all items but those dropped, of which there are so many datagrams and bytes."""
        inbox, count = self._inbox, self._inbox.count
        if count == 1:  # quicker so than as columns
            self._headers.sizes[0] = inbox.lengths[0]
            self._interfaces[0] = 0
        else:
            self._headers.sizes[:count] = inbox.headers.lengths[:count]
            self._interfaces[:count] = self._no_interfaces[:count]  # or routing is bypassed
        ttl = self._ttl_of_all() if count >= WORTHWHILE else 0
        self._carry(self._source_alone if ttl else self._whole)
        own = self._socket.getsockopt(*self._ttl_option) if ttl else ttl
        if ttl != own:
            self._socket.setsockopt(*self._ttl_option, ttl)
        try:
            sent = 0 if dropped else self._headers.send(self._fd, 0, count)
            if sent == count:
                return Echoed(datagrams, octets, _NO_ERRORS)
            return self._send_from(max(sent, 0), datagrams, octets, dropped)
        finally:
            if ttl != own:
                self._socket.setsockopt(*self._ttl_option, own)

    def _ttl_of_all(self) -> int:
        """Return the one TTL that is all that the items carry, or 0 if they carry more."""
        inbox, count = self._inbox, self._inbox.count
        if inbox.trains or not count:
            return 0
        ttls = inbox.memory.octets(inbox.layout.ttl, count)
        ttl = ttls[0]
        if ttls.count(ttl) != count or any(inbox.memory.octets(inbox.layout.tos, count)):
            return 0
        return ttl

    def _carry(self, controls: memoryview) -> None:
        """Have each item carry so much of its control messages, and a train its segment size."""
        if controls is not self._controls:
            self._controls = controls
            self._headers.control_sizes[:] = controls
        for index in self._inbox.trains:
            self._headers.control_sizes[index] = self._inbox.layout.segment - NAME + 8
            self._controls = memoryview(b"")  # to be set anew

    def _send_from(
        self, first: int, datagrams: int, octets: int, dropped: Collection[int]
    ) -> Echoed:
        """Go on with an echo that could not be sent all at once."""
        inbox = self._inbox
        errors: Counter[int] = Counter()
        unsent: list[tuple[int, int]] = []
        for start, stop in self._runs(first, dropped):
            send_all(self._send, start, stop, lambda index, errno: unsent.append((index, errno)))
        for index, errno in unsent:
            datagrams -= inbox.datagrams_of(index)
            octets -= inbox.lengths[index]
            if errno in _NOT_AS_A_TRAIN and index in inbox.trains:
                sent = self._send_apart(index, errors)
                datagrams += len(sent)
                octets += sum(sent)
            else:
                errors[errno] += inbox.datagrams_of(index)
        return Echoed(datagrams, octets, errors)

    def _send(self, start: int, stop: int) -> int:
        return self._headers.send(self._fd, start, stop)

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
        at = inbox.memory.record_at[index] + NAME
        control = inbox.memory.read(at, at + inbox.layout.control)
        ancillary = [(*kind, data) for kind, data in control_messages(control).items()]
        address = with_scope(*inbox.address(index))
        sent = []
        for data in inbox.datagrams(index):
            try:
                sent.append(self._socket.sendmsg([data], ancillary, socket.MSG_DONTWAIT, address))
            except OSError as error:
                errors[error.errno or EIO] += 1
        return sent
