"""Which probes a target is asked about, over which flow, and when. Told the time; sends nothing.

A probe that was not answered is asked about over a flow that answers: its own may be the one whose
way back is broken. A target that does not tell echoes what it is asked, or is silent: then it is
asked no more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from math import ceil

from udpecho.path.known import TRIES, WAIT_NS

PATIENCE_NS = 400_000_000
"""How long an answer is awaited before another inquiry; a later one counts all the same."""

SOON_NS = 100_000_000
"""How long a reply that is to die on its way back takes to do so, about, and to be told of."""

A_SECOND, AT_ONCE = 100.0, 50.0
"""Inquiries to a target: few beside what a server's limit lets pass (1,000 a second)."""

UNHEARD = 8
"""Inquiries without any answer after which a target is taken for one that does not tell."""

MOST_OPEN = 4096
"""Probes that may have to be asked about; the oldest is forgotten first."""


@dataclass(slots=True)
class Matter:
    """A probe that is asked about, or will be when its own answer is missing."""

    flow: int
    sent_ns: int
    due_ns: int
    ttl: int | None = None
    """The TTL with which it was to end on the way out; None if it was to get there."""

    back: int | None = None
    """At which router back its reply was to die."""

    alone: bool = False
    """Whether its own flow is to ask, for how far the target is."""

    asked: int = 0
    over: int | None = None
    """The flow over which it was asked about last, if that is not answered yet."""


class Matters:
    """What one target is asked."""

    def __init__(self, is_worth: Callable[[Matter], bool]) -> None:
        """Begin; is_worth tells whether there is still something to learn of a probe."""
        self.tells: bool | None = None
        """Whether the target tells; None while nobody knows."""

        self.carriers: dict[int, int] = {}
        """The flows that answer, and when they did last."""

        self._is_worth = is_worth
        self._matters: dict[bytes, Matter] = {}
        self._due: list[tuple[int, bytes]] = []  # a heap
        self._asked: dict[bytes, None] = {}  # in order
        self._tokens, self._tokens_ns = AT_ONCE, 0
        self._unheard = self._last_ns = 0

    def open(self, probe: bytes, matter: Matter) -> None:
        """Ask about a probe when that is due."""
        if self.tells is False:
            return
        if len(self._matters) >= MOST_OPEN:
            del self._matters[next(iter(self._matters))]
        self._matters[probe] = matter
        heappush(self._due, (matter.due_ns, probe))

    def settle(self, probe: bytes) -> None:
        """Note that a probe need not be asked about."""
        self._matters.pop(probe, None)

    def has_asked(self, probe: bytes) -> bool:
        """Tell whether the target was asked about a probe: answers may come twice, or late."""
        return probe in self._asked

    def echoed(self, probe: bytes) -> None:
        """Note that an inquiry came back as it was: whoever does that does not tell."""
        if self.tells is None and probe in self._asked:
            self._give_up()

    def told(self, number: int, probe: bytes, is_all: bool, now_ns: int) -> Matter | None:
        """Note that the target told of a probe over a flow; None if it was not asked that.

        Unless that is all, it is asked again about where a reply died.
        """
        matter = self._matters.get(probe)
        if matter is None or not matter.asked:
            return None
        self.tells, self.carriers[number] = True, now_ns
        if matter.back is None or is_all:
            del self._matters[probe]
        elif matter.over is not None:
            matter.over, matter.due_ns = None, now_ns + SOON_NS
            heappush(self._due, (matter.due_ns, probe))
        return matter

    def take(self, now_ns: int) -> tuple[int, bytes] | None:
        """Give the next inquiry: over which flow, and about which probe. None if there is none."""
        self._fill(now_ns)
        while self._due and self._due[0][0] <= now_ns and self._tokens >= 1:
            _, probe = heappop(self._due)
            matter = self._matters.get(probe)
            if matter is None or matter.due_ns > now_ns:
                continue  # it is settled, or stands there again
            self._note_silence(matter, now_ns)
            if self.tells is False or matter.asked >= TRIES or not self._is_worth(matter):
                self.settle(probe)
                continue
            over = self._over(matter)
            matter.due_ns = now_ns + (SOON_NS if over is None else PATIENCE_NS)
            heappush(self._due, (matter.due_ns, probe))
            if over is not None:
                self._tokens -= 1
                self._unheard += self.tells is None
                self._last_ns = now_ns
                matter.asked, matter.over = matter.asked + 1, over
                self._remember(probe)
                return over, probe
        return None

    def next_ns(self, now_ns: int) -> int | None:
        """Tell when something is to be asked, or an answer is missing; None: nothing is open."""
        if self.tells is False or not self.carriers:
            return None
        self._fill(now_ns)
        while self._due and self._due[0][1] not in self._matters:
            heappop(self._due)
        token_ns = now_ns + ceil(max(0.0, 1 - self._tokens) / A_SECOND * 1e9)
        return max(self._due[0][0], token_ns) if self._due else None

    @property
    def _waits(self) -> bool:
        """Whether nothing more is asked until the target has answered something."""
        return self.tells is None and self._unheard >= UNHEARD

    def _note_silence(self, matter: Matter, now_ns: int) -> None:
        """Note that an answer is missing: that flow is asked over after all others."""
        if matter.over is not None:
            self.carriers[matter.over] = min(self.carriers.values(), default=0) - 1
            matter.over = None
        if self._waits and now_ns >= self._last_ns + WAIT_NS:
            self._give_up()

    def _over(self, matter: Matter) -> int | None:
        """Choose the flow to ask over: who answered last; None if it is to wait."""
        if self._waits:
            return None
        if matter.alone:
            return matter.flow
        if not self.tells:
            return None
        return max(self.carriers, key=self.carriers.__getitem__, default=None)

    def _give_up(self) -> None:
        """Take the target for one that does not tell."""
        self.tells = False
        self._matters.clear()
        self._due.clear()

    def _remember(self, probe: bytes) -> None:
        if len(self._asked) >= MOST_OPEN:
            del self._asked[next(iter(self._asked))]
        self._asked[probe] = None

    def _fill(self, now_ns: int) -> None:
        """Count the tokens."""
        passed_ns = max(0, now_ns - self._tokens_ns)
        self._tokens = min(AT_ONCE, self._tokens + passed_ns / 1e9 * A_SECOND)
        self._tokens_ns = now_ns
