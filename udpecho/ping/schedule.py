"""When each probe is due, while targets come and go. Reads no clock and sends nothing.

The schedule is isochronous: a probe is due at a time that its turn and its target's place in
the interval decide, however late those before it were. A target keeps its place for as long as
it stays. One that comes gets the place where fewest are: so no place ever has more than one
beyond an even share of the most targets that there were at once. Where some are to be probed
together, so that a wake-up serves them all, it gets one that has fewer than these before.
"""

from __future__ import annotations

from heapq import heappop, heappush
from math import gcd, inf
from typing import NamedTuple

from udpecho.ping.lookup_times import GOLDEN
from udpecho.ping.plan import Target

GRAIN_NS = 5_000_000
"""Hosts that share an interval are probed together if they are due within this time: 10,000
hosts once a second need 200 wake-ups, not 10,000. A burst of 50 probes has 4 KB."""

MOST_PLACES = 1000
"""Places in an interval at most."""

TOGETHER = 64
"""Probes sent together at most: those of more hosts are due at the same time, and leave later."""

PATIENCE_NS = 1_000_000_000
"""A schedule that is behind by more (the machine slept, the process was stopped) starts anew:
what was due meanwhile, all at once, would measure nothing but the burst."""


def _scattered(number: int) -> list[int]:
    """Order places so that each is far from those just before it: by steps of the golden ratio."""
    step = max(1, round(number * GOLDEN))
    while gcd(step, number) > 1:
        step += 1
    return [n * step % number for n in range(number)]


