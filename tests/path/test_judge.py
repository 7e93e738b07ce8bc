"""Where losing flows die, judged from paths and fates that are drawn without a network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from random import Random

import pytest

from tests.path.fabrics import Fabric, Losses, drawn, holds, layers, thinned
from udpecho.path import Direction, Hop, Path, Paths, Place, State, Verdict, verdict
from udpecho.path.judge import ALL_ALIKE, CHANGED, NO_SEGMENT, NONE_LOSES, NOT_OUT, TOO_EARLY, judge
from udpecho.ping import Flow, Outcome, ProbeFate

TARGET = ("10.9.20.2", 7)
MEMBERS = ("10.9.1.2", "10.9.2.2", "10.9.3.2", "10.9.4.2")


def hop(ttl: int, address: str | None) -> Hop:
    return Hop(ttl, () if address is None else (address,), 10_000, 1, 0 if address is None else 1)


def path(flow: int, *addresses: str | None, reached: bool = True, told: int = 0, arrived: int = 0,
         back: Iterable[str | None] | None = None) -> Path:  # fmt: skip
    """Make a path of hops, one at each TTL."""
    return Path(
        flow,
        40000 + flow,
        tuple(hop(ttl, address) for ttl, address in enumerate(addresses, 1)),
        reached,
        len(addresses) + 1 if reached else None,
        back=None if back is None else tuple(hop(n, each) for n, each in enumerate(back, 1)),
        asked_about=told,
        arrived=arrived,
    )


def diamond(**changes: Path) -> Paths:
    """Make 16 flows through four members between two routers, one of which answers anyhow."""
    paths = {
        f"f{flow}": path(flow, "10.9.0.2", MEMBERS[flow % 4], f"10.9.1{flow // 4}.2")
        for flow in range(16)
    }
    return Paths("h", TARGET, tuple({**paths, **changes}.values()))


def lost(counts: dict[int, int], *, of: int = 100, flows: int = 16) -> Losses:
    """Say how many probes of some flows died; none of the others did."""
    return {(*TARGET, 40000 + flow): [of, counts.get(flow, 0)] for flow in range(flows)}


def ends(found: Verdict) -> tuple[Place | None, Place | None]:
    [segment] = found.segments
    return segment.after, segment.before


def test_the_member_that_loses_is_named_by_the_hops_around_it() -> None:
    found = judge([diamond()], lost({3: 5, 7: 6, 11: 4, 15: 7}))
    assert found.state is State.NAMED
    assert found.direction is Direction.UNKNOWN
    [segment] = found.segments
    assert segment.after == Place(1, ("10.9.0.2",))
    assert segment.within == (Place(2, ("10.9.4.2",)),)
    assert segment.before is not None
    assert segment.before.ttl == 3
    assert segment.behind is None
    assert found.losing == tuple(("h", 40000 + flow) for flow in (3, 7, 11, 15))
    assert (found.flows, found.reason) == (16, "")


def dead(*flows: int, hops: tuple[str | None, ...]) -> dict[str, Path]:
    return {f"f{flow}": path(flow, *hops, reached=False) for flow in flows}


def test_where_all_is_lost_the_last_hop_that_answers_is_named() -> None:
    paths = diamond(**dead(3, 7, 11, 15, hops=("10.9.0.2", "10.9.4.2", None, None)))
    found = judge([paths], lost(dict.fromkeys((3, 7, 11, 15), 20), of=20))
    assert found.state is State.NAMED
    [segment] = found.segments
    assert segment.after == Place(1, ("10.9.0.2",))
    assert segment.before is None
    assert segment.behind == Place(2, ("10.9.4.2",))


def test_where_the_first_link_of_a_member_is_dead_the_hop_before_it_is_named() -> None:
    paths = diamond(**dead(3, 7, 11, 15, hops=("10.9.0.2", None, None, None)))
    found = judge([paths], lost(dict.fromkeys((3, 7, 11, 15), 20), of=20))
    assert found.state is State.NAMED
    [segment] = found.segments
    assert (segment.after, segment.before) == (Place(1, ("10.9.0.2",)), None)
    assert segment.behind == Place(1, ("10.9.0.2",))


def test_a_hop_that_dead_flows_reach_lies_before_where_they_die() -> None:
    hops = {flow: ("10.9.0.2", MEMBERS[flow % 4], f"10.9.1{flow // 4}.2") for flow in range(16)}
    paths = [
        path(flow, *ways, None if flow % 4 == 3 else "10.9.20.1", reached=flow % 4 != 3)
        for flow, ways in hops.items()
    ]
    fates = lost(dict.fromkeys((3, 7, 11, 15), 20), of=20)
    found = judge([Paths("h", TARGET, tuple(paths))], fates)
    assert found.state is State.NAMED
    [segment] = found.segments
    assert segment.after is not None
    assert (segment.after.ttl, segment.before) == (3, None)


def test_where_all_hops_answer_dead_flows_they_do_not_die_between_those() -> None:
    """What they have in common may be on the way back: that they come so far is all one sees."""
    shown = dead(3, 7, 11, 15, hops=("10.9.0.2", "10.9.4.2", "10.9.11.2"))
    found = judge([diamond(**shown)], lost(dict.fromkeys((3, 7, 11, 15), 20), of=20))
    assert (found.state, found.reason) == (State.UNDECIDED, NOT_OUT)


def told(flows: Iterable[int], arrived: int) -> dict[str, Path]:
    """Have the target tell of 10 lost probes of each flow, and of the ways back."""
    return {
        f"f{flow}": path(
            flow,
            "10.9.0.2",
            MEMBERS[flow % 4],
            "10.9.10.2",
            told=10 if flow in flows else 0,
            arrived=arrived,
            back=("10.9.20.1", f"10.9.1{flow // 4}.1", "10.9.0.9"),
        )
        for flow in range(16)
    }


def test_the_target_tells_that_the_probes_died_on_the_way_out() -> None:
    paths = diamond(**told((3, 7, 11, 15), 0))
    found = judge([paths], lost({3: 40, 7: 38, 11: 43, 15: 36}))
    assert (found.state, found.direction) == (State.NAMED, Direction.OUT)
    assert ends(found) == (Place(1, ("10.9.0.2",)), Place(3, ("10.9.10.2",)))


def test_the_target_tells_that_the_replies_died_on_the_way_back() -> None:
    paths = diamond(**told((4, 5, 6, 7), 10))
    found = judge([paths], lost({4: 40, 5: 38, 6: 43, 7: 36}))
    assert (found.state, found.direction) == (State.NAMED, Direction.BACK)
    [segment] = found.segments
    assert segment.after == Place(1, ("10.9.20.1",))
    assert segment.within == (Place(2, ("10.9.11.1",)),)
    assert segment.before == Place(3, ("10.9.0.9",))


@pytest.mark.parametrize(
    ("losses", "why", "reason"),
    [
        ({}, "nothing was lost", NONE_LOSES),
        (dict.fromkeys(range(16), 5), "all lose a twentieth", ALL_ALIKE),
        (dict.fromkeys(range(16), 100), "all lose all", ALL_ALIKE),
        ({0: 30, 3: 30, 6: 30, 9: 30}, "one of each member", NO_SEGMENT),
        ({3: 30, 7: 30, 11: 0, 15: 0}, "half a member: a cable of a bundle", NO_SEGMENT),
    ],
)
def test_what_no_segment_explains_is_undecided(
    losses: dict[int, int], why: str, reason: str
) -> None:
    found = judge([diamond()], lost(losses))
    assert (found.state, found.segments, found.reason) == (State.UNDECIDED, (), reason), why


def test_members_in_series_that_the_same_flows_pass_are_candidates() -> None:
    paths = tuple(
        path(n, "10.0.0.1", f"10.1.{n % 4}.1", "10.2.0.1", f"10.3.{n % 4}.1", "10.4.0.1")
        for n in range(16)
    )
    found = judge([Paths("h", TARGET, paths)], lost({1: 20, 5: 20, 9: 20, 13: 20}))
    assert found.state is State.CANDIDATES
    assert [segment.within for segment in found.segments] == [
        (Place(2, ("10.1.1.1",)),),
        (Place(4, ("10.3.1.1",)),),
    ]


def test_paths_of_losing_flows_that_changed_meanwhile_name_nothing() -> None:
    paths = diamond()
    changed = Paths(paths.target, paths.peer, paths.paths, changed=(7,))
    found = judge([changed], lost({3: 50, 7: 60, 11: 40, 15: 70}))
    assert (found.state, found.reason, found.segments) == (State.CHANGED, CHANGED, ())
    unharmed = Paths(paths.target, paths.peer, paths.paths, changed=(6,))
    assert judge([unharmed], lost({3: 50, 7: 60, 11: 40, 15: 70})).state is State.NAMED


def test_loss_of_a_part_waits_for_the_test_that_names_flows_and_loss_of_all_does_not() -> None:
    """The test is the ping's; one of the flows of the segment is enough."""
    part = lost({3: 25, 7: 30, 11: 20, 15: 35})
    early = judge([diamond()], part, {(*TARGET, 40002)})
    assert (early.state, early.reason, early.losing) == (State.UNDECIDED, TOO_EARLY, ())
    assert judge([diamond()], part, {(*TARGET, 40007)}).state is State.NAMED
    shown = dead(3, 7, 11, 15, hops=("10.9.0.2", "10.9.4.2", None, None))
    whole = lost(dict.fromkeys((3, 7, 11, 15), 20), of=20)
    assert judge([diamond(**shown)], whole, set()).state is State.NAMED


