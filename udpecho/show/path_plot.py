"""Paths as a picture: routers at their hops, links as thick as flows pass them. Does no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

from matplotlib import rc_context, rcdefaults
from matplotlib.figure import Figure

from udpecho.path.hops import Paths
from udpecho.path.verdicts import Segment
from udpecho.show.heat import INK
from udpecho.show.path_end import end_lines
from udpecho.show.path_graph import Edge, Graph, Kind, Node, graph_of
from udpecho.show.path_rows import rows_of
from udpecho.show.path_text import head_text
from udpecho.show.sheet import Sheet

WIDTHS = (6.0, 24.0)
"""Inches of a picture, at least and at most."""

PER_HOP, PER_ROUTER = 1.5, 0.62
"""Inches that a hop is wide, and a router is high, if there is room."""

CHARACTER = 0.075
"""Inches of a label's character."""

FEW = 40
"""Edges that bear their number of flows, at most."""

LINK_COLOUR, BLAMED_COLOUR, NODE_COLOUR = "#56B4E9", "#D55E00", "#0072B2"
"""Okabe and Ito's, which differ to the colour-blind too; what is blamed is dashed as well."""

_TEXT: Any = {"color": INK, "parse_math": False}
_BOX: Any = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.6}


def draw_paths(paths: Paths, image_format: str, blamed: Sequence[Segment] = ()) -> bytes:
    """Draw paths as an image file's bytes, "svg" or "png"; the blamed segments stand out."""
    with rc_context():
        rcdefaults()
        graph = graph_of(paths, blamed)
        across = min(max(WIDTHS[0], PER_HOP * (graph.last_hop + 1)), WIDTHS[1])
        picture = Figure(
            figsize=(across, 1.5 + PER_ROUTER * graph.most_at_a_hop), layout="constrained"
        )
        panel: Any = picture.subplots()
        _draw(panel, graph, across, len(paths.paths))
        sheet = Sheet(round(across / CHARACTER))
        panel.set_title("\n".join(sheet.wrap(head_text(paths))), loc="left", fontsize=9, **_TEXT)
        ends = (sheet.wrap(line) for line in end_lines(paths, rows_of(paths.paths)))
        said = "\n".join(line for lines in ends for line in lines)
        panel.set_xlabel(said, loc="left", fontsize=8, labelpad=6, **_TEXT)
        out = BytesIO()
        metadata = {"Date": None} if image_format == "svg" else None  # the same paths and file
        picture.savefig(out, format=image_format, dpi=150, metadata=metadata)
        return out.getvalue()


def _draw(panel: Any, graph: Graph, across: float, flows: int) -> None:
    room = max(6, int(across / (graph.last_hop + 1) / CHARACTER) - 2)
    for edge in graph.edges:
        _draw_edge(panel, graph, edge, flows)
    for node in graph.nodes:
        _draw_node(panel, node, room)
    panel.set_xlim(-0.5, graph.last_hop + 0.5)
    half = (graph.most_at_a_hop - 1) / 2
    panel.set_ylim(-half - 0.6, half + 0.8)
    panel.set_xticks(range(1, graph.last_hop), [f"hop {n}" for n in range(1, graph.last_hop)])
    panel.set_yticks([])
    panel.tick_params(labelsize=8, colors=INK, length=0)
    panel.spines[:].set_visible(False)


def _draw_edge(panel: Any, graph: Graph, edge: Edge, flows: int) -> None:
    start, end = graph.nodes[edge.start], graph.nodes[edge.end]
    panel.plot(
        (start.hop, end.hop),
        (start.height, end.height),
        color=BLAMED_COLOUR if edge.blamed else LINK_COLOUR,
        linewidth=1 + 5 * edge.flows / max(1, flows),
        linestyle=(0, (2, 0.6)) if edge.blamed else "-",
        solid_capstyle="round",
        zorder=2 if edge.blamed else 1,
    )
    if len(graph.edges) <= FEW:
        at = (start.hop + end.hop) / 2, (start.height + end.height) / 2
        panel.text(*at, str(edge.flows), fontsize=7, ha="center", va="center", bbox=_BOX, **_TEXT)


def _draw_node(panel: Any, node: Node, room: int) -> None:
    known = node.kind not in (Kind.SILENT_HOP, Kind.OTHERS)
    ends = node.kind is Kind.END
    panel.plot(
        node.hop,
        node.height,
        marker="x" if ends else "o",
        markersize=8,
        color=BLAMED_COLOUR if ends else NODE_COLOUR,
        markerfacecolor=NODE_COLOUR if known else "white",
        zorder=3,
    )
    first, *others = node.names or (node.kind.value,)
    names = (f"{node.label} {first}".lstrip(), *others)
    label = "\n".join(Sheet().cut(name, room) for name in names)
    above = node.hop, node.height + 0.16
    panel.text(*above, label, fontsize=7, ha="center", va="bottom", bbox=_BOX, zorder=4, **_TEXT)
