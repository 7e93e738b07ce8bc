"""What is known of one flow's path while it is asked about. Told the time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import inf

from udpecho.path.hops import Hop

WAIT_NS = 1_000_000_000
"""After this an answer is missing. One that comes later counts all the same."""

TRIES = 4
"""How often a TTL is asked that stays silent: once, and 1, 2 and 4 s later again. A router that
has said too much to others lately is not found by three questions in three seconds."""

SAME = 3
"""Answers from one other address after which a path is another; what then says anything else is
one router that answers from several."""

BEYOND_NS = 300_000_000
NEAR = 10
"""Where nothing may be, beyond the last router of a flow that reaches the target, an answer is
missing after so much, or so many times the target's own, if that is less than WAIT_NS."""

ADDRESSES = 64
"""Addresses of a hop that are kept: a router could answer from another each time."""

AHEAD = 4
"""TTLs that are asked beyond the last that answered: so many silent ones in a row end a look."""


def least(*times_ns: int | None) -> int | None:
    """Give the least of the times that are known; None if none is."""
    return min((time_ns for time_ns in times_ns if time_ns is not None), default=None)


@dataclass(slots=True)
class KnownFlow:
    """What is known of one flow."""

    number: int
    source_port: int
    hops: dict[int, Hop] = field(default_factory=dict)
    asked_ns: dict[int, int] = field(default_factory=dict)
    reached: bool = False
    reached_at: int | None = None
    """The least TTL with which the target was reached, as far as is known."""

    rtt_ns: int | None = None
    """The least round trip to the target."""

    distance: int | None = None
    ended: tuple[str, int, int] | None = None
    ended_at: int | None = None
    alone: bool = False
    """Whether one TTL is asked at a time, for a router quotes too little to tell which it is."""

    before: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """Who answered, by TTL, when it was asked before it died or came to life again."""

    doubts: dict[int, list[str]] = field(default_factory=dict)
    """By TTL, who answers where another did: another router, or another address of that one."""

    changes: int = 0
    """How often its path was found to be another than before."""

    far_asked: int = 0
    far_ns: int = -WAIT_NS
    """How often a question was to reach the target, and when last."""

    @property
    def last(self) -> int:
        """The farthest TTL at which a router answered."""
        return max((ttl for ttl, hop in self.hops.items() if hop.addresses), default=0)

    @property
    def end(self) -> float:
        """The least TTL that is known to come as far as it can; infinite if none is."""
        return min(end or inf for end in (self.distance, self.reached_at, self.ended_at))

    @property
    def ends_at(self) -> int | None:
        """The least TTL with which it got to its end, as far as is known."""
        return least(self.reached_at, self.ended_at)

    def limit(self, most_hops: int) -> int:
        """Give the farthest TTL that is worth a question."""
        limits = [most_hops, self.last + AHEAD]
        return int(min(*limits, self.end - 1))

    def is_open(self, ttl: int, farthest: int) -> bool:
        """Tell whether a TTL is worth a question still: it is silent, or in doubt."""
        hop = self.hops.get(ttl)
        if hop is None or ttl in self.doubts:
            return True
        return not hop.answered and hop.asked < self.tries(ttl, farthest)

    def again_ns(self, ttl: int, farthest: int) -> int:
        """Tell when a TTL that was asked may be asked again."""
        times = 0 if ttl in self.doubts else min(max(1, self.hops[ttl].asked), TRIES) - 1
        return self.asked_ns[ttl] + (self.wait_ns(ttl, farthest) << times)

    def tries(self, ttl: int, farthest: int) -> int:
        """Tell how often a TTL is asked: where nothing may be, only once more.

        farthest is the farthest TTL at which a router answered any flow.
        """
        return 2 if self.may_be_beyond(ttl, farthest) else TRIES

    def found_silent(self, farthest: int, now_ns: int) -> bool:
        """Tell whether all that was asked beyond this TTL was asked often enough, and in vain."""
        beyond = [ttl for ttl in self.hops if farthest < ttl < self.end]
        return farthest + 1 in beyond and all(
            self.hops[ttl].asked >= self.tries(ttl, farthest)
            and now_ns >= self.asked_ns[ttl] + self.wait_ns(ttl, farthest)
            for ttl in beyond
        )

    def wait_ns(self, ttl: int, farthest: int) -> int:
        """Tell how long after a question its answer is missing."""
        if self.alone or self.rtt_ns is None or not self.may_be_beyond(ttl, farthest):
            return WAIT_NS
        return min(WAIT_NS, max(BEYOND_NS, NEAR * self.rtt_ns))

    def may_be_beyond(self, ttl: int, farthest: int) -> bool:
        """Tell whether there may be no router, for the target is reached and none was farther."""
        return self.reached and ttl > max(self.last, farthest)

    def far_due_ns(self, now_ns: int) -> int | None:
        """Tell when the target is to be asked again, or is no longer awaited; None: never."""
        due_ns = max(now_ns, self.far_ns + WAIT_NS)
        over = self.reached or self.ended or (self.far_asked == TRIES and due_ns == now_ns)
        return None if over else due_ns

    def asks(self, ttl: int | None, now_ns: int) -> None:
        """Note that a TTL is asked, or with None the target."""
        if ttl is None:
            self.far_asked, self.far_ns = self.far_asked + 1, now_ns
            return
        hop = self.hops.get(ttl, Hop(ttl))
        self.hops[ttl], self.asked_ns[ttl] = replace(hop, asked=hop.asked + 1), now_ns

    def hears(self, ttl: int, address: str) -> tuple[str, ...]:
        """Note who answered, and tell whose addresses stand there, as far as is known.

        Whoever answers where another did is asked about again. If it answers always, the path is
        another than before, and all that was known of it is forgotten.
        """
        hop = self.hops.get(ttl)
        known = (hop.addresses if hop else ()) or self.before.get(ttl, ())
        if not known or (address in known and ttl not in self.doubts):
            return (address,) if hop is None else tuple(dict.fromkeys((*hop.addresses, address)))
        others = self.doubts.setdefault(ttl, [])
        others.append(address)
        if len(set(others)) > 1 or address in known:
            del self.doubts[ttl]  # one router that answers from several addresses
            return tuple(dict.fromkeys((*known, *others)))[:ADDRESSES]
        if len(others) < SAME:
            return () if hop is None else hop.addresses
        self.begin_again(other=True)
        return (address,)

    def begin_again(self, *, other: bool = False) -> None:
        """Forget the hops: it died or lives again, or its path is another."""
        known = {ttl: hop.addresses for ttl, hop in self.hops.items() if hop.addresses}
        self.before = {} if other else {**self.before, **known}
        self.changes += other
        for each in (self.hops, self.asked_ns, self.doubts):
            each.clear()
        self.reached = self.reached and other
        self.reached_at = self.distance = self.ended = self.ended_at = None

    def reaches(self, ttl: int | None, rtt_ns: int | None = None) -> None:
        """Note that the target answered, perhaps with a TTL that was to end on the way."""
        self.reached = True
        self.rtt_ns = least(self.rtt_ns, rtt_ns)
        if ttl is not None and (self.reached_at is None or ttl < self.reached_at):
            self.reached_at = ttl

    def ends(self, ttl: int, by: str, icmp_type: int, icmp_code: int) -> None:
        """Note who said "unreachable"."""
        if self.ended_at is None or ttl < self.ended_at:
            self.ended, self.ended_at = (by, icmp_type, icmp_code), ttl

    def told(self, distance: int) -> None:
        """Note how far the target says that it is, if no router stands there or behind."""
        self.reached = True
        if distance > self.last:
            self.distance = distance

    def arrives(self, ttl: int) -> None:
        """Note that a TTL gets as far as the target, which does not answer it."""
        if self.reached_at is None or ttl < self.reached_at:
            self.reached_at = ttl

    def answered_by_time(self, now_ns: int) -> int | None:
        """Tell which TTL an answer is for that quotes nothing; from now on ask one at a time."""
        self.alone = True
        found = self.awaited(now_ns) or [
            ttl
            for ttl, asked_ns in self.asked_ns.items()
            if self.hops[ttl].by_time and now_ns < asked_ns + WAIT_NS
        ]
        return found[0] if len(found) == 1 else None

    def awaited(self, now_ns: int) -> list[int]:
        """List the TTLs that were asked, and whose answers may come yet."""
        return [
            ttl
            for ttl, asked_ns in self.asked_ns.items()
            if not self.hops[ttl].answered and now_ns < asked_ns + WAIT_NS and ttl < self.end
        ]
