"""Paths and verdicts as Prometheus reads them."""

from __future__ import annotations

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
from prometheus_client.parser import text_string_to_metric_families as read_text

from tests.watch.test_traced import SECOND, looked, path
from udpecho.path import PathMtu
from udpecho.watch.paths.traced import PeerPaths, PeerVerdict
from udpecho.watch.telling.exposition import END, header
from udpecho.watch.telling.path_metrics import path_families

HARD = 'odd "name" \\ of é'


def told(paths: PeerPaths, *, openmetrics: bool = False) -> dict[str, dict[str, float]]:
    """Give each family's values by their labels but the peer."""
    text = ""
    for name, kind, about, lines in path_families([(HARD, paths)], 100 * SECOND):
        text += header(name, kind, about, openmetrics=openmetrics) + "".join(lines)
    read = (read_open if openmetrics else read_text)(text + (END if openmetrics else ""))
    found = {}
    for family in read:
        assert all(each.labels.pop("peer") == HARD for each in family.samples)
        found[family.name] = {" ".join(s.labels.values()): s.value for s in family.samples}
    return {name: values for name, values in found.items() if values}


@pytest.mark.parametrize("openmetrics", [False, True])
def test_of_whom_nothing_is_known_nothing_is_told_but_that_nothing_changed(
    openmetrics: bool,
) -> None:
    assert told(PeerPaths(), openmetrics=openmetrics) == {"udpecho_path_changes": {"": 0}}


@pytest.mark.parametrize("openmetrics", [False, True])
def test_what_is_known_is_told(openmetrics: bool) -> None:
    paths = PeerPaths(mtu=PathMtu(1400, "10.9.0.2"))
    first = [path("r1", "a", "r3"), path("r1", "b", flow=1), path("r1", "a", "r3", flow=2)]
    paths.note(looked(*first), (), 40 * SECOND)
    paths.note(looked(path("r1", "c", flow=1)), (1,), 90 * SECOND)
    one, other = paths.known[0].id, paths.known[1].id
    paths.verdict = PeerVerdict("out", 'through "x"', "4 of 16 lose", (1,), (), 0)
    assert told(paths, openmetrics=openmetrics) == {
        "udpecho_verdict": {'out through "x"': 1},
        "udpecho_path_flows": {one: 2, other: 1},
        "udpecho_path_hops": {"": 3},
        "udpecho_path_age_seconds": {"": 10},
        "udpecho_path_changes": {"": 1},
        "udpecho_path_mtu_bytes": {"": 1400},
    }
