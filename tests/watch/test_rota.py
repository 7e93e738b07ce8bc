"""Whose paths are looked at next."""

from __future__ import annotations

from udpecho.instrument.probe import Flow
from udpecho.path import Paths
from udpecho.ping.outcome import Outcome, ProbeFate
from udpecho.watch.counts import PeerCounts
from udpecho.watch.paths.rota import APART_NS, FEWEST_LOST, ROUND_NS, Rota, flows_of_round
from udpecho.watch.paths.suspects import Suspects
from udpecho.watch.peers.targets import Wanted
from udpecho.watch.probed import Probed, new_probed

SECOND = 1_000_000_000
PEER = ("10.9.20.2", 1060)


def suspects(**losses: int) -> Suspects:
    found = Suspects(60)
    for name, lost in losses.items():
        counts = PeerCounts(4)
        for number in range(lost):
            outcome = Outcome(ProbeFate.LOST, number, Flow(name, PEER, 1), number, number, 0)
            found.lost(name, counts, 0, outcome)
    return found


def roll(number: int) -> dict[str, Probed]:
    made = {
        str(each): new_probed(Wanted(str(each), "h", 1, "", "hosts"), 4) for each in range(number)
    }
    for each in made.values():
        each.counts.heard_ns = 1
    return made


def test_who_loses_most_comes_first_and_whose_flows_stand_out_before_that() -> None:
    rota, all_of = Rota(), suspects(a=9, b=5, c=FEWEST_LOST - 1)
    assert rota.suspect(all_of, (), (), 0) == "a"
    assert rota.suspect(all_of, {"b"}, (), 0) == "b"
    assert rota.suspect(all_of, (), {"a"}, 0) == "b"
    assert rota.suspect(all_of, (), {"a", "b"}, 0) is None


def test_who_was_looked_at_waits_longer_each_time() -> None:
    rota, all_of = Rota(), suspects(a=9)
    waited = []
    now_ns = 0
    for _ in range(6):
        rota.looked("a", now_ns)
        began_ns = now_ns
        while rota.suspect(all_of, (), (), now_ns) is None:
            now_ns += SECOND
        waited.append((now_ns - began_ns) // SECOND)
    assert waited == [60, 120, 240, 480, 600, 600]


def test_who_died_or_lives_again_waits_ten_seconds() -> None:
    rota, all_of = Rota(), suspects(a=9)
    rota.looked("a", 0)
    for at in range(5):
        rota.hurry("a", at * SECOND)
    assert rota.suspect(all_of, (), (), 10 * SECOND - 1) is None
    assert rota.suspect(all_of, (), (), 10 * SECOND) == "a"


def test_all_who_answer_have_their_turn_in_a_round() -> None:
    rota, peers = Rota(), roll(50)
    peers["7"].counts.heard_ns = None
    looked, now_ns = [], 0
    while now_ns < 30 * SECOND:
        name = rota.next(peers, (), now_ns)
        if name is not None:
            looked.append(name)
            peers[name].paths.note(Paths(name, PEER, ()), (), now_ns)
        now_ns += APART_NS
    assert sorted(looked, key=int) == [str(each) for each in range(50) if each != 7]
    again = [rota.next(peers, (), now_ns + ROUND_NS + at * SECOND) for at in range(10)]
    assert sum(each is not None for each in again) == 2
    """A second time they come all over the round, and not together."""


def test_a_round_of_many_looks_at_a_flow_of_each() -> None:
    assert list(flows_of_round(16, 1000)) == [0]
    assert len(flows_of_round(16, 100)) == 6
    assert len(flows_of_round(16, 32)) == 16
    assert len(flows_of_round(4, 1)) == 4


def test_who_is_probed_by_others_is_theirs() -> None:
    rota, peers = Rota(), roll(4)
    ours = [rota.next(peers, (), at * SECOND, lambda name: name in "13") for at in range(4)]
    assert {each for each in ours if each} == {"1", "3"}
