"""A run of a record summed up anew: all of it, or what was sent in some time to some hosts.

In memory that does not grow with the record. Does no I/O; times are nanoseconds since the
run's start.
"""

from __future__ import annotations

from dataclasses import dataclass

from udpecho.instrument.probe import ProbeFate
from udpecho.peer import Peer, format_peer
from udpecho.ping.figures import Summary
from udpecho.ping.ledger import MEMORY_NS
from udpecho.ping.outcome import Naming, Outcome, Unresolved
from udpecho.ping.plan import Plan
from udpecho.ping.stats import Stats

HELD_BESIDE = 64
"""Fates of a flow waited for beyond those that its interval lets be on their way."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What is looked at: what was sent from a time on, before another, to these hosts.

    None, and no host, is all. A host is meant by its name, its address, or that and its port.
    """

    from_ns: int | None = None
    to_ns: int | None = None
    hosts: frozenset[str] = frozenset()

    @property
    def is_all(self) -> bool:
        """Tell whether nothing is left out."""
        return self.from_ns is None and self.to_ns is None and not self.hosts

    def takes(self, outcome: Outcome) -> bool:
        """Tell whether an outcome is looked at; one that answers no probe by when it came."""
        when_ns = outcome.at_ns if outcome.sent_ns is None else outcome.sent_ns
        if self.from_ns is not None and when_ns < self.from_ns:
            return False
        if self.to_ns is not None and when_ns >= self.to_ns:
            return False
        flow = outcome.flow
        return not self.hosts or (flow is not None and self.names(flow.target, flow.peer))

    def takes_naming(self, naming: Naming) -> bool:
        """Tell whether what becomes of a host's name is looked at."""
        begins_ns, ends_ns = self.from_ns or 0, self.to_ns
        if naming.at_ns < begins_ns or (ends_ns is not None and naming.at_ns >= ends_ns):
            return False
        if isinstance(naming, Unresolved):
            return not self.hosts or naming.name in self.hosts
        return any(self.names(naming.name, peer) for peer in (naming.old, naming.new) if peer)

    def names(self, name: str, peer: Peer) -> bool:
        """Tell whether a host is looked at."""
        return not self.hosts or not self.hosts.isdisjoint((name, peer[0], format_peer(peer)))


ALL = Selection()


class Summing:
    """The figures of a run, from its outcomes in the order in which they are recorded."""

    def __init__(self, plan: Plan, selection: Selection = ALL) -> None:
        self._selection = selection
        self._stats = Stats(plan.hosts * plan.flows, plan.ttl, most_held=_on_their_way(plan))
        self._last_ns = 0

    def add(self, outcome: Outcome) -> bool:
        """Take an outcome; return whether it is looked at."""
        if not self._selection.takes(outcome):
            return False
        if outcome.flow is not None and isinstance(outcome.kind, ProbeFate):
            self._stats.sent([outcome.flow])
        self._stats.add(outcome)
        self._last_ns = max(self._last_ns, outcome.at_ns)
        return True

    def summary(self) -> Summary:
        """Sum up, when all has been added. How late probes left is not known any more."""
        self._stats.wait_no_more()
        ends_ns, to_ns = self._last_ns, self._selection.to_ns
        if to_ns is not None and to_ns < ends_ns:
            ends_ns = to_ns
        return self._stats.summary(max(ends_ns - max(self._selection.from_ns or 0, 0), 0))


def _on_their_way(plan: Plan) -> int:
    """Tell of how many of a flow's probes the fate may be open at once, with room to spare."""
    period_ns = max(plan.interval_ns * plan.flows, 1)
    return HELD_BESIDE + 2 * (plan.timeout_ns + MEMORY_NS) // period_ns
