"""Which of several flows, hosts or sizes loses more than the others: a test of significance.

In a round each member was probed once. If all fare alike, a round with k losses among n members is
a draw of k names out of n, whatever made the losses, and however many rounds a burst of them lasts.
So the chance of being drawn often is known exactly, with nothing assumed of the network.

A member is named when its losses reach a threshold: the least that one who fares as the others do
reaches with a chance that is still allowed. The level is divided among the members (Bonferroni)
and spent as losses come (Lan and DeMets, Biometrika 1983), most of it on the first: to look costs
nothing. A test whose threshold is beyond MOST ends, and another begins with a part of the level
that was kept for it: what begins late is found, and neither memory nor time grows with the run.

Does no I/O, and knows no time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable
from typing import Generic, TypeVar

Member = TypeVar("Member", bound=Hashable)

LEVEL = 0.009
"""The chance that a run ever names one although all fare alike: below 1 %, so that of 10,000 runs
hardly ever more than 100 do."""

FEWEST = 5
"""Losses of its own before which no member is named."""

MOST = 100
"""The highest threshold: a round with losses costs some µs at most, and who loses 1.5 times as much
as each other is still found."""

FIRST = 0.98
"""The part of the level that the first test has. The others have 1/2, 1/6, 1/12, … of the rest."""

TELLING = 4
"""None stands out if one that lost this many times as much as each other would have been named."""


class Losing(Generic[Member]):
    """Told of the rounds with losses, it names the members that lose more than the others."""

    __slots__ = (
        "_among",
        "_chances",
        "_level",
        "_losses",
        "_mean",
        "_rounds",
        "_spent",
        "_tests",
        "_threshold",
        "named",
        "telling",
    )

    def __init__(self, level: float = LEVEL, among: int = 1) -> None:
        """Begin. level is the chance of ever naming one although all fare alike.

        It is divided among the members, or among so many if others are compared elsewhere.
        """
        self._level = level
        self._among = among
        self._tests = 0
        self.named: list[Member] = []
        """Those that lose more than the others, in the order in which that was known."""

        self.telling = False
        """Whether there were losses enough to name one that loses four times as much as each."""

        self._begin()

    def round(self, lost: Collection[Member], members: int) -> None:
        """Count a round in which each of so many members was probed once, and these lost."""
        drawn = len(lost) / members
        if not 0 < drawn < 1:
            return  # what all lose tells none from the others
        self._raise_threshold(drawn, members)
        self._draw(drawn)
        for member in lost:
            self._losses[member] += 1
            if self._losses[member] >= self._threshold and member not in self.named:
                self.named.append(member)
        usual = self._mean * TELLING * members / (TELLING + members - 1)
        if min(usual, self._rounds) >= self._threshold:
            self.telling = True
        if self._threshold > MOST:
            self._begin()

    def _begin(self) -> None:
        """Begin a test, with losses and thresholds of its own."""
        self._tests += 1
        self._threshold = FEWEST
        self._losses: Counter[Member] = Counter()
        self._rounds = 0
        self._mean = self._spent = 0.0
        self._chances = [1.0]  # of having lost none, one, two …, and not to have been named

    def _raise_threshold(self, drawn: float, members: int) -> None:
        """Have a member that fares as the others do be named with a chance still allowed."""
        after = self._tests - 1
        part = (1 - FIRST) / (after * (after + 1)) if after else FIRST
        allowed = part * self._level / max(members, self._among)
        while (
            self._threshold <= MOST  # or the test ends: more members may have come than it was for
            and self._spent + self._reaching(drawn) > allowed * (1 - (self._threshold - 3) ** -2)
        ):
            self._threshold += 1

    def _reaching(self, drawn: float) -> float:
        """Give the chance that such a member's losses reach the threshold in a round."""
        near = self._threshold - 1
        return self._chances[near] * drawn if near < len(self._chances) else 0.0

    def _draw(self, drawn: float) -> None:
        """Follow the chances through a round."""
        self._rounds += 1
        self._mean += drawn
        self._spent += self._reaching(drawn)
        chances, spared, fewer = [], 1 - drawn, 0.0
        for chance in self._chances:
            chances.append(chance * spared + fewer * drawn)
            fewer = chance
        if len(chances) < self._threshold:
            chances.append(fewer * drawn)
        self._chances = chances
