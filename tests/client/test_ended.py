"""Ended: late replies and duplicates are known for what they are, in bounded memory."""

from __future__ import annotations

import pytest

from udpecho.client import ended
from udpecho.client.ended import Ended, Unclaimed, key_of

KEY = key_of("peer", b"data")

LATE, DUPLICATE = Unclaimed.LATE, Unclaimed.DUPLICATE


@pytest.mark.parametrize(
    ("answered", "heard"),
    [
        pytest.param(None, [None, None], id="nobody was asked"),
        pytest.param(True, [DUPLICATE, DUPLICATE], id="it was answered before"),
        pytest.param(False, [LATE, DUPLICATE, DUPLICATE], id="late is late once"),
    ],
)
def test_what_a_datagram_is(answered: bool | None, heard: list[Unclaimed | None]) -> None:
    memory = Ended()
    if answered is not None:
        memory.remember(KEY, answered)
    assert [memory.recall(KEY) for _ in heard] == heard
    assert memory.recall(key_of("another", None)) is None


def test_the_latest_end_counts() -> None:
    """The same bytes, asked for again in vain, are late when they come."""
    memory = Ended()
    memory.remember(KEY, answered=True)
    memory.remember(KEY, answered=False)
    assert memory.recall(KEY) is LATE


def test_so_many_at_least_and_twice_as_many_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ended, "REMEMBERED", 50)
    memory = Ended()
    for number in range(1000):
        memory.remember(number, answered=number % 2 == 0)
        assert len(memory) <= 100
        known = range(max(0, number - 49), number + 1)
        assert None not in [memory.recall(each) for each in known if each % 2 == 0]
    assert memory.recall(0) is None


def test_a_long_key_is_not_kept() -> None:
    """A client that asks with 64 KiB each time remembers numbers."""
    memory = Ended()
    memory.remember(key_of("peer", bytes(65507)), answered=True)
    assert all(type(key) is int for key in memory.young)
