"""When it matters that the kernel tells when a datagram came, and when it does not."""

from __future__ import annotations

import pytest

from udpecho.client.freshness import Freshness
from udpecho.reactors import TURN_SECONDS

SOON, LATER = TURN_SECONDS / 2, TURN_SECONDS * 2


@pytest.mark.parametrize(
    ("after", "alike", "doubt", "why"),
    [
        (SOON, False, False, "what is read together was there before, and nobody was asked so"),
        (SOON, True, True, "an earlier reply may lie there"),
        (LATER, False, True, "anything may have come since"),
    ],
)
def test_a_request_is_in_doubt(after: float, alike: bool, doubt: bool, why: str) -> None:
    fresh = Freshness()
    fresh.hears(5.0, 0.0)
    fresh.sends(5.0 + after, alike)
    assert fresh.is_in_doubt is doubt, why


def test_the_first_request_is_in_doubt() -> None:
    """The socket may have been open for long."""
    fresh = Freshness()
    assert not fresh.is_in_doubt
    fresh.sends(0.0, alike=False)
    assert fresh.is_in_doubt


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
    fresh.sends(5.0, alike=True)
    fresh.hears(6.0, oldest)
    assert fresh.is_in_doubt is doubt, why


def test_the_last_request_counts() -> None:
    """What came between two requests is too old for the second."""
    fresh = Freshness()
    fresh.sends(5.0, alike=True)
    fresh.sends(6.0, alike=True)
    fresh.hears(7.0, 1.5)
    assert fresh.is_in_doubt


def test_batches_are_counted() -> None:
    fresh = Freshness()
    assert [fresh.hears(1.0, 0.0), fresh.hears(1.0, 0.0), fresh.heard] == [1, 2, 2]
