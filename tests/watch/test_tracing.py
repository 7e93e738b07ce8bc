"""A node finds where flows die: over routers in memory, four equal ways between it and its peer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.logger import Logger

from tests.routers import SOURCE, TARGET, FourWays
from udpecho import EchoServer, listen_udp
from udpecho.guard import Guard, Policy
from udpecho.guard.reasons import Reason
from udpecho.testing import Fate
from udpecho.watch import WatchService, read_config
from udpecho.watch.configuring.settings import ProbeSettings
from udpecho.watch.events.event import Event, PathChanged, VerdictGiven, VerdictWithdrawn
from udpecho.watch.paths.looking import LONGEST
from udpecho.watch.probed import Probed
from udpecho.watch.reflecting import peers_rate
from udpecho.watch.telling.metrics import Metrics

AT_WILL: dict[str, Any] = {"icmp_per_second": None, "icmp_msgs_per_second": None}
BEHIND = "10.9.20.0/24"
SELDOM = "[probe]\ninterval = 10.0"
"""Few probes, where a test takes long."""

HEADERS = 28
"""Bytes of a packet beside its data."""

PEER = f"{TARGET}:7"


class Watched:
    """A node at one end, which probes who is at the other."""

    def __init__(self, four: FourWays, peers: tuple[str, ...] = (PEER,), more: str = "") -> None:
        self.four = four
        self.events: list[tuple[float, Event]] = []
        self.failures: list[Any] = []
        self.peers, self.more = peers, more
        log = Logger(observer=self._log)  # type: ignore[arg-type]
        self.node = WatchService(four.source, self.config(), log=log)
        self.node.events.listen(self._told)
        self.node.privilegedStartService()
        self.node.startService()

    def config(self, more: str | None = None) -> Any:
        listed = ", ".join(f"'{each}'" for each in self.peers)
        text = f"""
            [reflect]
            listen = "udp:1060:interface={SOURCE}"
            {self.more if more is None else more}
            [[peers]]
            hosts = [{listed}]
        """
        return read_config(text, "watch.toml", "here")

    def run(self, seconds: float) -> None:
        self.four.net.advance(seconds)

    def peer(self, name: str = PEER) -> Probed:
        return self.node.roll[name]

    def told(self, kind: type[Any]) -> list[Any]:
        return [event for _, event in self.events if isinstance(event, kind)]

    def when(self, kind: type[Any]) -> float:
        return next(at for at, event in self.events if isinstance(event, kind))

    def stop(self) -> None:
        done = self.node.stopService()
        self.run(5)
        assert done.called
        assert self.failures == []

    def _told(self, told: Any) -> None:
        self.events.append((self.four.source.seconds(), told.event))

    def _log(self, event: Any) -> None:
        if "log_failure" in event:
            self.failures.append(event)


@pytest.fixture
def watching() -> Iterator[Any]:
    made: list[Watched] = []

    def watch(four: FourWays, *peers: str, more: str = "") -> Watched:
        made.append(Watched(four, peers or (PEER,), more))
        return made[-1]

    yield watch
    for each in made:
        each.stop()


class TestWhereNothingLoses:
    def test_a_slow_round_knows_the_paths(self, watching: Any) -> None:
        four = FourWays(1)
        here = watching(four)
        here.run(60)
        paths = here.peer().paths
        assert (paths.hops, paths.changes, paths.verdict) == (3, 0, None)
        assert sorted(paths.known) == list(range(16))
        members = {each.hops[1] for each in paths.known.values()}
        assert members == {(member.address(four.r1),) for member in four.members}
        assert here.events == []

    def test_a_peer_on_this_side_of_the_first_router_has_no_hops(self, watching: Any) -> None:
        """Though all others are behind one, which need not be asked for each of them."""
        four = FourWays(1, **AT_WILL)
        near = four.net.host("10.9.30.2", "fd09:30::2")
        four.net.link(four.source, near)
        listen_udp(near, 7, EchoServer(near.seconds), "10.9.30.2")
        here = watching(four, PEER, "10.9.30.2:7")
        here.run(60)
        assert (here.peer().paths.hops, here.peer("10.9.30.2:7").paths.hops) == (3, 0)

    @pytest.mark.parametrize(
        ("mtu", "told"), [(1400, 1400), (1500, 1500), (9216, LONGEST), (65536, LONGEST)]
    )
    def test_the_path_mtu_is_found_up_to_the_longest(
        self, watching: Any, mtu: int, told: int
    ) -> None:
        four = FourWays(1, **AT_WILL)
        four.net.link(four.source, four.r1, mtu=max(mtu, 1500))
        four.net.link(four.r3, four.target, mtu=mtu)
        here = watching(four)
        here.run(30)
        found = here.peer().paths.mtu
        assert found is not None
        assert found.bytes == told
        counts = here.peer().counts
        assert counts.total() == [16 * 30, 0, 0, 0, 0]
        assert not any(counts.surplus.values())
        told_of = f'udpecho_path_mtu_bytes{{peer="{PEER}"}} {told}\n'
        assert told_of in "".join(Metrics(here.node).texts(openmetrics=False))

    @pytest.mark.parametrize("silent", [[], [Fate.TOO_LONG]])
    def test_a_search_for_it_is_within_what_a_peers_guard_allows_for_looks(
        self, watching: Any, silent: list[Fate]
    ) -> None:
        """So much at most in any 25 ms, of which the probes have their part beside."""
        four = FourWays(1, answers=False, silent=silent, **AT_WILL)
        four.net.link(four.r3, four.target, mtu=1400 if silent else 65536)
        policy = Policy(rate=peers_rate(ProbeSettings()), burst=24)
        server = EchoServer(four.target.seconds, guard=Guard(policy))
        listen_udp(four.target, 7, server, TARGET)
        here = watching(four)
        here.run(60)
        found = here.peer().paths.mtu
        assert found is not None
        assert found.bytes == (1400 if silent else LONGEST)
        assert Reason.OVER_RATE not in server.counters().unanswered
        assert here.peer().counts.total() == [16 * 60, 0, 0, 0, 0]

    def test_it_is_searched_once_in_a_round(self, watching: Any) -> None:
        four = FourWays(1, **AT_WILL)
        here = watching(four, more=SELDOM)
        times = []
        for _ in range(13):
            here.run(100)
            long = [each for each in four.net.record if len(each.data) == LONGEST - HEADERS]
            times.append(len({each.data for each in long}))
        assert times == [1] * 6 + [2] * 6 + [3]

    def test_it_is_not_searched_where_probes_may_be_cut(self, watching: Any) -> None:
        here = watching(FourWays(1, **AT_WILL), more="[probe]\nsize = 513")
        here.run(30)
        assert here.peer().paths.mtu is None

    def test_it_costs_the_probes_nothing(self, watching: Any) -> None:
        here = watching(FourWays(1))
        here.run(60)
        counts = here.peer().counts
        assert counts.total() == [16 * 60, 0, 0, 0, 0]
        assert not any(counts.surplus.values())
        assert here.node.runs.strangers == 0

    def test_a_round_is_every_ten_minutes_and_finds_the_same(self, watching: Any) -> None:
        four = FourWays(1, **AT_WILL)
        here = watching(four, more=SELDOM)
        here.run(60)
        first = here.peer().paths.looked_ns
        asked = _asked(here)
        here.run(500)
        assert (here.peer().paths.looked_ns, _asked(here)) == (first, asked)
        before = here.peer().paths.by_id()
        here.run(100)
        assert here.peer().paths.looked_ns > first + 590 * 10**9
        assert here.peer().paths.by_id() == before
        assert here.told(PathChanged) == []

    def test_a_way_that_is_another_is_told_though_nothing_was_lost(self, watching: Any) -> None:
        four = FourWays(1, **AT_WILL)
        here = watching(four, more=SELDOM)
        here.run(60)
        four.r1.route(BEHIND, via=four.members[:1])
        here.run(640)
        paths = here.peer().paths
        assert {each.hops[1] for each in paths.known.values()} == {("10.9.1.2",)}
        changed = here.told(PathChanged)
        assert paths.changes >= len(changed) > 0
        assert all(each.before != each.now for each in changed)
        assert here.peer().counts.total() == [16 * 70, 0, 0, 0, 0]

    def test_never_asks_nothing(self, watching: Any) -> None:
        four = FourWays(1)
        here = watching(four, more='[trace]\nwhen = "never"')
        four.members[3].drop(to=BEHIND)
        here.run(30)
        assert _asked(here) == 0
        assert here.peer().paths.known == {}

    def test_when_is_reloaded(self, watching: Any) -> None:
        four = FourWays(1)
        here = watching(four, more='[trace]\nwhen = "never"')
        here.run(20)
        here.node.reload(here.config(""))
        here.run(40)
        assert len(here.peer().paths.known) == 16


class TestWhereFlowsDie:
    @pytest.mark.parametrize("options", [AT_WILL, {}], ids=["at will", "limited"])
    def test_the_member_that_drops_a_tenth_is_named_within_90_s(
        self, watching: Any, options: dict[str, Any]
    ) -> None:
        four = FourWays(1, **options)
        here = watching(four)
        here.run(20)
        began = four.source.seconds()
        four.members[3].drop(0.1, to=BEHIND)
        here.run(90)
        [given] = here.told(VerdictGiven)
        assert here.when(VerdictGiven) - began < 90
        verdict = here.peer().paths.verdict
        assert verdict is not None
        assert verdict.segment == "through 10.9.4.2"
        assert "and no other passes this segment (out or back: not told): between" in verdict.why
        assert (given.peer, given.direction, given.segment) == (PEER, "unknown", verdict.segment)
        passing = {
            flow for flow, each in here.peer().paths.known.items() if each.hops[1] == ("10.9.4.2",)
        }
        assert set(verdict.flows) <= passing
        assert set(here.peer().losing.losing(here.node.now_ns())) <= passing
        assert verdict.why.startswith(f"{len(verdict.flows)} of 16 flows to {PEER} lose, and no ")

    def test_the_member_that_drops_all_is_named_with_what_is_behind_it(self, watching: Any) -> None:
        four = FourWays(1)
        here = watching(four)
        here.run(20)
        began = four.source.seconds()
        four.members[3].drop(to=BEHIND)
        here.run(90)
        assert here.when(VerdictGiven) - began < 60
        assert here.told(VerdictGiven)[0].segment == "behind 10.9.4.2"

    def test_it_is_withdrawn_a_minute_after_the_mend_and_did_not_flap(self, watching: Any) -> None:
        four = FourWays(1, **AT_WILL)
        here = watching(four)
        here.run(30)
        mend = four.members[3].drop(0.1, to=BEHIND)
        here.run(150)
        assert len(here.told(VerdictGiven)) == 1
        assert here.told(VerdictWithdrawn) == []
        mend()
        mended = four.source.seconds()
        here.run(75)
        assert len(here.told(VerdictGiven)) == 1
        [withdrawn] = here.told(VerdictWithdrawn)
        assert withdrawn.segment == here.told(VerdictGiven)[0].segment
        assert here.when(VerdictWithdrawn) - mended < 70
        assert here.peer().paths.verdict is None

    def test_a_server_that_tells_tells_the_way(self, watching: Any) -> None:
        four = FourWays(1, tells=True, **AT_WILL)
        here = watching(four)
        here.run(30)
        four.members[2].drop(0.3, to="10.9.0.0/24")
        here.run(90)
        [given] = here.told(VerdictGiven)
        assert given.direction == "back"
        assert "10.9.3" in given.segment or "10.9.13" in given.segment
        assert "on the way back:" in given.why

    def test_flows_that_go_another_way_round_are_a_change_and_the_verdict_ends(
        self, watching: Any
    ) -> None:
        four = FourWays(1, **AT_WILL)
        here = watching(four, more=SELDOM)
        here.run(30)
        four.members[3].drop(0.5, to=BEHIND)
        here.run(150)
        assert len(here.told(VerdictGiven)) == 1
        four.r1.route(BEHIND, via=four.members[:3])
        here.run(700)
        assert len(here.told(VerdictWithdrawn)) == 1
        assert here.peer().paths.changes > 0
        assert all(each.hops[1] != ("10.9.4.2",) for each in here.peer().paths.known.values())


class TestNoVerdict:
    def test_where_all_flows_lose_alike(self, watching: Any) -> None:
        four = FourWays(1)
        here = watching(four)
        four.r3.drop(0.2, to=BEHIND)
        here.run(150)
        assert here.peer().counts.total()[2] > 300
        assert here.told(VerdictGiven) == []

    def test_of_who_is_limited_though_another_is_not(self, watching: Any) -> None:
        """Beside one that loses nothing the last link would seem to lose."""
        four = FourWays(1)
        limited = EchoServer(four.target.seconds, guard=Guard(Policy(rate=12, burst=200)))
        listen_udp(four.target, 8, limited, TARGET)
        here = watching(four, PEER, f"{TARGET}:8")
        here.run(200)
        assert here.peer(f"{TARGET}:8").counts.total()[2] > 300
        assert here.told(VerdictGiven) == []
        assert here.told(PathChanged) == []

    def test_of_who_refuses(self, watching: Any) -> None:
        four = FourWays(1, answers=False)
        here = watching(four)
        here.run(40)
        assert here.peer().counts.total()[3] > 500
        assert here.told(VerdictGiven) == []

    def test_where_this_node_has_no_way_at_all(self, watching: Any) -> None:
        four = FourWays(1)
        here = watching(four)
        here.run(30)
        four.r1.drop(to=BEHIND)
        here.run(60)
        assert here.told(VerdictGiven) == []


def _asked(here: Watched) -> int:
    """Count the datagrams that left the node and are no probes."""
    probes = sum(flow.sent for flow in here.peer().counts.flows)
    return here.four.net.record.count(source=SOURCE) - probes
