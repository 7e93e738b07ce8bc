"""Which peers a node probes: not itself, by whatever name, and of many those that the mesh says."""

from __future__ import annotations

import pytest

from udpecho.watch.configuring.settings import MeshSettings, NodeSettings
from udpecho.watch.peers.choosing import Choosing
from udpecho.watch.peers.targets import Wanted

OURS = {("192.0.2.1", 1060), ("::1", 1060)}


def choosing() -> Choosing:
    return Choosing(OURS.__contains__, lambda port: port == 1060)


def named(*peers: Wanted) -> dict[str, Wanted]:
    return {each.name: each for each in peers}


def peer(host: str, port: int = 1060, name: str = "", zone: str = "") -> Wanted:
    return Wanted(name or f"{host}:{port}", host, port, zone)


AUTO = MeshSettings()


def chosen(who: Choosing, peers: dict[str, Wanted], mesh: MeshSettings = AUTO) -> set[str]:
    result = None
    for step in who.choose(peers, NodeSettings("fra-1", "fra"), mesh):
        result = step if step is not None else result
    assert result is not None
    return set(result)


@pytest.mark.parametrize(
    ("host", "port", "name", "left_out"),
    [
        ("192.0.2.1", 1060, "", True),
        ("192.0.2.1", 1061, "", False),
        ("192.0.2.2", 1060, "", False),
        ("0:0::1", 1060, "", True),
        ("192.0.2.9", 7, "fra-1", True),
        ("fra-1", 1060, "fra-1:1060", True),
        ("fra-1", 1061, "fra-1:1061", False),
        ("fra-1.example", 1060, "", False),
    ],
)
def test_a_node_is_not_its_own_peer(host: str, port: int, name: str, left_out: bool) -> None:
    other = peer("192.0.2.77")
    who = choosing()
    assert (len(chosen(who, named(other, peer(host, port, name)))) == 1) is left_out
    assert len(who.others()) == 2 - left_out


def test_one_that_is_found_to_be_this_node_later_is_left_out_until_it_is_another() -> None:
    who = choosing()
    both = named(peer("fra-1.example"), peer("192.0.2.77"))
    assert len(chosen(who, both)) == 2
    assert who.found_ourselves("fra-1.example:1060")
    assert not who.found_ourselves("fra-1.example:1060")
    assert not who.found_ourselves("nobody")
    assert chosen(who, both) == {"192.0.2.77:1060"}
    moved = both | named(Wanted("fra-1.example:1060", "other.example", 1060))
    assert len(chosen(who, moved)) == 2


def test_nodes_that_know_the_same_choose_as_one_mesh() -> None:
    """Each by its own name in it: who asks is not asked how it calls itself."""
    every = named(*(peer(f"198.51.100.{n}", zone=str(n % 3)) for n in range(1, 151)))
    watched = dict.fromkeys(every, 0)
    for name, each in every.items():
        me = {(each.host, each.port)}
        who = Choosing(me.__contains__, lambda port: port == 1060)
        for other in chosen(who, every):
            assert other != name
            watched[other] += 1
    assert 16 <= min(watched.values()) <= max(watched.values()) <= 64


def test_who_is_gone_makes_room_and_another_zone_is_another_place() -> None:
    who = choosing()
    every = named(*(peer(f"198.51.100.{n}", zone=str(n % 3)) for n in range(1, 151)))
    before = chosen(who, every)
    gone = next(iter(before))
    without = {name: each for name, each in every.items() if name != gone}
    after = chosen(who, without)
    assert len(before - after) <= 3
    assert chosen(who, every) == before
    assert chosen(who, every, MeshSettings("all")) == set(every)
    assert chosen(who, every, MeshSettings(8)) != before
    assert chosen(who, every) == before


def test_about_a_hundred_nodes_that_come_and_go_do_not_move_most_pairs_each_time() -> None:
    """As in a rolling restart: the one that makes them 101 thins the mesh out, and it stays so."""
    who = choosing()
    every = [peer(f"198.51.100.{n}") for n in range(1, 101)]
    assert len(chosen(who, named(*every[:99]))) == 99
    before = chosen(who, named(*every))
    assert len(before) == 32
    for left_out in (0, 40, 80):
        left = chosen(who, named(*every[:left_out], *every[left_out + 1 :]))
        assert (len(left), len(before - left) <= 3) == (32, True)
        assert chosen(who, named(*every)) == before
    assert len(chosen(who, named(*every[:90]))) == 32
    assert len(chosen(who, named(*every[:89]))) == 89
    assert len(chosen(who, named(*every[:99]))) == 99
