"""Verdicts that are held for a minute after the last loss that bears them out."""

from __future__ import annotations

from udpecho.path.verdicts import Place, Segment
from udpecho.watch.events.event import Event, VerdictGiven, VerdictWithdrawn
from udpecho.watch.paths.traced import PeerPaths, PeerVerdict
from udpecho.watch.paths.verdicts import Verdicts, is_same

SECOND = 1_000_000_000


def verdict(
    *routers: str, direction: str = "out", after: str = "r1", before: str = "r3"
) -> PeerVerdict:
    within = tuple(Place(2, (each,)) for each in routers)
    segment = Segment(Place(1, (after,)), Place(3, (before,)), within, None, 4, 1.0)
    text = f"between {after} and {before}, through {routers}"
    return PeerVerdict(direction, text, "4 of 16 lose", (1, 2), (segment,), 0)


class Holding:
    def __init__(self) -> None:
        self.told: list[Event] = []
        self.verdicts = Verdicts(self.told.append)
        self.paths: PeerPaths | None = PeerPaths()

    def found(self, each: PeerVerdict, at: float) -> None:
        assert self.paths is not None
        self.verdicts.found("ams-1", self.paths, each, round(at * SECOND))

    def settle(self, at: float) -> None:
        self.verdicts.settle(round(at * SECOND), lambda _: self.paths)


def test_it_holds_for_a_minute_after_the_last_loss() -> None:
    holding = Holding()
    holding.found(verdict("a"), 10)
    holding.settle(69.9)
    holding.found(verdict("a"), 40)
    holding.settle(99.9)
    assert [type(each) for each in holding.told] == [VerdictGiven]
    holding.settle(100)
    assert [type(each) for each in holding.told] == [VerdictGiven, VerdictWithdrawn]
    assert holding.paths is not None
    assert holding.paths.verdict is None


def test_to_find_it_again_without_a_loss_does_not_bear_it_out() -> None:
    holding = Holding()
    for at in range(10, 70):
        holding.found(verdict("a"), 10)
        holding.settle(at)
    holding.settle(70)
    assert len(holding.told) == 2


def test_another_waits_until_the_first_holds_no_more() -> None:
    holding = Holding()
    holding.found(verdict("a"), 0)
    holding.found(verdict("b"), 59)
    assert len(holding.told) == 1
    holding.settle(60)
    holding.found(verdict("b"), 61)
    assert [each.segment for each in holding.told if isinstance(each, VerdictGiven)] == [
        verdict("a").segment,
        verdict("b").segment,
    ]


def test_a_place_of_which_more_is_seen_keeps_its_words() -> None:
    holding = Holding()
    holding.found(verdict("a"), 0)
    holding.found(verdict("a", "a2"), 30)
    holding.settle(89)
    assert len(holding.told) == 1
    assert holding.paths is not None
    assert holding.paths.verdict is not None
    assert holding.paths.verdict.segment == verdict("a").segment
    assert len(holding.paths.verdict.segments[0].within) == 2


def test_places_are_told_apart() -> None:
    assert is_same(verdict("a"), verdict("a", after="r9"))
    assert not is_same(verdict("a"), verdict("b"))
    assert not is_same(verdict("a"), verdict("a", direction="back"))
    assert not is_same(verdict(before="a"), verdict(before="b"))
    assert is_same(verdict(before="a"), verdict(before="a", after="r9"))


def test_it_ends_with_the_flows_that_it_is_of() -> None:
    holding = Holding()
    holding.found(verdict("a"), 0)
    assert holding.paths is not None
    holding.paths.begin_again()
    holding.settle(1)
    assert [type(each) for each in holding.told] == [VerdictGiven, VerdictWithdrawn]


def test_it_ends_with_its_peer() -> None:
    holding = Holding()
    holding.found(verdict("a"), 0)
    holding.paths = None
    holding.settle(1)
    assert len(holding.told) == 2
    holding.settle(2)
    assert len(holding.told) == 2
