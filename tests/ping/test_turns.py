"""Each flow has a turn in each round; which is first, nobody who loses at regular times knows."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpecho.ping.turns import flow_of, turns_of


@given(st.integers(1, 64), st.integers(0, 10_000))
def test_each_flow_has_a_turn_in_each_round(flows: int, past: int) -> None:
    turns = range(past * flows, (past + 1) * flows)
    assert sorted(flow_of(turn, flows) for turn in turns) == list(range(flows))


def test_the_first_round_begins_at_the_first() -> None:
    assert [flow_of(turn, 16) for turn in range(16)] == list(range(16))
    assert [flow_of(16 * past, 16) for past in range(1, 9)] != [0] * 8


@given(st.integers(1, 20), st.integers(0, 500))
def test_the_turns_that_a_flow_has_had_are_known(flows: int, before: int) -> None:
    had = Counter(flow_of(turn, flows) for turn in range(before))
    assert [turns_of(flow, flows, before) for flow in range(flows)] == [
        had[flow] for flow in range(flows)
    ]


@pytest.mark.parametrize("every", [2, 3, 4, 5, 8, 15, 16, 17, 32])
def test_regular_losses_fall_on_all_flows(every: int) -> None:
    """As a token bucket's, which lets every second probe through, or every fourth."""
    lost = Counter(flow_of(turn, 16) for turn in range(0, 16_000, every))
    mean = 16_000 / every / 16
    assert len(lost) == 16
    assert max(abs(number - mean) for number in lost.values()) < 4.5 * mean**0.5
