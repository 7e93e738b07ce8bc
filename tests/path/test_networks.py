"""Traces, pings and verdicts over routers in memory: equal ways, faults, and odd networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.routers import SOURCE, TARGET, TARGET6, FourWays, line, linked
from udpecho import EchoServer, listen_udp
from udpecho.path import Path, Place, State, TracedPing, Verdict, trace, traced
from udpecho.ping import prepare
from udpecho.testing import Fate, MemoryHost, MemoryNetwork, demo_fabric, leaf_and_spine

AT_WILL: dict[str, Any] = {"icmp_per_second": None, "icmp_msgs_per_second": None}
PORTS = range(40000, 40016)
OUTSIDE = "203.0.113.7"


def looked(net: MemoryNetwork, source: MemoryHost, target: str = TARGET,
           ports: Sequence[int] = PORTS, **options: Any) -> tuple[Path, ...]:  # fmt: skip
    """Trace the flows from these ports."""
    look = trace(source, (target, 7), source_ports=ports, **options)
    return net.run_until(look, limit=100).paths


def pinged(
    four: FourWays, target: str = TARGET, *, count: int = 320, interval: float = 0.05
) -> TracedPing:
    """Ping with 16 flows, and trace what loses."""
    run = prepare(four.source, [(target, 7)], count=count, interval=interval, flows=16,
                  source_ports=PORTS)  # fmt: skip
    found = traced(four.net.run_until(run))
    four.net.run_until(found.start(), limit=1000)
    return found


def shown(path: Path) -> list[tuple[str, ...]]:
    return [hop.addresses for hop in path.hops]


def listening(target: MemoryHost) -> None:
    """Have a stock echo server: it answers at its distance."""
    target.listenUDP(7, EchoServer())


class TestEqualWays:
    @pytest.mark.parametrize("target", [TARGET, TARGET6])
    @pytest.mark.parametrize("options", [AT_WILL, {}], ids=["at will", "limited"])
    def test_each_flow_shows_its_own_member(self, target: str, options: dict[str, Any]) -> None:
        four = FourWays(1, **options)
        paths = looked(four.net, four.source, target)
        assert all(path.reached for path in paths)
        assert all(len(path.hops) == 3 and all(shown(path)) for path in paths)
        members = {path.hops[1].addresses for path in paths}
        ipv6 = target == TARGET6
        assert members == {(member.address(four.r1, ipv6=ipv6),) for member in four.members}

    @pytest.mark.parametrize("target", [TARGET, TARGET6])
    @pytest.mark.parametrize("options", [AT_WILL, {}], ids=["at will", "limited"])
    @pytest.mark.parametrize("seed", [1, 2])
    def test_a_member_that_drops_all_is_named(
        self, seed: int, options: dict[str, Any], target: str
    ) -> None:
        four = FourWays(seed, **options)
        four.members[3].drop(to="10.9.20.0/24")
        four.members[3].drop(to="fd09:20::/64")
        verdict = pinged(four, target).verdict()
        self.check(four, verdict, target)
        [segment] = verdict.segments
        assert segment.behind == segment.within[0]
        assert len(verdict.evidence) < verdict.flows  # who loses nothing need not be traced

    def test_a_member_that_drops_a_part_is_named(self) -> None:
        four = FourWays(1)
        four.members[3].drop(0.05, to="10.9.20.0/24")
        four.net.link(four.r3, four.target, one_way=True, loss=0.01)
        self.check(four, pinged(four, count=16 * 800, interval=0.0125).verdict())

    def test_nobody_is_named_where_all_lose_alike(self) -> None:
        four = FourWays(1)
        four.net.link(four.r3, four.target, one_way=True, loss=0.02)
        verdict = pinged(four, count=16 * 200, interval=0.0125).verdict()
        assert verdict.state is State.UNDECIDED, verdict.segments

    @pytest.mark.parametrize("seed", [1, 4, 7])
    def test_what_dies_on_the_way_back_is_not_named_on_the_way_out(self, seed: int) -> None:
        """All hops answer the flows that lose; nobody told where their replies die."""
        four = FourWays(seed, **AT_WILL)
        four.members[3].drop(to="10.9.0.0/24")
        verdict = pinged(four).verdict()
        assert verdict.losing == () or verdict.state is State.UNDECIDED, verdict.segments
        assert verdict.segments == ()

    def test_a_link_that_dies_is_named(self) -> None:
        four = FourWays(2)
        four.net.link(four.r1, four.members[3], one_way=True, loss=1.0)
        verdict = pinged(four).verdict()
        assert verdict.state is State.NAMED
        [segment] = verdict.segments
        assert segment.after == Place(1, ("10.9.0.2",))

    def check(self, four: FourWays, verdict: Verdict, target: str = TARGET) -> None:
        """See the member between r1 and the target named."""
        ipv6 = target == TARGET6
        assert verdict.state is State.NAMED, verdict.reason
        assert verdict.flows == 16
        [segment] = verdict.segments
        assert segment.after is not None
        assert segment.after.addresses == (four.r1.address(four.source, ipv6=ipv6),)
        assert segment.within[0].addresses == (four.members[3].address(four.r1, ipv6=ipv6),)


class TestOddNetworks:
    def test_hops_answer_from_another_address_than_they_were_entered_by(self) -> None:
        four = FourWays(1, **AT_WILL)
        paths = looked(four.net, four.source)
        last = {path.hops[2].addresses for path in paths}
        assert last == {(f"10.9.1{n}.2",) for n in (1, 2, 3, 4)}
        entered = {(path.hops[1].addresses[0][5], path.hops[2].addresses[0][6]) for path in paths}
        assert any(member != by for member, by in entered)

    def test_silent_hops_are_no_end_and_are_not_taken_for_one_another(self) -> None:
        net, source, target, routers = line(count=5, silent=False)
        for router in routers[1:3]:
            router.core.silent = tuple(Fate)
        listening(target)
        [path] = looked(net, source, ports=[40000])
        assert shown(path) == [("10.9.0.2",), (), (), ("10.9.3.2",), ("10.9.4.2",)]
        assert (path.reached, path.distance) == (True, 6)

    def test_silent_members_are_told_by_their_neighbours(self) -> None:
        four = FourWays(2, **AT_WILL)
        for member in four.members:
            member.core.silent = tuple(Fate)
        four.members[3].drop(to="10.9.20.0/24")
        verdict = pinged(four).verdict()
        assert verdict.state in (State.UNDECIDED, State.CANDIDATES, State.NAMED)
        for segment in verdict.segments:
            assert segment.after in (Place(1, ("10.9.0.2",)), None)

    def test_a_loop_is_seen_as_it_is_and_ends(self) -> None:
        net, source, target, routers = line(count=3, **AT_WILL)
        listening(target)
        routers[1].route(TARGET, via=[routers[0]])
        [path] = looked(net, source, ports=[40000], most_hops=9)
        assert not path.reached
        assert len(path.hops) == 9
        assert {hop.addresses for hop in path.hops[0::2]} == {("10.9.0.2",)}
        assert {hop.addresses for hop in path.hops[1::2]} == {("10.9.1.2",)}

    def test_ways_of_unequal_length(self) -> None:
        four = FourWays(1, **AT_WILL)
        a, b, _, d = four.members
        linked(four.net, a, b, 30)
        a.route("10.9.20.0/24", via=[b])
        four.r1.route("10.9.20.0/24", via=[a, d])
        listen_udp(four.target, 9, EchoServer())
        paths = looked(four.net, four.source)
        lengths = {(path.hops[1].addresses[0], len(path.hops)) for path in paths}
        assert lengths == {("10.9.1.2", 4), ("10.9.4.2", 3)}
        d.drop(to="10.9.20.0/24")
        verdict = pinged(four).verdict()
        assert verdict.state is State.NAMED, verdict.reason
        assert verdict.segments[0].within[0].addresses == ("10.9.4.2",)

    def test_a_target_that_is_nearer_for_some_flows(self) -> None:
        net = MemoryNetwork(seed=1)
        source, target = net.host(SOURCE), net.host(TARGET)
        routers = [net.router(**AT_WILL) for _ in range(3)]
        linked_four(net, source, routers[0], 0)
        linked_four(net, routers[0], routers[1], 1)
        linked_four(net, routers[0], routers[2], 2)
        linked_four(net, routers[1], routers[2], 3)
        linked_four(net, routers[2], target, 20)
        routers[0].route(TARGET, via=[routers[1], routers[2]])
        listening(target)
        paths = looked(net, source)
        assert {path.distance for path in paths} == {3, 4}
        assert all(path.distance == len(path.hops) + 1 for path in paths)

    @pytest.mark.parametrize("hides", [True, False])
    def test_a_target_behind_a_translated_address(self, hides: bool) -> None:
        """Routers behind the translator answer from the target's own address: no end of it."""
        net, source, target, routers = line(count=4, **AT_WILL)
        routers[1].translate(OUTSIDE, TARGET, hides=hides)
        listening(target)
        [path] = looked(net, source, OUTSIDE, ports=[40000])
        assert (path.reached, path.distance) == (True, 5)
        inside = [(OUTSIDE,)] * 3 if hides else [("10.9.1.2",), ("10.9.2.2",), ("10.9.3.2",)]
        assert shown(path) == [("10.9.0.2",), *inside]

    @pytest.mark.parametrize("hides", [True, False])
    def test_a_closed_port_behind_a_translated_address(self, hides: bool) -> None:
        """Whose "port unreachable" may come from an address that was never asked."""
        net, source, _, routers = line(count=3, **AT_WILL)
        routers[1].translate(OUTSIDE, TARGET, hides=hides)
        [path] = looked(net, source, OUTSIDE, ports=[40000])
        assert (path.reached, path.distance) == (True, 4)
        assert path.ended is not None
        assert path.ended == (OUTSIDE if hides else TARGET, 3, 3)

    @pytest.mark.parametrize("family", [4, 6])
    def test_unreachables_from_a_foreign_address_end_it_there(self, family: int) -> None:
        net, source, _, routers = line(count=4, **AT_WILL)
        routers[2].prohibit()
        [path] = looked(net, source, TARGET6 if family == 6 else TARGET, ports=[40000])
        by = routers[2].address(routers[1], ipv6=family == 6)
        assert not path.reached
        assert path.ended == (by, *((1, 1) if family == 6 else (3, 13)))

    @pytest.mark.parametrize("options", [AT_WILL, {}], ids=["at will", "limited"])
    def test_ipv6_routers_that_hash_the_flow_label(self, options: dict[str, Any]) -> None:
        four = FourWays(1, hashes="label", **options)
        paths = looked(four.net, four.source, TARGET6)
        met = {path.source_port: path.hops[1].addresses for path in paths}
        assert len(set(met.values())) == 4
        by_ports = FourWays(1, **options)
        assert met != {
            path.source_port: path.hops[1].addresses
            for path in looked(by_ports.net, by_ports.source, TARGET6)
        }
        four.members[3].drop(to="fd09:20::/64")
        verdict = pinged(four, TARGET6).verdict()
        assert verdict.state is State.NAMED, verdict.reason
        dying = (four.members[3].address(four.r1, ipv6=True),)
        assert verdict.segments[0].within[0].addresses == dying
        assert {port for _, port in verdict.losing} == {p for p, by in met.items() if by == dying}

    def test_a_path_that_grows_while_it_is_looked_at(self) -> None:
        four = FourWays(1, **AT_WILL)
        a, b, *_ = four.members
        four.r1.route("10.9.20.0/24", via=[a])
        linked(four.net, a, b, 30)
        look = trace(four.source, (TARGET, 7), source_ports=PORTS)
        four.source.callLater(0.5, a.route, "10.9.20.0/24", [b])
        paths = four.net.run_until(look, limit=100).paths
        assert all(path.reached for path in paths)
        assert all(len(path.hops) in (3, 4) for path in paths)

    def test_more_hops_than_are_asked(self) -> None:
        net, source, target, _ = line(count=8, **AT_WILL)
        listening(target)
        [path] = looked(net, source, ports=[40000], most_hops=5)
        assert len(path.hops) == 5
        assert (path.reached, path.distance, path.at_most) == (True, None, None)

    def test_a_target_that_hears_half_of_it_is_reached(self) -> None:
        net, source, target, routers = line(count=2, **AT_WILL)
        listening(target)
        routers[1].drop(0.5)
        paths = looked(net, source)
        assert sum(path.reached for path in paths) >= 10

    def test_private_addresses_and_chosen_ones_are_as_good_as_any(self) -> None:
        net = MemoryNetwork(seed=1)
        source, target, router = net.host("192.168.1.9"), net.host("100.64.0.1"), net.router()
        net.link(source, router)
        net.link(router, target)
        listening(target)
        [path] = looked(net, source, "100.64.0.1", ports=[40000])
        assert (len(path.hops), path.distance) == (1, 2)


