"""Who probes whom, where each can't probe all: every node finds its own peers, and nobody tells it.

All that is needed is who there is, and in which zone: whoever knows the same knows the same mesh.
Half of a node's peers are of its own zone, half of others; where there are too few of one kind,
there are more of the other.

On each ring a node has the next one of its own zone, and one beyond a zone's border (see rings);
it takes them ring by ring until it has enough. A node is one's peer at most on each ring and of
each kind. So nobody is watched by all, however few there are in its zone, which is what bounded
rendezvous hashing is for; but nobody has to weigh all pairs, a million of 1,000 nodes.
"""

from __future__ import annotations

from collections.abc import Iterable

from udpecho.watch.configuring.settings import FANOUT, FULL_AGAIN, FULL_MESH, Fanout
from udpecho.watch.peers.rings import Rings, places

RINGS = 2
"""For each peer that a node is to have, so that there are enough where several rings agree."""

BORDER_RINGS = 1.25
"""On which a node may be watched from other zones, for each peer: with those of its own zone it is
then watched by less than twice as many as it probes, if the zones are as unequal as may be."""

FARTHEST = 16
"""Steps to a border that are gone at most: with two zones of one size one in 65,000 is farther."""


class Mesh:
    """The nodes there are, each with its zone, and the peers of any."""

    def __init__(self, fanout: int) -> None:
        """Begin with nobody; each is to have so many peers."""
        self._fanout = fanout
        self._rings = RINGS * fanout
        self._border = int(BORDER_RINGS * fanout)
        self._everyone = Rings(self._rings)
        self._by_zone: dict[str, Rings] = {}
        self._numbers: dict[str, int] = {}
        self._names: list[str] = []
        self._zones: list[str] = []
        self._free: list[int] = []

    def __len__(self) -> int:
        """Count the nodes."""
        return len(self._numbers)

    def add(self, name: str, zone: str) -> None:
        """Have a node; whoever was called so is gone. 0.1 ms."""
        self.remove(name)
        if self._free:
            number = self._free.pop()
            self._names[number], self._zones[number] = name, zone
        else:
            number = len(self._names)
            self._names.append(name)
            self._zones.append(zone)
        self._numbers[name] = number
        at = places(name, number, self._rings)
        self._everyone.add(at)
        if zone in self._by_zone:
            self._by_zone[zone].add(at)

    def remove(self, name: str) -> None:
        """Have a node no more, if there is one."""
        number = self._numbers.pop(name, None)
        if number is None:
            return
        at, zone = places(name, number, self._rings), self._zones[number]
        self._everyone.remove(at)
        if zone in self._by_zone:
            self._by_zone[zone].remove(at)
            if not len(self._by_zone[zone]):
                del self._by_zone[zone]
        self._free.append(number)

    def peers(self, name: str) -> list[str]:
        """Give a node's peers, those of its own zone first. Raises KeyError if there is no such."""
        number = self._numbers[name]
        if len(self) - 1 <= self._fanout:
            return [each for each in self._numbers if each != name]
        at, zone = places(name, number, self._rings), self._zones[number]
        own = self._own(at, zone)
        others = self._others(at, max(self._fanout // 2, self._fanout - len(own)), self._border)
        if len(own) + len(others) < self._fanout:
            others = self._others(at, self._fanout - len(own), self._rings)
        return [self._names[each] for each in (*own[: self._fanout - len(others)], *others)]

    def _own(self, at: list[int], zone: str) -> list[int]:
        """Give who is next in a node's zone, on each ring."""
        rings = self._rings_of(zone)
        enough = min(self._fanout, len(rings) - 1)
        return _first(enough, (rings.next(*each) for each in enumerate(at)))

    def _others(self, at: list[int], enough: int, rings: int) -> list[int]:
        """Give who is next beyond a border, on so many rings."""
        everyone, zones = self._everyone, self._zones
        beyond = (everyone.mirrored(*each, zones, FARTHEST) for each in enumerate(at[:rings]))
        return _first(enough, (each for each in beyond if each is not None))

    def _rings_of(self, zone: str) -> Rings:
        """Give the rings of a zone alone; they are made when somebody asks."""
        rings = self._by_zone.get(zone)
        if rings is None:
            rings = self._by_zone[zone] = Rings(self._rings)
            for name, number in self._numbers.items():
                if self._zones[number] == zone:
                    rings.add(places(name, number, self._rings))
        return rings


def _first(enough: int, numbers: Iterable[int]) -> list[int]:
    """Take numbers, each once, until there are enough."""
    found: dict[int, None] = {}
    if enough > 0:
        for number in numbers:
            found[number] = None
            if len(found) >= enough:
                break
    return list(found)


def fanout_of(fanout: Fanout, nodes: int, *, is_thin: bool = False) -> int | None:
    """Say how many peers a node has where there are so many nodes; None for all.

    is_thin tells whether it has not had all until now.
    """
    if fanout == "auto":
        return None if nodes <= (FULL_AGAIN if is_thin else FULL_MESH) else FANOUT
    return None if fanout == "all" or fanout >= nodes - 1 else fanout
