"""What became of a flow's probes while it may be traced: how many died, and whether all do now."""

from __future__ import annotations

from dataclasses import dataclass, field

DEAD = 10
"""Losses in a row after which a flow counts as dead: of one that loses half, one in a thousand."""


@dataclass(slots=True)
class Fates:
    """What became of a flow's probes; what is overdue counts as lost until more is known."""

    sent: int = 0
    lost: int = 0
    before: int = 0
    """How many it had lost before its path was found to have changed: they count no more."""

    since_ns: int = 0
    """Which probes count: those that were sent from then on, by the monotonic clock."""

    overdue: set[int] = field(default_factory=set)
    in_a_row: int = 0
    """How many were lost since one came back."""

    @property
    def got_there(self) -> bool:
        """Tell whether the last that is known of came back."""
        return self.sent > 0 and not self.in_a_row

    def anew(self, now_ns: int) -> Fates:
        """Begin to count again, for its path is another."""
        return Fates(before=self.before + self.lost, since_ns=now_ns)

    def add(self, sequence: int | None, sent_ns: int | None, *, whole: bool) -> bool:
        """Count a probe's fate; tell whether the flow died by it, or lives again."""
        if (sent_ns or 0) < self.since_ns:
            return False
        if sequence in self.overdue:
            self.overdue.discard(sequence)
            self.lost -= whole
        else:
            self.sent += 1
            self.lost += not whole
            self.in_a_row += not whole
        turned = self.in_a_row >= DEAD if whole else self.in_a_row == DEAD
        if whole:
            self.in_a_row = 0
        return turned

    def misses(self, sequence: int, sent_ns: int) -> bool:
        """Count a probe as lost whose fate is not known; tell whether the flow died by it."""
        turned = self.add(sequence, sent_ns, whole=False)
        if sent_ns >= self.since_ns:
            self.overdue.add(sequence)
        return turned
