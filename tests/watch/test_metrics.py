"""What a node tells Prometheus: others' parsers read it, and it is what was counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
from prometheus_client.parser import text_string_to_metric_families as read_text
from twisted.internet.defer import succeed

from tests.watch.nodes import Nodes, fates
from udpecho.instrument.probe import ProbeFate
from udpecho.ping.outcome import Outcome, Surplus
from udpecho.watch.counts import BOUNDS_NS
from udpecho.watch.telling.metrics import MOST_FLOW_PEERS, Metrics
from udpecho.watch.telling.records import node_record

HARD = 'odd "name" \\ of é'


class Scraped:
    """Two nodes of three hosts, and a peer that nobody answers for."""

    def __init__(self, tmp_path: Path) -> None:
        self.bench = Nodes(2)
        (tmp_path / "peers.json").write_text(
            '[{"targets": ["192.0.2.2"], "labels": {"name": "odd \\"name\\" \\\\ of é", "zone":'
            ' "ams"}}, {"targets": ["192.0.2.77:7", "no-such.example"]}]'
        )
        text = self.bench.text(0, [], "[probe]\nflows = 3\n[[peers]]\nfile = 'peers.json'")
        self.node = self.bench.begin(0, text, base=tmp_path)
        self.bench.begin(1, self.bench.text(1, [0]))
        self.bench.net.advance(10)
        self.metrics = Metrics(self.node)

    def text(self, openmetrics: bool = False) -> str:
        return "".join(self.metrics.texts(openmetrics=openmetrics))

    def read(self, openmetrics: bool = False) -> dict[str, Metric]:
        text = self.text(openmetrics)
        families = list((read_open if openmetrics else read_text)(text))
        assert len({each.name for each in families}) == len(families)
        return {each.name: each for each in families}


def values(metric: Metric, **labels: str) -> dict[str, float]:
    """Give the values of those of these labels, by what else they have."""
    return {
        "|".join([each.name, *(v for k, v in each.labels.items() if k not in labels)]): each.value
        for each in metric.samples
        if labels.items() <= each.labels.items()
    }


@pytest.mark.parametrize("openmetrics", [False, True])
def test_what_is_told_is_what_was_counted(tmp_path: Path, openmetrics: bool) -> None:
    scraped = Scraped(tmp_path)
    read = scraped.read(openmetrics)
    known = scraped.node.roll[HARD]
    replied = fates(known)["replied"]
    assert replied > 20
    name = "udpecho_probes_total"
    assert values(read["udpecho_probes"], peer=HARD) == {
        f"{name}|replied": replied, f"{name}|late": 0, f"{name}|lost": 0, f"{name}|refused": 0,
        f"{name}|corrupt": 0,
    }  # fmt: skip
    unheard = values(read["udpecho_probes"], peer="192.0.2.77:7")
    assert unheard[f"{name}|lost"] + unheard[f"{name}|refused"] > 10
    assert unheard[f"{name}|replied"] == 0
    flows = read["udpecho_flow_probes"]
    assert sum(values(flows, peer=HARD, outcome="replied").values()) == replied
    assert {each.labels["flow"] for each in flows.samples} == {"0", "1", "2"}
    rtt = values(read["udpecho_probe_rtt_seconds"], peer=HARD)
    assert rtt["udpecho_probe_rtt_seconds_count"] == replied
    assert rtt["udpecho_probe_rtt_seconds_sum"] == pytest.approx(replied * 0.02, rel=0.01)
    assert len(rtt) == len(BOUNDS_NS) + 3
    assert read["udpecho_peer_info"].samples[0].labels == {
        "peer": HARD, "address": "192.0.2.2:1060", "zone": "ams",
        "source": "file:peers.json", "dscp": "CS0",
    }  # fmt: skip
    assert values(read["udpecho_peers_probed"]) == {"udpecho_peers_probed": 3}
    assert values(read["udpecho_source_up"]) == {"udpecho_source_up|file:peers.json": 1}
    assert read["udpecho_flow_losing"].samples == []
    reflected = values(read["udpecho_reflector_datagrams"], fate="echoed")
    counters = scraped.node.reflector.counters()
    assert reflected == {"udpecho_reflector_datagrams_total": counters.echoed}
    received = values(read["udpecho_reflector_received_bytes"])
    assert list(received.values()) == [counters.bytes_received]
    assert read["udpecho_build_info"].samples[0].labels["node"] == "node-0"
    scraped.bench.stop()


def test_a_peer_s_source_is_one_of_those_that_are_told(tmp_path: Path) -> None:
    """Or the two can't be joined: a file was told by its name here, and by its path there."""
    (tmp_path / "peers.txt").write_text("192.0.2.77")
    more = "[[peers]]\nfile = 'peers.txt'\n[[peers]]\nhttp = 'http://sd/'"
    bench = Nodes(2)
    answer = b'[{"targets": ["192.0.2.78"]}]'
    node = bench.begin(0, bench.text(0, [1], more), base=tmp_path, fetch=lambda _: succeed(answer))
    bench.net.advance(3)
    read = {each.name: each for each in read_text("".join(Metrics(node).texts(openmetrics=False)))}
    told = {each.labels["source"] for each in read["udpecho_source_up"].samples}
    of_peers = {each.labels["source"] for each in read["udpecho_peer_info"].samples}
    assert of_peers == told == {"hosts:192.0.2.2:1060", "file:peers.txt", "http:http://sd/"}
    assert {each.name for each in node.learning.states()} == told
    bench.stop()


