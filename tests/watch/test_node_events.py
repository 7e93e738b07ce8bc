"""What a node tells as it happens: told once when it begins, and once when it ends."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred, succeed

from tests.ping.test_lookups import Script
from tests.watch.nodes import Nodes, fates
from udpecho.server import EchoServer
from udpecho.watch import WatchService
from udpecho.watch.events.event import (
    Event,
    FlowLosing,
    FlowRecovered,
    PeerBack,
    PeerGone,
    PeerReaddressed,
    PeerSilent,
)
from udpecho.watch.losses import HELD_NS


def told(node: WatchService) -> list[Event]:
    return [each.event for each in node.events.last]


def kinds(node: WatchService) -> list[str]:
    return [each.kind for each in told(node)]


def test_a_node_whose_peers_are_well_tells_nothing() -> None:
    bench = Nodes()
    for at in range(3):
        bench.begin(at, bench.text(at, [0, 1, 2]))
    bench.net.advance(30)
    assert [kinds(node) for node in bench.nodes.values()] == [[], [], []]
    bench.stop()


def test_a_peer_killed_and_back_is_told_once_each() -> None:
    bench = Nodes(2)
    node = bench.begin(0, bench.text(0, [1]))
    bench.begin(1, bench.text(1, [0]))
    bench.net.advance(5)
    bench.nodes.pop(1).stopService()
    bench.net.advance(60)
    [silent] = told(node)
    assert isinstance(silent, PeerSilent)
    assert silent.why == "refused: ECONNREFUSED"
    bench.begin(1, bench.text(1, [0]))
    bench.net.advance(60)
    assert node.roll["192.0.2.2:1060"].why_silent == ""
    assert kinds(node) == ["peer_silent", "peer_back"]
    back = told(node)[1]
    assert isinstance(back, PeerBack)
    assert 60 <= back.silent_seconds <= 62
    bench.stop()


def test_a_flow_that_loses_and_its_end() -> None:
    bench = Nodes(2)
    node = bench.begin(0, bench.text(0, [1], "[probe]\nflows = 4"))
    bench.begin(1, bench.text(1, []))
    bench.net.advance(5)
    assert node.runs.prober is not None
    port = next(
        flow.port for flow, (_, number) in node.runs.prober.first._of.items() if number == 2
    )
    no_more = bench.router.drop(source_ports=[port])
    bench.net.advance(60)
    peer = "192.0.2.2:1060"
    assert told(node) == [FlowLosing(peer, 2)]
    no_more()
    bench.net.advance(HELD_NS / 1e9 + 60)
    assert told(node)[1:] == [FlowRecovered(peer, 2)]
    bench.stop()


def test_a_peer_without_an_address_is_silent_and_why_is_told() -> None:
    bench = Nodes(1)
    node = bench.begin(0, bench.text(0, ["nosuch.example"]))
    bench.net.advance(10)
    [silent] = told(node)
    assert isinstance(silent, PeerSilent)
    assert silent.why
    bench.reload(0, bench.text(0, []))
    bench.net.advance(310)
    assert told(node)[1:] == [PeerGone("nosuch.example")]
    bench.stop()


def test_a_peer_whose_address_moved_is_readdressed() -> None:
    bench = Nodes(3)
    for host in bench.hosts[1:]:
        host.listenUDP(1060, EchoServer())
    names: Any = SimpleNamespace(host=bench.hosts[0])
    script = Script(names)
    bench.hosts[0].installNameResolver(script)
    script.names = {"b.example": (0.0, ("192.0.2.2",))}
    node = bench.begin(0, bench.text(0, ["b.example"]))
    bench.net.advance(5)
    script.names = {"b.example": (0.0, ("192.0.2.3",))}
    bench.net.advance(130)
    assert told(node) == [PeerReaddressed("b.example", "192.0.2.2:1060", "192.0.2.3:1060")]
    bench.stop()


def test_one_whose_source_says_another_address_keeps_its_name_and_counters(tmp_path: Path) -> None:
    bench = Nodes(3)
    for host in bench.hosts[1:]:
        host.listenUDP(1060, EchoServer())
    answer = b'[{"targets": ["192.0.2.2"], "labels": {"name": "two"}}]'

    def fetch(_: str) -> Deferred[bytes]:
        return succeed(answer)

    text = bench.text(0, [], "[probe]\nflows = 2\n[[peers]]\nhttp = 'http://sd/'")
    node = bench.begin(0, text, fetch=fetch)
    bench.net.advance(20)
    probed, before = node.roll["two"], fates(node.roll["two"])
    assert before["replied"] >= 38
    answer = answer.replace(b"192.0.2.2", b"192.0.2.3")
    bench.net.advance(30)
    assert node.roll["two"] is probed
    assert probed.address == ("192.0.2.3", 1060)
    assert probed.counts.readdressed == 1
    assert list(fates(probed)) == ["replied"]
    assert fates(probed)["replied"] >= before["replied"] + 56
    assert told(node) == [PeerReaddressed("two", "192.0.2.2:1060", "192.0.2.3:1060")]
    bench.stop()
