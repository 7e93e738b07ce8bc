"""The paths of all flows to a peer as a picture: this node above, the peer below. Pure.

A router stands in the row of its TTL; what all losing flows pass, and no other, is drawn apart. It
is SVG in pixels, which a page scrolls where it is narrower.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape

from udpecho.path import Path, Paths
from udpecho.show.path_rows import SILENT, HopRow, rows_of
from udpecho.shown import harmless
from udpecho.watch.pages.scale import duration
from udpecho.widths import cut

ACROSS, DOWN = 132, 46
"""Pixels from router to router, and from hop to hop."""

MOST = 400
"""Routers that are drawn: more say nothing to anyone, and would take long."""

_WORDS = 21
"""Signs of an address that fit beneath a router."""

_MARGIN = 16


@dataclass(slots=True)
class _Node:
    """A router, or an end, and where it is drawn."""

    words: str
    title: str
    row: int
    flows: list[int]
    x: int = 0
    next: dict[int, list[int]] = field(default_factory=dict)
    """The flows that go on to each other node, by that one's number."""

    @property
    def y(self) -> int:
        return _MARGIN + self.row * DOWN


def graph(node: str, paths: Paths, losing: Collection[int] = ()) -> Iterator[str]:
    """Draw the paths from a node to its peer, as an SVG in pieces; losing has flows' numbers."""
    rows = rows_of(paths.paths)
    if len(rows) > MOST:
        yield f"<p>{len(rows)} routers, too many to draw</p>"
        return
    nodes = _nodes(node, paths, rows)
    widest = max(sum(1 for each in nodes if each.row == row) for row in {n.row for n in nodes})
    width, height = max(widest, 2) * ACROSS, nodes[-1].y + DOWN
    for row in {each.row for each in nodes}:
        beside = [each for each in nodes if each.row == row]
        for place, each in enumerate(beside):
            each.x = width * (2 * place + 1) // (2 * len(beside))
    yield (
        f'<div class="wide" tabindex="0" role="group" aria-label="paths"><svg width="{width}"'
        f' height="{height}" role="img"><title>paths of {len(paths.paths)} flows</title>'
    )
    for each in nodes:
        yield "".join(_edges(each, nodes, paths.paths, losing))
    for each in nodes:
        yield _drawn(each)
    yield "</svg></div>"


def _nodes(node: str, paths: Paths, rows: Sequence[HopRow]) -> list[_Node]:
    """Make the nodes, from above; each knows where its flows go on."""
    flows = list(range(len(paths.paths)))
    deepest = max((row.hop.ttl for row in rows), default=0)
    nodes = [_Node(node, f"{node}, here", 0, flows)]
    nodes += [_router(row, paths) for row in rows]
    reached = sum(path.reached for path in paths.paths)
    told = f"{paths.target}, reached by {reached} of {len(flows)} flows"
    nodes.append(_Node(paths.target, told, deepest + 1, flows))
    way: list[list[int]] = [[0] for _ in flows]
    for number, each in enumerate(nodes[1:-1], 1):
        for flow in each.flows:
            way[flow].append(number)
    for flow, path in enumerate(paths.paths):
        if path.reached or not path.hops:
            way[flow].append(len(nodes) - 1)
        for here, there in zip(way[flow], way[flow][1:], strict=False):
            nodes[here].next.setdefault(there, []).append(flow)
    return nodes


def _router(row: HopRow, paths: Paths) -> _Node:
    """Make a node of a router."""
    names = [paths.names[each] for each in row.hop.addresses if each in paths.names]
    title = f"hop {row.label}: {row.router}{''.join(f', {name}' for name in names)}"
    if row.rtt_ns is not None:
        title += f", {duration(row.rtt_ns)}"
    title += f", flows: {len(row.flows)}"
    words = row.hop.addresses[0] if row.hop.addresses else SILENT
    return _Node(words, title, row.hop.ttl, row.flows)


def _edges(
    node: _Node, nodes: Sequence[_Node], paths: Sequence[Path], losing: Collection[int]
) -> Iterator[str]:
    """Draw where the flows of a node go on; thicker for more, apart where only losing ones pass."""
    for there, flows in node.next.items():
        other = nodes[there]
        bad = sum(paths[flow].flow in losing for flow in flows)
        style = "edge bad" if bad == len(flows) else "edge"
        thick = 1 + round(5 * len(flows) / len(paths))
        yield (
            f'<line class="{style}" x1="{node.x}" y1="{node.y}" x2="{other.x}" y2="{other.y}"'
            f' stroke-width="{thick}"><title>flows: {len(flows)}, losing: {bad}</title></line>'
        )


def _drawn(node: _Node) -> str:
    words, title = (escape(harmless(text)) for text in (cut(node.words, _WORDS), node.title))
    return (
        f'<g><title>{title}</title><circle class="node" cx="{node.x}" cy="{node.y}" r="6"/>'
        f'<text x="{node.x}" y="{node.y + 20}" text-anchor="middle">{words}</text></g>'
    )
