"""Nodes for the desk: three of their own, with something to see, and one that probes hosts."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from tests.watch.nodes import Nodes, fates
from udpecho.columns import Columns
from udpecho.guard import Reason
from udpecho.guard.prefixes import pack_host
from udpecho.testing import MemoryNetwork
from udpecho.watch import Desk
from udpecho.watch.configuring.settings import ProbeSettings
from udpecho.watch.desk import OWN_NODES, RowsOfAll, desk_node, start_own_nodes
from udpecho.watch.events.event import FlowLosing, PeerGone
from udpecho.watch.lossy import ONE_IN, LossyGuard
from udpecho.watch.remembering.cell import UNKNOWN


def test_our_own_nodes_see_who_loses_and_which_flows() -> None:
    net = MemoryNetwork()
    host = net.host("192.0.2.1")
    events: list[Any] = []
    log = Logger(observer=events.append)  # type: ignore[arg-type]
    nodes = start_own_nodes(host, ProbeSettings(interval=0.5), log, seed=1)
    net.advance(90)
    first, second, lossy = nodes
    rows = RowsOfAll(nodes)
    assert rows.sources() == rows.peers() == list(OWN_NODES)
    rows.looked_at()
    for node in nodes:
        assert node.is_healthy()
        for name, probed in node.roll.items():
            is_lossy = name == OWN_NODES[-1]
            assert set(fates(probed)) == ({"replied", "lost"} if is_lossy else {"replied"})
            assert 1 <= len(probed.losing.losing(node.now_ns())) <= 6 if is_lossy else True
            assert bool(rows.known(node.config.node.name, name).loss) is is_lossy
    assert rows.known("nobody", OWN_NODES[0]) == UNKNOWN
    refused = lossy.reflector.counters().unanswered
    lost = sum(fates(node.roll[OWN_NODES[-1]])["lost"] for node in (first, second))
    assert lost <= refused[Reason.DISCARDED] <= lost + 100  # not yet known, or no probes
    ended: list[Deferred[Any]] = [node.stopService() for node in nodes]
    done: list[Any] = []
    for each in ended:
        each.addBoth(done.append)
    net.advance(5)
    assert len(done) == 3
    assert list(host.getDelayedCalls()) == []
    assert [each for each in events if each["log_level"].name not in ("info", "debug")] == []


def test_what_happens_is_told_in_lines() -> None:
    host = MemoryNetwork().host("192.0.2.1")
    desk = Desk(host, Logger())
    told: list[str] = []
    desk.probe([], None, ProbeSettings())
    desk.listen(told.append)
    desk.nodes[0].events.tell(FlowLosing("lossy", 3))
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d node-1 to lossy: flow 3 loses more than its others", told[0]
    )
    desk.probe(["192.0.2.2"], None, ProbeSettings())
    desk.listen(told.append)
    desk.nodes[0].events.tell(PeerGone("192.0.2.2"))
    assert told[1].endswith(" 192.0.2.2, which was silent, is probed no more")
    assert desk.so_far() == "1 peer probed: nothing known yet"


def test_a_node_for_the_desk_probes_all_hosts_and_answers_on_loopback_alone() -> None:
    nodes = Nodes(2)
    nodes.begin(1, nodes.text(1, []))
    others = [f"198.51.100.{n}" for n in range(1, 150)]
    hosts = [nodes.addresses[1], "host-2.example:1060", *others]
    node = desk_node(nodes.hosts[0], "desk", hosts, None, ProbeSettings(flows=2))
    nodes.nodes[0] = node
    node.startService()
    nodes.net.advance(5)
    assert list(node.roll) == hosts
    assert set(fates(node.roll[nodes.addresses[1]])) == {"replied"}
    assert set(fates(node.roll["host-2.example:1060"])) == {"replied"}
    [(host, _)] = node.reflector.addresses()
    assert host == "127.0.0.1"
    assert RowsOfAll([node]).peers() == hosts
    nodes.stop()


def test_one_flow_in_five_loses_and_all_else_is_as_with_any_guard() -> None:
    guard = LossyGuard(seed=1)
    guard.add_own_port(1060)
    ports = [40000 + n for n in range(20)]
    batch = Columns(
        b"".join(port.to_bytes(2, "big") for port in [*ports, 1060]),
        pack_host("127.0.0.1") * 21,
    )
    lost: Counter[int] = Counter()
    for second in range(1000):
        refused = dict(guard.judge(batch, float(second)))
        assert refused.pop(20) is Reason.OWN_PORT
        assert set(refused.values()) <= {Reason.DISCARDED}
        lost.update(refused.keys())
    assert sorted(lost) == list(range(ONE_IN - 1, 20, ONE_IN))
    assert all(230 < times < 370 for times in lost.values())
    many = Columns(
        b"".join(port.to_bytes(2, "big") for port in range(1024, 9000)), b"\x7f\0\0\1" * 7976
    )
    assert len(guard.judge(many, 1000.0)) < 7976
