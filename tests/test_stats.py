"""Every figure by examples worked out by hand, the RFCs' own where they have some."""

from __future__ import annotations

import random
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpecho.probe import Fate, Flow, Outcome, Surplus
from udpecho.stamps import Clock
from udpecho.stats import (
    LONGEST_NS,
    MANY_FLOWS,
    Arrivals,
    Distribution,
    Figures,
    Spread,
    Stats,
    Successions,
    Tally,
    hops,
)

FLOW = Flow("echo.example", ("192.0.2.1", 7), 40001)
MS = 1_000_000


def fate(
    kind: Fate | Surplus, index: int = 1, rtt_ns: int | None = None, flow: Flow = FLOW
) -> Outcome:
    clock = None if rtt_ns is None else Clock.KERNEL
    return Outcome(kind, 0, flow, index, index, 0, rtt_ns, clock)


def spread_of(*times: int, digits: int = 3) -> Spread:
    spread = Spread(digits)
    for time in times:
        spread.record(time)
    return spread


class TestDistribution:
    def test_of_nothing_has_no_value_anywhere(self) -> None:
        assert Spread(3).distribution() == Distribution(0)

    def test_of_one_time_is_that_time(self) -> None:
        d = spread_of(123_456_789).distribution()
        same = 123_456_789
        assert d == Distribution(1, same, same, same, same, same, same, same, stddev_ns=0)

    def test_moments_are_exact(self) -> None:
        """2 4 4 4 5 5 7 9: the mean is 5 and the population's standard deviation 2."""
        d = spread_of(*(ms * MS for ms in (2, 4, 4, 4, 5, 5, 7, 9))).distribution()
        assert (d.count, d.min_ns, d.max_ns) == (8, 2 * MS, 9 * MS)
        assert (d.mean_ns, d.stddev_ns) == (5 * MS, 2 * MS)

    @pytest.mark.parametrize(
        ("name", "rank"), [("median_ns", 500), ("p90_ns", 900), ("p99_ns", 990), ("p999_ns", 999)]
    )
    def test_percentiles_are_by_nearest_rank_to_three_digits(self, name: str, rank: int) -> None:
        times = [number * 10_000 for number in range(1, 1001)]  # 10 µs to 10 ms
        random.Random(1).shuffle(times)
        d = spread_of(*times).distribution()
        assert getattr(d, name) == pytest.approx(rank * 10_000, rel=0.001)

    def test_a_flow_among_many_has_two_digits(self) -> None:
        d = spread_of(*(number * 10_000 for number in range(1, 1001)), digits=2).distribution()
        assert d.median_ns == pytest.approx(5 * MS, rel=0.01)

    def test_beyond_two_minutes_the_maximum_is_exact_still(self) -> None:
        d = spread_of(1, 2 * LONGEST_NS).distribution()
        assert d.max_ns == 2 * LONGEST_NS

    def test_spreads_add_up(self) -> None:
        together = Spread(3)
        together.include(spread_of(2 * MS, 9 * MS))
        together.include(Spread(3))
        together.include(spread_of(5 * MS))
        assert together.distribution() == spread_of(2 * MS, 5 * MS, 9 * MS).distribution()

    @given(st.lists(st.integers(0, LONGEST_NS), min_size=1, max_size=50))
    def test_is_ordered_and_in_range(self, times: list[int]) -> None:
        d = spread_of(*times).distribution()
        ordered = [d.min_ns, d.median_ns, d.p90_ns, d.p99_ns, d.p999_ns, d.max_ns]
        assert ordered == sorted(ordered, key=lambda value: value or 0)
        assert (d.min_ns, d.max_ns) == (min(times), max(times))
        mean = sum(times) / len(times)
        assert d.mean_ns == pytest.approx(mean, abs=1)
        variance = sum((time - mean) ** 2 for time in times) / len(times)
        assert d.stddev_ns == pytest.approx(sqrt(variance), rel=1e-6, abs=1)


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

    def test_only_what_may_still_be_overtaken_is_remembered(self) -> None:
        tally = Tally(FLOW, 3)
        for index in (*range(1, 1000), *range(1001, 1011)):
            tally.add(fate(Fate.REPLIED, index, MS))
        assert len(tally.arrivals._records) == 10, "1000 is still on its way"
        tally.add(fate(Fate.REPLIED, 1000, MS))
        assert (tally.arrivals.reordered, tally.arrivals.extent) == (1, 10)
        assert not tally.arrivals._records


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
        assert not successions._held

    def test_ipdv_is_of_successive_probes_only(self) -> None:
        """10 13 _ 20 18: |3|, two undefined beside the loss (RFC 3393, 2.4), and |-2|."""
        successions = Successions()
        for index, rtt in enumerate((10, 13, None, 20, 18), 1):
            successions.record(index, rtt)
        assert successions.ipdv_count == 2
        assert (successions.ipdv_sum_ns, successions.ipdv_max_ns) == (5, 3)


