"""Passwords go to a child process, one at a time, and come back as yes or no."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.error import ProcessDone
from twisted.python.failure import Failure

from udpecho.watch.web.hashing import CantCheck, Hashing


class Processes:
    """A reactor that starts processes which answer when they are told to."""

    def __init__(self) -> None:
        self.started: list[Any] = []
        self.lines: list[bytes] = []
        self.closed = 0

    def spawnProcess(self, protocol: Any, *_: Any, **__: Any) -> None:
        self.started.append(protocol)
        protocol.makeConnection(self)

    def write(self, data: bytes) -> None:
        self.lines.append(data)

    def closeStdin(self) -> None:
        self.closed += 1


@pytest.fixture
def hashing() -> tuple[Any, Processes]:
    processes = Processes()
    return Hashing(processes), processes  # type: ignore[arg-type]


def dies(processes: Processes) -> None:
    processes.started[-1].processEnded(Failure(ProcessDone(0)))


def test_one_at_a_time_and_each_has_its_own_answer(hashing: tuple[Any, Processes]) -> None:
    hashes, processes = hashing
    told: list[Any] = []
    for n in range(3):
        hashes.check(b"p%d" % n, b"$2b$").addCallback(lambda said, n=n: told.append((n, said)))
    assert processes.lines == [b"cDA= $2b$\n"]
    [child] = processes.started
    child.outReceived(b"ye")
    assert told == []
    child.outReceived(b"s\n")
    child.outReceived(b"no\n")
    child.outReceived(b"what?\n")
    assert told == [(0, True), (1, False), (2, False)]
    assert len(processes.lines) == 3
    child.outReceived(b"yes\n")  # nobody has asked
    hashes.stopService()
    assert processes.closed == 1
    dies(processes)
    hashes.stopService()


def test_who_cancels_is_skipped(hashing: tuple[Any, Processes]) -> None:
    hashes, processes = hashing
    told: list[Any] = []
    first, second, third = (
        hashes.check(b"x", b"$2b$%d" % n).addBoth(told.append) for n in range(3)
    )
    first.cancel()
    second.cancel()
    processes.started[0].outReceived(b"yes\n")
    assert [line[-2:-1] for line in processes.lines] == [b"0", b"2"]
    processes.started[0].outReceived(b"yes\n")
    assert third.called
    assert told[-1] is True


def test_another_child_takes_the_place_of_one_that_died(hashing: tuple[Any, Processes]) -> None:
    hashes, processes = hashing
    told: list[Any] = []
    for _ in range(2):
        hashes.check(b"x", b"$2b$").addBoth(told.append)
    dies(processes)
    assert told[0].check(CantCheck)
    assert len(processes.started) == 2
    processes.started[0].outReceived(b"yes\n" * 0)
    processes.started[1].outReceived(b"yes\n")
    assert told[1] is True
    dies(processes)
    assert len(processes.started) == 2


def test_a_child_that_babbles_is_not_kept(hashing: tuple[Any, Processes]) -> None:
    hashes, processes = hashing
    told: list[Any] = []
    hashes.check(b"x", b"$2b$").addBoth(told.append)
    for _ in range(100):
        processes.started[0].outReceived(b"x" * 10_000)
    processes.started[0].outReceived(b"\n")
    assert told == [False]
