"""Watch: what fails in passing costs nothing; after a fork each has its own, or none looks away."""

from __future__ import annotations

import os
import select
from errno import EEXIST, EMFILE, ENOSPC
from types import TracebackType

import pytest

from udpecho.kernel.wake import Watch

SOCKET = 77


class Epoll:
    """Stands where select.epoll would."""

    made: list[Epoll]
    fails: int = 0
    closed = False

    def __init__(self) -> None:
        if Epoll.fails == EMFILE:
            raise OSError(EMFILE, "none left")
        self.watches: set[int] = set()
        self.number = 1000 + len(Epoll.made)
        Epoll.made.append(self)

    def register(self, fd: int, events: int) -> None:
        if Epoll.fails:
            raise OSError(Epoll.fails, "from a test")
        self.watches.add(fd)

    def unregister(self, fd: int) -> None:
        if Epoll.fails:
            raise OSError(Epoll.fails, "from a test")
        self.watches.remove(fd)

    def fileno(self) -> int:
        return self.number

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> Epoll:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


Copies = list[tuple[int, int]]


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> Copies:
    """Note which descriptors are put in whose place."""
    copies: Copies = []

    def dup2(one: int, other: int, inheritable: bool = True) -> None:
        if one < 1000:
            real(one, other, inheritable)  # pytest's own
        else:
            copies.append((one, other))

    real = os.dup2
    Epoll.made, Epoll.fails = [], 0
    monkeypatch.setattr(select, "epoll", Epoll)
    monkeypatch.setattr(os, "dup2", dup2)
    return copies


def test_it_looks_away_and_again(copied: Copies) -> None:
    watch = Watch(SOCKET)
    [epoll] = Epoll.made
    assert epoll.watches == {SOCKET}
    watch.look_away()
    watch.look_away()
    assert (watch.away, epoll.watches) == (True, set())
    watch.look_again()
    watch.look_again()
    assert (watch.away, epoll.watches) == (False, {SOCKET})


def test_what_can_t_be_watched_leaves_nothing_open(copied: Copies) -> None:
    Epoll.fails = ENOSPC
    with pytest.raises(OSError, match="from a test"):
        Watch(SOCKET)
    assert [epoll.closed for epoll in Epoll.made] == [True]


def test_if_it_can_t_look_away_it_watches(copied: Copies) -> None:
    watch = Watch(SOCKET)
    Epoll.fails = ENOSPC
    watch.look_away()
    assert (watch.away, Epoll.made[0].watches) == (False, {SOCKET})


def test_if_it_can_t_look_again_it_says_so(copied: Copies) -> None:
    """Then it is to be asked once more."""
    watch = Watch(SOCKET)
    watch.look_away()
    Epoll.fails = ENOSPC
    watch.look_again()
    assert watch.away
    Epoll.fails = 0
    watch.look_again()
    assert (watch.away, Epoll.made[0].watches) == (False, {SOCKET})


def test_what_another_process_watches_in_the_same_epoll_is_watched(copied: Copies) -> None:
    watch = Watch(SOCKET)
    watch.look_away()
    Epoll.fails = EEXIST
    watch.look_again()
    assert not watch.away


@pytest.mark.parametrize("away", [False, True])
def test_a_child_has_an_epoll_of_its_own_in_the_place_of_the_parent_s(
    away: bool, copied: Copies
) -> None:
    """With the same number, by which a reactor knows it."""
    watch = Watch(SOCKET)
    if away:
        watch.look_away()
    watch.part()
    parents, own = Epoll.made
    assert copied == [(own.number, parents.number)]
    assert (own.watches, own.closed) == (set() if away else {SOCKET}, True)
    assert watch.fileno() == parents.number


@pytest.mark.parametrize("fails", [0, EMFILE])
def test_where_the_epoll_is_shared_nobody_looks_away(fails: int, copied: Copies) -> None:
    """The other process would be deaf meanwhile, or for good if this one ended so."""
    watch = Watch(SOCKET)
    Epoll.fails = fails
    if fails:
        watch.part()
    else:
        watch.share()
    watch.look_away()
    assert (watch.away, copied) == (False, [])


def test_a_closed_one_does_nothing(copied: Copies) -> None:
    watch = Watch(SOCKET)
    watch.look_away()
    watch.close()
    watch.look_again()
    watch.part()
    assert (watch.away, copied, len(Epoll.made)) == (True, [], 1)
