"""What is counted of a flow's probes while it may be traced."""

from __future__ import annotations

from udpecho.path.fates import DEAD, Fates


def test_what_is_overdue_counts_as_lost_until_it_came() -> None:
    fates = Fates()
    fates.misses(1, 10)
    assert (fates.sent, fates.lost, fates.got_there) == (1, 1, False)
    fates.add(1, 10, whole=True)
    assert (fates.sent, fates.lost, fates.got_there) == (1, 0, True)
    fates.misses(2, 20)
    fates.add(2, 20, whole=False)
    assert (fates.sent, fates.lost) == (2, 1)


def test_it_turns_when_it_dies_and_when_it_lives_again() -> None:
    fates = Fates()
    turns = [fates.add(n, n, whole=False) for n in range(DEAD + 5)]
    assert turns == [n == DEAD - 1 for n in range(DEAD + 5)]
    assert [fates.add(n, n, whole=True) for n in (100, 101)] == [True, False]


def test_on_another_path_what_was_sent_before_counts_no_more() -> None:
    fates = Fates()
    fates.misses(1, 10)
    fates.misses(2, 20)
    anew = fates.anew(30)
    assert (anew.sent, anew.lost, anew.before) == (0, 0, 2)
    assert not anew.add(1, 10, whole=False)
    assert not anew.misses(3, 29)
    assert (anew.sent, anew.lost) == (0, 0)
    anew.misses(4, 30)
    assert (anew.sent, anew.lost, anew.before) == (1, 1, 2)
