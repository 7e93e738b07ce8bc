"""Which flows of a peer lose more than its others, now: tests of significance without end.

A flow that is named is held for five minutes, and longer if it is named again: each naming begins
another test, and so does a quarter of an hour in which nobody was. Does no I/O; times are ns.
"""

from __future__ import annotations

from collections.abc import Mapping

from udpecho.ping.losing import Losing

LEVEL = 1e-5
"""The chance that one test ever names a flow although all fare alike: of 1,000 peers that is one
in a day. A flow of 16 that loses 10 % is named after 6 losses, in about a minute."""

HELD_NS = 300_000_000_000
WINDOW_NS = 900_000_000_000
"""How long a test goes on that names nobody: who loses now is to be known, and who lost is not."""

MOST_WAITING = 4096
"""Losses that wait for their round to be over; beyond them the oldest rounds tell nothing."""


class LosingFlows:
    """A peer's flows, by number, and which of them lose more than the others."""

    __slots__ = ("_begun_ns", "_flows", "_held", "_next", "_test", "_waiting")

    def __init__(self, flows: int) -> None:
        """Compare so many flows."""
        self._flows = flows
        self._held: dict[int, int] = {}
        self._waiting: dict[int, list[int]] = {}
        self._next = 0
        self._test: Losing[int] = Losing(LEVEL)
        self._begun_ns: int | None = None

    def lost(self, flow: int, round_number: int) -> None:
        """Note a flow's loss in a round, in which each is probed once."""
        if round_number >= self._next and len(self._waiting) < MOST_WAITING:
            self._waiting.setdefault(round_number, []).append(flow)

    def settle(self, known: int, now_ns: int) -> None:
        """Judge the rounds before this one: of their probes all fates are known."""
        self._next = max(self._next, known)
        for number in sorted(each for each in self._waiting if each < known):
            self._judge(self._waiting.pop(number), now_ns)
        if self._begun_ns is not None and now_ns - self._begun_ns >= WINDOW_NS:
            self._begin()

    def losing(self, now_ns: int) -> list[int]:
        """Name the flows that lose more than the others, or did five minutes ago."""
        self._held = {flow: until for flow, until in self._held.items() if until > now_ns}
        return sorted(self._held)

    def blame(self, lost_ns: Mapping[int, int]) -> None:
        """Hold flows, by when they lost last, that were found to lose more otherwise: together."""
        for flow, last_ns in lost_ns.items():
            self._held[flow] = max(self._held.get(flow, 0), last_ns + HELD_NS)

    def begin_again(self) -> None:
        """Forget all: the flows are others."""
        self._held.clear()
        self._waiting.clear()
        self._next = 0
        self._begin()

    def _judge(self, lost: list[int], now_ns: int) -> None:
        if self._begun_ns is None:
            self._begun_ns = now_ns
        self._test.round(lost, self._flows)
        if self._test.named:
            self._held |= dict.fromkeys(self._test.named, now_ns + HELD_NS)
            self._begin()

    def _begin(self) -> None:
        self._test = Losing(LEVEL)
        self._begun_ns = None
