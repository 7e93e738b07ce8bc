"""When a run ends by itself: at its deadline, or when each host has answered. Reads no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from udpecho.instrument.probe import WHOLE
from udpecho.ping.outcome import Outcome
from udpecho.ping.plan import Target
from udpecho.ping.roster import Roster

STRAGGLERS_NS = 10_000_000
"""What a run waits for the last replies, beside twice the slowest round trip."""


class Deadline:
    """The end of a run, and when it is to send no more: what can't be heard is no loss.

    That is settled once, from what round trips took by then: at half the time, or a timeout
    before the end.
    """

    def __init__(self, start_ns: int, lasts_ns: int, timeout_ns: int) -> None:
        self.ends_ns = start_ns + lasts_ns
        self._settles_ns = self.ends_ns - min(timeout_ns, lasts_ns // 2)
        self._too_late_ns: int | None = None

    @property
    def next_ns(self) -> int:
        """When there is something to decide."""
        return self._settles_ns if self._too_late_ns is None else self._too_late_ns

    def is_too_late(self, now_ns: int, patience_ns: Callable[[], int]) -> bool:
        """Tell whether it is too late to send, given how to learn what an answer takes at most."""
        if self._too_late_ns is None:
            if now_ns < self._settles_ns:
                return False
            self._too_late_ns = self.ends_ns - patience_ns() + 1
        return now_ns >= self._too_late_ns


class Answers:
    """Whole replies, counted up to those that are wanted from each target."""

    def __init__(self, wanted: int, roster: Roster) -> None:
        """Begin; who has given as many leaves the roster."""
        self._wanted = wanted
        self._roster = roster
        self._given: Counter[tuple[str, int]] = Counter()  # wherever a host moves to

    def add(self, outcome: Outcome) -> None:
        """Count a reply; leave alone what is none."""
        if outcome.kind not in WHOLE or outcome.flow is None:
            return
        name, peer = outcome.flow.target, outcome.flow.peer
        self._given[name, peer[1]] += 1
        target = Target(name, peer)
        if self._given[name, peer[1]] >= self._wanted and target in self._roster:
            self._roster.retire(target)