class TestFabrics:
    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_the_fault_of_a_demonstration_is_found(self, seed: int) -> None:
        net, source, targets, fault = demo_fabric(
            seed, answer=lambda host, port: listen_udp(host, port, EchoServer(host.seconds))
        )
        run = prepare(source, targets, count=16 * 20, interval=0.05, flows=16, source_ports=PORTS)
        found = traced(net.run_until(run))
        net.run_until(found.start(), limit=1000)
        verdict = found.verdict()
        assert verdict.state is State.NAMED, verdict.reason
        [segment] = verdict.segments
        assert segment.behind is not None
        assert {*segment.behind.addresses} <= {*fault.above.addresses}
        assert {host for host, _ in verdict.losing} == {f"10.{fault.below.name[4:]}.0.1"}

    def test_routers_that_many_targets_share_are_not_asked_too_much(self) -> None:
        """A router's limit is to the host that asks, whichever target that asks about."""
        net = MemoryNetwork(seed=1)
        fabric = leaf_and_spine(net, leaves=2, spines=4, hosts=6)
        source, targets = fabric.hosts[0][0], fabric.hosts[1]
        for host in targets:
            listen_udp(host, 7, EchoServer(host.seconds))
        net.link(fabric.spines[1], fabric.leaves[1], one_way=True, loss=0.3)
        peers = [(host.addresses[0], 7) for host in targets]
        run = prepare(source, peers, count=16 * 20, interval=0.05, flows=16, source_ports=PORTS)
        found = traced(net.run_until(run))
        net.run_until(found.start(), limit=1000)
        known = [path.hops for paths in found.paths() for path in paths.paths]
        silent = sum(len(hops) < 3 or not all(hop.addresses for hop in hops) for hops in known)
        assert silent <= len(known) // 6  # lost four times, as one in twenty is


