"""Which TTL of which flow is to be asked next, and what the answers come to.

Told the time; sends nothing. Routers say little: Linux's answer six at once to one destination,
and then one a second. So each TTL is asked 5 at once and one a second for each router that is
known to stand there; and what stays silent is asked three times more, for that an answer is
missing is no evidence. Flows are asked in the order in which they are given.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import NamedTuple

from udpecho.path.hops import Hop, Label, Path

FLOWS = 16
"""Source ports that are looked from, unless told otherwise."""

MOST_HOPS = 30
"""TTLs that are asked at most, unless told otherwise: traceroute's default."""

AT_ONCE = 5.0
"""Questions that a router is asked at once: one less than Linux answers (icmp_ratelimit)."""

A_SECOND = 1.0
"""And then in a second."""

WAIT_NS = 1_000_000_000
"""After this an answer is missing. One that comes later counts all the same."""

TRIES = 4
"""How often a TTL is asked that stays silent: once, and three times more."""

AHEAD = 4
"""TTLs that are asked beyond the last that answered: so many silent ones in a row end a look."""

ALIKE = 3
"""Flows that met the same first router, after which it is not asked for each; and flows that reach
the target and found a TTL silent, after which it is not asked of others that reach it: there may
well be no router, for our own server answers none of the TTLs up to twice its distance."""


class Question(NamedTuple):
    """That a flow's TTL is to be asked; None is one that is to reach the target."""

    flow: int
    ttl: int | None


class Answer(NamedTuple):
    """What a router said."""

    address: str
    icmp_type: int
    icmp_code: int
    rtt_ns: int | None = None
    labels: tuple[Label, ...] = ()
    by_time: bool = False


@dataclass(slots=True)
class _Bucket:
    """How often a TTL may be asked: tokens, and when they were counted."""

    tokens: float = AT_ONCE
    at_ns: int | None = None
    routers: set[str] = field(default_factory=set)

    def fill(self, now_ns: int) -> None:
        before_ns = now_ns if self.at_ns is None else self.at_ns
        self.tokens = min(AT_ONCE, self.tokens + (now_ns - before_ns) / 1e9 * self._rate())
        self.at_ns = now_ns

    def next_ns(self, now_ns: int) -> int:
        """Tell when there is a token."""
        return now_ns + max(0, round((1.0 - self.tokens) / self._rate() * 1e9))

    def _rate(self) -> float:
        return A_SECOND * max(1, len(self.routers))


@dataclass(slots=True)
class _Flow:
    """What is known of one flow."""

    number: int
    source_port: int
    hops: dict[int, Hop] = field(default_factory=dict)
    asked_ns: dict[int, int] = field(default_factory=dict)
    reached: bool = False
    reached_at: int | None = None
    """The least TTL with which the target was reached, as far as is known."""

    distance: int | None = None
    ended: tuple[str, int, int] | None = None
    ended_at: int | None = None

    @property
    def last(self) -> int:
        """The farthest TTL at which a router answered."""
        return max((ttl for ttl, hop in self.hops.items() if hop.addresses), default=0)

    def limit(self, most_hops: int) -> int:
        """Give the farthest TTL that is worth a question."""
        limits = [most_hops, self.last + AHEAD]
        limits += [end - 1 for end in (self.distance, self.reached_at, self.ended_at) if end]
        return min(limits)

    def tries(self, ttl: int) -> int:
        """Tell how often a TTL is asked: where nothing may be, only once more."""
        return 2 if self.reached and ttl > self.last else TRIES


