"""Where a losing flow dies, or why that can't be told. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class State(Enum):
    """How much a verdict says."""

    NAMED = "named"
    """One segment explains which flows lose, and nothing else does nearly as well."""

    CANDIDATES = "candidates"
    """A few segments explain it, none of them better than the others."""

    UNDECIDED = "undecided"
    """Too little was seen, or what was seen fits no segment; the reason says which."""

    CHANGED = "changed"
    """The paths of losing flows changed while they were looked at."""


class Direction(Enum):
    """On which way the probes die."""

    OUT = "out"
    BACK = "back"
    UNKNOWN = "unknown"
    """The target did not tell which probes had arrived."""


class Place(NamedTuple):
    """A router, at one TTL: the addresses that it, as far as is known, answers from."""

    ttl: int
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of hops that all losing flows pass, and no other.

    after is the last hop before it that others pass too, None if that is the sender itself.
    before is the first hop behind it that others pass, None for the target. (On the way back the
    sender is the target, and so on.) within are the hops in it that only these flows pass.
    """

    after: Place | None
    before: Place | None
    within: tuple[Place, ...]
    behind: Place | None
    """Where all is lost: the last hop that still answers, if the next answers other flows."""

    flows: int
    """How many of the flows looked at pass it."""

    probability: float
    """How sure it is that the loss is here, from 0 to 1, if it is in one place at all."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the judgement of one flow rests on."""

    target: str
    flow: int
    source_port: int
    sent: int
    lost: int
    losing: bool
    """Whether it passes the segments that are named, or loses without passing any."""

    asked_about: int
    arrived: int
    last_hop: Place | None
    """The last hop that answered; on the way back, if that is the verdict's direction."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where flows die, with the evidence."""

    state: State
    direction: Direction
    segments: tuple[Segment, ...]
    """One if it is named, some if they are candidates, else none."""

    losing: tuple[tuple[str, int], ...]
    """The flows that lose, by target and source port."""

    flows: int
    """How many flows there are to the targets of those that lose, looked at or not; else in all."""

    reason: str
    """Why nothing is named; empty if something is."""

    evidence: tuple[Evidence, ...]

    @property
    def hops(self) -> tuple[Place, ...]:
        """The hops that the segments name, each once: those at their ends, and within."""
        each = (
            place
            for segment in self.segments
            for place in (segment.after, *segment.within, segment.behind, segment.before)
        )
        return tuple(dict.fromkeys(place for place in each if place is not None))
