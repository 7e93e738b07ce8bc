"""What is known of a peer's paths: when one is another, and when it is only seen better."""

from __future__ import annotations

from udpecho.path import Hop, Path, Paths
from udpecho.watch.paths.traced import MOST_ADDRESSES, PeerPaths

PEER = ("10.9.20.2", 1060)
SECOND = 1_000_000_000


def path(*hops: str, flow: int = 0, reached: bool = True, distance: int | None = None) -> Path:
    """Make a path: the addresses of each hop, apart by commas, none for a silent one."""
    shown = [Hop(ttl, tuple(filter(None, each.split(",")))) for ttl, each in enumerate(hops, 1)]
    return Path(flow, 40000 + flow, tuple(shown), reached, distance)


def looked(*paths: Path) -> Paths:
    return Paths("ams-1", PEER, paths)


def known(*looks: Path) -> PeerPaths:
    """Take looks of one flow, a second after each other, none of which found a change."""
    paths = PeerPaths()
    for at, each in enumerate(looks):
        paths.note(looked(each), (), at * SECOND)
    return paths


def test_flows_that_take_one_path_have_one_id() -> None:
    paths = PeerPaths()
    others = paths.note(
        looked(path("r1", "a"), path("r1", "b", flow=1), path("r1", "a", flow=2)), (), 5 * SECOND
    )
    assert others == []
    assert sorted(paths.by_id().values()) == [[0, 2], [1]]
    assert all(len(each) == 8 for each in paths.by_id())
    assert (paths.hops, paths.since_ns, paths.looked_ns) == (2, 5 * SECOND, 5 * SECOND)
    assert paths.routers() == {"r1", "a", "b"}


def test_a_path_that_is_another_is_counted_and_is_as_old_as_that() -> None:
    paths = known(path("r1", "a"))
    [before] = paths.by_id()
    [(flow, was, now)] = paths.note(looked(path("r1", "b", "c")), (0,), 9 * SECOND)
    assert (flow, was) == (0, before)
    assert paths.by_id() == {now: [0]}
    assert (paths.changes, paths.since_ns, paths.hops) == (1, 9 * SECOND, 3)
    assert paths.before(0) == {1: ("r1",), 2: ("b",), 3: ("c",)}


def test_a_hop_that_is_silent_or_was_is_no_change() -> None:
    paths = known(path("r1", "", "c"), path("", "b"), path("r1", "", "c", distance=4))
    [one] = paths.known.values()
    assert one.hops == (("r1",), ("b",), ("c",))
    assert [hop.addresses for hop in one.path.hops] == [("r1",), ("b",), ("c",)]
    assert (paths.changes, one.since_ns) == (0, 0)


def test_a_router_that_answers_from_several_is_one_and_its_id_stays() -> None:
    paths = known(path("r1", "a"))
    before = paths.by_id()
    for each in ("b", "a", "c,b"):
        paths.note(looked(path("r1", each)), (), SECOND)
    assert paths.by_id() == before
    assert paths.before(0)[2] == ("a", "b", "c")


def test_a_router_that_answers_from_ever_new_addresses_fills_no_memory() -> None:
    paths = known(*(path(f"r{number}") for number in range(200)))
    assert len(paths.before(0)[1]) == MOST_ADDRESSES


def test_a_flow_that_died_shows_how_far_it_gets_and_is_no_other() -> None:
    paths = known(path("r1", "b", "c"), path("r1", reached=False))
    [one] = paths.known.values()
    assert [hop.ttl for hop in one.path.hops] == [1]
    assert one.hops == (("r1",), ("b",), ("c",))
    assert paths.changes == 0


def test_who_is_elsewhere_has_other_paths_and_none_has_changed() -> None:
    paths = known(path("r1", "b"))
    paths.note(looked(path("r1", "x")), (0,), SECOND)
    paths.begin_again()
    assert (paths.known, paths.hops, paths.since_ns, paths.changes) == ({}, None, None, 1)
    assert paths.note(looked(path("z")), (0,), 2 * SECOND) == []
    assert paths.changes == 1


def test_paths_are_given_as_a_picture_takes_them() -> None:
    paths = PeerPaths()
    paths.note(looked(path("r1", flow=3), path("r1", flow=1)), (), 0)
    given = paths.paths("ams-1", PEER)
    assert (given.target, given.peer) == ("ams-1", PEER)
    assert [each.flow for each in given.paths] == [1, 3]


def test_the_first_router_is_told_if_it_is_that_of_all() -> None:
    paths = known(path("r1", "a"))
    assert paths.first(3) == {"r1": 3}
    paths.note(looked(path("r2", flow=1)), (), 0)
    assert paths.first(3) == {}
    for none in (known(), known(path()), known(path("", "a")), known(path("r1,r2"))):
        assert none.first(3) == {}
