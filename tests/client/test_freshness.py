"""For how long it matters that the kernel tells when a datagram came."""

from __future__ import annotations

import pytest

from udpecho.client.freshness import Freshness


@pytest.mark.parametrize(
    ("oldest", "doubt", "why"),
    [
        (2.0, True, "it came before the request, and more may lie there that did"),
        (1.0, True, "just as old: the clock is not that fine"),
        (0.5, False, "all that came before would have been read before"),
    ],
)
def test_doubt_ends_once_what_is_read_came_after_the_request(
    oldest: float, doubt: bool, why: str
) -> None:
    fresh = Freshness()
    fresh.doubts(5.0)
    fresh.hears(6.0, oldest)
    assert fresh.is_in_doubt is doubt, why


def test_the_last_request_counts() -> None:
    """What came between two requests is too old for the second."""
    fresh = Freshness()
    fresh.doubts(5.0)
    fresh.doubts(6.0)
    fresh.hears(7.0, 1.5)
    assert fresh.is_in_doubt


def test_batches_are_counted() -> None:
    fresh = Freshness()
    assert [fresh.hears(1.0, 0.0), fresh.hears(1.0, 0.0), fresh.heard] == [1, 2, 2]
