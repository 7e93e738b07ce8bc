"""The questions on their way, by the bytes that nobody can guess; and how long an answer took."""

from __future__ import annotations

from collections.abc import Callable
from os import urandom
from typing import NamedTuple

from udpecho.instrument.probe import Flow, Probe
from udpecho.instrument.stamps import Stamp, round_trip
from udpecho.path.asking import Answer, Asker, Question
from udpecho.refusal import Refusal

HEADER = 16
"""Bytes that a question begins with, by which it is known."""

REMEMBERED = 1 << 14
"""Questions that are remembered; the oldest is forgotten first."""


class Asked(NamedTuple):
    """A question that was sent."""

    question: Question
    probe: Probe

    def note(self, refusal: Refusal, now: Stamp, asker: Asker) -> None:
        """Tell an asker what a refusal that quotes it comes to.

        "Unreachable" ends it: that of the port whoever says so, since a translator may.
        """
        if refusal.by is None:
            return
        (by, _), kind, code = refusal.by, refusal.icmp_type or 0, refusal.icmp_code or 0
        flow, ttl = self.question
        if refusal.is_time_exceeded and ttl is not None:
            asker.answered(flow, ttl, Answer(by, kind, code, self.round_trip(refusal, now)))
        elif refusal.is_unreachable:
            if refusal.is_port_unreachable or by == self.probe.flow.peer[0]:
                asker.reached(flow, ttl)
            if ttl is not None:
                asker.ended(flow, ttl, by, kind, code)

    def round_trip(self, refusal: Refusal, now: Stamp) -> int:
        """Return how long the answer took, in ns, by the kernel's stamps where there are any."""
        return round_trip(self.probe.sent, now, self.probe.departed_ns, refusal.when)[0]


class Questions:
    """What was asked, until it is forgotten."""

    def __init__(self, size: int, *, random: Callable[[int], bytes] = urandom) -> None:
        """Ask in this many bytes, 16 at least."""
        self._random = random
        self._filling = random(size - HEADER)
        self._asked: dict[bytes, Asked] = {}

    def ask(self, question: Question, flow: Flow, now_ns: int) -> tuple[Probe, bytes]:
        """Make the probe of a question, and its bytes."""
        header = self._random(HEADER)
        probe = Probe(0, 0, flow, header, Stamp(now_ns, now_ns))
        if len(self._asked) >= REMEMBERED:
            del self._asked[next(iter(self._asked))]
        self._asked[header] = Asked(question, probe)
        return probe, header + self._filling

    def find(self, data: bytes) -> Asked | None:
        """Find the question that was quoted, or echoed."""
        return self._asked.get(data[:HEADER])
