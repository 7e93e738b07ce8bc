"""The book of probes: which one a datagram answers, whether whole, and what becomes of each.

Holds no socket and no clock: it is told the times, in nanoseconds. Every decision about what
became of a probe is made here, so that each has one fate and every datagram is counted once.

A probe begins with 16 bytes that nobody can guess, in two halves:

    0        4       8               12      16            size
    | number | nonce | masked number | nonce | filling ... |

Each half names the probe by itself: the second has the number again, changed by a mask that is
the run's secret. A reply damaged in one half is still known by the other, and so is told from
a forgery, whose sender has seen neither. The filling is random too, and the same for all
probes of a run, so that damage anywhere in it shows. A payload of less than 16 bytes could not
tell a reply from a forgery: there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from errno import ETIME, errorcode
from itertools import chain, count
from os import urandom
from struct import Struct

from udpecho.instrument.probe import Flow, Probe, ProbeFate, Unsent
from udpecho.instrument.stamps import Stamp, round_trip
from udpecho.peer import Peer
from udpecho.ping.outcome import Outcome, Surplus
from udpecho.refusal import Refusal
from udpecho.sizes import MAX_IPV4_DATA

HEADER_SIZE = 16
MIN_SIZE = HEADER_SIZE
MAX_SIZE = MAX_IPV4_DATA
"""Of either family, so that hosts of both have probes of one size."""

MEMORY_NS = 10_000_000_000
"""A probe is remembered this long after its timeout, to know a late reply and a duplicate.

iputils' ping, too, waits 10 s at most for a reply (MAXWAIT).
"""

MEMORY_LIMIT = 1 << 18
"""Probes remembered at most, about 100 MB: beyond that the oldest is given up before its time.

