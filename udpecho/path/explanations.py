"""What may explain who loses: sets of flows that share a router or a link, weighed by their losses.

For each set it is asked how likely the losses are by a rate of their own, beside that of losing
as the other flows do; no rate need be known (see likelihood).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import exp, log

from udpecho.path.hops import Path, Paths
from udpecho.path.likelihood import Balance, Toll, differ
from udpecho.path.routers import Atlas, Element, Trail, trails
from udpecho.path.segments import segments_of
from udpecho.path.verdicts import Direction, Segment

SURE = 0.999
"""The probability that an explanation, or a few together, must have among all of them."""

DOUBT = log(100.0)
"""The logarithm of how many times likelier one thing must be than another to be believed."""


@dataclass(slots=True)
class OneWay:
    """One direction: the trails, what died on them, and which flows pass what."""

    direction: Direction
    trails: list[Trail]
    fates: list[Toll]
    atlas: Atlas = field(init=False)
    passing: dict[Element, list[int]] = field(init=False)

    def __post_init__(self) -> None:
        """Find who passes what."""
        self.atlas = Atlas(self.trails)
        self.passing = defaultdict(list)
        for flow, trail in enumerate(self.trails):
            for element in {step.element for step in self.atlas.steps(trail)}:
                self.passing[element].append(flow)

    def sets(self) -> list[tuple[int, ...]]:
        """List each set of flows that have an element in common, once."""
        return list({tuple(flows): None for flows in self.passing.values()})


@dataclass(slots=True)
class Explanation:
    """That those flows lose which pass something together."""

    way: OneWay
    flows: tuple[int, ...]
    weight: float
    """The logarithm of how much likelier it makes the losses than if all flows lost alike."""

    probability: float = 0.0
    """Among all explanations."""

    def fits(self) -> bool:
        """Tell whether these flows lose alike, and those beside them, too.

        If not, it is other flows that lose: some that have a silent router in common, or a cable
        of a bundle. Where a router is silent, that must be less likely by far.
        """
        theirs, fates = set(self.flows), self.way.fates
        inside = [fates[flow] for flow in self.flows]
        outside = [fate for flow, fate in enumerate(fates) if flow not in theirs]
        silent = any(None in trail.hops for trail in self.way.trails if trail.arrives)
        limit = log(1 - SURE) if silent else DOUBT
        alike = max(differ(inside), differ(_by_target(inside))) < limit
        return alike and differ(outside) < DOUBT

    def segments(self) -> list[Segment]:
        """Give the segments that exactly these flows pass.

        One before a hop that flows reach of which all is lost is not where they die.
        """
        found = segments_of(
            self.way.atlas,
            self.way.trails,
            self.flows,
            self._whose,
            self._is_dead,
            self.probability,
        )
        reached = [self._last_hop(flow) for flow in self.flows if self._is_dead(flow)]
        nearest = min(reached, default=0)
        return [each for each in found if each.before is None or each.before.ttl > nearest]

    def _whose(self, element: Element) -> bool | None:
        passing, theirs = self.way.passing[element], set(self.flows)
        return len(passing) == len(theirs) if theirs.issuperset(passing) else None

    def _is_dead(self, flow: int) -> bool:
        return self.way.fates[flow].lost > 0 and not self.way.trails[flow].arrives

    def _last_hop(self, flow: int) -> int:
        shown = [place.ttl for place in self.way.trails[flow].hops if place is not None]
        return max(shown, default=0)


def ways_of(looked_at: Sequence[Paths], fates: Sequence[Toll]) -> list[OneWay]:
    """Split what died by direction, as far as the targets told."""
    flows: list[Path] = [path for paths in looked_at for path in paths.paths]
    about = sum(path.asked_about for path in flows)
    if not about:
        return [OneWay(Direction.UNKNOWN, trails(looked_at), list(fates))]
    arrived = sum(path.arrived for path in flows) / about
    out, back = [], []
    for path, fate in zip(flows, fates, strict=True):
        share = path.arrived / path.asked_about if path.asked_about else arrived
        on_way_back = round(fate.lost * share)
        out.append(fate._replace(lost=fate.lost - on_way_back))
        back.append(fate._replace(lost=on_way_back))
    return [
        OneWay(Direction.OUT, trails(looked_at), out),
        OneWay(Direction.BACK, trails(looked_at, back=True), back),
    ]


def weighed(ways: Sequence[OneWay]) -> list[Explanation]:
    """Weigh each set of flows that share an element, but not all flows; the most likely first.

    As many sets as there are is the price of each: one of them fits by chance.
    """
    found = []
    for way in ways:
        scale = Balance(way.fates)
        sets = way.sets()
        for flows in sets:
            if len(flows) < len(way.fates) and any(way.fates[flow].lost for flow in flows):
                weight = scale.gain(flows) - log(len(sets) * len(ways))
                found.append(Explanation(way, flows, weight))
    most = max((each.weight for each in found), default=0.0)
    total = sum(exp(each.weight - most) for each in found)
    for each in found:
        each.probability = exp(each.weight - most) / total
    return sorted(found, key=lambda each: -each.weight)


def _by_target(fates: Sequence[Toll]) -> list[Toll]:
    """Add up the flows of each target."""
    found: dict[int, Toll] = {}
    for target, sent, lost in fates:
        before = found.get(target, Toll(target, 0, 0))
        found[target] = Toll(target, before.sent + sent, before.lost + lost)
    return list(found.values())
