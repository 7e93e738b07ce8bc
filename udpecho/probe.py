"""A probe's bytes and its fate: which probe a datagram answers, and whether it does so whole.

Holds no socket and no clock: it is told the times, in nanoseconds. Every decision about what
became of a probe is made here, so that each has one fate and every datagram is counted once.

A probe begins with 16 bytes that nobody can guess, in two halves:

    0        4               8                               16            size
    | number | nonce         | nonce                         | filling ... |

Each half names the probe by itself. A reply damaged in one half is still known by the other,
and so is told from a forgery, whose sender has seen neither. The filling is random too, and
the same for all probes of a run, so that damage anywhere in it shows. A payload of less than
16 bytes could not tell a reply from a forgery: there is none.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from struct import Struct
from typing import NamedTuple

from udpecho.peer import Peer
from udpecho.stamps import Clock, Stamp, round_trip

HEADER_SIZE = 16
MIN_SIZE = HEADER_SIZE
MAX_SIZE = 65507
"""65535 bytes less IPv4's header of 20 and UDP's of 8; IPv6 could carry 20 more."""

MEMORY_NS = 10_000_000_000
"""A probe is remembered this long after its timeout, to know a late reply and a duplicate.

iputils' ping, too, waits 10 s at most for a reply (MAXWAIT).
"""

MEMORY_LIMIT = 1 << 18
"""Probes remembered at most, about 100 MB: beyond that the oldest is given up before its time.

It holds 10,000 probes a second for 26 s, twice what the time limit lets come together.
"""

_NUMBER = Struct("!I")
_HALF = HEADER_SIZE // 2
_NONCE_SIZE = HEADER_SIZE - _NUMBER.size
_NONCES = 256  # random bytes are fetched for so many probes at once: one system call, not 256


class Fate(Enum):
    """What became of a probe: exactly one of these."""

    REPLIED = "replied"
    LATE = "late"
    """The reply came whole, after the timeout."""
    LOST = "lost"
    """Nothing came while the probe was remembered."""
    REFUSED = "refused"
    """ICMP said no, or our own kernel would not send it; the reason says which."""
    CORRUPT = "corrupt"
    """What came back was not what was sent."""

    __hash__ = object.__hash__  # Enum's own is Python code, which counting would pay for


class Surplus(Enum):
    """What a datagram is that decided no probe's fate."""

    DUPLICATE = "duplicate"
    """It answers a probe whose fate was known."""
    FORGED = "forged"
    """It came from a target, to the right port, without the bytes of any probe remembered."""
    STRANGER = "stranger"
    """It came from nobody that was asked, or from another than was asked with these bytes."""

    __hash__ = object.__hash__


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """One source port to one peer. Compared by identity: a run makes each flow once."""

    target: str
    peer: Peer
    port: int

    def same_way(self, other: Flow) -> bool:
        """Tell whether datagrams of both go the same way: two names may have one address."""
        return self is other or (self.peer, self.port) == (other.peer, other.port)


@dataclass(slots=True, eq=False)
class Probe:
    """A probe on its way: its place in the target's sequence and in its flow's, from 1."""

    sequence: int
    flow_sequence: int
    flow: Flow
    header: bytes
    due_ns: int
    sent: Stamp
    fate: Fate | None = None


class Outcome(NamedTuple):
    """A probe's fate, or a surplus datagram. at_ns is when it was known, by the monotonic clock.

    sent_ns is by the same clock. A stranger has no flow; what is not known is None. The peer
    is whoever sent the datagram, or refused (None if that was our kernel: see reason).
    """

    kind: Fate | Surplus
    at_ns: int
    flow: Flow | None = None
    sequence: int | None = None
    flow_sequence: int | None = None
    sent_ns: int | None = None
    rtt_ns: int | None = None
    clock: Clock | None = None
    size: int | None = None
    ttl: int | None = None
    peer: Peer | None = None
    reason: str | None = None


