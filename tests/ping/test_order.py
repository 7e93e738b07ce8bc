"""Reordering, jitter, bursts and IPDV by examples worked out by hand, the RFCs' own among them."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpecho.ping.order import Arrivals, Successions

MS = 1_000_000


class TestReordering:
    @pytest.mark.parametrize(
        ("order", "reordered", "extent", "why"),
        [
            ([], 0, 0, "nothing came"),
            ([1, 2, 3, 4], 0, 0, "in order"),
            ([1, 2, 5, 9], 0, 0, "loss is not reordering (RFC 4737, 3.3: s >= NextExp)"),
            ([1, 2, 3, 5, 6, 7, 8, 4, 9, 10], 1, 4, "packet 4 late (RFC 4737, 7.1)"),
            ([1, 2, 3, 4, 7, 5, 6, 8, 9, 10], 2, 2, "packets 5 and 6 (RFC 4737, 7.2)"),
            ([1, 2, 3, 7, 8, 9, 10, 4, 5, 6, 11], 3, 6, "packets 4, 5 and 6 (RFC 4737, 7.3)"),
            ([4, 3, 2, 1], 3, 3, "backwards"),
            ([2, 1, 4, 3], 2, 1, "pairs swapped: each is overtaken by one"),
        ],
    )
    def test_by_hand(self, order: list[int], reordered: int, extent: int, why: str) -> None:
        arrivals = Arrivals()
        for index in order:
            arrivals.record(index, MS, undecided=1)
        assert (arrivals.reordered, arrivals.extent) == (reordered, extent), why

    @given(st.permutations(range(1, 30)))
    def test_the_extent_is_the_rfcs_definition(self, order: list[int]) -> None:
        """RFC 4737, 4.2.1: e = i - j, for the least j < i with s[j] > s[i]."""
        arrivals = Arrivals()
        for index in order:
            arrivals.record(index, MS, undecided=1)
        overtaken = {
            i: next(j for j, other in enumerate(order) if other > s)
            for i, s in enumerate(order)
            if any(other > s for other in order[:i])
        }
        assert arrivals.reordered == len(overtaken)
        assert arrivals.extent == max((i - j for i, j in overtaken.items()), default=0)


class TestJitter:
    def test_by_hand(self) -> None:
        """J += (|D| - J) / 16 (RFC 3550, 6.4.1): 16 ms apart, then 0, then 16 again."""
        arrivals = Arrivals()
        jitters = []
        for index, rtt_ms in enumerate((10, 26, 26, 10), 1):
            arrivals.record(index, rtt_ms * MS, index + 1)
            jitters.append(arrivals.jitter_ns)
        assert jitters == [None, MS, MS * 15 // 16, MS * 15 // 16 + (16 * MS - MS * 15 // 16) // 16]

    def test_comes_near_a_constant_difference(self) -> None:
        arrivals = Arrivals()
        for index in range(400):
            arrivals.record(index, 10 * MS + (index % 2) * MS, index + 1)
        assert arrivals.jitter_ns == pytest.approx(MS, rel=1e-6)


class TestSuccessions:
    @pytest.mark.parametrize(
        ("pattern", "bursts", "longest"),
        [
            ("", 0, 0),
            ("++++", 0, 0),
            ("----", 1, 4),
            ("+-+--+---+", 3, 3),
            ("-+-", 2, 1),
            ("--+-----", 2, 5),
        ],
    )
    @pytest.mark.parametrize("seed", range(3))
    def test_loss_bursts_whatever_order_the_fates_come_in(
        self, pattern: str, bursts: int, longest: int, seed: int
    ) -> None:
        successions = Successions()
        fates = [(index, MS if sign == "+" else None) for index, sign in enumerate(pattern, 1)]
        random.Random(seed).shuffle(fates)
        for index, rtt_ns in fates:
            successions.record(index, rtt_ns)
        assert (successions.bursts, successions.longest) == (bursts, longest)
        assert not successions.held

    def test_ipdv_is_of_successive_probes_only(self) -> None:
        """10 13 _ 20 18: |3|, two undefined beside the loss (RFC 3393, 2.4), and |-2|."""
        successions = Successions()
        for index, rtt in enumerate((10, 13, None, 20, 18), 1):
            successions.record(index, rtt)
        assert successions.ipdv_count == 2
        assert (successions.ipdv_sum_ns, successions.ipdv_max_ns) == (5, 3)

    @pytest.mark.parametrize("seed", range(3))
    def test_what_is_missing_is_not_waited_for_beyond_a_number(self, seed: int) -> None:
        """It is no loss, it ends a burst, and what is remembered does not grow."""
        pattern = "+-_-+_+" * 20
        fates = [(n, MS if sign == "+" else None) for n, sign in enumerate(pattern, 1)]
        fates = [fate for fate, sign in zip(fates, pattern, strict=True) if sign != "_"]
        rng = random.Random(seed)
        fates.sort(key=lambda fate: fate[0] + rng.randrange(8))
        successions = Successions(most_held=10)
        for index, rtt_ns in fates:
            successions.record(index, rtt_ns)
            assert len(successions.held) <= 10
        successions.go_on()
        assert not successions.held
        assert (successions.bursts, successions.longest) == (40, 1)
        assert successions.ipdv_count == 19

    def test_a_fate_told_twice_is_taken_once(self) -> None:
        successions = Successions()
        for index in (1, 1, 2, 1):
            successions.record(index, None)
        assert (successions.bursts, successions.longest, successions.held) == (1, 2, {})
