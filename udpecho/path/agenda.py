"""Which questions of some flows remain, the most urgent first, as they are at one time.

All flows are looked at once, and not for each question: what is taken only delays the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from udpecho.path.allowance import Common
from udpecho.path.known import WAIT_NS, KnownFlow, least

ALIKE = 3
"""Flows that met the same first router, after which it is not asked for each; and flows that reach
the target and found a TTL silent, after which it is not asked of others that reach it: there may
well be no router, for our own server answers none of the TTLs up to twice its distance."""


class Agenda:
    """What remained when it was made, less what was taken since."""

    def __init__(
        self,
        flows: Collection[KnownFlow],
        common: Common,
        now_ns: int,
        *,
        most_hops: int,
        far: bool,
    ) -> None:
        """Look at all flows, the most urgent first: none may change but by what is taken.

        far: the target itself is to be asked, too.
        """
        self._flows, self._common = flows, common
        self._most_hops, self._now_ns = most_hops, now_ns
        self._farthest = common.farthest
        self._has_one_first = common.has_one_first(ALIKE)
        self._silent = Counter(ttl for flow in flows if flow.reached for ttl in _silent(flow))
        self._silent_from = self._found_silent_from()
        self._token_ns: dict[int, int] = {}
        self._later_ns: int | None = None
        self._is_complete = False
        self._far = [flow for flow in reversed(list(flows)) if self._asks_far(flow)] if far else []
        ready = []
        for rank, flow in enumerate(flows):
            last = flow.last
            for ttl, due_ns in self._open(flow):
                if due_ns <= now_ns:
                    again = ttl in flow.hops
                    ready.append((again, again and ttl > last + 1, rank, ttl, flow))
                else:
                    self._later(due_ns)
        self._ready = sorted(ready, key=lambda each: each[:4], reverse=True)

    def take(self) -> tuple[KnownFlow, int | None] | None:
        """Give the most urgent flow and TTL that may be asked, which is then noted as asked.

        No TTL: the target itself.
        """
        if self._far:
            flow = self._far.pop()
            flow.asks(None, self._now_ns)
            self._later(flow.far_due_ns(self._now_ns))
            return flow, None
        while self._ready:
            again, _, _, ttl, flow = self._ready.pop()
            due_ns = dict(self._open(flow)).get(ttl)
            if due_ns is not None and due_ns <= self._now_ns:
                self._common.allowance(ttl).take()
                del self._token_ns[ttl]
                flow.asks(ttl, self._now_ns)
                self._silent[ttl] += flow.reached and not again
                due_ns = flow.again_ns(ttl, self._farthest)
                self._later(due_ns)
                return flow, ttl
            self._later(due_ns)
        return None

    def next_ns(self) -> int | None:
        """Tell when the next may be asked, or when an answer is missing; None if there is none."""
        if self._far or self._ready:
            return self._now_ns
        if not self._is_complete:
            self._is_complete = True
            missing = (
                flow.asked_ns[ttl] + flow.wait_ns(ttl, self._farthest)
                for flow in self._flows
                for ttl in flow.awaited(self._now_ns)
            )
            for due_ns in missing:
                if due_ns > self._now_ns:
                    self._later(due_ns)
        return self._later_ns

    def is_over(self, now_ns: int) -> bool:
        """Tell whether another is to be made: time has passed, or a router was met farther away."""
        until_ns = self._now_ns + WAIT_NS
        next_ns = self.next_ns()
        if next_ns is not None:
            until_ns = min(until_ns, next_ns)
        return now_ns > self._now_ns and (
            now_ns >= until_ns or self._farthest != self._common.farthest
        )

    def _later(self, due_ns: int | None) -> None:
        self._later_ns = least(self._later_ns, due_ns)

    def _asks_far(self, flow: KnownFlow) -> bool:
        """Tell whether the target is to be asked over a flow; note when, if that is later."""
        due_ns = flow.far_due_ns(self._now_ns)
        if due_ns == self._now_ns:
            return True
        self._later(due_ns)
        return False

    def _open(self, flow: KnownFlow) -> Iterator[tuple[int, int]]:
        """List a flow's TTLs that are worth a question, with when each may be asked."""
        if flow.alone and flow.awaited(self._now_ns):
            return
        beyond = max(flow.last, self._farthest) if flow.reached else self._most_hops
        for ttl in range(1, flow.limit(self._most_hops) + 1):
            known = ttl in flow.hops
            if not known and ttl == 1 and self._has_one_first:
                continue
            if flow.changes == 0 and (
                (flow.reached and ttl >= self._silent_from)
                or (not known and ttl > beyond and self._silent[ttl] >= ALIKE)
            ):
                return  # others found that no router answers there, or are about to
            if flow.is_open(ttl, self._farthest):
                due_ns = self._allowed_ns(ttl)
                yield ttl, max(due_ns, flow.again_ns(ttl, self._farthest)) if known else due_ns

    def _allowed_ns(self, ttl: int) -> int:
        """Tell when a TTL may be asked of any flow."""
        if ttl not in self._token_ns:
            bucket = self._common.allowance(ttl)
            bucket.fill(self._now_ns)
            self._token_ns[ttl] = bucket.next_ns(self._now_ns)
        return self._token_ns[ttl]

    def _found_silent_from(self) -> int:
        """Give the TTL from which on no router answers, as some flows found that get there."""
        found = sum(
            flow.reached and flow.found_silent(self._farthest, self._now_ns) for flow in self._flows
        )
        return self._farthest + 1 if found >= ALIKE else self._most_hops + 1


def _silent(flow: KnownFlow) -> Iterable[int]:
    """List the TTLs that were asked about in vain so far."""
    end = flow.end
    return (ttl for ttl, hop in flow.hops.items() if not hop.answered and ttl < end)
