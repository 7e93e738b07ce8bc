"""A UDP socket whose datagrams the kernel stamps as they leave and as they come.

Linux only; no Twisted. The stamp of a reply comes beside its data; that of a probe comes on
the socket's error queue, with the number of the send (timestamping.rst: OPT_ID, OPT_TSONLY),
and so do ICMP's refusals (ip(7), IP_RECVERR). Both queues are read a batch at a time.
"""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from itertools import chain

from udpecho.instrument.bulk import Intake, Outlet
from udpecho.instrument.clocks import read_clocks
from udpecho.instrument.hearing import hear, most_unread
from udpecho.instrument.instrument import SocketOptions
from udpecho.instrument.leaving import hear_extensions, set_leaving
from udpecho.instrument.moments import arrivals, departures
from udpecho.instrument.numbered import NumberedSends
from udpecho.instrument.probe import Arrival, Probe, Unsent
from udpecho.instrument.stamps import Stamp
from udpecho.kernel import calls, layout
from udpecho.kernel.errqueue import local_mtu, refusal
from udpecho.kernel.layout import (
    IPV4,
    IPV6,
    NAME,
    RECORD,
    Layout,
    control_messages,
)
from udpecho.kernel.messages import BATCH, send_all
from udpecho.names import with_scope
from udpecho.peer import Peer
from udpecho.port import Address, encode
from udpecho.refusal import Refusal

_DRAUGHTS = range(8)
"""Batches taken at once from an error queue that is to be emptied, though ICMP may refill it."""

_AS_THE_SYSTEM_DOES = SocketOptions()

_SENDS = range(3)
"""At a send that may fail for what ICMP says of an earlier one, just then."""

_TTL: dict[int, tuple[int, int]] = {
    socket.AF_INET: (socket.IPPROTO_IP, layout.IP_TTL),
    socket.AF_INET6: (socket.IPPROTO_IPV6, layout.IPV6_HOPLIMIT),
}

_STRANGERS = 4096
"""Addresses kept decoded, of senders that were not asked: about 300 bytes each."""


