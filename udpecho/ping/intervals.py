"""A run's figures interval by interval, each told as soon as it is known. Reads no clock.

A probe belongs to the interval in which it was sent. One that has had no answer when its
timeout has passed counts as lost there, though in the whole run a later answer may still count.
All times are nanoseconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from heapq import nsmallest

from udpecho.instrument.probe import WHOLE, Probe, ProbeFate
from udpecho.peer import Peer
from udpecho.ping.figures import Distribution, Turnout
from udpecho.ping.outcome import Outcome
from udpecho.ping.spread import Spread

DIGITS = 3
"""Of an interval's percentiles, of all hosts together."""


class _Part:
    """A host's part of an interval as it grows."""

    __slots__ = ("max_ns", "min_ns", "received", "sent", "sum_ns")

    def __init__(self) -> None:
        self.sent = self.received = self.sum_ns = self.max_ns = 0
        self.min_ns: int | None = None


class Interval:
    """An interval of a run: from_ns and to_ns are since its start."""

    def __init__(self, from_ns: int, to_ns: int) -> None:
        self.from_ns = from_ns
        self.to_ns = to_ns
        self.undecided = 0
        """Probes without a fate so far."""

        self._sent = 0
        self._rtts = Spread(DIGITS)
        self._parts: dict[tuple[str, Peer], _Part] = {}

    def sent(self, name: str, peer: Peer) -> None:
        """Count a probe."""
        part = self._parts.get((name, peer))
        if part is None:
            part = self._parts[name, peer] = _Part()
        part.sent += 1
        self._sent += 1
        self.undecided += 1

    def decided(self, name: str, peer: Peer, rtt_ns: int | None) -> None:
        """Count a fate: the round trip of a whole reply, or None."""
        self.undecided -= 1
        part = self._parts.get((name, peer))
        if rtt_ns is None or part is None:
            return
        part.received += 1
        part.sum_ns += rtt_ns
        part.max_ns = max(part.max_ns, rtt_ns)
        part.min_ns = rtt_ns if part.min_ns is None else min(part.min_ns, rtt_ns)
        self._rtts.record(rtt_ns)

    def whole(self) -> Turnout:
        """Sum up all hosts; a lone one by its name."""
        name, peer = next(iter(self._parts)) if len(self._parts) == 1 else (None, None)
        return Turnout(name, peer, self._sent, self._rtts.count, self._rtts.distribution())

    def hosts(self) -> Iterator[Turnout]:
        """Sum up each of several hosts."""
        if len(self._parts) > 1:
            for host, part in self._parts.items():
                yield _turnout(host, part)

    def worst(self, number: int) -> tuple[list[Turnout], int]:
        """Sum up those of several hosts that lost most, and say how many lost anything."""
        if len(self._parts) < 2:
            return [], 0
        losing = [each for each in self._parts.items() if each[1].received < each[1].sent]
        worst = nsmallest(number, losing, key=lambda each: each[1].received / each[1].sent)
        return [_turnout(*each) for each in worst], len(losing)


def _turnout(host: tuple[str, Peer], part: _Part) -> Turnout:
    mean_ns = part.sum_ns // part.received if part.received else None
    max_ns = part.max_ns if part.received else None
    rtt = Distribution(part.received, part.min_ns, mean_ns, max_ns=max_ns)
    return Turnout(*host, part.sent, part.received, rtt)


class Intervals:
    """The intervals of a run, of equal length. One in which nothing was sent is none."""

    def __init__(
        self, every_ns: int, timeout_ns: int, started_ns: int, tell: Callable[[Interval], None]
    ) -> None:
        """Begin at a time; tell() hears of each interval, in their order."""
        self._every_ns = every_ns
        self._timeout_ns = timeout_ns
        self._started_ns = started_ns
        self._tell = tell
        self._open: deque[Interval] = deque()

    def sent(self, probes: Sequence[Probe]) -> None:
        """Count probes that have just been sent."""
        for probe in probes:
            since_ns = probe.sent.monotonic_ns - self._started_ns
            last = self._open[-1] if self._open else None
            if last is None or since_ns >= last.to_ns:
                from_ns = since_ns // self._every_ns * self._every_ns
                last = Interval(from_ns, from_ns + self._every_ns)
                self._open.append(last)
                self._close(since_ns)
            last.sent(probe.flow.target, probe.flow.peer)
        if len(self._open) > 1:
            self._close(probes[-1].sent.monotonic_ns - self._started_ns)

    def add(self, outcome: Outcome) -> None:
        """Count a fate."""
        flow, sent_ns, kind = outcome.flow, outcome.sent_ns, outcome.kind
        if flow is None or sent_ns is None or not isinstance(kind, ProbeFate):
            return
        since_ns = sent_ns - self._started_ns
        for interval in reversed(self._open):
            if since_ns >= interval.from_ns:
                if since_ns < interval.to_ns:
                    rtt_ns = outcome.rtt_ns if kind in WHOLE else None
                    interval.decided(flow.target, flow.peer, rtt_ns)
                break
        if len(self._open) > 1:
            self._close(outcome.at_ns - self._started_ns)

    def end(self, elapsed_ns: int) -> None:
        """Tell of the intervals that are left: the run is over, this long after its start."""
        if self._open:
            self._open[-1].to_ns = min(self._open[-1].to_ns, elapsed_ns)
        while self._open:
            self._tell(self._open.popleft())

    def _close(self, now_ns: int) -> None:
        """Tell of each interval after which another has begun, once all of it is known."""
        while len(self._open) > 1:
            first = self._open[0]
            if first.undecided and now_ns < first.to_ns + self._timeout_ns:
                return
            self._tell(self._open.popleft())