It holds 10,000 probes a second for 26 s, twice what the time limit lets come together.
"""

_HEADER = Struct("!IIII")
_NONCES = Struct("!II")
_HALF = HEADER_SIZE // 2
_NUMBERS = 1 << 32
_FETCHED = 256  # random bytes are fetched for this many probes at once: one system call, not 256

# As plain names: on Python 3.11 an enumeration looks its members up in Python code.
_REPLIED, _LATE, _LOST, _REFUSED, _CORRUPT = ProbeFate
_DUPLICATE, _FORGED, _STRANGER = Surplus


class Ledger:
    """The probes that may still be answered, and the fate of each, decided once.

    Every call that may decide fates returns them as outcomes. Probes stand in a ring, by their
    number: it finds one without a search, and is as large at first as it ever gets.
    """

    def __init__(
        self,
        size: int,
        timeout_ns: int,
        *,
        memory_ns: int = MEMORY_NS,
        lost_ns: int | None = None,
        limit: int = MEMORY_LIMIT,
        random: Callable[[int], bytes] = urandom,
        first: int = 0,
    ) -> None:
        """Begin an empty book of probes from first on; lost_ns is what Plan says of it."""
        if not MIN_SIZE <= size <= MAX_SIZE:
            raise ValueError(f"a probe has {MIN_SIZE} to {MAX_SIZE} bytes, not {size}")
        self._filling = random(size - HEADER_SIZE)
        self._timeout_ns = timeout_ns
        self._memory_ns = timeout_ns + memory_ns
        self._lost_ns = None if lost_ns is None else timeout_ns + lost_ns
        self._limit = limit
        self._nonces = chain.from_iterable(
            _NONCES.iter_unpack(random(_NONCES.size * _FETCHED)) for _ in count()
        )
        self._mask = int.from_bytes(random(4), "big")
        self._places = 1 << (limit - 1).bit_length()  # a power of two: numbers wrap at one, too
        self._ring: list[Probe | None] = [None] * self._places
        self._issued = self._oldest = self._in_time = self._hoped = first
        self._given_up: list[Outcome] = []
        self._flows: dict[tuple[int, Peer], Flow] = {}
        self.outstanding = 0
        """How many probes have no fate yet."""

    @property
    def issued(self) -> int:
        """The number of the next probe."""
        return self._issued

    @property
    def oldest(self) -> int:
        """The number of the oldest probe that is remembered: those before have their fates."""
        return self._oldest

    def add_flow(self, flow: Flow) -> None:
        """Know a flow before its first probe. Two names of one host are one way, the last's."""
        self._flows[flow.port, flow.peer] = flow

    def drop_flow(self, flow: Flow) -> None:
        """Know a flow no more: what is forged in its host's name is then a stranger's."""
        if self._flows.get((flow.port, flow.peer)) is flow:
            del self._flows[flow.port, flow.peer]

    def issue(
        self,
        flows: Sequence[Flow],
        since: Sequence[tuple[int, int]],
        turn: int,
        flow_turn: int,
        now_ns: int,
    ) -> list[Probe]:
        """Make the next probe of each of these flows, outstanding from now on.

        Each counts its probes, and its target's, since turns of its own. Until whoever sends a
        probe has noted when, it is as if sent now.
        """
        for _ in range(self._issued + len(flows) - self._oldest - self._limit):
            self._forget_oldest(now_ns, self._given_up)
        now = Stamp(now_ns, now_ns)
        probes = []
        each = zip(flows, since, self._nonces, strict=False)  # the nonces go on
        for flow, (since_turn, since_flow_turn), (one, other) in each:
            number = self._issued % _NUMBERS
            header = _HEADER.pack(number, one, number ^ self._mask, other)
            probe = Probe(turn - since_turn, flow_turn - since_flow_turn, flow, header, now)
            self._ring[number % self._places] = probe
            self._issued += 1
            probes.append(probe)
        self.outstanding += len(probes)
        return probes

    def payloads(self, probes: Sequence[Probe]) -> list[bytes]:
        """Return the bytes to send."""
        filling = self._filling
        return [probe.header + filling for probe in probes]

    def find(self, data: bytes) -> Probe | None:
        """Find the remembered probe that these bytes are, or were before they changed."""
        half = data[:_HALF]
        if len(half) < _HALF:
            return None
        probe = self._ring[int.from_bytes(half[:4], "big") % self._places]
        if probe is not None and probe.header.startswith(half):
            return probe
        half = data[_HALF:HEADER_SIZE]
        number = int.from_bytes(half[:4], "big") ^ self._mask
        probe = self._ring[number % self._places]
        if probe is not None and probe.header[_HALF:] == half:
            return probe
        return None

    def answer(
        self,
        data: bytes,
        peer: Peer,
        port: int,
        came: Stamp,
        arrived_ns: int | None = None,
        ttl: int | None = None,
    ) -> Outcome:
        """Judge a datagram that a peer sent to a port of ours.

        came is when it was taken from the kernel, arrived_ns when it came by the kernel.
        """
        kind: ProbeFate | Surplus
        probe = self._ring[int.from_bytes(data[:4], "big") % self._places]
        whole = probe is not None and data == probe.header + self._filling
        if not whole:
            probe = self.find(data)
        if probe is None or probe.flow.peer != peer or probe.flow.port != port:
            # Another's reply is nobody's; and who was never asked from there can't even forge one.
            asked = self._flows.get((port, peer)) if probe is None else None
            kind = _STRANGER if asked is None else _FORGED
            return Outcome(kind, came.monotonic_ns, asked, size=len(data), ttl=ttl, peer=peer)
        rtt_ns, clock = round_trip(probe.sent, came, probe.departed_ns, arrived_ns)
        if probe.fate is not None:
            kind = _DUPLICATE
        elif not whole:
            kind = self._decide(probe, _CORRUPT)
        else:
            kind = self._decide(probe, _REPLIED if rtt_ns <= self._timeout_ns else _LATE)
        return Outcome(
            kind,
            came.monotonic_ns,
            probe.flow,
            probe.sequence,
            probe.flow_sequence,
            probe.sent.monotonic_ns,
            rtt_ns,
            clock,
            len(data),
            ttl,
            peer,
        )

    def refused(self, refusal: Refusal, now_ns: int) -> Outcome | None:
        """Note that ICMP refused a probe.

        None if the message quotes none that is remembered, or one whose fate was known: it is
        forged, or slow.
        """
        probe = self.find(refusal.data)
        if probe is None or probe.fate is not None:
            return None
        number = ETIME if refusal.is_time_exceeded else refusal.errno
        return self._settled(probe, _REFUSED, now_ns)._replace(
            peer=refusal.by,
            reason=errorcode.get(number, "?"),
            icmp_type=refusal.icmp_type,
            icmp_code=refusal.icmp_code,
            mtu=refusal.mtu,
        )

    def unsent(self, unsent: Unsent, now_ns: int) -> Outcome | None:
        """Note that our own kernel would not send a probe; None if its fate was known."""
        if unsent.probe.fate is not None:
            return None
        settled = self._settled(unsent.probe, _REFUSED, now_ns)
        return settled._replace(reason=errorcode.get(unsent.errno, "?"), mtu=unsent.mtu)

    def overdue(self, now_ns: int) -> list[Probe]:
        """Return, once each, the probes without a fate whose timeout has passed."""
        horizon = now_ns - self._timeout_ns
        overdue = []
        while self._in_time < self._issued:
            probe = self._ring[self._in_time % self._places]
            if probe is not None:
                if probe.sent.monotonic_ns >= horizon:
                    break
                if probe.fate is None:
                    overdue.append(probe)
            self._in_time += 1
        return overdue

    def expire(self, now_ns: int) -> list[Outcome]:
        """Forget the probes whose time, or place, is over: those without a reply are lost."""
        lost, self._given_up = self._given_up, []
        if self._lost_ns is not None:
            self._lose(now_ns, now_ns - self._lost_ns, lost)
        horizon = now_ns - self._memory_ns
        while self._oldest < self._issued:
            oldest = self._ring[self._oldest % self._places]
            if oldest is not None and oldest.sent.monotonic_ns >= horizon:
                break
            self._forget_oldest(now_ns, lost)
        return lost

    def close(self, now_ns: int) -> list[Outcome]:
        """Forget every probe: those without a reply are lost."""
        lost, self._given_up = self._given_up, []
        while self._oldest < self._issued:
            self._forget_oldest(now_ns, lost)
        return lost

    def _decide(self, probe: Probe, fate: ProbeFate) -> ProbeFate:
        self.outstanding -= 1
        return probe.end(fate)

    def _settled(self, probe: Probe, fate: ProbeFate, now_ns: int) -> Outcome:
        """Decide what becomes of a probe that nothing answers."""
        return Outcome(
            self._decide(probe, fate),
            now_ns,
            probe.flow,
            probe.sequence,
            probe.flow_sequence,
            probe.sent.monotonic_ns,
        )

    def _lose(self, now_ns: int, horizon: int, lost: list[Outcome]) -> None:
        """Hope no more for the probes sent before; a reply to one is known for what it is."""
        for number in range(max(self._hoped, self._oldest), self._issued):
            probe = self._ring[number % self._places]
            if probe is not None and probe.sent.monotonic_ns >= horizon:
                break
            if probe is not None and probe.fate is None:
                lost.append(self._settled(probe, _LOST, now_ns))
            self._hoped = number + 1

    def _forget_oldest(self, now_ns: int, lost: list[Outcome]) -> None:
        place = self._oldest % self._places
        probe, self._ring[place] = self._ring[place], None
        self._oldest += 1
        if probe is not None and probe.fate is None:
            lost.append(self._settled(probe, _LOST, now_ns))
