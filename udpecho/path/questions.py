"""The questions on their way, by the bytes that nobody can guess; and how long an answer took."""

from __future__ import annotations

from collections.abc import Callable
from os import urandom
from typing import NamedTuple

from udpecho.extensions import labels_in
from udpecho.instrument.probe import Flow, Probe
from udpecho.instrument.stamps import Stamp, round_trip
from udpecho.path.answers import Answer, Question
from udpecho.path.asking import Asker
from udpecho.path.returning import WayBack
from udpecho.refusal import Refusal
from udpecho.telling import question

HEADER = 16
"""Bytes that a question begins with, by which it is known."""

REMEMBERED = 1 << 14
"""Questions that are remembered; the oldest is forgotten first."""


class Asked(NamedTuple):
    """A question that was sent."""

    question: Question
    probe: Probe

    def note(self, refusal: Refusal, now: Stamp, asker: Asker, *, by_time: bool = False) -> bool:
        """Tell an asker what a refusal that quotes it comes to, or seems to by the time.

        Returned is whether the path is thus another than before.
        "Unreachable" ends it: that of the port whoever says so, since a translator may.
        """
        flow, ttl, back = self.question
        if refusal.by is None or back is not None:
            return False
        (by, _), kind, code = refusal.by, refusal.icmp_type or 0, refusal.icmp_code or 0
        took_ns = self.round_trip(refusal.when, now)
        if refusal.is_time_exceeded and ttl is not None:
            labels = labels_in(refusal.extension)
            return asker.answered(flow, ttl, Answer(by, kind, code, took_ns, labels, by_time))
        if refusal.is_unreachable:
            if refusal.is_port_unreachable or by == self.probe.flow.peer[0]:
                asker.reached(flow, ttl, took_ns)
            if ttl is not None:
                asker.ended(flow, ttl, by, kind, code)
        return False

    def came(self, arrived_ns: int | None, now: Stamp, asker: Asker, back: WayBack) -> None:
        """Tell an asker that the target answered it, and whoever asks about the way back."""
        flow, ttl, hop = self.question
        back.settled(self.probe.header)
        back.answers(flow, now.monotonic_ns)
        if hop is not None:
            back.reached(flow, hop)
            ttl = None
        asker.replied(flow, ttl, self.round_trip(arrived_ns, now))

    def round_trip(self, arrived_ns: int | None, now: Stamp) -> int:
        """Return how long an answer took, in ns, by the kernel's stamps where there are any."""
        return round_trip(self.probe.sent, now, self.probe.departed_ns, arrived_ns)[0]


def inquiry(flow: Flow, about: bytes, now_ns: int) -> tuple[Probe, bytes]:
    """Make what asks, over a flow, what became of a probe; and its bytes."""
    data = question(about)
    return Probe(0, 0, flow, data[:HEADER], Stamp(now_ns, now_ns)), data


class Questions:
    """What was asked, until it is forgotten."""

    def __init__(self, size: int, *, random: Callable[[int], bytes] = urandom) -> None:
        """Ask in this many bytes, 16 at least."""
        self._random = random
        self._filling = random(size - HEADER)
        self._asked: dict[bytes, Asked] = {}
        self._last: dict[tuple[Flow, int | None], Asked] = {}

    def ask(self, question: Question, flow: Flow, now_ns: int) -> tuple[Probe, bytes]:
        """Make the probe of a question, and its bytes."""
        header = self._random(HEADER)
        probe = Probe(0, 0, flow, header, Stamp(now_ns, now_ns))
        if len(self._asked) >= REMEMBERED:
            oldest = self._asked.pop(next(iter(self._asked)))
            where = oldest.probe.flow, oldest.question.ttl
            if self._last.get(where) is oldest:
                del self._last[where]
        self._asked[header] = self._last[flow, question.ttl] = Asked(question, probe)
        return probe, header + self._filling

    def find(self, data: bytes) -> Asked | None:
        """Find the question that was quoted, or echoed."""
        return self._asked.get(data[:HEADER])

    def note_by_time(
        self, flow: Flow, number: int, refusal: Refusal, now: Stamp, asker: Asker
    ) -> None:
        """Tell an asker of a refusal of something in a flow that quotes nothing of it.

        Only that a TTL ended is believed, and of one question alone: the one that is awaited.
        """
        ttl = asker.known_by_time(number, now.monotonic_ns) if refusal.is_time_exceeded else None
        asked = None if ttl is None else self._last.get((flow, ttl))
        if asked is not None:
            asked.note(refusal, now, asker, by_time=True)
