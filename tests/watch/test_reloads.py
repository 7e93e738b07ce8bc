"""Whatever happens to a node and its file: no counter goes back, and nothing raises."""

from __future__ import annotations

from random import Random

import pytest
from twisted.python.failure import Failure

from tests.watch.nodes import Nodes
from udpecho.watch.telling.metrics import Metrics

PEERS: list[int | str] = [
    0, 1, 2, "192.0.2.77:7", "host-2.example", "host-1.example:1060", "nosuch.example", "node-0",
]  # fmt: skip


class Fate:
    """A node and two others, and what a seed has happen to it."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.bench = Nodes(3, seed=seed)
        self.node = self.bench.begin(0, self.bench.text(0, [1, 2]))
        for at in (1, 2):
            self.bench.begin(at, self.bench.text(at, [0]))
        self.metrics = Metrics(self.node)

    def step(self) -> None:
        """Have one thing happen, and some time go by."""
        random, bench, node = self.random, self.bench, self.node
        chosen = random.sample(PEERS, random.randint(0, 6))
        probe = f"[probe]\nflows = {random.choice([1, 4, 16])}\ninterval = 0.5\n"
        mesh = f"[mesh]\nfanout = {random.choice([1, 2, 3])}\n"
        bench.reload(0, bench.text(0, chosen, random.choice(["", "", probe, mesh, probe + mesh])))
        if random.random() < 0.3:
            now = bench.hosts[0].seconds()
            bench.links[1].at(now, loss=random.choice([0.0, 0.3, 1.0]))
        if random.random() < 0.1:
            node.stopService()
            bench.net.advance(random.choice([0, 0.01, 3]))
            node.startService()
        if random.random() < 0.1 and node.runs.prober is not None:
            node.runs.prober.first._run._end(Failure(ZeroDivisionError("a fault of our own")))
        bench.net.advance(random.choice([0, 0.001, 0.3, 1.0, 4.0]))

    def counted(self) -> dict[str, float]:
        """Give what is counted of peers, by series."""
        lines = "".join(self.metrics.texts(openmetrics=False)).splitlines()
        pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        grows = ("_total{", "_count{", "_bucket{", "_sum{")
        return {
            series: float(value)
            for series, _, value in pairs
            if "peer=" in series and any(each in series for each in grows)
        }


@pytest.mark.parametrize("seed", range(2))
def test_no_counter_goes_back_and_nothing_is_left(seed: int) -> None:
    fate = Fate(seed)
    before: dict[str, float] = {}
    for _ in range(25):
        fate.step()
        after = fate.counted()
        assert {each for each in after if after[each] < before.get(each, 0.0)} == set()
        before = after
    told = [each["log_failure"] for each in fate.bench.events if "log_failure" in each]
    assert [each for each in told if not each.check(ZeroDivisionError)] == []
    fate.bench.events.clear()
    fate.bench.stop()
