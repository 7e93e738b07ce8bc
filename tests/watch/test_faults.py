"""What breaks about a node: nothing is lost but what could not be had, and it is said once."""

from __future__ import annotations

import re

import pytest

from tests.watch.nodes import Nodes, fates
from udpecho.watch import WatchService
from udpecho.watch.telling.metrics import Metrics


def told(node: WatchService) -> str:
    return "".join(Metrics(node).texts(openmetrics=False))


def kinds(node: WatchService) -> list[str]:
    return [each.event.kind for each in node.events.last]


@pytest.mark.parametrize(("rate", "slip"), [(3, 2), (8, 0), (14, 0)])
def test_loss_by_a_limit_of_the_reflectors_names_no_flow(rate: int, slip: int) -> None:
    """A limit meets all flows alike, since each round asks them in another order."""
    bench = Nodes(2)
    node = bench.begin(0, bench.text(0, [1]))
    limits = f"[reflect]\nrate = {rate}\nburst = {rate}\nslip = {slip}\n"
    bench.begin(1, bench.text(1, []).replace("[reflect]\n", limits))
    bench.net.advance(60)
    [probed] = node.roll.values()
    assert fates(probed)["lost"] > 100
    assert kinds(node) == []
    bench.stop()


def test_a_wall_clock_that_is_set_moves_nothing_but_the_stamps() -> None:
    bench = Nodes(2)
    now = [1e9]
    node = bench.begin(0, bench.text(0, [1]), wall=lambda: now[0])
    bench.begin(1, bench.text(1, [0]))
    for set_by in (3600.0, -7200.0, 1e6, -1e9):
        bench.net.advance(10)
        now[0] += set_by
    bench.net.advance(10)
    [probed] = node.roll.values()
    assert list(fates(probed)) == ["replied"]
    assert fates(probed)["replied"] >= 16 * 49
    assert kinds(node) == []
    bench.stop()


def test_counters_go_on_while_nobody_scrapes() -> None:
    bench = Nodes(2)
    node = bench.begin(0, bench.text(0, [1]))
    bench.begin(1, bench.text(1, [0]))
    bench.net.advance(10)

    def replied() -> int:
        [line] = re.findall(r'udpecho_probes_total{.*"replied"} (.*)', told(node))
        return int(line)

    before = replied()
    bench.net.advance(120)
    assert replied() - before == 16 * 120
    bench.stop()
