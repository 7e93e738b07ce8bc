"""Nodes that watch each other, in memory: what was done to the traffic is what they say."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed

from tests.ping.test_lookups import Script
from tests.watch.nodes import UNTRACED, Nodes, fates, name_of
from udpecho.guard.reasons import Reason
from udpecho.instrument.probe import ProbeFate
from udpecho.server import EchoServer
from udpecho.testing.record import Fate
from udpecho.watch import BadConfig, WatchService, read_config
from udpecho.watch.configuring.checking import check_file
from udpecho.watch.configuring.settings import ProbeSettings
from udpecho.watch.counts import FATES
from udpecho.watch.peers.membership import KEPT
from udpecho.watch.reflecting import LOOKS, peers_rate

EVERY = [0, 1, 2]


def test_three_nodes_watch_each_other_and_none_itself() -> None:
    bench = Nodes()
    for at in EVERY:
        bench.begin(at, bench.text(at, EVERY))
    bench.net.advance(10.5)
    for at, node in bench.nodes.items():
        others = [f"{bench.addresses[each]}:1060" for each in EVERY if each != at]
        assert sorted(node.roll) == others
        for probed in node.roll.values():
            assert list(fates(probed)) == ["replied"]
            assert {flow.sent for flow in probed.counts.flows} <= {10, 11}
            assert len(probed.counts.flows) == 16
            assert sum(probed.counts.rtt.buckets) == fates(probed)["replied"]
        assert sum(node.runs.lateness.buckets) > 0
        counters = node.reflector.counters()
        looked_at = counters.unanswered[Reason.TTL_SPENT]
        assert counters.received - looked_at == counters.echoed > 300
    assert bench.lines() == []
    bench.stop()


def test_what_is_lost_is_counted_and_a_flow_that_loses_is_named() -> None:
    bench = Nodes(2)
    first = bench.begin(0, bench.text(0, [1], "[probe]\nflows = 4"))
    bench.begin(1, bench.text(1, []))
    bench.net.advance(5)
    [probed] = first.roll.values()
    assert first.runs.prober is not None
    port = next(
        flow.port for flow, (_, number) in first.runs.prober.first._of.items() if number == 2
    )
    bench.router.drop(source_ports=[port])
    bench.net.advance(60)
    assert probed.losing.losing(first.runs.prober.now_ns()) == [2]
    lost = [flow.fates[FATES.index(ProbeFate.LOST)] for flow in probed.counts.flows]
    assert lost[2] >= 50
    assert sum(lost) == lost[2]
    bench.stop()


def test_a_peer_by_name_that_is_this_node_is_left_out() -> None:
    bench = Nodes(2)
    hosts = [name_of(each) for each in bench.addresses]
    first = bench.begin(0, bench.text(0, hosts))
    bench.begin(1, bench.text(1, [0]))
    bench.net.advance(5)
    assert list(first.roll) == [hosts[1]]
    assert first.roll[hosts[1]].address == (bench.addresses[1], 1060)
    bench.stop()


def test_by_its_own_name_it_is_left_out_too() -> None:
    bench = Nodes(2)
    first = bench.begin(0, bench.text(0, ["node-0", 1]))
    bench.net.advance(2)
    assert list(first.roll) == ["192.0.2.2:1060"]
    bench.stop()


def test_a_reload_keeps_probes_and_counters_of_those_that_stay() -> None:
    bench = Nodes()
    node = bench.begin(0, bench.text(0, [1]))
    for at in (1, 2):
        bench.begin(at, bench.text(at, [0]))
    bench.net.advance(3)
    stays = node.roll["192.0.2.2:1060"]
    for number in range(100):
        before = [(flow.sent, list(flow.fates)) for flow in stays.counts.flows]
        bench.reload(0, bench.text(0, [1, 2] if number % 2 == 0 else [1]))
        bench.net.advance(0.37)
        after = [(flow.sent, list(flow.fates)) for flow in stays.counts.flows]
        assert node.roll["192.0.2.2:1060"] is stays
        for (sent, was), (sent_since, now) in zip(before, after, strict=True):
            assert sent_since >= sent
            assert all(old <= new for old, new in zip(was, now, strict=True))
    bench.net.advance(5)
    assert list(fates(stays)) == ["replied"]
    times = [
        each.sent
        for each in bench.net.record
        if each.destination == ("192.0.2.2", 1060) and each.source[0] == "192.0.2.1"
    ]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert max(gaps) < 0.5 + 0.01, "eight flows at a time, twice a second"
    bench.stop()


def test_a_reload_may_change_how_peers_are_probed() -> None:
    bench = Nodes(2)
    node = bench.begin(0, bench.text(0, [1]))
    bench.begin(1, bench.text(1, [0]))
    bench.net.advance(3)
    [probed] = node.roll.values()
    before = fates(probed)["replied"]
    bench.reload(0, bench.text(0, [1], "[probe]\nflows = 20\ninterval = 0.5"))
    bench.net.advance(3)
    assert len(probed.counts.flows) == 20
    assert before + 80 < fates(probed)["replied"]
    assert list(fates(probed)) == ["replied"]
    bench.reload(0, bench.text(0, [1], "[probe]\nflows = 2"))
    bench.net.advance(3)
    assert len(probed.counts.flows) == 20
    bench.stop()


def test_a_reload_waits_for_replies_as_long_as_ever() -> None:
    """They may take longer than any did before."""
    bench = Nodes(2)
    node = bench.begin(0, bench.text(0, [1], "[probe]\nflows = 4\ninterval = 0.1"))
    bench.begin(1, bench.text(1, []))
    bench.net.advance(3)
    [probed] = node.roll.values()
    bench.net.link(bench.hosts[0], bench.hosts[1], delay=0.45)
    bench.net.advance(0.3)
    for flows in (3, 2):
        bench.reload(0, bench.text(0, [1], f"[probe]\nflows = {flows}\ninterval = 0.1"))
        bench.net.advance(0.3)
    bench.net.advance(5)
    assert list(fates(probed)) == ["replied"]
    bench.net.link(bench.hosts[0], bench.hosts[1], delay=1.2)
    bench.net.advance(0.3)
    bench.reload(0, bench.text(0, [1], "[probe]\nflows = 4\ninterval = 0.2"))
    bench.net.advance(10)
    assert set(fates(probed)) == {"replied", "late"}
    bench.stop()


def test_what_the_old_probes_lose_is_counted_and_no_loss_of_the_new() -> None:
    bench = Nodes(2)
    node = bench.begin(0, bench.text(0, [1], "[probe]\nflows = 4\ninterval = 0.1"))
    bench.begin(1, bench.text(1, []))
    bench.net.advance(3)
    [probed] = node.roll.values()
    again = bench.router.drop(source_ports=range(65536))
    bench.net.advance(0.35)
    again()
    bench.reload(0, bench.text(0, [1], "[probe]\nflows = 3\ninterval = 0.1"))
    bench.net.advance(10)
    assert fates(probed)["lost"] > 0
    assert not any(flow.lost for flow in probed.counts.flows)
    assert sum(flow.sent for flow in probed.counts.flows) - sum(fates(probed).values()) < 20
    assert not probed.losing._waiting
    bench.stop()


@pytest.mark.parametrize("change", ["[node]\nname = 'other'", "[web]\nlisten = []"])
def test_what_needs_a_restart_is_refused_and_changes_nothing(change: str) -> None:
    bench = Nodes(2)
    node = bench.begin(0, bench.text(0, [1]))
    bench.net.advance(1)
    before = node.config
    with pytest.raises(ValueError, match=r"^watch\.toml:\d+: .* needs a restart$"):
        bench.reload(0, bench.text(0, [1], change))
    assert node.config is before
    bench.stop()


def test_a_reload_that_fails_on_its_way_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever it fails by: here a library is missing."""
    bench = Nodes(3)
    node = bench.begin(0, bench.text(0, [1]))
    bench.net.advance(1)
    before = node.config, dict(node.roll)
    monkeypatch.setitem(sys.modules, "udpecho.watch.peers.http", None)
    source = "[[peers]]\nhttp = 'http://sd/'\n[mesh]\nmax_peers = 1"
    with pytest.raises(ImportError):
        bench.reload(0, bench.text(0, [2], source))
    assert node.config is before[0]
    assert len(list(node.learning.states())) == 1
    bench.net.advance(10)
    assert node.roll == before[1]
    bench.reload(0, bench.text(0, [2]))
    bench.net.advance(10)
    assert "192.0.2.3:1060" in node.roll
    bench.stop()