def test_a_flow_that_loses_is_told(tmp_path: Path) -> None:
    scraped = Scraped(tmp_path)
    for number in range(60):
        scraped.node.roll[HARD].losing.lost(1, number)
    scraped.node.roll[HARD].losing.settle(60, scraped.node.now_ns())
    [sample] = scraped.read()["udpecho_flow_losing"].samples
    assert (sample.labels, sample.value) == ({"peer": HARD, "flow": "1"}, 1)
    scraped.bench.stop()


def test_a_probe_that_is_counted_twice_is_told(tmp_path: Path) -> None:
    scraped = Scraped(tmp_path)
    counts = scraped.node.roll[HARD].counts
    before = values(scraped.read()["udpecho_probes"], peer=HARD)
    counts.add(0, Outcome(ProbeFate.LOST, 0, flow_sequence=10**6))
    counts.add(0, Outcome(Surplus.DUPLICATE, 0, flow_sequence=10**6, rtt_ns=4 * 10**9))
    read = scraped.read()
    after = values(read["udpecho_probes"], peer=HARD)
    belated = values(read["udpecho_probes_belated"], peer=HARD)
    assert sum(after.values()) - sum(belated.values()) == sum(before.values()) + 1
    scraped.bench.stop()


def test_one_that_no_source_names_is_told_while_it_is_silent(tmp_path: Path) -> None:
    scraped = Scraped(tmp_path)
    assert scraped.read()["udpecho_peer_leaving"].samples == []
    (tmp_path / "peers.json").write_text('[{"targets": ["192.0.2.2"], "labels": {"name": "a"}}]')
    scraped.bench.net.advance(15)
    leaving = values(scraped.read()["udpecho_peer_leaving"])
    assert leaving["udpecho_peer_leaving|192.0.2.77:7"] == 1
    assert "udpecho_peer_leaving|a" not in leaving
    scraped.bench.net.advance(300)
    assert scraped.read()["udpecho_peer_leaving"].samples == []
    scraped.bench.stop()


def test_one_that_is_gone_is_told_no_more(tmp_path: Path) -> None:
    scraped = Scraped(tmp_path)
    before = scraped.text()
    assert "192.0.2.77:7" in before
    scraped.node._leave("192.0.2.77:7", None)
    assert "192.0.2.77:7" not in scraped.text()
    assert len(scraped.metrics._series) == 2
    scraped.bench.stop()


def test_of_many_peers_no_flow_is_told_alone(tmp_path: Path) -> None:
    bench = Nodes(1)
    peers: list[int | str] = [f"198.51.100.{n}:1060" for n in range(1, MOST_FLOW_PEERS + 2)]
    more = "[probe]\nflows = 2\ninterval = 10\n[mesh]\nfanout = 'all'"
    node = bench.begin(0, bench.text(0, peers, more))
    bench.net.advance(0.5)
    text = "".join(Metrics(node).texts(openmetrics=False))
    assert "udpecho_flow_probes_total{" not in text
    assert text.count("udpecho_probes_total{") == 5 * (MOST_FLOW_PEERS + 1)
    bench.stop()


def test_two_sources_of_one_name_are_told_apart(tmp_path: Path) -> None:
    """A series that is told twice is one to Prometheus, and the second source is never seen."""
    (tmp_path / "peers.txt").write_text("192.0.2.77")
    first = ["hosts = '192.0.2.2'", "file = 'peers.txt'", "http = 'http://sd/'"]
    second = [f"{each}\n{other}" for each in first for other in ("port = 7", "zone = 'a'")]

    def text(*blocks: str) -> str:
        return bench.text(0, [], "".join(f"\n[[peers]]\n{each}" for each in blocks))

    def sources() -> list[str]:
        lines = "".join(metrics.texts(openmetrics=False)).splitlines()
        told = [each.rpartition(" ")[0] for each in lines if not each.startswith("#")]
        assert len(set(told)) == len(told)
        names = [each.name for each in node.learning.states()]
        assert {f'udpecho_source_up{{source="{each}"}}' for each in names} <= set(told)
        recorded: Any = node_record(node)
        assert [each["source"] for each in recorded["sources"]] == names
        return names

    bench = Nodes(2)
    node = bench.begin(0, text(*first, *second), base=tmp_path, fetch=lambda _: succeed(b"[]"))
    bench.net.advance(3)
    metrics = Metrics(node)
    kinds = ["hosts:192.0.2.2", "file:peers.txt", "http:http://sd/"]
    others = [f"{each}#{number}" for each in kinds for number in (2, 3)]
    assert sources() == [*kinds, *others]
    bench.reload(0, text(*first[1:], *second))
    bench.net.advance(3)
    assert sources() == [*kinds[1:], *others], "who stays is called as before"
    bench.reload(0, text(*first[::-1], *second, "hosts = ['192.0.2.2', '192.0.2.9']"))
    bench.net.advance(3)
    assert sources() == [*kinds[::-1], *others, "hosts:192.0.2.2#4"]
    bench.stop()