class StampedSocket:
    """A bound UDP socket; a ProbeSocket. With stamps=False it does without."""

    def __init__(
        self,
        local: tuple[str, int],
        *,
        family: int,
        intake: Intake,
        outlet: Outlet,
        stamps: bool = True,
        options: SocketOptions = _AS_THE_SYSTEM_DOES,
    ) -> None:
        """Open and bind, or raise OSError."""
        self._intake = intake
        self._outlet = outlet
        self._layout = IPV6 if family == socket.AF_INET6 else IPV4
        self._hears_hops = False
        self._refused: list[Refusal] = []
        self._names: dict[Peer, bytes] = {}
        self._peers: dict[bytes, Peer] = {}
        self._mtus: dict[str, int] = {}  # of the ways for which something was too long
        self._name_size = self._layout.name
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._transmit: Callable[[bytes, Peer], int] = self._socket.sendto
        try:
            self._socket.setblocking(False)
            room = hear(self._socket, options.hears_class)
            set_leaving(self._socket, options)
            self._socket.bind(with_scope(*local))
        except BaseException:
            self._socket.close()
            raise
        self.port = int(self._socket.getsockname()[1])
        most = most_unread(room, outlet.size)
        self.sends = NumberedSends(self._socket, stamps=stamps, most_unread=most)

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._socket.fileno()

    @property
    def dropped(self) -> int:
        """How many datagrams came that the receive buffer had no room for."""
        return calls.dropped(self._socket)

    def connect(self, peer: Peer) -> None:
        """Hear one peer only, but for what came before. Raises OSError."""
        self._socket.connect(with_scope(*peer))
        self._transmit = lambda data, _: self._socket.send(data)
        self._name_size = 0

    def expect(self, peer: Peer) -> None:
        """Learn where probes will go. Raises BadAddress if there is no such interface."""
        name = self._names[peer] = encode(self._layout, *peer)
        self._peers[name[: self._layout.name]] = peer

    def forget(self, peer: Peer) -> None:
        """Learn that no more will go to a peer that was expected."""
        del self._peers[self._names.pop(peer)[: self._layout.name]]
        self._mtus.pop(peer[0], None)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def send(self, probes: Sequence[Probe], payloads: Sequence[bytes]) -> list[Unsent]:
        """Send each probe, noting when; if connected, to the peer. Return those that won't go.

        What is sent together has one reading of the clocks, and the kernel's stamp of each.
        Until there has been such a stamp, each goes by itself: not every driver gives any.
        """
        self.ready()
        if len(probes) == 1 or not self.sends.any_stamped:
            return [*filter(None, map(self.send_alone, probes, payloads))]
        parts = [slice(at, at + BATCH) for at in range(0, len(probes), BATCH)]
        return [*chain(*[self._send_together(probes[part], payloads[part]) for part in parts])]

    def ready(self) -> None:
        """Hear what ICMP said: it would fail the next send, and the count would begin anew."""
        if self._hears_hops:
            self._empty_notices()

    def send_alone(self, probe: Probe, payload: bytes, now: Stamp | None = None) -> Unsent | None:
        """Send a probe, noting when; return it if it won't go."""
        probe.leaves(now if now and self.sends.any_stamped else read_clocks())
        try:
            self._transmit(payload, probe.flow.peer)
        except OSError:
            self._count_anew()
            unsent = self._send_together([probe], [payload])  # which knows what to do
            return unsent[0] if unsent else None
        self.sends.add([probe])
        return None

    def send_hop(self, probe: Probe, payload: bytes, ttl: int | None) -> int:
        """Send a probe with a TTL of its own, noting when; return 0, or the errno if it won't go.

        It has its number in the kernel's count like any other. Without a TTL it is the socket's.
        """
        if not self._hears_hops:
            self._hears_hops = True
            hear_extensions(self._socket)
        where = _TTL[self._layout.family]
        control = [] if ttl is None else [(*where, ttl.to_bytes(4, sys.byteorder))]
        to = with_scope(*probe.flow.peer) if self._name_size else None
        failed = 0
        for _ in _SENDS:
            self._empty_notices()
            probe.leaves(read_clocks())
            try:
                self._socket.sendmsg([payload], control, 0, to)
            except OSError as error:
                failed = error.errno or errno.EIO
                self._count_anew()
            else:
                self.sends.add([probe])
                return 0
        return failed

    def send_sized(self, probe: Probe, payload: bytes) -> Unsent | None:
        """Send a probe of whatever size by itself, noting when; return it if it won't go."""
        failed = self.send_hop(probe, payload, None)
        mtu = self._mtus.get(probe.flow.peer[0]) if failed == errno.EMSGSIZE else None
        return Unsent(probe, failed, mtu) if failed else None

    def arrivals(self, most: int) -> Iterator[tuple[list[Arrival], Stamp]]:
        """Take datagrams from the queue, at most this many, and tell when they were taken.

        What is taken together has one reading of the clocks. Where only they tell the time,
        each is taken by itself.
        """
        at_once = most if self.sends.stamps else 1
        for _ in range(0, most, at_once):
            if not self._intake.take(self.fileno(), at_once):
                break
            now = read_clocks()
            yield self._arrivals(), now

    def notices(self, most: int) -> tuple[list[Refusal], bool]:
        """Take at most this much from the error queue: note stamps, and return refusals.

        Tell whether there may be more.
        """
        left = self._take_notices(most) == most
        refused, self._refused = self._refused, []
        return refused, left

    def _take_notices(self, most: int) -> int:
        """Return how many notices were taken."""
        intake = self._intake
        count = intake.take(self.fileno(), most, calls.receive_errors)
        if not count:
            return 0
        records = intake.records()
        others = self.sends.departed(departures(records, intake.control_sizes()))
        if others:
            data = intake.data()
            for index in others:
                name = records[index * RECORD : index * RECORD + self._layout.name]
                found = control_messages(intake.control(index))
                peer = self._peer(name)
                refused = refusal(data[index], peer, found)
                if refused is not None:
                    quoted = refused if refused.data else replace(refused, port=self.port)
                    self._refused.append(quoted)
                elif (mtu := local_mtu(found)) is not None:
                    self._mtus[peer[0]] = mtu  # IPv4 tells no port, unless it is connected
        return count

    def _send_together(self, probes: Sequence[Probe], payloads: Sequence[bytes]) -> list[Unsent]:
        """Send probes in as few system calls as can be, BATCH at most; return those that won't."""
        unsent: list[Unsent] = []
        outlet, names, fd = self._outlet, self._names, self.fileno()
        outlet.fill(payloads, [names[probe.flow.peer] for probe in probes], self._name_size)
        now = read_clocks()
        for probe in probes:
            probe.leaves(now)

        def send(start: int, stop: int) -> int:
            """Send some, and keep count as the kernel does."""
            sent = outlet.send(fd, start, stop)
            if sent > 0:
                self.sends.add(probes[start : start + sent])
            if sent < stop - start:
                self._count_anew()
            return sent

        look = partial(outlet.look, fd)

        def failed(index: int, number: int) -> None:
            probe = probes[index]
            mtu = self._mtus.get(probe.flow.peer[0]) if number == errno.EMSGSIZE else None
            unsent.append(Unsent(probe, number, mtu))

        send_all(send, 0, len(probes), failed, look)
        return unsent

    def _arrivals(self) -> list[Arrival]:
        intake, layout = self._intake, self._layout
        described = arrivals(intake.records(), intake.control_sizes(), layout.name)
        return [
            (data, self._peer(name), kernel_ns, ttl, tos)
            for data, (name, kernel_ns, ttl, tos) in zip(intake.data(), described, strict=True)
        ]

    def _peer(self, name: bytes) -> Peer:
        """Read a socket address: nearly always one that was asked."""
        return self._peers.get(name) or _stranger(self._layout, name)

    def _count_anew(self) -> None:
        """After a failed send, which some kernels count: forget the count, but no stamp."""
        if self.sends.stamps:
            self._empty_notices()
            self.sends.begin()

    def _empty_notices(self) -> None:
        """Read the error queue: what ICMP said of one datagram would fail the next one's send."""
        for _ in _DRAUGHTS:
            if self._take_notices(BATCH) < BATCH:
                break


@lru_cache(maxsize=_STRANGERS)
def _stranger(layout: Layout, name: bytes) -> Peer:
    """Read a socket address."""
    host, port = Address.decode(layout, name.ljust(NAME, b"\0"))
    return host, port