@pytest.mark.parametrize("silent", [{3: 2}, {3: 2, 8: 2, 1: 3}, {3: 3, 7: 2}])
def test_hops_that_stay_silent_do_not_undo_a_verdict(silent: dict[int, int]) -> None:
    """Silent is a flow's hop by its TTL: a router had said too much."""
    whole = diamond()
    paths = tuple(
        replace(p, hops=tuple(Hop(h.ttl) if silent.get(p.flow) == h.ttl else h for h in p.hops))
        for p in whole.paths
    )
    found = judge([replace(whole, paths=paths)], lost({3: 25, 7: 30, 11: 20, 15: 35, 1: 1}))
    assert found.state is State.NAMED, found.reason
    [segment] = found.segments
    assert segment.after == Place(1, ("10.9.0.2",))
    assert segment.within == (Place(2, ("10.9.4.2",)),)
    assert found.losing == tuple(("h", 40000 + flow) for flow in (3, 7, 11, 15))


def test_of_the_lost_one_that_shows_fewer_hops_is_lost_with_the_others() -> None:
    paths = diamond(
        **dead(3, 7, 15, hops=("10.9.0.2", "10.9.4.2", None, None)),
        **dead(11, hops=("10.9.0.2", None, None, None)),
    )
    found = judge([paths], lost(dict.fromkeys((3, 7, 11, 15), 20), of=20))
    assert found.state is State.NAMED, found.reason
    [segment] = found.segments
    assert (segment.before, segment.behind) == (None, Place(2, ("10.9.4.2",)))
    assert [port for _, port in found.losing] == [40003, 40007, 40011, 40015]