@pytest.mark.parametrize("other", ["zone = 'y'", "port = 7"])
def test_a_reload_whose_source_is_slow_loses_nobody(other: str) -> None:
    """Whom a source of the same name named stays until the new one answers."""
    bench = Nodes(2)
    asked: list[Deferred[bytes]] = []

    def fetch(url: str) -> Deferred[bytes]:
        asked.append(Deferred())
        return asked[-1]

    def text(more: str) -> str:
        return bench.text(0, [], f"[[peers]]\nhttp = 'http://sd/'\n{more}")

    node = bench.begin(0, text(""), fetch=fetch)
    bench.begin(1, bench.text(1, []))
    [state] = node.learning.states()
    asked[0].callback(b'[{"targets": ["192.0.2.2"]}]')
    bench.net.advance(31)
    before = node.roll["192.0.2.2"]
    bench.reload(0, text(other))
    bench.net.advance(10)
    assert len(asked) == 3
    assert node.roll == {"192.0.2.2": before}
    assert not node.members.is_leaving("192.0.2.2")
    assert [(each.answers, each.failures) for each in node.learning.states()] == [(1, 0)]
    assert list(node.learning.states()) == [state]
    asked[2].callback(b'[{"targets": ["192.0.2.2"]}]')
    bench.net.advance(5)
    assert node.roll == {"192.0.2.2": before}
    assert (before.wanted.zone, before.wanted.port) in [("y", 1060), ("", 7)]
    assert bench.lines() == []
    bench.stop()


