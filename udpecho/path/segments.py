"""From a set of flows to the run of hops that they alone pass: its ends, and what lies within."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from udpecho.path.routers import Atlas, Element, Trail
from udpecho.path.verdicts import Place, Segment


@dataclass(slots=True)
class Run:
    """Where along one trail the flows are by themselves: the hops at both ends are not within."""

    after: int
    before: int


def segments_of(
    atlas: Atlas,
    trails: Sequence[Trail],
    flows: Sequence[int],
    whose: Callable[[Element], bool | None],
    dead: Callable[[int], bool],
    probability: float,
) -> list[Segment]:
    """Give the segments that exactly these flows pass: more than one if others join between.

    whose tells of an element that it is passed by exactly these flows (True), by some of them
    (False), or by others, too (None).
    """
    runs = {flow: _runs(atlas, trails[flow], whose) for flow in flows}
    most = Counter(len(each) for each in runs.values())
    count = max(most, key=lambda each: (most[each], each), default=0)
    same = [flow for flow in flows if len(runs[flow]) == count]
    found = []
    for number in range(count):
        each = [(trails[flow], runs[flow][number]) for flow in same]
        within = (
            place
            for trail, run in each
            for place in trail.hops[run.after + 1 : run.before]
            if place is not None
        )
        found.append(
            Segment(
                _joined(trail.hops[run.after] for trail, run in each if run.after >= 0),
                _joined(
                    trail.hops[run.before] for trail, run in each if run.before < len(trail.hops)
                ),
                tuple(_by_ttl(within)),
                _behind(atlas, trails, [flow for flow in same if dead(flow)]),
                len(flows),
                probability,
            )
        )
    return found


def _runs(atlas: Atlas, trail: Trail, whose: Callable[[Element], bool | None]) -> list[Run]:
    """Find the runs of hops and links along a trail that the flows have for themselves.

    One that may be several is theirs if it is so in one of its forms, with all of them in it, or
    if no other flow passes it in any form.
    """
    forms: dict[tuple[int, int], list[bool | None]] = {}
    for step in atlas.steps(trail):
        forms.setdefault((step.first, step.last), []).append(whose(step.element))
    theirs = {at for at, each in forms.items() if True in each or None not in each}
    known = sorted({step.first for step in atlas.steps(trail)})
    runs: list[Run] = []
    for at, index in enumerate(known):
        if (index, index) in theirs:
            before = known[at - 1] if at else index
            after = known[at + 1] if at + 1 < len(known) else index
            _extend(runs, before, after)
        if at + 1 < len(known) and (index, known[at + 1]) in theirs:
            _extend(runs, index, known[at + 1])
    return runs


def _extend(runs: list[Run], after: int, before: int) -> None:
    if runs and after < runs[-1].before:
        runs[-1].before = max(runs[-1].before, before)
    else:
        runs.append(Run(after, before))


def _joined(places: Iterable[Place | None]) -> Place | None:
    """Make one place of what several flows show of it; None if none shows anything."""
    found = [place for place in places if place is not None]
    if not found:
        return None
    addresses = dict.fromkeys(address for place in found for address in place.addresses)
    return Place(min(place.ttl for place in found), tuple(addresses))


def _by_ttl(places: Iterable[Place]) -> list[Place]:
    found: dict[int, dict[str, None]] = {}
    for place in places:
        found.setdefault(place.ttl, {}).update(dict.fromkeys(place.addresses))
    return [Place(ttl, tuple(found[ttl])) for ttl in sorted(found)]


def _behind(atlas: Atlas, trails: Sequence[Trail], dead: Sequence[int]) -> Place | None:
    """Name the last hop that answers flows of which all is lost, if the next answers others.

    It is that of most of them: of some an answer may be missing. Of as many it is the farthest.
    """
    shown = [[place for place in trails[flow].hops if place is not None] for flow in dead]
    ends = [each[-1] for each in shown if each]
    if not ends:
        return None
    usual = Counter(end.ttl for end in ends)
    ttl = max(usual, key=lambda each: (usual[each], each))
    place = _joined(end for end in ends if end.ttl == ttl)
    answers = any(trail.arrives and len(trail.hops) > ttl and trail.hops[ttl] for trail in trails)
    return place if answers else None