class Asker:
    """The questions that remain, and the answers so far, of the flows to one target."""

    def __init__(self, source_ports: Sequence[int] = (), *, most_hops: int = MOST_HOPS) -> None:
        """Take the flows by their source ports, the most urgent first."""
        self._most_hops = most_hops
        self._flows: dict[int, _Flow] = {}
        self._buckets: dict[int, _Bucket] = {}
        self._first: dict[str, int] = {}
        for number, port in enumerate(source_ports):
            self.add(number, port)

    def add(self, number: int, source_port: int) -> None:
        """Ask of a flow, too, under this number; if it is known already, nothing changes."""
        self._flows.setdefault(number, _Flow(number, source_port))

    def take(self, now_ns: int) -> Question | None:
        """Give the next question, as asked now; None if none may be asked now."""
        for flow, ttl, due_ns in self._open(now_ns):
            if due_ns <= now_ns:
                self._buckets[ttl].tokens -= 1
                hop = flow.hops.get(ttl, Hop(ttl))
                flow.hops[ttl] = replace(hop, asked=hop.asked + 1)
                flow.asked_ns[ttl] = now_ns
                return Question(flow.number, ttl)
        return None

    def next_ns(self, now_ns: int) -> int | None:
        """Tell when the next question may be asked, or when a last answer is missing.

        None when there is none left, and none is awaited.
        """
        due = [due_ns for _, _, due_ns in self._open(now_ns)]
        due += [
            asked_ns + WAIT_NS
            for flow in self._flows.values()
            for ttl, asked_ns in flow.asked_ns.items()
            if not flow.hops[ttl].addresses and now_ns < asked_ns + WAIT_NS
        ]
        return min(due, default=None)

    def answered(self, flow_number: int, ttl: int, answer: Answer) -> None:
        """Note that a router answered a question.

        One that may be another's, known by the time alone, makes the hop unknown if it does not
        say what was said before.
        """
        flow = self._flows[flow_number]
        hop = flow.hops.get(ttl, Hop(ttl))
        if answer.by_time and hop.addresses and answer.address not in hop.addresses:
            addresses: tuple[str, ...] = () if hop.by_time else hop.addresses
        elif hop.by_time and not answer.by_time:
            addresses = (answer.address,)
        else:
            addresses = tuple(dict.fromkeys((*hop.addresses, answer.address)))
        times = [time_ns for time_ns in (hop.rtt_ns, answer.rtt_ns) if time_ns is not None]
        flow.hops[ttl] = replace(
            hop,
            addresses=addresses,
            answered=hop.answered + 1,
            rtt_ns=min(times, default=None),
            icmp_type=answer.icmp_type,
            icmp_code=answer.icmp_code,
            labels=answer.labels or hop.labels,
            by_time=answer.by_time if not hop.answered else hop.by_time and answer.by_time,
        )
        self._bucket(ttl).routers.add(answer.address)
        if ttl == 1 and not answer.by_time and hop.answered == 0:
            self._first[answer.address] = self._first.get(answer.address, 0) + 1

    def reached(self, flow_number: int, ttl: int | None = None) -> None:
        """Note that the target answered a question; with None a probe that no TTL was to end."""
        flow = self._flows[flow_number]
        flow.reached = True
        if ttl is not None and (flow.reached_at is None or ttl < flow.reached_at):
            flow.reached_at = ttl

    def ended(self, flow_number: int, ttl: int, by: str, icmp_type: int, icmp_code: int) -> None:
        """Note that someone said "unreachable" to a question: farther it does not go."""
        flow = self._flows[flow_number]
        if flow.ended_at is None or ttl < flow.ended_at:
            flow.ended, flow.ended_at = (by, icmp_type, icmp_code), ttl

    def told(self, flow_number: int, distance: int) -> None:
        """Note how far the target says that it is."""
        self._flows[flow_number].distance = distance
        self._flows[flow_number].reached = True

    def paths(self) -> tuple[Path, ...]:
        """Give what is known so far."""
        return tuple(map(self._path, self._flows.values()))

    def _open(self, now_ns: int) -> Iterator[tuple[_Flow, int, int]]:
        """List the questions that remain, with when each may be asked, the most urgent first.

        First each TTL once, from the nearest on; then those again that were silent.
        """
        found = []
        silent_from = self._silent_from()
        for rank, flow in enumerate(self._flows.values()):
            for ttl in range(1, flow.limit(self._most_hops) + 1):
                hop = flow.hops.get(ttl)
                if hop is None and ttl == 1 and self._is_common():
                    continue
                if flow.reached and ttl >= silent_from:
                    break
                asked = 0 if hop is None else hop.asked
                if (hop is not None and hop.addresses) or asked >= flow.tries(ttl):
                    continue
                bucket = self._bucket(ttl)
                bucket.fill(now_ns)
                due_ns = bucket.next_ns(now_ns)
                if asked:
                    due_ns = max(due_ns, flow.asked_ns[ttl] + WAIT_NS)
                again = asked > 0
                found.append(((again, again and ttl > flow.last + 1, rank, ttl), flow, due_ns))
        for (_, _, _, ttl), flow, due_ns in sorted(found, key=itemgetter(0)):
            yield flow, ttl, due_ns

    def _is_common(self) -> bool:
        """Tell whether all flows seem to begin with one router, so that not each need be asked."""
        return len(self._first) == 1 and max(self._first.values()) >= ALIKE

    def _silent_from(self) -> int:
        """Give the TTL from which on no router answers, as some flows found that get there."""
        farthest = max((flow.last for flow in self._flows.values()), default=0)
        silent = sum(
            flow.reached
            and (hop := flow.hops.get(farthest + 1)) is not None
            and hop.asked >= flow.tries(farthest + 1)
            and all(flow.hops[ttl].asked > 1 for ttl in flow.hops if ttl > farthest)
            for flow in self._flows.values()
        )
        return farthest + 1 if silent >= ALIKE else self._most_hops + 1

    def _bucket(self, ttl: int) -> _Bucket:
        return self._buckets.setdefault(ttl, _Bucket())

    def _path(self, flow: _Flow) -> Path:
        last = flow.last
        hops = [flow.hops.get(ttl, Hop(ttl)) for ttl in range(1, last + 1)]
        if not last or not hops[0].addresses:
            hops[:1] = self._presumed(hops[:1])
        distance = flow.distance
        ends = [end for end in (flow.reached_at, flow.ended_at) if end is not None]
        if distance is None and ends and min(ends) == len(hops) + 1:
            distance = min(ends)  # the hop before it is a router
        return Path(
            flow.number,
            flow.source_port,
            tuple(hops),
            flow.reached,
            distance,
            min(ends, default=None) if distance is None else None,
            flow.ended,
        )

    def _presumed(self, first: Sequence[Hop]) -> list[Hop]:
        """Give the first router, if it is that of all flows that were asked."""
        if not self._is_common():
            return list(first)
        [address] = self._first
        return [Hop(1, (address,), asked=first[0].asked if first else 0)]