def test_a_peer_that_is_gone_from_its_file(tmp_path: Path) -> None:
    """One that answers is gone after two intervals; one that is silent is told for 5 minutes."""
    bench = Nodes(3)
    path = tmp_path / "peers.txt"
    path.write_text("192.0.2.2\n192.0.2.3\n192.0.2.77\n")
    text = bench.text(0, [], "[probe]\nflows = 1\n[[peers]]\nfile = 'peers.txt'")
    node = bench.begin(0, text, base=tmp_path)
    for host in bench.hosts[1:]:
        host.listenUDP(1060, EchoServer())
    bench.net.advance(5)
    assert sorted(node.roll) == ["192.0.2.2", "192.0.2.3", "192.0.2.77"]
    path.write_text("192.0.2.2\n")
    bench.net.advance(2.5)
    assert sorted(node.roll) == ["192.0.2.2", "192.0.2.3", "192.0.2.77"]
    bench.net.advance(3)
    assert sorted(node.roll) == ["192.0.2.2", "192.0.2.77"]
    bench.net.advance(KEPT - 10)
    assert sorted(node.roll) == ["192.0.2.2", "192.0.2.77"]
    bench.net.advance(10)
    assert sorted(node.roll) == ["192.0.2.2"]
    path.unlink()
    bench.net.advance(KEPT - 5)
    assert sorted(node.roll) == ["192.0.2.2"]
    assert bench.lines() == [
        f"peers: can't read {path}: No such file or directory; those known stay for five minutes"
    ]
    bench.net.advance(15)
    assert sorted(node.roll) == []
    bench.stop()