def test_a_hop_known_by_the_time_alone_carries_no_verdict() -> None:
    by_time = diamond()
    guessed = tuple(
        Path(p.flow, p.source_port, tuple(Hop(h.ttl, h.addresses, by_time=True) for h in p.hops),
             p.reached, p.distance)
        for p in by_time.paths
    )  # fmt: skip
    found = judge([Paths("h", TARGET, guessed)], lost({3: 50, 7: 60, 11: 40, 15: 70}))
    assert found.state is State.UNDECIDED


def test_outcomes_are_counted_by_flow() -> None:
    paths = diamond()
    flows = [Flow("h", TARGET, 40000 + number) for number in range(16)]
    outcomes = [
        Outcome(ProbeFate.LOST if n % 4 == 3 and turn % 3 else ProbeFate.REPLIED, turn, flow)
        for turn in range(30)
        for n, flow in enumerate(flows)
    ]
    found = verdict(paths, outcomes)
    assert found.state is State.NAMED
    assert {(each.sent, each.lost) for each in found.evidence} == {(30, 0), (30, 20)}
    assert [each.losing for each in found.evidence] == [n % 4 == 3 for n in range(16)]


def test_of_many_targets_the_link_that_their_losing_flows_share_is_named() -> None:
    fabric = layers(Random(5), [1, 8, 4], 32, 8, "egress")
    fault = ((1, 3), (2, 1))
    found = judge(fabric.paths(), fabric.losses(fault, 0.1, 0.001, 100))
    assert found.state is State.NAMED
    assert holds(found.segments[0], fault)


@pytest.mark.parametrize("seeds", [range(100), range(100, 200)], ids=str)
def test_nothing_wrong_is_named_in_fabrics_drawn_at_random(seeds: range) -> None:
    """The long form, of 10,000, is tests.bench.verdicts."""
    known = undecided = 0
    for seed in seeds:
        case = drawn(seed)
        found = judge(case.paths, case.losses)
        if found.state in (State.NAMED, State.CANDIDATES):
            assert any(holds(segment, case.fault) for segment in found.segments), seed
        if case.telling:
            known += 1
            undecided += found.state is State.UNDECIDED
    assert undecided <= 0.1 * known


def test_hops_that_stay_silent_lead_to_nothing_wrong() -> None:
    known = undecided = 0
    for seed in range(100):
        case = thinned(drawn(seed), 0.05, seed)
        found = judge(case.paths, case.losses)
        if found.state in (State.NAMED, State.CANDIDATES):
            assert any(holds(segment, case.fault) for segment in found.segments), seed
        known += case.telling
        undecided += case.telling and found.state is State.UNDECIDED
    assert undecided <= 0.2 * known


def test_where_all_lose_a_little_nothing_is_named_in_a_thousand_looks() -> None:
    random = Random(1)
    paths = diamond()
    counts = {(*TARGET, 40000 + flow): [0, 0] for flow in range(16)}
    for _ in range(1000):
        for count in counts.values():
            count[0] += 10
            count[1] += sum(random.random() < 0.01 for _ in range(10))
        assert judge([paths], counts).state is State.UNDECIDED


def test_a_fabric_is_what_it_says() -> None:
    fabric: Fabric = layers(Random(1), [1, 2], 1, 4, "ingress")
    assert all(len(way) == 2 for way in fabric.ways[0])
