"""The path MTUs of some flows, searched over their own sockets: probes go out as a search says.

Each begins with 16 bytes that nobody can guess, by which its echo is known, and what ICMP quotes.
"""

from __future__ import annotations

from collections.abc import Sequence
from errno import EMSGSIZE
from os import urandom
from typing import NamedTuple

from udpecho.instrument import ProbeSocket
from udpecho.instrument.probe import Flow, Probe
from udpecho.instrument.stamps import Stamp, round_trip
from udpecho.path.hops import PathMtu
from udpecho.path.mtu import LARGEST, Search
from udpecho.path.questions import HEADER
from udpecho.peer import is_ipv6
from udpecho.refusal import Refusal

SMALL = 56
"""Bytes of data in a small probe."""

IPV4_HEADERS, IPV6_HEADERS = 28, 48
"""Bytes of a packet beside its data (RFC 768, RFC 791, RFC 8200)."""

COMPARED = 2048
"""Bytes of an echo that are taken at least: as many must be there, or it was not whole."""

NS_FOR_BYTE, BURST_NS = 250, 10_000_000
"""4 MB a second are sent, whatever the number of flows: what 10 ms take at once, then nothing
until they are over."""

COST_UNSENT = 1500
"""For as many bytes counts what our own kernel refuses: that takes its time, too."""

REMEMBERED = 1 << 14
"""Probes that are remembered; the oldest is forgotten first."""


class _Sized(NamedTuple):
    """A probe that was sent."""

    number: int
    size: int
    probe: Probe


class Sizing:
    """The searches for a target's flows."""

    def __init__(self, sockets: Sequence[tuple[ProbeSocket, Flow]], most: int = LARGEST) -> None:
        """Take the flows, at least one, by their number, and the socket of each.

        No packet longer than most bytes is sent, headers included.
        """
        self._sockets = sockets
        ipv6 = is_ipv6(sockets[0][1].peer[0])
        self._headers = IPV6_HEADERS if ipv6 else IPV4_HEADERS
        small = SMALL + self._headers
        self._searches = [Search(small=small, ipv6=ipv6, most=most) for _ in sockets]
        self._sent: dict[bytes, _Sized] = {}
        self._free_ns = 0

    def mtu(self, number: int) -> PathMtu:
        """Tell a flow's, as far as it is known."""
        return self._searches[number].result()

    def next_ns(self, now_ns: int) -> int | None:
        """Tell when there is something to do; None when all is found."""
        due = [search.next_ns(now_ns) for search in self._searches]
        next_ns = min((due_ns for due_ns in due if due_ns is not None), default=None)
        return None if next_ns is None else max(next_ns, self._free_ns)

    def turn(self, now_ns: int) -> bool:
        """Send what is due, as much as may be sent now; tell whether that was anything."""
        sent = False
        if now_ns < self._free_ns:
            return sent
        for number, search in enumerate(self._searches):
            if self._free_ns > now_ns + BURST_NS:
                break
            for size in search.take(now_ns):
                self._send(number, size, now_ns)
                sent = True
        return sent

    def takes(self, data: bytes, arrived_ns: int | None, now: Stamp) -> bool:
        """Tell whether a datagram of the target's answers one of the probes, and note that."""
        sized = self._sent.get(data[:HEADER])
        if sized is None:
            return False
        if len(data) >= min(sized.size - self._headers, COMPARED):
            took_ns, _ = round_trip(sized.probe.sent, now, sized.probe.departed_ns, arrived_ns)
            self._searches[sized.number].came_back(sized.size, took_ns)
        return True

    def refused(self, refusal: Refusal) -> bool:
        """Tell whether a refusal is about one of the probes, and note what it says."""
        sized = self._sent.get(refusal.data[:HEADER])
        if sized is None:
            return False
        search = self._searches[sized.number]
        if refusal.by is not None and refusal.is_too_long:
            search.refused(sized.size, refusal.by[0], refusal.mtu)
        elif refusal.by is not None and refusal.is_port_unreachable:
            search.arrived(sized.size, refusal.by[0])
        return True

    def _send(self, number: int, size: int, now_ns: int) -> None:
        """Send a probe; what our own kernel refuses for another reason counts as lost."""
        socket, flow = self._sockets[number]
        header = urandom(HEADER)
        probe = Probe(0, 0, flow, header, Stamp(now_ns, now_ns))
        while len(self._sent) >= REMEMBERED:
            del self._sent[next(iter(self._sent))]
        self._sent[header] = _Sized(number, size, probe)
        unsent = socket.send_sized(probe, header.ljust(size - self._headers, b"\0"))
        cost = size if unsent is None else COST_UNSENT
        self._free_ns = max(self._free_ns, now_ns) + cost * NS_FOR_BYTE
        if unsent is not None and unsent.errno == EMSGSIZE:
            self._searches[number].unsent(size, unsent.mtu)