class TestShortQuotes:
    @pytest.mark.parametrize("target", [TARGET, TARGET6])
    def test_a_router_that_quotes_8_bytes_is_known_by_the_time(self, target: str) -> None:
        four = FourWays(1, quotes=8, **AT_WILL)
        paths = looked(four.net, four.source, target, ports=PORTS[:4])
        assert all(path.reached for path in paths)
        for path in paths:
            assert len(path.hops) == 3
            assert all(hop.by_time for hop in path.hops if hop.asked)
            assert all(shown(path))

    def test_28_are_enough(self) -> None:
        four = FourWays(1, quotes=28, **AT_WILL)
        paths = looked(four.net, four.source, ports=PORTS[:4])
        assert not any(hop.by_time for path in paths for hop in path.hops)
        assert all(len(path.hops) == 3 for path in paths)

    def test_no_verdict_rests_on_the_time_alone(self) -> None:
        four = FourWays(2, quotes=8, **AT_WILL)
        four.members[3].drop(to="10.9.20.0/24")
        found = pinged(four)
        hops = [hop for paths in found.paths() for path in paths.paths for hop in path.hops]
        assert any(hop.by_time for hop in hops)
        assert found.verdict().state is State.UNDECIDED


def linked_four(net: MemoryNetwork, a: Any, b: Any, number: int) -> None:
    net.link(a, b, addresses=(f"10.9.{number}.1", f"10.9.{number}.2"), delay=0.001)
