"""Path MTUs and DSCPs of flows over routers in memory, with ICMP and where it is filtered."""

from __future__ import annotations

from typing import Any

import pytest

from tests.routers import SOURCE, SOURCE6, TARGET, TARGET6, FourWays, line, linked
from udpecho import EchoServer, listen_udp
from udpecho.path import Path, PathMtu, Paths, trace
from udpecho.testing import Fate, MemoryNetwork

PORTS = range(40000, 40016)
TARGETS = [TARGET, TARGET6]
AT_WILL: dict[str, Any] = {"icmp_per_second": None, "icmp_msgs_per_second": None}


def four_ways(mtu: int | None = 1400, **options: Any) -> FourWays:
    """Have links of 1500 to both hosts, and the last member's of less."""
    four = FourWays(1, **AT_WILL, **options)
    four.net.link(four.source, four.r1, mtu=1500)
    four.net.link(four.r3, four.target, mtu=1500)
    if mtu is not None:
        four.net.link(four.r1, four.members[3], delay=0.001, mtu=mtu)
    return four


def looked(four: FourWays, target: str, **options: Any) -> Paths:
    look = trace(four.source, (target, 7), source_ports=PORTS, **options)
    return four.net.run_until(look, limit=100)


def through(four: FourWays, path: Path, ipv6: bool) -> bool:
    """Tell whether a flow passes the last member."""
    return path.hops[1].addresses == (four.members[3].address(four.r1, ipv6=ipv6),)


@pytest.mark.parametrize("target", TARGETS)
def test_exactly_the_flows_of_a_narrow_member_are_named_with_who_says_so(target: str) -> None:
    four, ipv6 = four_ways(), target == TARGET6
    paths = looked(four, target, mtu=True).paths
    by = four.r1.address(four.source, ipv6=ipv6)
    assert {path.mtu for path in paths if through(four, path, ipv6)} == {PathMtu(1400, by)}
    assert {path.mtu for path in paths if not through(four, path, ipv6)} == {
        PathMtu(1500, by)  # of the host's own link, which in memory the router tells
    }


@pytest.mark.parametrize("target", TARGETS)
def test_where_icmp_is_filtered_they_are_found_by_search(target: str) -> None:
    four, ipv6 = four_ways(silent=[Fate.TOO_LONG]), target == TARGET6
    paths = looked(four, target, mtu=True, most_hops=3).paths
    assert {path.mtu for path in paths if through(four, path, ipv6)} == {PathMtu(1400)}
    others = {path.mtu for path in paths if not through(four, path, ipv6)}
    assert others <= {PathMtu(1500), PathMtu(1400)}  # the latter by their way back
    assert four.source.seconds() < 15


def test_replies_of_ipv4_are_cut_on_the_way_back() -> None:
    """So that only the way out counts, with our own server."""
    four = four_ways(silent=[Fate.TOO_LONG])
    paths = looked(four, TARGET, mtu=True).paths
    others = {path.mtu for path in paths if not through(four, path, False)}
    assert others == {PathMtu(1500)}


@pytest.mark.parametrize("target", TARGETS)
def test_a_flow_that_loses_is_asked_again(target: str) -> None:
    four, ipv6 = four_ways(silent=[Fate.TOO_LONG]), target == TARGET6
    four.net.link(four.r3, four.target, mtu=1500, loss=0.1)
    for path in looked(four, target, mtu=True, most_hops=3).paths:
        assert path.mtu is not None
        expected = 1400 if through(four, path, ipv6) else 1500
        assert path.mtu.bytes == expected or path.mtu.uncertain or ipv6


@pytest.mark.parametrize("target", TARGETS)
def test_who_answers_nothing_can_not_be_searched(target: str) -> None:
    four = four_ways(None, answers=False, silent=True)
    four.r3.drop(to=f"{target}/128" if target == TARGET6 else f"{target}/32")
    paths = looked(four, target, mtu=True).paths
    assert {path.mtu for path in paths} == {PathMtu(None)}
    assert not any(path.reached for path in paths)


def test_without_any_limit_it_is_the_longest_packet() -> None:
    net, source, target, _ = line(count=2, **AT_WILL)
    target.listenUDP(7, EchoServer())
    [path] = net.run_until(trace(source, (TARGET, 7), flows=1, mtu=True)).paths
    assert path.mtu == PathMtu(65535)


def test_what_is_not_asked_is_not_told() -> None:
    net, source, target, _ = line(count=2, **AT_WILL)
    target.listenUDP(7, EchoServer())
    found = net.run_until(trace(source, (TARGET, 7), flows=1))
    assert (found.dscp, found.paths[0].mtu, found.paths[0].dscp_back) == (None, None, ())


def test_many_flows_do_not_come_at_once() -> None:
    """4 MB a second, whatever their number."""
    net = MemoryNetwork(seed=1)
    source, target = net.host(SOURCE), net.host(TARGET)
    net.link(source, target, mtu=1500, rate=12_500_000, queue=40, hops=1, delay=0.01)
    target.listenUDP(7, EchoServer())
    look = trace(source, (TARGET, 7), flows=64, mtu=True, most_hops=0)
    found = net.run_until(look, limit=100)
    assert {path.mtu.bytes for path in found.paths if path.mtu is not None} == {1500}


class TestDscp:
    @pytest.mark.parametrize("target", TARGETS)
    def test_exactly_the_flows_that_meet_a_bleaching_member_come_back_changed(
        self, target: str
    ) -> None:
        four, ipv6 = four_ways(None), target == TARGET6
        four.members[3].core.dscp = 0
        found = looked(four, target, dscp=46)
        assert found.dscp == 46
        for path in found.paths:
            assert path.dscp_back in ((46,), (0,))
            if through(four, path, ipv6):
                assert path.dscp_back == (0,)
        assert {path.dscp_back for path in found.paths} == {(46,), (0,)}

    def test_a_server_that_does_not_reflect_it(self) -> None:
        net, source, target, _ = line(count=2, **AT_WILL)
        target.listenUDP(7, EchoServer())
        found = net.run_until(trace(source, (TARGET, 7), flows=2, dscp=46))
        assert {path.dscp_back for path in found.paths} == {(0,)}

    def test_who_does_not_answer_tells_none(self) -> None:
        net, source, _, routers = line(count=2, **AT_WILL)
        routers[1].drop()
        [path] = net.run_until(trace(source, (TARGET, 7), flows=1, dscp=46)).paths
        assert path.dscp_back == ()

    @pytest.mark.parametrize("dscp", [-1, 64])
    def test_what_is_none_is_refused(self, dscp: int) -> None:
        net, source, _, _ = line(count=1)
        with pytest.raises(ValueError, match=f"dscp: expected 0 to 63, got {dscp}"):
            net.run_until(trace(source, (TARGET, 7), dscp=dscp))


def test_a_way_that_narrows_twice() -> None:
    net = MemoryNetwork(seed=1)
    source, target = net.host(SOURCE, SOURCE6), net.host(TARGET, TARGET6)
    one, two = net.router(**AT_WILL), net.router(**AT_WILL)
    linked(net, source, one, 0, mtu=9000)
    linked(net, one, two, 1, mtu=1480)
    linked(net, two, target, 20, mtu=1400)
    listen_udp(target, 7, EchoServer(target.seconds))
    [path] = net.run_until(trace(source, (TARGET, 7), flows=1, mtu=True)).paths
    assert path.mtu == PathMtu(1400, two.address(one))
