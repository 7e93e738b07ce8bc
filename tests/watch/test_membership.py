"""Who is probed, as sources and peers come, go and fall silent."""

from __future__ import annotations

from math import inf

import pytest

from tests.examples import given, st
from udpecho.watch.peers.membership import KEPT, Membership
from udpecho.watch.peers.targets import Wanted

INTERVAL = 1.0


def peer(name: str, zone: str = "") -> Wanted:
    return Wanted(name, name, 1060, zone)


class Told:
    """A membership, and who answers."""

    def __init__(self, most: int = 100) -> None:
        self.members = Membership(INTERVAL, most)
        self.answering: set[str] = set()
        self.ours: set[str] = set()
        self.now = 0.0

    def names(self, at: float | None = None) -> str:
        """Tell who is probed at a time; those who answer do so until then."""
        self.now = self.now if at is None else at
        return " ".join(sorted(self.members.settle(self.now, self._heard, self.ours)))

    def _heard(self, name: str) -> float | None:
        return self.now if name in self.answering else None

    def found(self, names: str, source: int = 0) -> None:
        self.members.found(source, [peer(name) for name in names.split()], self.now)


def test_what_sources_say_is_probed() -> None:
    told = Told()
    told.found("a b")
    told.found("b c", source=1)
    assert told.names() == "a b c"
    assert told.members.next() == inf


def test_of_two_of_a_name_the_first_counts() -> None:
    members = Membership(INTERVAL)
    members.found(1, [peer("a", "late")], 0)
    members.found(0, [peer("a", "x"), peer("a", "y")], 0)
    assert members.settle(0, lambda _: None)["a"].zone == "x"


def test_one_that_leaves_while_it_answers_is_gone_after_two_intervals() -> None:
    told = Told()
    told.answering = {"a", "b"}
    told.found("a b")
    told.names()
    told.found("b")
    assert told.names(10) == "a b"
    assert told.members.is_leaving("a")
    assert told.members.next() == 12
    assert told.names(11.9) == "a b"
    assert told.names(12) == "b"
    assert not told.members.is_leaving("a")


def test_one_that_leaves_while_silent_is_kept_for_five_minutes() -> None:
    """A headless service forgets the dead first."""
    told = Told()
    told.answering = {"b"}
    told.found("a b")
    told.names()
    told.found("b")
    assert told.names(10) == "a b"
    assert told.names(10 + KEPT - 0.1) == "a b"
    assert told.names(10 + KEPT) == "b"


def test_one_that_answers_again_after_it_left_is_gone() -> None:
    told = Told()
    told.found("a b")
    told.names()
    told.found("b")
    assert told.names(10) == "a b"
    assert told.names(100) == "a b"
    told.answering = {"a"}
    assert told.names(101) == "b"


def test_one_that_comes_back_stays() -> None:
    told = Told()
    told.answering = {"a", "b"}
    told.found("a b")
    told.names()
    told.found("b")
    told.names(1)
    told.found("a b")
    assert told.names(2) == "a b"
    assert told.names(2 + 2 * KEPT) == "a b"


@pytest.mark.parametrize("how", ["empty", "dead"])
def test_a_source_without_an_answer_keeps_its_peers_for_five_minutes(how: str) -> None:
    told = Told()
    told.answering = {"a"}
    told.found("a b")
    told.names()
    told.now = 10
    for _ in range(3):
        told.found("") if how == "empty" else told.members.failed(0, told.now)
        told.now += 1
    assert told.members.next() == 10 + KEPT
    assert told.names(9 + KEPT) == "a b"
    told.names(10 + KEPT)
    assert told.names(12 + KEPT) == "b"
    assert told.names(11 + 2 * KEPT) == ""
    told.found("c")
    assert told.names() == "c"


def test_a_source_that_answers_again_in_time_loses_nobody() -> None:
    told = Told()
    told.found("a b")
    told.names()
    told.now = 10
    told.members.failed(0, told.now)
    assert told.names(200) == "a b"
    told.found("a b")
    assert told.names(10 + 2 * KEPT) == "a b"


def test_whom_another_source_still_names_does_not_leave() -> None:
    told = Told()
    told.answering = {"a"}
    told.found("a b")
    told.found("a", source=1)
    told.names()
    told.members.drop([0])
    assert told.names(1) == "a b"
    assert not told.members.is_leaving("a")
    assert told.names(1 + KEPT) == "a"


def test_there_are_no_more_than_may_be() -> None:
    told = Told(most=2)
    told.found("b a")
    told.found("c d", source=1)
    assert told.names() == "a b"
    assert told.members.left_out == 2


def test_of_those_who_left_silently_the_oldest_make_room() -> None:
    told = Told(most=3)
    for at, names in enumerate(["a b c", "b c", "c"]):
        told.found(names)
        assert told.names(10 * at) == "a b c"
    told.found("c d")
    assert told.names(30) == "b c d"
    assert told.members.left_out == 1
    told.found("c d e f")
    assert told.names(31) == "c d e"
    assert told.members.left_out == 2, "f, who is named, and b"
    assert told.names(32) == "c d e"
    assert told.members.left_out == 1
    assert told.members.next() == inf


def test_who_is_ours_takes_no_room() -> None:
    told = Told(most=2)
    told.ours = {"me", "gone"}
    told.found("a me b")
    assert told.names() == "a b me"
    assert told.members.left_out == 0
    told.found("a b c me")
    assert told.names(10) == "a b me"
    assert told.members.left_out == 1
    told.found("c d")
    assert told.names(20) == "c d me", "me, who leaves, and neither a nor b, who do so too"
    assert told.members.left_out == 2


def test_there_are_no_more_than_may_be_from_now_on() -> None:
    told = Told()
    told.found("a b c")
    assert told.names() == "a b c"
    told.members.set_limits(INTERVAL, 2)
    assert told.names(1) == "a b"
    assert not told.members.is_leaving("c")


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["found", "failed", "wait"]), st.integers(0, 2),
        st.sets(st.sampled_from("abcd")), st.sampled_from([0.5, 1.0, 3.0, 150.0, 400.0]),
    ), max_size=30,
)  # fmt: skip


@given(EVENTS, st.sets(st.sampled_from("abcd")))
def test_whatever_happens_no_peer_that_is_named_is_missing(
    events: list[tuple[str, int, set[str], float]], answering: set[str]
) -> None:
    """And none stays that no source has named for twice five minutes."""
    told = Told()
    told.answering = answering
    last: dict[int, set[str]] = {}
    seen: dict[str, float] = {}
    for what, source, names, wait in events:
        if what == "found":
            told.found(" ".join(sorted(names)), source)
            last[source] = names
        elif what == "failed":
            told.members.failed(source, told.now)
            last.pop(source, None)
        told.now += wait
        probed = set(told.names().split())
        named = {name for names in last.values() for name in names}
        assert named <= probed
        seen |= dict.fromkeys(named, told.now)
        assert all(told.now - seen[name] <= 2 * KEPT + 400 for name in probed if name in seen)
    told.names(told.now + KEPT)
    assert set(told.names(told.now + KEPT).split()) <= {n for names in last.values() for n in names}