def test_peers_of_a_server(tmp_path: Path) -> None:
    bench = Nodes(2)
    answer = b'[{"targets": ["192.0.2.2"], "labels": {"name": "two", "zone": "z"}}]'

    def fetch(url: str) -> Deferred[bytes]:
        assert url == "http://sd/"
        return succeed(answer)

    text = bench.text(0, [], "[[peers]]\nhttp = 'http://sd/'")
    node = bench.begin(0, text, fetch=fetch)
    bench.net.advance(3)
    assert node.roll["two"].wanted.zone == "z"
    answer = answer.replace(b'"z"', b'"y"')
    before = node.roll["two"]
    bench.net.advance(30)
    assert node.roll["two"] is before
    assert before.wanted.zone == "y"
    bench.stop()


def test_a_server_of_peers_by_https_wants_its_libraries(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Else it would be known only in the log, and only when the server is asked."""
    monkeypatch.setitem(sys.modules, "service_identity", None)
    bench, source = Nodes(2), "[[peers]]\nhttp = 'https://sd/'"
    node = bench.begin(0, bench.text(0, [1], source.replace("https", "http")))
    before = node.config
    line = (
        "peers]] http: expected pyOpenSSL and service-identity for https, got no service_identity;"
        " both come with: pip install 'udpecho[watch-access]'"
    )
    with pytest.raises(BadConfig, match=re.escape(f"watch.toml:3: [[{line}")):
        bench.reload(0, bench.text(0, [1], source))
    assert node.config is before
    with pytest.raises(BadConfig, match=re.escape(line)):
        bench.begin(1, bench.text(1, [0], source))
    (tmp_path / "watch.toml").write_text(source)
    with pytest.raises(BadConfig, match=re.escape(line)):
        next(check_file(tmp_path / "watch.toml", "n"))
    bench.stop()


def test_two_of_one_name_in_a_source_are_told_once() -> None:
    """One alone can be probed by that name; of another that is the same nothing is to be told."""
    bench = Nodes(2)
    here = '{"targets": ["192.0.2.2"], "labels": {"name": "two"}}'
    others = [here.replace(".2.2", f".2.{number}") for number in range(3, 8)]
    answer = f"[{here}, {here}, {others[0]}]"
    text = bench.text(0, [], "[[peers]]\nhttp = 'http://sd/'")
    node = bench.begin(0, text, fetch=lambda _: succeed(answer.encode()))
    bench.net.advance(65)
    print(bench.events)
    assert node.roll["two"].wanted.host == "192.0.2.2"
    said = "peers: http:http://sd/: not probed, as one before has the same name: two at 192.0.2.3"
    assert bench.lines() == [f"{said} port 1060"]
    answer = f"[{', '.join([here, *others])}]"
    bench.net.advance(60)
    [_, line] = bench.lines()
    assert line.startswith(f"{said} port 1060, two at 192.0.2.4 port 1060, ")
    assert line.endswith(", two at 192.0.2.5 port 1060 and 2 more")
    answer = f"[{here}]"
    bench.net.advance(30)
    assert len(bench.lines()) == 2
    bench.stop()


@pytest.mark.parametrize("at", [0, 1, 2])
def test_this_node_itself_takes_no_place_of_those_that_may_be(at: int) -> None:
    """In whatever place of a source it is."""
    bench = Nodes(4)
    peers: list[int | str] = [1, 2]
    peers.insert(at, 0)
    node = bench.begin(0, bench.text(0, peers, "[mesh]\nmax_peers = 2"))
    bench.net.advance(2)
    assert sorted(node.roll) == ["192.0.2.2:1060", "192.0.2.3:1060"]
    assert node.members.left_out == 0
    bench.reload(0, bench.text(0, [*peers, 3], "[mesh]\nmax_peers = 2"))
    bench.net.advance(2)
    assert (len(node.roll), node.members.left_out) == (2, 1)
    bench.stop()


def test_a_fanout_leaves_out_most() -> None:
    bench = Nodes(1)
    peers: list[int | str] = [f"198.51.100.{number}:1060" for number in range(1, 120)]
    node = bench.begin(0, bench.text(0, peers, "[probe]\nflows = 1\n[mesh]\nfanout = 8"))
    bench.net.advance(2)
    chosen = set(node.roll)
    assert len(chosen) == 8
    bench.reload(0, bench.text(0, peers, "[probe]\nflows = 1"))
    bench.net.advance(2)
    assert len(node.roll) == 32
    bench.reload(0, bench.text(0, peers, "[probe]\nflows = 1\n[mesh]\nfanout = 'all'"))
    bench.net.advance(2)
    assert len(node.roll) == 119
    bench.reload(0, bench.text(0, peers, "[probe]\nflows = 1\n[mesh]\nfanout = 8"))
    bench.net.advance(2)
    assert set(node.roll) == chosen
    bench.stop()


def test_a_peer_that_others_probe_is_gone_when_no_source_names_it(tmp_path: Path) -> None:
    """Under a fanout this node has never heard it, and would take it for silent."""
    bench, path = Nodes(1), tmp_path / "peers.txt"
    names = [f"198.51.100.{number}" for number in range(1, 9)]
    path.write_text("\n".join(names))
    mesh = "[mesh]\nfanout = 1\n[[peers]]\nfile = 'peers.txt'"
    node = bench.begin(0, bench.text(0, [], mesh), base=tmp_path)
    bench.net.advance(3)
    gone = next(name for name in names if name not in node.roll)
    names.remove(gone)
    path.write_text("\n".join(names))
    bench.net.advance(6)
    assert sorted(each.name for each in node.choosing.others()) == names
    bench.stop()


def test_our_own_guard_makes_none_of_the_loss_that_is_reported() -> None:
    """A rate for strangers that is far below what peers send limits strangers alone."""
    bench = Nodes(2)
    tight = "rate = 1\nburst = 1\nslip = 0"
    for at in (0, 1):
        bench.begin(at, bench.text(at, [1 - at]).replace("[[peers]]", f"{tight}\n[[peers]]", 1))
    bench.net.advance(20)
    for node in bench.nodes.values():
        [probed] = node.roll.values()
        assert list(fates(probed)) == ["replied"]
        assert Reason.OVER_RATE not in node.reflector.counters().unanswered
    bench.stop()


def test_the_guard_is_told_of_peers_step_by_step() -> None:
    """In one go it took 19 ms for 10,000."""
    bench = Nodes(1)
    peers: list[int | str] = [f"198.51.100.{number}:1060" for number in range(1, 120)]
    node = bench.begin(0, bench.text(0, peers, "[mesh]\nfanout = 1"))
    bench.net.advance(1)
    steps = node._give_peers_their_rate()
    assert isinstance(steps, Iterator)
    assert len(list(steps)) == len(peers)
    bench.stop()


def test_what_the_guard_must_let_through() -> None:
    assert peers_rate(ProbeSettings()) == 64 + LOOKS
    assert peers_rate(ProbeSettings(interval=0.5, flows=3, size=3000), 2) == 4 * 2 * 6 * 2 + LOOKS


def test_a_listen_string_that_means_nothing_is_one_line() -> None:
    bench = Nodes(1)
    config = read_config("\n[reflect]\nlisten = 'udp:x'", "watch.toml", "a")
    with pytest.raises(BadConfig, match=r"^watch.toml:2: \[reflect\] listen udp:PORT: expected a"):
        WatchService(bench.hosts[0], config)


def test_paths_told_where_another_process_may_share_the_port_is_one_line() -> None:
    text = "[reflect]\nlisten = 'udp:7:reusePort=yes'\ntell_paths = true"
    config = read_config(text, "watch.toml", "a")
    with pytest.raises(
        BadConfig, match=r"^watch.toml:1: expected \[reflect\] tell_paths or \[refl"
    ):
        WatchService(Nodes(1).hosts[0], config)


def test_what_the_log_advises_is_spelt_as_the_file_has_it() -> None:
    bench = Nodes(2)
    bench.begin(0, "[reflect]\nlisten = 'udp:7:interface=127.0.0.1'")
    bench.begin(1, bench.text(1, []))
    source = ("192.0.2.77", 53)
    bench.net.forge(b"x", source=source, to=(bench.addresses[1], 1060))
    bench.net.advance(1)
    said = [each["log_format"].format(**each) for each in bench.events]
    assert said[0] == (
        "udpecho answers at 127.0.0.1:7, this machine only; to serve the network: [reflect] listen"
        ' = "udp:1060"'
    )
    assert said[-1].endswith("; [reflect] allow_source_port answers a port like this")
    assert not any("--" in each for each in said)
    bench.stop()


def test_a_host_that_is_gone_is_lost_and_comes_back() -> None:
    bench = Nodes(2)
    node = bench.begin(0, bench.text(0, [1], UNTRACED))
    bench.begin(1, bench.text(1, [0], UNTRACED))
    bench.net.advance(2)
    [probed] = node.roll.values()
    bench.links[1].at(2.0, loss=1.0)
    bench.net.advance(20)
    bench.links[1].at(22.0, loss=0.0)
    bench.net.advance(10)
    counted = fates(probed)
    assert set(counted) == {"replied", "lost"}
    lost = [
        each
        for each in bench.net.record
        if each.fate is Fate.LOST and each.destination == ("192.0.2.2", 1060)
    ]
    assert counted["lost"] == len(lost) > 300
    assert probed.losing.losing(0) == []
    bench.stop()


def test_a_peer_whose_address_moved_keeps_its_name_and_counters() -> None:
    bench = Nodes(3)
    for host in bench.hosts[1:]:
        host.listenUDP(1060, EchoServer())
    names: Any = SimpleNamespace(host=bench.hosts[0])
    script = Script(names)
    bench.hosts[0].installNameResolver(script)
    script.names = {"b.example": (0.0, ("192.0.2.2",))}
    node = bench.begin(0, bench.text(0, ["b.example"], "[probe]\nflows = 2"))
    bench.net.advance(5)
    probed = node.roll["b.example"]
    assert probed.address == ("192.0.2.2", 1060)
    script.names = {"b.example": (0.0, ("192.0.2.3",))}
    bench.net.advance(130)
    assert node.roll["b.example"] is probed
    assert probed.address == ("192.0.2.3", 1060)
    assert probed.counts.readdressed == 1
    assert list(fates(probed)) == ["replied"]
    assert fates(probed)["replied"] >= 2 * 134
    assert len(probed.counts.flows) == 2
    bench.stop()


def test_another_node_may_answer_at_the_same_port_of_another_address_of_this_machine() -> None:
    nodes = Nodes(1)
    second = nodes.net.host("192.0.2.7", "192.0.2.8")
    nodes.net.link(second, nodes.router, delay=0.001)
    nodes.hosts.append(second)
    nodes.addresses.append("192.0.2.7")
    both = ["192.0.2.7:1060", "192.0.2.8:1060", "192.0.2.1:1060"]
    one = nodes.begin(1, nodes.text(1, both))
    nodes.net.advance(1)
    assert one.roll.keys() == {*both[1:]}
    nodes.stop()
    nodes = Nodes(1)
    every = nodes.begin(0, nodes.text(0, both).replace("interface=192.0.2.1", "interface=0.0.0.0"))
    nodes.net.advance(1)
    assert every.roll.keys() == {*both[:2]}
    nodes.stop()
