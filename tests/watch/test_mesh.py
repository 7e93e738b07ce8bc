"""Who probes whom: enough, not too many, of both kinds, and the same for all who know the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from tests.examples import given, settings, st
from udpecho.watch.configuring.settings import FANOUT, Fanout
from udpecho.watch.peers.mesh import Mesh, fanout_of

Zones = dict[str, str]


def mesh_of(zones: Zones, fanout: int = FANOUT) -> Mesh:
    mesh = Mesh(fanout)
    for name, zone in zones.items():
        mesh.add(name, zone)
    return mesh


def peers_of_all(mesh: Mesh, zones: Zones) -> dict[str, list[str]]:
    return {name: mesh.peers(name) for name in zones}


def watched(peers: dict[str, list[str]]) -> list[int]:
    """Tell by how many each is watched."""
    times = Counter(each for peers_of_one in peers.values() for each in peers_of_one)
    return [times[name] for name in peers]


def with_share(percent: int) -> Callable[[int], str]:
    return lambda number: "a" if number * 97 % 100 < percent else "b"


LAYOUTS: dict[str, Callable[[int], str]] = {
    "one zone": lambda _: "",
    "two of one size": with_share(50),
    "two to one": with_share(67),
    "four to one": with_share(80),
    "nine to one": with_share(90),
    "one alone": lambda number: "b" if number == 7 else "a",
    "ten": lambda number: str(number % 10),
    "of three": lambda number: str(number // 3),
    "all alone": str,
    "as many again": lambda number: str(number.bit_length()),
    "most alone": lambda number: "a" if number % 3 == 0 else str(number),
}


def laid_out(layout: str, nodes: int, name: str = "node") -> Zones:
    return {f"{name}-{number}": LAYOUTS[layout](number) for number in range(nodes)}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("nodes", [100, 250])
def test_each_is_watched_by_16_to_64(layout: str, nodes: int) -> None:
    zones = laid_out(layout, nodes)
    peers = peers_of_all(mesh_of(zones), zones)
    for name, chosen in peers.items():
        assert len(set(chosen) - {name}) == len(chosen) == FANOUT
    assert min(watched(peers)) >= 16
    assert max(watched(peers)) <= 64


@settings(max_examples=10)
@given(st.integers(100, 160), st.integers(0, 1 << 30))
def test_however_they_are_spread_over_zones(nodes: int, seed: int) -> None:
    random = Random(seed)
    weights = [random.random() ** 4 for _ in range(random.randint(1, 40))]
    chosen = random.choices(range(len(weights)), weights, k=nodes)
    zones = {f"{seed}-{number}": str(zone) for number, zone in enumerate(chosen)}
    peers = peers_of_all(mesh_of(zones), zones)
    assert {len(chosen) for chosen in peers.values()} == {FANOUT}
    assert min(watched(peers)) >= 16
    assert max(watched(peers)) <= 64


@pytest.mark.parametrize("layout", ["two of one size", "ten"])
def test_half_are_of_its_own_zone(layout: str) -> None:
    zones = laid_out(layout, 400)
    for name, chosen in peers_of_all(mesh_of(zones), zones).items():
        assert sum(zones[each] == zones[name] for each in chosen) == FANOUT // 2


def moved(before: dict[str, list[str]], after: dict[str, list[str]], who: str) -> float:
    """Give the share of pairs that are others than before, beside those of one who came or went.

    What a node has in place of one who went is that one's pair still, and what it gave up for one
    who came.
    """
    others = 0
    for name in before.keys() & after.keys() - {who}:
        old, new = set(before[name]), set(after[name])
        own = len((old ^ new) & {who})
        others += max(len(old - new - {who}), len(new - old - {who})) - own
    return others / sum(map(len, before.values()))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("nodes", [100])
def test_one_who_comes_or_goes_moves_next_to_nothing(layout: str, nodes: int) -> None:
    zones = laid_out(layout, nodes)
    mesh = mesh_of(zones)
    before = peers_of_all(mesh, zones)
    for number in (0, 7, 50):
        name = f"node-{number}"
        mesh.remove(name)
        without = {each: mesh.peers(each) for each in zones if each != name}
        assert moved(before, without, name) <= 0.01
        mesh.add(name, zones[name])
        assert peers_of_all(mesh, zones) == before


@given(st.dictionaries(st.text(max_size=3), st.sampled_from("abc"), max_size=40), st.data())
def test_it_matters_who_there_is_and_not_in_which_order_they_came(
    zones: Zones, data: st.DataObject
) -> None:
    names = data.draw(st.permutations(sorted(zones)))
    fanout = data.draw(st.integers(1, 12))
    mesh, other = mesh_of(zones, fanout), Mesh(fanout)
    for name in names:
        other.add(name, "z")
        if zones:
            other.add(data.draw(st.sampled_from(names)), "y")
        if zones:
            other.peers(name)
    for name in (*names, "gone"):
        other.add(name, zones.get(name, "a"))
    other.remove("gone" if "gone" not in zones else "never")
    assert len(other) == len(mesh) == len(zones)
    for name in names:
        chosen = mesh.peers(name)
        assert sorted(other.peers(name)) == sorted(chosen)
        assert name not in chosen
        assert len(chosen) == len(set(chosen)) <= fanout
        if len(zones) - 1 <= fanout:
            assert set(chosen) == zones.keys() - {name}


def test_one_that_nobody_knows_has_no_peers() -> None:
    with pytest.raises(KeyError):
        Mesh(3).peers("nobody")


@pytest.mark.parametrize(
    ("fanout", "nodes", "peers"),
    [("auto", 100, None), ("auto", 101, 32), ("all", 5000, None), (32, 33, None), (32, 34, 32)],
)
def test_a_full_mesh_of_many_must_be_asked_for(
    fanout: Fanout, nodes: int, peers: int | None
) -> None:
    assert fanout_of(fanout, nodes) == peers


@pytest.mark.parametrize(("nodes", "peers"), [(101, 32), (100, 32), (91, 32), (90, None)])
def test_one_that_is_thinned_out_stays_so_for_a_while(nodes: int, peers: int | None) -> None:
    assert fanout_of("auto", nodes, is_thin=True) == peers
