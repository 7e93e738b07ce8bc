"""What probing costs a node: how often it is woken, and what it keeps of each flow."""

from __future__ import annotations

import pytest

from tests.watch.nodes import UNTRACED, Nodes
from udpecho.ping import Ping
from udpecho.watch.configuring.settings import ProbeSettings
from udpecho.watch.probing import TOGETHER, plan_of


def test_peers_are_probed_together_so_that_few_wake_ups_serve_them_all() -> None:
    nodes = Nodes(TOGETHER + 1)
    node = nodes.begin(0, nodes.text(0, range(1, TOGETHER + 1), f"[probe]\nflows = 8\n{UNTRACED}"))
    for at in range(1, TOGETHER + 1):
        nodes.begin(at, nodes.text(at, []))
    nodes.net.advance(10)
    sent = sum(flow.sent for each in node.roll.values() for flow in each.counts.flows)
    assert 79 * TOGETHER <= sent <= 88 * TOGETHER
    assert sum(node.runs.lateness.buckets) <= 88, "one of each flow, for all peers"
    record = nodes.net.record
    peers = {nodes.addresses[at] for at in range(1, TOGETHER + 1)}
    times = {
        each.sent for each in record.sent(source=nodes.addresses[0]) if each.destination[0] in peers
    }
    assert len(times) <= 22, "two times a second, for four flows each"
    nodes.stop()


@pytest.mark.parametrize(("trace", "most"), [("never", 8), ("losing", 20)])
def test_who_has_nothing_on_its_way_sleeps_until_the_next_probe(
    monkeypatch: pytest.MonkeyPatch, trace: str, most: int
) -> None:
    """Once it knows the paths it looks no oftener than each minute whether anybody is due."""
    due, woken = Ping.due, []

    def counted(run: Ping) -> None:
        woken.append(run)
        due(run)

    monkeypatch.setattr(Ping, "due", counted)
    nodes = Nodes(2)
    more = f"[probe]\nflows = 1\ninterval = 60.0\n[trace]\nwhen = '{trace}'"
    node = nodes.begin(0, nodes.text(0, [1], more))
    assert node.runs.prober is not None
    nodes.begin(1, nodes.text(1, []))
    nodes.net.advance(120)
    woken.clear()
    nodes.net.advance(240)
    assert 4 <= woken.count(node.runs.prober.first._run) <= most
    nodes.stop()


def test_a_run_keeps_of_a_flow_what_a_node_tells_and_no_percentiles() -> None:
    plan = plan_of(ProbeSettings(interval=1.0, flows=16), 46)
    assert plan.outline
    assert (plan.interval_ns, plan.traffic_class) == (62_500_000, 184)
