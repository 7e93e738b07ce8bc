"""What a ping is to do, and when each of its probes is due. Reads no clock and sends nothing.

The schedule is isochronous: a probe is due at a time that its number alone decides, however
late those before it were.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, groupby
from typing import NamedTuple

from udpecho.peer import Peer
from udpecho.ping.ledger import MAX_SIZE, MIN_SIZE

INTERVAL, TIMEOUT, SIZE = 1.0, 1.0, 56
"""What a ping does unless told otherwise, in seconds, seconds and bytes of payload."""

MIN_INTERVAL_NS = 100_000
"""10,000 probes a second: about what one core can send, stamp, match and count."""

GRAIN_NS = 5_000_000
"""Hosts that share an interval are probed together if they are due within this time: 10,000
hosts once a second need 200 wake-ups, not 10,000. A burst of 50 probes has 4 KB."""

TOGETHER = 64
"""Probes sent together at most: those of more hosts are due at the same time, and leave later."""

PATIENCE_NS = 1_000_000_000
"""A schedule that is behind by more (the machine slept, the process was stopped) starts anew:
what was due meanwhile, all at once, would measure nothing but the burst."""


@dataclass(frozen=True, slots=True)
class Target:
    """A host to probe, by the name that was asked for and the address it has."""

    name: str
    peer: Peer


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to send, how often, and how long to wait. Each target is probed every interval.

    count is of probes to each target, None for no end. timeout is when a reply is late, and
    how long the end of the run waits for the last ones. Every target is probed from as many
    source ports as there are flows, in turn: these, or what the system chooses. ttl and
    traffic_class are what the probes are sent with, None for what the system chooses.
    """

    targets: tuple[Target, ...]
    interval_ns: int = round(INTERVAL * 1e9)
    count: int | None = None
    timeout_ns: int = round(TIMEOUT * 1e9)
    size: int = SIZE
    flows: int = 1
    ttl: int | None = None
    traffic_class: int | None = None
    source_ports: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what can't be done."""
        if not self.targets:
            raise ValueError("a ping needs a target")
        if self.interval_ns < MIN_INTERVAL_NS:
            raise ValueError(f"the interval is {MIN_INTERVAL_NS} ns at least")
        if self.count is not None and self.count < 1:
            raise ValueError("the count is 1 at least")
        if self.timeout_ns <= 0:
            raise ValueError("the timeout is above 0")
        if not MIN_SIZE <= self.size <= MAX_SIZE:
            raise ValueError(f"a probe has {MIN_SIZE} to {MAX_SIZE} bytes, not {self.size}")
        if self.flows < 1:
            raise ValueError("there is 1 flow at least")
        if self.source_ports and len(self.source_ports) != self.flows:
            ports, flows = len(self.source_ports), self.flows
            raise ValueError(f"there are as many source ports as flows, not {ports} for {flows}")

    def source_port(self, flow: int) -> int:
        """Give a flow's source port; 0 has the system choose."""
        return self.source_ports[flow] if self.source_ports else 0

    @property
    def probes(self) -> int | None:
        """How many probes there will be in all; None for no end."""
        return None if self.count is None else self.count * len(self.targets)

    def groups(self) -> list[Group]:
        """Tell which targets are probed together, and when after the start of every interval."""
        hosts = len(self.targets)
        grain_ns = min(GRAIN_NS, self.interval_ns)
        offsets_ns = [n * self.interval_ns // hosts // grain_ns * grain_ns for n in range(hosts)]
        groups = []
        for offset_ns, sharing in groupby(range(hosts), key=offsets_ns.__getitem__):
            together = list(sharing)
            for at in range(0, len(together), TOGETHER):
                members = together[at : at + TOGETHER]
                groups.append(Group(offset_ns, range(members[0], members[-1] + 1)))
        return groups

    def slots(self) -> Iterator[Slot]:
        """Tell what is to be sent, one group after the other, from the first."""
        groups = self.groups()
        for turn in count() if self.count is None else range(self.count):
            index, flow = divmod(turn, self.flows)
            turn_ns = turn * self.interval_ns
            for number, group in enumerate(groups):
                yield Slot(turn_ns + group.offset_ns, number, flow, turn + 1, index + 1)


class Group(NamedTuple):
    """Targets that are probed together, offset_ns after an interval began."""

    offset_ns: int
    targets: range


class Slot(NamedTuple):
    """A group's probes: when they are due after the start, and from which of the flows.

    sequence is their place among their target's probes, flow_sequence among their flow's, both
    from 1.
    """

    due_ns: int
    group: int
    flow: int
    sequence: int
    flow_sequence: int


class Schedule:
    """The slots of a plan as time goes by: which is due, and when the next one is."""

    def __init__(self, plan: Plan, start_ns: int) -> None:
        """Begin at a time; the first slot is due then."""
        self._start_ns = start_ns
        self._slots = plan.slots()
        self._next: Slot | None = next(self._slots)

    @property
    def next_ns(self) -> int | None:
        """When the next slot is due; None if that was the last."""
        return None if self._next is None else self._start_ns + self._next.due_ns

    def take(self, now_ns: int) -> tuple[Slot, int] | None:
        """Take the next slot if it is due, with the time when it was."""
        slot = self._next
        if slot is None:
            return None
        late_ns = now_ns - self._start_ns - slot.due_ns
        if late_ns < 0:
            return None
        if late_ns > PATIENCE_NS:
            self._start_ns += late_ns
        self._next = next(self._slots, None)
        return slot, self._start_ns + slot.due_ns