class Ledger:
    """The probes that may still be answered, and the fate of each, decided once.

    Every call that may decide fates returns them as outcomes.
    """

    def __init__(
        self,
        size: int,
        timeout_ns: int,
        *,
        memory_ns: int = MEMORY_NS,
        limit: int = MEMORY_LIMIT,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        if not MIN_SIZE <= size <= MAX_SIZE:
            raise ValueError(f"a probe has {MIN_SIZE} to {MAX_SIZE} bytes, not {size}")
        self._filling = random(size - HEADER_SIZE)
        self._timeout_ns = timeout_ns
        self._memory_ns = timeout_ns + memory_ns
        self._limit = limit
        self._random = random
        self._nonces = b""
        self._issued = 0
        self._outstanding = 0
        self._known: dict[bytes, Probe] = {}
        self._oldest: deque[Probe] = deque()
        self._in_time: deque[Probe] = deque(maxlen=limit)

    @property
    def outstanding(self) -> int:
        """How many probes have no fate yet."""
        return self._outstanding

    def issue(
        self, flow: Flow, sequence: int, flow_sequence: int, due_ns: int, now: Stamp
    ) -> Probe:
        """Make the next probe of a flow, outstanding from now on."""
        if not self._nonces:
            self._nonces = self._random(_NONCE_SIZE * _NONCES)
        nonce, self._nonces = self._nonces[:_NONCE_SIZE], self._nonces[_NONCE_SIZE:]
        header = _NUMBER.pack(self._issued & 0xFFFFFFFF) + nonce
        probe = Probe(sequence, flow_sequence, flow, header, due_ns, now)
        self._known[header[:_HALF]] = self._known[header[_HALF:]] = probe
        self._oldest.append(probe)
        self._in_time.append(probe)
        self._issued += 1
        self._outstanding += 1
        return probe

    def payload(self, probe: Probe) -> bytes:
        """Return the bytes to send."""
        return probe.header + self._filling

    def find(self, data: bytes) -> Probe | None:
        """Find the remembered probe that these bytes are, or were before they changed."""
        return self._known.get(data[:_HALF]) or self._known.get(data[_HALF:HEADER_SIZE])

    def answer(
        self, data: bytes, peer: Peer, came: Stamp, asked: Flow | None, ttl: int | None = None
    ) -> Outcome:
        """Judge a datagram from a peer; asked is the flow from the socket it came to that peer.

        asked is None if nothing was ever sent from there to that peer.
        """
        probe = self.find(data)
        if asked is None or (probe is not None and not probe.flow.same_way(asked)):
            return Outcome(Surplus.STRANGER, came.monotonic_ns, size=len(data), ttl=ttl, peer=peer)
        if probe is None:
            return Outcome(
                Surplus.FORGED, came.monotonic_ns, asked, size=len(data), ttl=ttl, peer=peer
            )
        rtt_ns, clock = round_trip(probe.sent, came)
        kind: Fate | Surplus
        if probe.fate is not None:
            kind = Surplus.DUPLICATE
        elif not self._is_whole(data, probe):
            kind = self._decide(probe, Fate.CORRUPT)
        else:
            in_time = rtt_ns <= self._timeout_ns
            kind = self._decide(probe, Fate.REPLIED if in_time else Fate.LATE)
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

    def refuse(
        self, probe: Probe, now_ns: int, reason: str, by: Peer | None = None
    ) -> Outcome | None:
        """Note that a probe was refused; None if its fate was known (a forged or slow ICMP)."""
        return self._settle(probe, Fate.REFUSED, now_ns, reason, by)

    def overdue(self, now_ns: int) -> list[Probe]:
        """Return, once each, the probes without a fate whose timeout has passed."""
        horizon = now_ns - self._timeout_ns
        overdue = []
        while self._in_time and self._in_time[0].sent.monotonic_ns < horizon:
            probe = self._in_time.popleft()
            if probe.fate is None:
                overdue.append(probe)
        return overdue

    def expire(self, now_ns: int) -> list[Outcome]:
        """Forget the probes whose time, or place, is over: those without a reply are lost."""
        horizon = now_ns - self._memory_ns
        lost = []
        while self._oldest and (
            self._oldest[0].sent.monotonic_ns < horizon or len(self._oldest) > self._limit
        ):
            if outcome := self._forget(self._oldest.popleft(), now_ns):
                lost.append(outcome)
        return lost

    def close(self, now_ns: int) -> list[Outcome]:
        """Forget every probe: those without a reply are lost."""
        forgotten = [self._forget(probe, now_ns) for probe in self._oldest]
        self._oldest.clear()
        return [outcome for outcome in forgotten if outcome]

    def _is_whole(self, data: bytes, probe: Probe) -> bool:
        return data[:HEADER_SIZE] == probe.header and data[HEADER_SIZE:] == self._filling

    def _decide(self, probe: Probe, fate: Fate) -> Fate:
        probe.fate = fate
        self._outstanding -= 1
        return fate

    def _settle(
        self,
        probe: Probe,
        fate: Fate,
        now_ns: int,
        reason: str | None = None,
        peer: Peer | None = None,
    ) -> Outcome | None:
        if probe.fate is not None:
            return None
        return Outcome(
            self._decide(probe, fate),
            now_ns,
            probe.flow,
            probe.sequence,
            probe.flow_sequence,
            probe.sent.monotonic_ns,
            peer=peer,
            reason=reason,
        )

    def _forget(self, probe: Probe, now_ns: int) -> Outcome | None:
        del self._known[probe.header[:_HALF]], self._known[probe.header[_HALF:]]
        return self._settle(probe, Fate.LOST, now_ns)
