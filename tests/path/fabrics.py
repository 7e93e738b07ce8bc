"""Networks drawn as paths and fates, without a network: layers of routers, and one fault."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random
from typing import Literal

from udpecho.path.hops import Hop, Path, Paths
from udpecho.path.verdicts import Place, Segment

Router = tuple[int, int]
"""Its layer and its number in it."""

Link = tuple[Router, Router]
Answers = Literal["egress", "ingress", "loopback"]
Losses = dict[tuple[str, int, int], list[int]]


@dataclass
class Fabric:
    """The ways of flows from one sender to some targets, and how the routers on them answer."""

    ways: list[list[list[Router]]]
    """For each target and flow, a router of each layer."""

    before: dict[Router, list[Router]]
    """The routers by which each has a way back."""

    answers: Answers
    silent: set[Router]
    random: Random

    def links(self) -> list[Link]:
        """List the links that some flow passes."""
        return sorted({link for target in self.ways for way in target for link in pairwise(way)})

    def passing(self, link: Link) -> list[tuple[int, int]]:
        """List the flows that pass a link, by target and number."""
        return [
            (target, flow)
            for target, ways in enumerate(self.ways)
            for flow, way in enumerate(ways)
            if link in pairwise(way)
        ]

    def address(self, router: Router, came_by: Router | None) -> str:
        """Choose what a router answers from; each of its links has an address of its own."""
        layer, number = router
        links = self.before[router]
        if self.answers == "loopback" or came_by is None:
            return f"10.{layer}.{number}.255"
        by = came_by if self.answers == "ingress" else self.random.choice(links)
        return f"10.{layer}.{number}.{by[1]}"

    def paths(self, dead: Link | None = None) -> list[Paths]:
        """Trace each flow; those that pass a dead link show nothing behind it."""
        found = []
        for target, ways in enumerate(self.ways):
            paths = []
            for flow, way in enumerate(ways):
                hops, gone = [], False
                for at, router in enumerate(way):
                    came_by = way[at - 1] if at else None
                    gone = gone or (came_by, router) == dead
                    shown = (
                        () if gone or router in self.silent else (self.address(router, came_by),)
                    )
                    hops.append(Hop(at + 1, shown))
                distance = None if gone else len(way) + 1
                paths.append(Path(flow, 40000 + flow, tuple(hops), not gone, distance))
            found.append(Paths(f"h{target}", (f"192.0.2.{target}", 7), tuple(paths)))
        return found

    def losses(self, fault: Link, share: float, even: float, probes: int) -> Losses:
        """Lose a share of what passes the fault, and a share of all."""
        lost = {}
        for target, ways in enumerate(self.ways):
            for flow, way in enumerate(ways):
                rate = 1 - (1 - even) * (1 - share * (fault in pairwise(way)))
                count = sum(self.random.random() < rate for _ in range(probes))
                lost[f"192.0.2.{target}", 7, 40000 + flow] = [probes, count]
        return lost


def layers(
    random: Random,
    widths: list[int],
    targets: int,
    flows: int,
    answers: Answers,
    silent: float = 0.0,
) -> Fabric:
    """Have a flow take any router of each layer; a target hangs on one router of the last."""
    last = len(widths) - 1
    homes = [random.randrange(widths[-1]) for _ in range(targets)]
    ways = [
        [
            [
                (layer, homes[target] if layer == last else random.randrange(width))
                for layer, width in enumerate(widths)
            ]
            for _ in range(flows)
        ]
        for target in range(targets)
    ]
    before = {
        (layer, number): [(layer - 1, each) for each in range(widths[layer - 1] if layer else 1)]
        for layer, width in enumerate(widths)
        for number in range(width)
    }
    return _fabric(random, ways, before, answers, silent)


@dataclass(frozen=True)
class Clos:
    """Leaves, spines, and cores of their own for each spine of a pod."""

    spines: int
    cores: int
    pods: int
    leaves: int

    def fabric(
        self, random: Random, targets: int, flows: int, answers: Answers, silent: float
    ) -> Fabric:
        """Have flows go up from one leaf, and down again to those of the targets."""
        spines, cores = self.spines, self.cores
        before: dict[Router, list[Router]] = {(0, 0): [(-1, 0)]}
        for spine in range(spines):
            before[1, spine] = [(0, 0)]
            above = [(2, spine * cores + core) for core in range(cores)]
            before |= {core: [(1, spine)] for core in above}
            before |= {(3, pod * spines + spine): above for pod in range(self.pods)}
        for pod in range(self.pods):
            for leaf in range(self.leaves):
                before[4, pod * self.leaves + leaf] = [
                    (3, pod * spines + spine) for spine in range(spines)
                ]
        ways: list[list[list[Router]]] = []
        for _ in range(targets):
            pod, leaf = random.randrange(self.pods), random.randrange(self.leaves)
            ways.append([])
            for _ in range(flows):
                spine, core = random.randrange(spines), random.randrange(cores)
                down = [(3, pod * spines + spine), (4, pod * self.leaves + leaf)]
                ways[-1].append([(0, 0), (1, spine), (2, spine * cores + core), *down])
        return _fabric(random, ways, before, answers, silent)


def _fabric(
    random: Random,
    ways: list[list[list[Router]]],
    before: dict[Router, list[Router]],
    answers: Answers,
    silent: float,
) -> Fabric:
    quiet = {each for each in before if random.random() < silent}
    return Fabric(ways, before, answers, quiet, random)


@dataclass(frozen=True)
class Case:
    """A fabric with one fault: what is seen of it, and what is true."""

    paths: list[Paths]
    losses: Losses
    fault: Link
    telling: bool
    """Whether it can be told: the fault's flows lost ten probes, others have none of it, and
    no router is silent."""


def drawn(seed: int) -> Case:
    """Draw a fabric, how its routers answer, how many probes are sent, and where which share dies.

    Where routers answer from any of their links, two wide layers that are fully meshed show
    addresses that nobody could tell routers from: such are not drawn.
    """
    random = Random(seed)
    answers: Answers = random.choice(["egress", "ingress", "loopback"])
    targets, flows = random.choice([1, 1, 2, 4, 8, 16]), random.choice([8, 16, 16, 32])
    silent = random.choice([0, 0, 0, 0.1])
    match random.choice(["diamonds", "leaves", "mesh", "clos"]):
        case "diamonds":
            pairs = ([random.choice([2, 3, 4, 8]), 1] for _ in range(random.randint(1, 3)))
            widths = [1, *(width for pair in pairs for width in pair)]
            fabric = layers(random, widths, targets, flows, answers, silent)
        case "leaves":
            widths = [1, random.choice([2, 4, 8, 16]), random.choice([2, 4, 8])]
            fabric = layers(random, widths, targets, flows, answers, silent)
        case "mesh":
            widths = [1, *(random.choice([2, 4, 8]) for _ in range(random.randint(2, 3)))]
            answers = random.choice(["ingress", "loopback"])
            fabric = layers(random, widths, targets, flows, answers, silent)
        case _:
            sizes = ([2, 4], [2, 4], [1, 2, 4], [2, 4])
            clos = Clos(*(random.choice(size) for size in sizes))
            fabric = clos.fabric(random, targets, flows, answers, silent)
    fault = random.choice(fabric.links())
    share = random.choice([1.0, 1.0, 0.5, 0.2, 0.1, 0.05, 0.02])
    passing = fabric.passing(fault)
    probes = max(10, round(random.uniform(1, 4) * 12 / (share * len(passing))))
    losses = fabric.losses(fault, share, random.choice([0, 0, 0.001, 0.01]), probes)
    died = sum(losses[f"192.0.2.{target}", 7, 40000 + flow][1] for target, flow in passing)
    telling = died >= 10 and len(passing) < targets * flows and not fabric.silent
    return Case(fabric.paths(fault if share == 1.0 else None), losses, fault, telling)


def thinned(case: Case, share: float, seed: int) -> Case:
    """Have this share of all hops be silent, as where routers have said too much."""
    random = Random(seed)
    paths = [
        replace(
            paths,
            paths=tuple(
                replace(
                    path,
                    hops=tuple(
                        Hop(hop.ttl) if random.random() < share else hop for hop in path.hops
                    ),
                )
                for path in paths.paths
            ),
        )
        for paths in case.paths
    ]
    return replace(case, paths=paths)


def holds(segment: Segment, fault: Link) -> bool:
    """Tell whether a link lies in a segment, by the routers whose addresses that shows."""
    before, after = fault
    shown: dict[int, set[int]] = {}
    for place in (segment.after, *segment.within, segment.before):
        for address in place.addresses if place else ():
            layer, number = map(int, address.split(".")[1:3])
            shown.setdefault(layer, set()).add(number)
    first = min(_layers(segment.after), default=-1)
    last = max(_layers(segment.before), default=99)
    return (
        first <= before[0]
        and after[0] <= last
        and all(number in shown.get(layer, {number}) for layer, number in fault)
    )


def _layers(place: Place | None) -> list[int]:
    return [int(address.split(".")[1]) for address in place.addresses] if place else []