@pytest.mark.parametrize(
    ("ttl", "routers"), [(64, 0), (63, 1), (1, 63), (65, 63), (128, 0), (120, 8), (255, 0)]
)
def test_hops_are_counted_from_the_nearest_usual_ttl(ttl: int, routers: int) -> None:
    assert hops(ttl) == routers


class TestSummary:
    def test_a_run_without_replies(self) -> None:
        stats = Stats(1)
        stats.sent(FLOW)
        assert stats.summary(0).figures.loss is None, "a probe on its way is not a lost one"
        stats.add(fate(Fate.LOST))
        figures = stats.summary(5).figures
        assert figures == Figures(sent=1, lost=1, loss_bursts=1, longest_loss_burst=1)
        assert figures.loss == 1.0

    def test_a_run_without_probes(self) -> None:
        summary = Stats(1).summary(5)
        assert (summary.figures, summary.targets) == (Figures(), ())

    def test_one_of_each_fate(self) -> None:
        stats = Stats(1)
        for index, kind in enumerate(Fate, 1):
            stats.sent(FLOW, late_ns=index * 1000)
            stats.add(fate(kind, index, 8 * MS if kind in (Fate.REPLIED, Fate.LATE) else None))
        for surplus in Surplus:
            stats.add(fate(surplus, flow=FLOW))
        stats.add(Outcome(Surplus.STRANGER, 0))
        summary = stats.summary(7)
        figures = summary.figures
        fates = [figures.replied, figures.late, figures.lost, figures.refused, figures.corrupt]
        assert fates == [1] * 5
        assert (figures.sent, figures.received, figures.undecided) == (5, 2, 0)
        assert figures.loss == pytest.approx(0.6)
        assert (figures.duplicates, figures.forged, summary.strangers) == (1, 1, 1)
        assert summary.clocks == {Clock.KERNEL: 2}
        assert summary.schedule_error.max_ns == 5000
        assert summary.elapsed_ns == 7

    def test_the_flow_that_loses_comes_first(self) -> None:
        flows = [Flow("echo.example", ("192.0.2.1", 7), 40000 + n) for n in range(16)]
        stats = Stats(16)
        for index in range(1, 11):
            for flow in flows:
                stats.sent(flow)
                lost = flow.port == 40011 and index > 5
                stats.add(
                    fate(Fate.LOST, index, flow=flow)
                    if lost
                    else fate(Fate.REPLIED, index, MS * (1 + (flow.port == 40003)), flow=flow)
                )
        [target] = stats.summary(0).targets
        assert [flow.port for flow in target.worst_first()[:2]] == [40011, 40003]
        assert [flow.figures.loss for flow in target.worst_first()[:2]] == [0.5, 0.0]
        assert (target.figures.sent, target.figures.lost) == (160, 5)
        assert target.figures.longest_loss_burst == 5, "a burst is of one flow"
        assert target.figures.reordered == 0

    def test_many_flows_have_smaller_histograms(self) -> None:
        assert Stats(MANY_FLOWS)._digits == 3
        assert Stats(MANY_FLOWS + 1)._digits == 2

    def test_targets_add_up_to_the_run(self) -> None:
        stats = Stats(2)
        for number, rtt in ((1, 2 * MS), (2, 6 * MS)):
            flow = Flow(f"host{number}", (f"192.0.2.{number}", 7), 40001)
            stats.sent(flow)
            stats.add(fate(Fate.REPLIED, 1, rtt, flow))
        summary = stats.summary(0)
        assert [target.name for target in summary.targets] == ["host1", "host2"]
        assert [target.figures.rtt.mean_ns for target in summary.targets] == [2 * MS, 6 * MS]
        assert (summary.figures.rtt.count, summary.figures.rtt.mean_ns) == (2, 4 * MS)

    @given(
        st.lists(
            st.tuples(st.sampled_from(list(Fate)), st.integers(0, 3), st.integers(0, 10**10)),
            max_size=60,
        ),
        st.randoms(use_true_random=False),
    )
    def test_counts_add_up_in_any_order(
        self, fates: list[tuple[Fate, int, int]], shuffler: random.Random
    ) -> None:
        flows = [Flow("h", ("192.0.2.1", 7), 40000 + n) for n in range(4)]
        stats = Stats(4)
        indexes = dict.fromkeys(flows, 0)
        outcomes = []
        for kind, which, rtt in fates:
            flow = flows[which]
            indexes[flow] += 1
            stats.sent(flow)
            whole = kind in (Fate.REPLIED, Fate.LATE)
            outcomes.append(fate(kind, indexes[flow], rtt if whole else None, flow))
        shuffler.shuffle(outcomes)
        for outcome in outcomes:
            stats.add(outcome)
        summary = stats.summary(0)
        assert summary.figures.undecided == 0
        assert summary.figures.sent == len(fates)
        assert summary.figures.rtt.count == summary.figures.received
        for name in ("sent", "replied", "lost", "refused", "corrupt", "late", "loss_bursts"):
            parts = [getattr(f.figures, name) for t in summary.targets for f in t.flows]
            assert getattr(summary.figures, name) == sum(parts)