class Places:
    """The places in an interval, and how many targets are probed at each."""

    def __init__(self, interval_ns: int, together: int = 1) -> None:
        """Begin with nobody; so many are to share a place before another is begun."""
        self._interval_ns = interval_ns
        self._together = together
        self.grain_ns = max(min(GRAIN_NS, interval_ns), -(-interval_ns // MOST_PLACES))
        number = -(-interval_ns // self.grain_ns)
        self.targets = [0] * number
        order = _scattered(number)
        self._ranks = {place: rank for rank, place in enumerate(order)}
        self._wanting = [self._entry(place) for place in order]
        """A heap of what each place wanted at some time, and wants if that is its entry still."""

    def even(self, number: int, of: int) -> int:
        """Return the place of one of so many targets, spread evenly over the interval."""
        return number * self._interval_ns // of // self.grain_ns

    def change(self, place: int, by: int) -> None:
        """Note that so many more targets are probed at a place."""
        self.targets[place] += by
        heappush(self._wanting, self._entry(place))
        if len(self._wanting) > 3 * len(self.targets):
            self._wanting = sorted(map(self._entry, self._ranks))

    def emptiest(self) -> int:
        """Return the place that was begun and wants more; else that where fewest are."""
        while (first := self._wanting[0]) != self._entry(first[2]):
            heappop(self._wanting)
        return first[2]

    def _entry(self, place: int) -> tuple[int, int, int]:
        """Give what a place wants, the least first; then its rank, and the place."""
        targets = self.targets[place]
        wants = -targets if targets < self._together else targets
        return wants, self._ranks[place], place


class Group:
    """Targets that are probed together, in each turn; the next is to come."""

    __slots__ = ("last", "members", "place", "turn")

    def __init__(self, place: int, turn: int) -> None:
        self.place = place
        self.turn = turn
        self.members: dict[Target, float] = {}
        """Each with its last turn, which may be infinite."""

        self.last: float = inf
        """The first of these turns."""


class Slot(NamedTuple):
    """A group's probes of one turn, the first being 0, and who needs no more."""

    group: Group
    turn: int
    done: list[Target]
    has_next: bool
    """Whether the group's next turn is due at the same time."""


class Schedule:
    """The slots as time goes by: which is due, and when the next one is."""

    def __init__(self, interval_ns: int, together: int = 1, at_once: int = 1) -> None:
        """Begin with nobody to probe, at 0 until start(); of together and at_once see Plan."""
        self._at_once = at_once
        self._interval_ns = at_once * interval_ns
        """From one time to the next, at which a target has so many turns."""

        self._start_ns = 0
        self._places = Places(self._interval_ns, together)
        self._groups: dict[int, list[Group]] = {}
        self._of: dict[Target, Group] = {}
        self._due: list[tuple[int, int, Group]] = []
        self._made = 0
        self.held_ns = 0
        """How long nothing was probed though it was due: the machine or the process stood still."""

    def start(self, start_ns: int) -> None:
        """Begin at this time, for whoever joined at 0."""
        self._start_ns = start_ns

    def __contains__(self, target: object) -> bool:
        """Tell whether a target is to be probed again."""
        return target in self._of

    @property
    def targets(self) -> list[Target]:
        """Who is to be probed again."""
        return list(self._of)

    @property
    def next_ns(self) -> int | None:
        """When the next slot is due; None if there is nobody."""
        due = self._due
        while due and not due[0][2].members:
            self._drop(heappop(due)[2])
        return self._start_ns + due[0][0] if due else None

    def place(self, target: Target) -> int:
        """Return where in the interval a target is probed."""
        return self._of[target].place

    def left(self, target: Target) -> int | None:
        """Return how many probes a target is still to have; None for no end."""
        group = self._of[target]
        last = group.members[target]
        return None if last == inf else int(last) - group.turn + 1

    def even(self, number: int, of: int) -> int:
        """Return the place of one of so many targets, spread evenly over the interval."""
        return self._places.even(number, of)

    def join(
        self, target: Target, now_ns: int, *, count: int | None = None, place: int | None = None
    ) -> Group:
        """Have a target probed from now on, so many times, at a place or where fewest are.

        Its first turn is its group's next.
        """
        if place is None:
            place = self._places.emptiest()
        self._places.change(place, 1)
        group = self._group(place, now_ns)
        last = inf if count is None else group.turn + count - 1
        group.members[target] = last
        group.last = min(group.last, last)
        self._of[target] = group
        return group

    def leave(self, target: Target) -> Group:
        """Have a target probed no more; return the group that it was of."""
        group = self._of.pop(target)
        del group.members[target]
        self._places.change(group.place, -1)
        return group

    def look(self, now_ns: int) -> None:
        """Start anew if it is too far behind, and count how far that was."""
        due_at_ns = self.next_ns
        if due_at_ns is not None and now_ns - due_at_ns > PATIENCE_NS:
            self._start_ns += now_ns - due_at_ns
            self.held_ns += now_ns - due_at_ns

    def take(self, now_ns: int) -> tuple[Slot, int] | None:
        """Take the next slot if it is due, with the time when it was."""
        self.look(now_ns)
        due_at_ns = self.next_ns
        if due_at_ns is None or due_at_ns > now_ns:
            return None
        due_ns, number, group = heappop(self._due)
        turn = group.turn
        group.turn += 1
        done: list[Target] = []
        if turn >= group.last:
            done = [target for target, last in group.members.items() if last <= turn]
            for target in done:
                self.leave(target)
            group.last = min(group.members.values(), default=inf)
        passes = group.turn % self._at_once == 0
        if group.members:
            heappush(self._due, (due_ns + passes * self._interval_ns, number, group))
        else:
            self._drop(group)
        has_next = bool(group.members) and not passes
        return Slot(group, turn, done, has_next), self._start_ns + due_ns

    def _drop(self, group: Group) -> None:
        """Forget a group without members, when its turn has come: until then it may get some."""
        self._groups[group.place].remove(group)

    def _group(self, place: int, now_ns: int) -> Group:
        """Find the group at a place that has room, or begin one whose turn is the next from now."""
        groups = self._groups.setdefault(place, [])
        for group in groups:
            if len(group.members) < TOGETHER:
                return group
        offset_ns = place * self._places.grain_ns
        passed_ns = now_ns - self._start_ns - offset_ns
        time = max(0, -(-passed_ns // self._interval_ns))
        group = Group(place, time * self._at_once)
        groups.append(group)
        self._made += 1
        heappush(self._due, (offset_ns + time * self._interval_ns, self._made, group))
        return group
