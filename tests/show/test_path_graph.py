"""Paths as a graph, and its picture: whole files, of any size, whoever has which name."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from tests.path.test_judge import dead, diamond, lost, path
from udpecho.path import Path, Paths, Place, Segment
from udpecho.path.judge import judge
from udpecho.show.path_graph import MOST_AT_A_HOP, Graph, Kind, graph_of
from udpecho.show.path_plot import draw_paths


def of(*flows: Path) -> Paths:
    return Paths("h", ("192.0.2.1", 7), flows)


def edges(graph: Graph, *, blamed: bool | None = None) -> dict[tuple[str, str], int]:
    nodes = [each.names[0] if each.names else each.kind.value for each in graph.nodes]
    return {
        (nodes[each.start], nodes[each.end]): each.flows
        for each in graph.edges
        if blamed is None or each.blamed is blamed
    }


def test_edges_count_flows_from_this_host_to_the_target() -> None:
    graph = graph_of(of(path(0, "a", "b", "d"), path(1, "a", "c", "d"), path(2, "a", "c", "d")))
    assert edges(graph) == {
        ("this host", "a"): 3, ("a", "b"): 1, ("a", "c"): 2, ("b", "d"): 1, ("c", "d"): 2,
        ("d", "h"): 3,
    }  # fmt: skip
    assert (graph.last_hop, graph.most_at_a_hop) == (4, 2)
    assert all(-1 <= node.height <= 1 for node in graph.nodes)


def test_a_silent_hop_and_one_that_gets_no_further_are_told_apart() -> None:
    graph = graph_of(of(path(0, "a", None, "c"), path(1, "a", reached=False)))
    kinds = {(node.hop, node.kind) for node in graph.nodes}
    assert kinds == {
        (0, Kind.SOURCE), (1, Kind.ROUTER), (2, Kind.SILENT_HOP), (2, Kind.END), (3, Kind.ROUTER),
        (4, Kind.TARGET),
    }  # fmt: skip


def test_a_direct_way_has_two_ends() -> None:
    assert edges(graph_of(of(path(0), path(1)))) == {("this host", "h"): 2}
    assert edges(graph_of(of())) == {}


def test_of_very_many_routers_the_rest_is_one() -> None:
    graph = graph_of(of(*(path(n, "a", f"b{n}") for n in range(100))))
    at = [node for node in graph.nodes if node.hop == 2]
    assert len(at) == MOST_AT_A_HOP + 1 == graph.most_at_a_hop
    assert edges(graph)["a", "others"] == 100 - MOST_AT_A_HOP


def test_the_segment_that_a_verdict_names_is_blamed() -> None:
    losing = (3, 7, 11, 15)
    paths = diamond(**dead(*losing, hops=("10.9.0.2", "10.9.4.2", None, None)))
    verdict = judge([paths], lost(dict.fromkeys(losing, 20), of=20))
    blamed = edges(graph_of(paths, verdict.segments), blamed=True)
    assert ("10.9.0.2", "10.9.4.2") in blamed
    assert not any("10.9.1.2" in edge or "10.9.2.2" in edge for edge in blamed)
    link = Segment(Place(1, ("a",)), Place(2, ("b",)), (), None, 1, 1.0)
    one = graph_of(of(path(0, "a", "b"), path(1, "a", "c")), [link])
    assert edges(one, blamed=True) == {("a", "b"): 1}


EVIL = "r1$\\frac{1}{0}$<b>\x1b[2J\x00\n\u202e" + "x" * 300


@pytest.mark.parametrize("image_format", ["svg", "png"])
@pytest.mark.parametrize(
    "paths",
    [
        pytest.param(of(), id="nothing"),
        pytest.param(of(path(0)), id="a direct way"),
        pytest.param(of(path(0, *map(str, range(255)))), id="255 hops"),
        pytest.param(of(*(path(n, f"a{n}", None) for n in range(90))), id="90 routers"),
        pytest.param(
            Paths(EVIL, ("::1", 7), (path(0, "a"),), (), {"a": EVIL}), id="names that mean harm"
        ),
    ],
)
def test_a_picture_is_a_whole_file(paths: Paths, image_format: str) -> None:
    image = draw_paths(paths, image_format)
    if image_format == "svg":
        ElementTree.fromstring(image)
    else:
        assert image.startswith(b"\x89PNG")
        assert image.endswith(b"IEND\xaeB`\x82")
