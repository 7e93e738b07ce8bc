"""What may explain who loses: sets of flows that share a router or a link, weighed by their losses.

For each set it is asked how likely the losses are by a rate of their own, beside that of losing
as the other flows do; no rate need be known (see likelihood).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from heapq import nlargest
from math import exp, inf, log

from udpecho.path.hops import Path, Paths
from udpecho.path.likelihood import Balance, Toll, differ
from udpecho.path.perhaps import Grown, grown, may_pass
from udpecho.path.routers import Atlas, Element, Stretch, Trail, trails
from udpecho.path.segments import segments_of
from udpecho.path.verdicts import Direction, Segment

SURE = 0.999
"""The probability that an explanation, or a few together, must have among all of them."""

LIKELIEST = 16
"""Explanations that are looked at for flows that lack a hop and perhaps belong there."""

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
    where: dict[Element, Stretch] = field(init=False)
    complete: frozenset[int] = field(init=False)
    """The flows that show each hop up to where they end."""

    def __post_init__(self) -> None:
        """Find who passes what, and where the first does."""
        self.complete = frozenset(
            flow
            for flow, trail in enumerate(self.trails)
            if not trail.arrives or None not in trail.hops
        )
        self.atlas = Atlas(self.trails)
        self.passing, self.where = defaultdict(list), {}
        for flow, trail in enumerate(self.trails):
            for element, step in {step.element: step for step in self.atlas.steps(trail)}.items():
                self.passing[element].append(flow)
                self.where.setdefault(element, step)

    def sets(self) -> list[tuple[int, ...]]:
        """List each set of flows that have an element in common, once.

        Where no hop of any flow is known, that they lose is all that they have in common.
        """
        hops = [place for trail in self.trails for place in trail.hops]
        if hops and not any(hops):
            return []
        return list({tuple(flows): None for flows in self.passing.values()})

    def grown(self, flows: Sequence[int]) -> list[Grown]:
        """Add to these flows those that perhaps pass what they have in common, in all ways."""
        found: dict[tuple[int, ...], Grown] = {}
        for element, step in self.where.items():
            if self.passing[element] == list(flows):
                others = list(may_pass(self.trails, flows, step, self.atlas.forms))
                at = max(0, step.first)
                known = sum(len(t.hops) > at and t.hops[at] is not None for t in self.trails)
                each = grown(self.fates, flows, others, known)
                if each.flows not in found or each.price < found[each.flows].price:
                    found[each.flows] = each
        return list(found.values())


@dataclass(slots=True)
class Explanation:
    """That those flows lose which pass something together."""

    way: OneWay
    flows: tuple[int, ...]
    weight: float
    """The logarithm of how much likelier it makes the losses than if all flows lost alike."""

    probability: float = 1.0
    """Among all explanations; before that is known, how many times its own its weight counts."""

    def fits(self) -> bool:
        """Tell whether these flows lose alike, and those beside them, too.

        If not, it is other flows that lose: some that have a silent router in common, or a cable
        of a bundle. Where most of what these lost went past a silent hop, that must be less likely
        by far.
        """
        theirs, fates = set(self.flows), self.way.fates
        inside = [fates[flow] for flow in self.flows]
        outside = [fate for flow, fate in enumerate(fates) if flow not in theirs]
        past_silent = sum(
            fates[flow].lost
            for flow in self.flows
            if self.way.trails[flow].arrives and None in self.way.trails[flow].hops
        )
        silent = 2 * past_silent > sum(fate.lost for fate in inside)
        limit = log(1 - SURE) if silent else DOUBT
        alike = max(differ(inside), differ(_by_target(inside))) < limit
        return alike and differ(outside) < DOUBT

    def is_seen(self) -> bool:
        """Tell whether any router is known on the way of these flows."""
        return any(any(self.way.trails[flow].hops) for flow in self.flows)

    def segments(self) -> list[Segment]:
        """Give the segments that exactly these flows pass.

        One before a hop that flows reach of which all is lost is not where they die.
        """
        found = segments_of(
            self.way.atlas,
            self.way.trails,
            self.flows,
            partial(self._whose, self.shown()),
            self._is_dead,
            self.probability,
        )
        reached = [self._last_hop(flow) for flow in self.flows if self._is_dead(flow)]
        nearest = min(reached, default=0)
        return [each for each in found if each.before is None or each.before.ttl > nearest]

    def _whose(self, shown: frozenset[int] | None, element: Element) -> bool | None:
        """Tell who passes it, of the flows that show each hop if most of these do."""
        passing: Collection[int] = self.way.passing[element]
        theirs = frozenset(self.flows) if shown is None else shown
        if shown is not None and len(self.way.complete) < len(self.way.trails):
            passing = self.way.complete.intersection(passing)
        return len(passing) == len(theirs) if theirs.issuperset(passing) else None

    def shown(self) -> frozenset[int] | None:
        """Give those of these flows of which each hop is known, if they are the most of them.

        Explanations by the same of those are one: the others lack a hop, and may be here or there.
        """
        shown = self.way.complete.intersection(self.flows)
        return shown if 2 * len(shown) >= len(self.flows) else None

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
        on_way_out = fate.lost - on_way_back
        out.append(fate._replace(lost=on_way_out))
        back.append(fate._replace(sent=fate.sent - on_way_out, lost=on_way_back))
    return [
        OneWay(Direction.OUT, trails(looked_at), out),
        OneWay(Direction.BACK, trails(looked_at, back=True), back),
    ]


def weighed(ways: Sequence[OneWay]) -> list[Explanation]:
    """Weigh each set of flows that share an element, but not all flows; the most likely first.

    As many sets as there are is the price of each: one of them fits by chance.
    """
    found = []
    scales = [Balance(way.fates) for way in ways]
    for way, scale in zip(ways, scales, strict=True):
        sets = way.sets()
        for flows in sets:
            if len(flows) < len(way.fates) and any(way.fates[flow].lost for flow in flows):
                weight = scale.gain(flows) - log(len(sets) * len(ways))
                found.append(Explanation(way, flows, weight))
    if any(None in trail.hops for way in ways for trail in way.trails):
        found = _as_one(_grown(found, ways, scales).values())
    most = max((each.weight for each in found), default=0.0)
    total = sum(each.probability * exp(each.weight - most) for each in found)
    for each in found:
        each.probability *= exp(each.weight - most) / total
    return sorted(found, key=lambda each: -each.weight)


def _grown(
    found: Sequence[Explanation], ways: Sequence[OneWay], scales: Sequence[Balance]
) -> dict[tuple[int, tuple[int, ...]], Explanation]:
    """Have the likeliest hold the flows, too, that lack a hop there; each set of flows is one."""
    each_once = {(id(each.way), each.flows): each for each in found}
    likeliest = nlargest(LIKELIEST, found, key=lambda each: each.weight)
    for way, scale in zip(ways, scales, strict=True):
        if not any(None in trail.hops for trail in way.trails):
            continue
        for small in likeliest:
            if small.way is not way or small.weight < DOUBT:
                continue
            before = scale.gain(small.flows)
            for flows, price in way.grown(small.flows):
                weight = small.weight - before + scale.gain(flows) - price
                known = each_once.get((id(way), flows))
                if len(flows) < len(way.fates) and (known is None or known.weight < weight):
                    each_once[id(way), flows] = Explanation(way, flows, weight)
    return each_once


def _as_one(found: Iterable[Explanation]) -> list[Explanation]:
    """Have the likeliest stand for all that differ by flows that lack a hop."""
    groups: dict[Hashable, list[Explanation]] = defaultdict(list)
    for each in found:
        groups[id(each.way), each.shown() or each.flows].append(each)
    for group in groups.values():
        group.sort(key=lambda each: -each.weight)
        if group[0].weight > -inf:
            group[0].probability = sum(exp(each.weight - group[0].weight) for each in group)
    return [group[0] for group in groups.values()]


def _by_target(fates: Sequence[Toll]) -> list[Toll]:
    """Add up the flows of each target."""
    found: dict[int, Toll] = {}
    for target, sent, lost in fates:
        before = found.get(target, Toll(target, 0, 0))
        found[target] = Toll(target, before.sent + sent, before.lost + lost)
    return list(found.values())
