"""Which routers and links each flow passes, as far as its hops tell.

A router answers from the address that its message leaves by, and that way is chosen by a hash: so
one router may show many addresses, one to each flow, that tell nothing of the flow's own way. Two
addresses are therefore never taken for two routers, nor for one, without a doubt: each hop stands
in several forms, and which of them matters is what the losses tell.

- by its address: those that answered one TTL of one flow are one router;
- by its place: addresses that one flow enters from the same router as another does, and leaves
  towards the same, are perhaps one router;
- by the target: the routers before it are perhaps one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import NamedTuple, TypeAlias

from udpecho.path.hops import Hop, Paths
from udpecho.path.verdicts import Place

Element: TypeAlias = Hashable
"""A router in one of its forms, or a link: a pair of them."""


@dataclass(frozen=True, slots=True)
class Trail:
    """One flow's way from one end to the other; a None is a hop that nothing is known of."""

    start: Hashable
    end: Hashable
    target: int
    hops: tuple[Place | None, ...]
    arrives: bool
    """Whether it gets as far as the end: else what lies behind its last hop was never seen."""


def trails(looked_at: Sequence[Paths], *, back: bool = False) -> list[Trail]:
    """Write the paths as trails, in their order, out or back; a flow without is an empty one."""
    found = []
    for target, paths in enumerate(looked_at):
        here, there = ("here",), ("target", target)
        start, end = (there, here) if back else (here, there)
        ways = [path.back or () if back else path.hops for path in paths.paths]
        usual = Counter(
            len(way) if back or path.distance is None else path.distance - 1
            for path, way in zip(paths.paths, ways, strict=True)
            if path.reached
        )
        distance = max(usual, key=lambda each: (usual[each], each), default=0)
        for path, way in zip(paths.paths, ways, strict=True):
            places = [_place(hop) for hop in way]
            arrives = path.reached or (not back and path.arrived > 0)
            length = path.distance - 1 if path.distance and not back else None
            if arrives and length is not None:
                places = places[:length] + [None] * (length - len(places))
            elif not arrives:
                while places and places[-1] is None:
                    places.pop()
                places += [None] * (distance - len(places))
            found.append(Trail(start, end, target, tuple(places), arrives))
    return found


def _place(hop: Hop) -> Place | None:
    """Tell where a TTL ended; None of a hop that is silent, or known by the time alone."""
    return Place(hop.ttl, hop.addresses) if hop.addresses and not hop.by_time else None


class Stretch(NamedTuple):
    """An element that a trail passes: the index of its hop, and of the next if it is a link."""

    first: int
    last: int
    element: Element


class Atlas:
    """The forms of every router that some trails pass."""

    def __init__(self, trails: Sequence[Trail]) -> None:
        """Find which addresses are, or may be, one router."""
        self._trails = trails
        self._routers = _Union()
        for trail in trails:
            for place in filter(None, trail.hops):
                for address in place.addresses:
                    self._routers.join(place.addresses[0], address)
        self._by_place = self._join_by_place()
        self._by_target = _Union()
        firsts: dict[Hashable, str] = {}
        for trail in trails:
            last = self.router(trail.hops[-1]) if trail.hops and trail.arrives else None
            if last is not None:
                self._by_target.join(firsts.setdefault((trail.start, trail.end), last), last)

    def router(self, place: Place | None) -> str | None:
        """Name the router of a place: one of its addresses."""
        return None if place is None else self._routers.find(place.addresses[0])

    def steps(self, trail: Trail) -> Iterator[Stretch]:
        """Go along a trail, and tell each router in all its forms, and each link.

        Where hops are unknown, what stands on both sides of them is a link. What lies between the
        last hop that answers and an end that is never reached is one, too; but where as many
        answer as on the way of those that arrive, the end comes next, and these die there or on
        their way back.
        """
        nodes = [(at, forms) for at, forms in enumerate(self._forms(trail), -1) if forms]
        for at, forms in nodes:
            for form in forms:
                yield Stretch(at, at, form)
        if not trail.arrives and not (trail.hops and trail.hops[-1]):
            (at, forms), (then, _) = nodes[-2:]
            for form in (*forms, at):
                yield Stretch(at, then, ("lost behind", form))
            nodes.pop()
        for (at, forms), (then, others) in pairwise(nodes):
            for pair in product(forms, others):
                yield Stretch(at, then, pair)

    def forms(self, trail: Trail, index: int) -> frozenset[Hashable] | None:
        """Tell in which forms a trail shows the router at an index; the ends are known, too.

        None is what is not known: beyond the end of a flow that is lost, too.
        """
        if index < 0:
            return frozenset((trail.start,))
        if index >= len(trail.hops):
            return frozenset((trail.end,)) if trail.arrives else None
        place = trail.hops[index]
        return None if place is None else frozenset(self._of_place(place))

    def _forms(self, trail: Trail) -> Iterator[tuple[Hashable, ...]]:
        yield (trail.start,)
        for place in trail.hops:
            if place is None:
                yield ()
                continue
            yield self._of_place(place)
        yield (trail.end,)

    def _of_place(self, place: Place) -> tuple[Hashable, ...]:
        router = self._routers.find(place.addresses[0])
        by_place, by_target = self._by_place.find(router), self._by_target.find(router)
        forms: dict[Hashable, None] = {router: None}
        if self._by_place.size(router) > 1:
            forms["place", by_place] = None
        if self._by_target.size(router) > 1:
            forms["before", by_target] = None
        return tuple(forms)

    def _join_by_place(self) -> _Union:
        """Join routers with the same one before them and the same behind, from the end on."""
        joined = _Union()
        longest = max((len(trail.hops) for trail in self._trails), default=0)
        for back in range(1, longest + 1):
            between: dict[Hashable, str] = {}
            for trail in self._trails:
                if not trail.arrives or len(trail.hops) < back:
                    continue
                at = len(trail.hops) - back
                router = self.router(trail.hops[at])
                before = self.router(trail.hops[at - 1]) if at else trail.start
                behind: Hashable = trail.end
                if back > 1:
                    then = self.router(trail.hops[at + 1])
                    behind = None if then is None else joined.find(then)
                if router is not None and before is not None and behind is not None:
                    joined.join(between.setdefault((before, behind), router), router)
        return joined


class _Union:
    """Names that are joined to others, and then have one name (union-find)."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}
        self._sizes: dict[str, int] = {}

    def find(self, name: str) -> str:
        """Give the one name of all that it is joined to."""
        root = name
        while (above := self._above.get(root, root)) != root:
            root = above
        while (above := self._above.get(name, name)) != root:
            self._above[name] = root
            name = above
        return root

    def size(self, name: str) -> int:
        """Count the names that are joined to one, itself among them."""
        return self._sizes.get(self.find(name), 1)

    def join(self, one: str, other: str) -> None:
        """Make two names one."""
        one, other = self.find(one), self.find(other)
        if one != other:
            self._sizes[one] = self.size(one) + self.size(other)
            self._above[other] = one
