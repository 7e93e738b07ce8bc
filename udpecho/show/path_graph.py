"""Paths as a graph: routers at their hops, links by how many flows pass, what a verdict names.

Does no I/O, and knows nothing of how it is drawn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import chain, pairwise
from typing import TypeAlias

from udpecho.path.hops import Path, Paths
from udpecho.path.verdicts import Place, Segment
from udpecho.show.path_rows import SILENT, HopRow, router_of, rows_of

MOST_AT_A_HOP = 24
"""Routers of a hop that have a place of their own: those that most flows pass."""

Key: TypeAlias = tuple[int, str]


class Kind(Enum):
    """What a node of the graph is."""

    SOURCE = "this host"
    ROUTER = "router"
    SILENT_HOP = "silent"
    OTHERS = "others"
    TARGET = "target"
    END = "no further"
    """Where a flow was not seen to get any further."""


@dataclass(frozen=True, slots=True)
class Node:
    """One of them: at which hop, how high, from -1 to 1 times half the most at a hop."""

    kind: Kind
    hop: int
    height: float
    names: tuple[str, ...]
    addresses: tuple[str, ...]
    label: str = ""
    """That of its row in the text, if its hop has several: 2a."""


@dataclass(frozen=True, slots=True)
class Edge:
    """That flows pass from one node to another, by their indices."""

    start: int
    end: int
    flows: int
    blamed: bool


@dataclass(frozen=True, slots=True)
class Graph:
    """All of it; the target's hop is the last."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    last_hop: int
    most_at_a_hop: int


def graph_of(paths: Paths, segments: Sequence[Segment] = ()) -> Graph:
    """Make the graph of paths to one target; segments are those that a verdict names."""
    last_hop = 1 + max((len(path.hops) for path in paths.paths), default=0)
    shown = _shown(paths.paths)
    ways = [list(_way(path, last_hop, shown)) for path in paths.paths]
    counted = Counter(chain.from_iterable(pairwise(way) for way in ways))
    columns = _columns(counted, last_hop)
    rows = {(row.hop.ttl, row.router): row for row in rows_of(paths.paths)}
    nodes: dict[Key, Node] = {}
    for keys in columns:
        for place, key in enumerate(keys):
            height = (len(keys) - 1) / 2 - place
            nodes[key] = _node(key, height, paths, rows.get(key), last_hop)
    index = {key: at for at, key in enumerate(nodes)}
    edges = tuple(
        Edge(index[a], index[b], flows, _is_blamed(nodes[a], nodes[b], segments))
        for (a, b), flows in counted.items()
    )
    return Graph(tuple(nodes.values()), edges, last_hop, max(map(len, columns), default=1))


def _shown(paths: Sequence[Path]) -> set[Key]:
    """Choose the routers that have a place of their own."""
    passed = Counter((hop.ttl, router_of(hop)) for path in paths for hop in path.hops)
    shown: set[Key] = set()
    at_hop: Counter[int] = Counter()
    for key, _ in passed.most_common():
        at_hop[key[0]] += 1
        if at_hop[key[0]] <= MOST_AT_A_HOP:
            shown.add(key)
    return shown


def _way(path: Path, last_hop: int, shown: set[Key]) -> Iterator[Key]:
    """List the nodes that a flow passes."""
    yield 0, Kind.SOURCE.value
    for hop in path.hops:
        key = hop.ttl, router_of(hop)
        yield key if key in shown else (hop.ttl, Kind.OTHERS.value)
    if path.reached:
        yield last_hop, Kind.TARGET.value
    else:
        yield len(path.hops) + 1, Kind.END.value


def _columns(counted: Counter[tuple[Key, Key]], last_hop: int) -> list[list[Key]]:
    """Order the nodes of each hop by where their flows come from, so that few edges cross."""
    before: dict[Key, list[Key]] = {}
    for start, end in counted:
        before.setdefault(end, []).append(start)
        before.setdefault(start, [])
    columns: list[list[Key]] = []
    height: dict[Key, float] = {}
    for hop in range(last_hop + 1):
        keys = [key for key in before if key[0] == hop]
        keys.sort(key=lambda key: (-_mean([height[each] for each in before[key]]), key[1]))
        for place, key in enumerate(keys):
            height[key] = (len(keys) - 1) / 2 - place
        columns.append(keys)
    return columns


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _node(key: Key, height: float, paths: Paths, row: HopRow | None, last_hop: int) -> Node:
    ttl, text = key
    if row is not None:
        hop, label = row.hop, "" if row.label.isdecimal() else row.label
        kind = Kind.ROUTER if text != SILENT else Kind.SILENT_HOP
        names = tuple(paths.names[each] for each in hop.addresses if each in paths.names)
        return Node(kind, ttl, height, (*hop.addresses[:2], *names[:1]), hop.addresses, label)
    kind = Kind(text)
    names = (paths.target,) if kind is Kind.TARGET else (text,)
    return Node(kind, last_hop if kind is Kind.TARGET else ttl, height, names, ())


def _is_blamed(start: Node, end: Node, segments: Sequence[Segment]) -> bool:
    """Tell whether an edge is in a segment: from one of its places to the next."""
    return any(
        _stands_at(start, one) and _stands_at(end, other)
        for segment in segments
        for one, other in pairwise(_places(segment))
    )


def _places(segment: Segment) -> Iterator[Place | Kind]:
    yield segment.after or Kind.SOURCE
    yield from segment.within
    yield segment.before or Kind.TARGET


def _stands_at(node: Node, place: Place | Kind) -> bool:
    if isinstance(place, Kind):
        return node.kind is place or (place is Kind.TARGET and node.kind is Kind.END)
    if node.kind is Kind.END:
        return node.hop == place.ttl
    return node.hop == place.ttl and not {*place.addresses}.isdisjoint(node.addresses)
