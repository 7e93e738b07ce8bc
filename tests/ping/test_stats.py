"""Every figure by examples worked out by hand, the RFCs' own where they have some."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpecho.instrument.probe import Flow, ProbeFate
from udpecho.instrument.stamps import Clock
from udpecho.ping.figures import Figures
from udpecho.ping.outcome import Outcome, Surplus
from udpecho.ping.stats import MANY_FLOWS, Stats
from udpecho.ping.tally import Tally, hops

FLOW = Flow("echo.example", ("192.0.2.1", 7), 40001)
MS = 1_000_000


def fate(
    kind: ProbeFate | Surplus, index: int = 1, rtt_ns: int | None = None, flow: Flow = FLOW
) -> Outcome:
    clock = None if rtt_ns is None else Clock.KERNEL
    return Outcome(kind, 0, flow, index, index, 0, rtt_ns, clock)


def test_only_what_may_still_be_overtaken_is_remembered() -> None:
    tally = Tally(FLOW, 3)
    for index in (*range(1, 1000), *range(1001, 1011)):
        tally.add(fate(ProbeFate.REPLIED, index, MS))
    assert len(tally.arrivals.records) == 10, "1000 is still on its way"
    tally.add(fate(ProbeFate.REPLIED, 1000, MS))
    assert (tally.arrivals.reordered, tally.arrivals.extent) == (1, 10)
    assert not tally.arrivals.records


def test_in_outline_all_is_counted_but_percentiles_and_order() -> None:
    outlined, whole = Stats(1, outline=True), Stats(1)
    for stats in (outlined, whole):
        stats.sent([FLOW] * 4, 7)
        for index, rtt_ns in ((1, 2 * MS), (3, MS), (2, 4 * MS)):
            stats.add(fate(ProbeFate.REPLIED, index, rtt_ns))
        stats.add(fate(ProbeFate.LOST, 4))
        stats.add(fate(Surplus.DUPLICATE, 1, 9 * MS))
    assert outlined.glance() == whole.glance()
    assert outlined.losers() == whole.losers()
    ours, all_of_it = outlined.summary(0).figures, whole.summary(0).figures
    rtt = replace(all_of_it.rtt, median_ns=None, p90_ns=None, p99_ns=None, p999_ns=None)
    assert ours == replace(
        all_of_it, rtt=rtt, jitter_ns=None, reordered=0, reordering_extent=0,
    )  # fmt: skip
    assert all_of_it.reordered == 1


@pytest.mark.parametrize(
    ("ttl", "routers"), [(64, 0), (63, 1), (1, 63), (65, 63), (128, 0), (120, 8), (255, 0)]
)
def test_hops_are_counted_from_the_nearest_usual_ttl(ttl: int, routers: int) -> None:
    assert hops(ttl) == routers


@pytest.mark.parametrize(
    ("sent", "ttl", "routers", "why"),
    [
        (5, 4, 1, "our own server sends back what it got less one"),
        (5, 5, 0, "in memory, or past a server that keeps it"),
        (5, 64, 0, "another server replies with its own"),
        (5, 60, 4, "and its routers are counted from that"),
        (200, 190, 10, "what is sent is nearer than 255"),
        (64, 60, 4, "a usual one"),
        (255, 250, 5, "the greatest"),
    ],
)
def test_hops_know_what_the_probes_were_sent_with(
    sent: int, ttl: int, routers: int, why: str
) -> None:
    assert hops(ttl, sent) == routers, why
    stats = Stats(1, sent)
    stats.sent([FLOW])
    stats.add(Outcome(ProbeFate.REPLIED, 0, FLOW, 1, 1, 0, MS, Clock.KERNEL, ttl=ttl))
    assert stats.summary(0).figures.hops == routers, why


class TestSummary:
    def test_a_run_without_replies(self) -> None:
        stats = Stats(1)
        stats.sent([FLOW])
        assert stats.summary(0).figures.loss is None, "a probe on its way is not a lost one"
        stats.add(fate(ProbeFate.LOST))
        figures = stats.summary(5).figures
        assert figures == Figures(sent=1, lost=1, loss_bursts=1, longest_loss_burst=1)
        assert figures.loss == 1.0

    def test_a_run_without_probes(self) -> None:
        summary = Stats(1).summary(5)
        assert (summary.figures, summary.targets) == (Figures(), ())

    def test_one_of_each_fate(self) -> None:
        stats = Stats(1)
        for index, kind in enumerate(ProbeFate, 1):
            stats.sent([FLOW], late_ns=index * 1000)
            stats.add(
                fate(kind, index, 8 * MS if kind in (ProbeFate.REPLIED, ProbeFate.LATE) else None)
            )
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
                stats.sent([flow])
                lost = flow.port == 40011 and index > 5
                stats.add(
                    fate(ProbeFate.LOST, index, flow=flow)
                    if lost
                    else fate(ProbeFate.REPLIED, index, MS * (1 + (flow.port == 40003)), flow=flow)
                )
        [target] = stats.summary(0).targets
        assert [flow.port for flow in target.worst_first()[:2]] == [40011, 40003]
        assert [flow.figures.loss for flow in target.worst_first()[:2]] == [0.5, 0.0]
        assert (target.figures.sent, target.figures.lost) == (160, 5)
        assert target.figures.longest_loss_burst == 5, "a burst is of one flow"
        assert target.figures.reordered == 0

    def test_many_flows_have_smaller_histograms(self) -> None:
        """With few flows, times that differ by 0.1 percent are told apart."""
        for flows, apart in ((MANY_FLOWS, True), (MANY_FLOWS + 1, False)):
            stats = Stats(flows)
            for index in range(1, 11):
                stats.add(fate(ProbeFate.REPLIED, index, 10_000_000 + 10_000 * (index > 6)))
            rtt = stats.summary(0).figures.rtt
            assert (rtt.median_ns != rtt.p90_ns) is apart

    def test_targets_add_up_to_the_run(self) -> None:
        stats = Stats(2)
        for number, rtt in ((1, 2 * MS), (2, 6 * MS)):
            flow = Flow(f"host{number}", (f"192.0.2.{number}", 7), 40001)
            stats.sent([flow])
            stats.add(fate(ProbeFate.REPLIED, 1, rtt, flow))
        summary = stats.summary(0)
        assert [target.name for target in summary.targets] == ["host1", "host2"]
        assert [target.figures.rtt.mean_ns for target in summary.targets] == [2 * MS, 6 * MS]
        assert (summary.figures.rtt.count, summary.figures.rtt.mean_ns) == (2, 4 * MS)

    @given(
        st.lists(
            st.tuples(st.sampled_from(list(ProbeFate)), st.integers(0, 3), st.integers(0, 10**10)),
            max_size=60,
        ),
        st.randoms(use_true_random=False),
    )
    def test_counts_add_up_in_any_order(
        self, fates: list[tuple[ProbeFate, int, int]], shuffler: random.Random
    ) -> None:
        flows = [Flow("h", ("192.0.2.1", 7), 40000 + n) for n in range(4)]
        stats = Stats(4)
        indexes = dict.fromkeys(flows, 0)
        outcomes = []
        for kind, which, rtt in fates:
            flow = flows[which]
            indexes[flow] += 1
            stats.sent([flow])
            whole = kind in (ProbeFate.REPLIED, ProbeFate.LATE)
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


OTHER = Flow("echo.example", ("192.0.2.1", 7), 40002)


def test_of_several_flows_the_longest_path_tells_the_hops() -> None:
    stats = Stats(2)
    for flow, ttl in ((FLOW, 60), (OTHER, 50)):
        stats.sent([flow])
        stats.add(Outcome(ProbeFate.REPLIED, 0, flow, 1, 1, 0, MS, Clock.KERNEL, ttl=ttl))
    figures = stats.summary(0).figures
    assert (figures.ttl, figures.hops) == (50, 14)


def test_of_several_flows_the_jitter_is_the_mean() -> None:
    stats = Stats(2)
    for flow, second in ((FLOW, 17 * MS), (OTHER, 33 * MS)):
        for index, rtt_ns in ((1, MS), (2, second)):
            stats.sent([flow])
            stats.add(fate(ProbeFate.REPLIED, index, rtt_ns, flow))
    assert stats.summary(0).figures.jitter_ns == (MS + 2 * MS) // 2


def test_each_of_those_sent_together_was_as_late() -> None:
    stats = Stats(2)
    stats.sent([FLOW, OTHER], 5 * MS)
    stats.sent([FLOW], 0)
    assert stats.summary(0).schedule_error.count == 3


def test_a_glance_takes_what_is_undecided_for_no_loss() -> None:
    stats = Stats(1)
    for _ in range(10):
        stats.sent([FLOW])
    for index, kind in enumerate([ProbeFate.REPLIED] * 3 + [ProbeFate.LOST], 1):
        stats.add(fate(kind, index, MS if kind is ProbeFate.REPLIED else None))
    assert stats.glance().loss == 0.25


def test_the_summary_says_who_loses_more_than_the_others() -> None:
    flows, dead = (
        [Flow(name, ("192.0.2.1", port), 40000 + number) for number in range(16)]
        for name, port in (("echo.example", 7), ("dead.example", 8))
    )
    stats = Stats(32)
    for index in range(1, 9):
        stats.sent([*flows, *dead])
        for flow in (*flows, *dead):
            bad = flow is flows[3] or flow in dead
            stats.add(fate(ProbeFate.REFUSED if bad else ProbeFate.REPLIED, index, MS, flow))
        assert bool(stats.losers().flows) == (index >= 5)
    summary = stats.summary(0)
    one, other = summary.targets
    assert [flow.port for flow in one.flows if flow.stands_out] == [40003]
    assert not any(flow.stands_out for flow in other.flows), "they all lose as much"
    assert (one.stands_out, other.stands_out) == (False, True)
    assert (one.too_early, other.too_early, summary.too_early) == (False, True, False)
