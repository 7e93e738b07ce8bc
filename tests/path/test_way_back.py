"""The way back, as a server of ours tells it: over routers in memory."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from os import urandom
from typing import Any

import pytest

from tests.path.test_networks import AT_WILL, PORTS, looked, pinged
from tests.routers import SOURCE, TARGET, TARGET6, FourWays, line
from udpecho import EchoServer, listen_udp
from udpecho.path import Direction, Place, State, Verdict, trace, traced
from udpecho.path.judge import NOT_SEEN, TOO_EARLY, judge
from udpecho.ping import prepare
from udpecho.telling import Told, answer
from udpecho.testing import Fate, MemoryNetwork

BOTH = pytest.mark.parametrize("target", [TARGET, TARGET6])
LIMITS = pytest.mark.parametrize("options", [AT_WILL, {}], ids=["at will", "limited"])


def drop_back(four: FourWays, share: float = 1.0) -> None:
    """Have the last member lose a share of what goes back to the source."""
    four.members[3].drop(share, to="10.9.0.0/24")
    four.members[3].drop(share, to="fd09::/64")


class TestTrace:
    @BOTH
    @LIMITS
    def test_each_flow_shows_its_own_way_back(self, target: str, options: dict[str, Any]) -> None:
        four = FourWays(1, tells=True, **options)
        paths = looked(four.net, four.source, target)
        assert {path.distance for path in paths} == {4}
        backs = [[hop.addresses for hop in path.back or ()] for path in paths]
        ipv6 = target == TARGET6
        # The last router speaks from four addresses, so that it is asked more than it answers:
        # where its answers are limited, four questions of a flow may be in vain.
        whole = [len(back) for back in backs].count(3)
        assert whole == len(backs) if options else whole >= len(backs) - 3
        assert {len(back) for back in backs} <= {2, 3}
        assert {back[0] for back in backs} == {(four.r3.address(four.target, ipv6=ipv6),)}
        members = {(member.address(four.r3, ipv6=ipv6),) for member in four.members}
        assert {back[1] for back in backs} == members
        names = [(path.hops[1].addresses, back[1]) for path, back in zip(paths, backs, strict=True)]
        assert len(set(names)) > 4, "out and back choose apart"

    @BOTH
    def test_one_flow_shows_its_own(self, target: str) -> None:
        four = FourWays(1, tells=True)
        [path] = looked(four.net, four.source, target, ports=[40000])
        assert (path.distance, path.reached) == (4, True)
        assert [hop.ttl for hop in path.back or ()] == [1, 2, 3]
        assert all(hop.addresses and hop.answered for hop in path.back or ())

    def test_a_target_next_door_has_no_routers_either_way(self) -> None:
        net = MemoryNetwork(seed=1)
        source, target = net.host(SOURCE), net.host(TARGET)
        listen_udp(target, 7, EchoServer(target.seconds, tell_paths=True), TARGET)
        paths = looked(net, source, ports=[40000, 40001])
        assert {(path.distance, path.hops, path.back) for path in paths} == {(1, (), ())}

    def test_a_server_that_echoes_the_question_tells_nothing(self) -> None:
        four = FourWays(1, **AT_WILL)
        found = four.net.run_until(trace(four.source, (TARGET, 7), source_ports=PORTS), limit=100)
        assert found.tells is False
        assert {path.back for path in found.paths} == {None}

    def test_who_is_no_echo_server_is_not_asked(self) -> None:
        four = FourWays(1, answers=False, **AT_WILL)
        found = four.net.run_until(trace(four.source, (TARGET, 7), source_ports=PORTS), limit=100)
        assert found.tells is None
        assert all(path.reached and path.back is None for path in found.paths)

    def test_a_flow_whose_replies_die_shows_where_and_how_far_the_target_is(self) -> None:
        """By what its silent TTLs came to, asked about over the others."""
        four = FourWays(1, tells=True, **AT_WILL)
        drop_back(four)
        paths = looked(four.net, four.source)
        dead = [path for path in paths if not path.reached]
        assert dead
        for path in dead:
            assert (path.distance, len(path.hops)) == (4, 3)
            assert path.arrived == path.asked_about > 0
            assert [hop.addresses[0] for hop in path.back or ()] == ["10.9.20.1", "10.9.14.1"]
        assert all(len(path.back or ()) == 3 for path in paths if path.reached)

    def test_a_flow_that_dies_on_the_way_out_is_told_so(self) -> None:
        four = FourWays(1, tells=True, **AT_WILL)
        four.members[3].drop(to="10.9.20.0/24")
        dead = [path for path in looked(four.net, four.source) if not path.reached]
        assert dead
        for path in dead:
            assert path.asked_about > path.arrived == 0
            assert (path.distance, path.back) == (None, None)

    def test_ways_of_unequal_length(self) -> None:
        """Back by two more routers than out."""
        net, source, target, routers = line(count=2, **AT_WILL)
        others = [net.router(**AT_WILL) for _ in range(2)]
        chain = [routers[1], *others, routers[0]]
        for number, (one, other) in enumerate(pairwise(chain), 40):
            net.link(one, other, addresses=(f"10.9.{number}.1", f"10.9.{number}.2"), delay=0.001)
        for one, other in pairwise(chain):
            one.route("10.9.0.0/30", via=[other])
        routers[0].route("10.9.0.0/30", via=[source])
        listen_udp(target, 7, EchoServer(target.seconds, tell_paths=True), TARGET)
        [path] = looked(net, source, ports=[40000])
        assert (path.distance, len(path.hops), len(path.back or ())) == (3, 2, 4)

    def test_silent_routers_on_the_way_back_are_unknown(self) -> None:
        net, source, target, routers = line(count=3, **AT_WILL)
        routers[1].core.silent = tuple(Fate)
        listen_udp(target, 7, EchoServer(target.seconds, tell_paths=True), TARGET)
        [path] = looked(net, source, ports=[40000])
        assert path.distance == 4
        assert [len(hop.addresses) for hop in path.back or ()] == [1, 0, 1]

    def test_what_is_forged_is_not_believed(self) -> None:
        """An answer names the bytes of a probe, which nobody can guess."""
        four = FourWays(1, tells=True, **AT_WILL)

        def forge() -> None:
            for port in PORTS:
                told = Told(urandom(16), True, 40, 99_000, "203.0.113.9", 11, 0)
                four.net.forge(answer(told), source=(TARGET, 7), to=(SOURCE, port))
            four.source.callLater(0.01, forge)

        four.source.callLater(0.005, forge)
        paths = looked(four.net, four.source)
        assert {path.distance for path in paths} == {4}
        assert "203.0.113.9" not in str(paths)


class TestVerdict:
    @BOTH
    @pytest.mark.parametrize("seed", [1, 4])
    def test_a_member_that_drops_all_that_comes_back_is_named(self, seed: int, target: str) -> None:
        four = FourWays(seed, tells=True)
        drop_back(four)
        verdict = pinged(four, target).verdict()
        [segment] = self.named(verdict, Direction.BACK)
        ipv6 = target == TARGET6
        assert segment.after == Place(1, (str(four.r3.address(four.target, ipv6=ipv6)),))
        assert segment.before is None
        member = Place(2, (str(four.members[3].address(four.r3, ipv6=ipv6)),))
        assert (segment.within, segment.behind) == ((member,), member)

    @pytest.mark.parametrize("share", [0.2, 0.05])
    def test_one_that_drops_a_part_of_what_comes_back_is_named(self, share: float) -> None:
        four = FourWays(1, tells=True)
        drop_back(four, share)
        four.net.link(four.r3, four.target, one_way=True, loss=0.005)
        verdict = pinged(four, count=16 * 400, interval=0.0125).verdict()
        [segment] = self.named(verdict, Direction.BACK)
        assert [place.addresses for place in segment.within] == [("10.9.14.1",)]
        assert segment.before is not None

    @BOTH
    def test_what_dies_on_the_way_out_is_told_so(self, target: str) -> None:
        four = FourWays(1, tells=True)
        four.members[3].drop(to="10.9.20.0/24")
        four.members[3].drop(to="fd09:20::/64")
        verdict = pinged(four, target).verdict()
        [segment] = self.named(verdict, Direction.OUT)
        assert segment.behind == segment.within[0]
        losing = [each for each in verdict.evidence if each.losing]
        assert all(each.asked_about > each.arrived == 0 for each in losing)

    def test_until_the_target_has_told_nothing_is_named(self) -> None:
        """And of a way back, until something is known of it."""
        four = FourWays(1, tells=True)
        drop_back(four)
        found = pinged(four)
        [paths] = found.paths()
        losses = {(*paths.peer, port): [20, 0] for port in PORTS}
        losses |= {(*paths.peer, path.source_port): [20, 20] for path in paths.paths
                   if not path.reached}  # fmt: skip
        assert judge([paths], losses).state is State.NAMED
        untold = [replace(path, asked_about=0, arrived=0) for path in paths.paths]
        assert judge([replace(paths, paths=tuple(untold))], losses).state is State.UNDECIDED
        nearer = [replace(each, hops=each.hops if each.reached else each.hops[:1])
                  for each in untold]  # fmt: skip
        early = judge([replace(paths, paths=tuple(nearer))], losses)
        assert (early.state, early.reason) == (State.UNDECIDED, TOO_EARLY)
        unseen = [replace(path, back=() if not path.reached else path.back) for path in paths.paths]
        early = judge([replace(paths, paths=tuple(unseen))], losses)
        assert (early.state, early.reason) == (State.UNDECIDED, NOT_SEEN)

    def test_what_is_prohibited_on_the_way_out_is_named_though_nobody_asks(self) -> None:
        """Those probes are refused, not lost."""
        four = FourWays(1, tells=True)
        four.members[3].prohibit(to="10.9.20.0/24")
        self.named(pinged(four).verdict(), Direction.OUT)

    def test_both_ways_are_judged_apart(self) -> None:
        """One member loses on the way out, another on the way back: nothing wrong is named."""
        four = FourWays(1, tells=True)
        four.members[0].drop(to="10.9.20.0/24")
        drop_back(four)
        verdict = pinged(four).verdict()
        for segment in verdict.segments:
            [place] = segment.within
            assert place.addresses in (("10.9.1.2",), ("10.9.14.1",))

    def test_where_no_flow_answers_nobody_can_be_asked(self) -> None:
        four = FourWays(1, tells=True)
        for member in four.members:
            member.drop(to="10.9.0.0/24")
        found = pinged(four)
        [paths] = found.paths()
        assert paths.tells is None
        assert found.verdict().direction in (Direction.UNKNOWN, Direction.BACK)
        assert found.verdict().segments == ()

    @pytest.mark.parametrize("tells", [True, False])
    def test_what_is_asked_and_told_is_no_figure_of_the_pings(self, tells: bool) -> None:
        four = FourWays(1, tells=tells)
        drop_back(four, 0.5)
        run = prepare(four.source, [(TARGET, 7)], count=320, interval=0.05, flows=16,
                      source_ports=PORTS)  # fmt: skip
        found = traced(four.net.run_until(run))
        summary = four.net.run_until(found.start(), limit=1000)
        figures = summary.figures
        assert figures.received + figures.lost == figures.sent == 320
        assert (figures.refused, figures.forged, summary.strangers) == (0, 0, 0)
        [paths] = found.paths()
        assert paths.tells is tells

    def named(self, verdict: Verdict, direction: Direction) -> Any:
        assert (verdict.state, verdict.direction) == (State.NAMED, direction), verdict.reason
        return verdict.segments
