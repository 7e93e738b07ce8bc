"""Counters: exact, and none ever goes back."""

from __future__ import annotations

from itertools import accumulate

from tests.examples import given, st
from udpecho.instrument.probe import ProbeFate
from udpecho.ping.outcome import Outcome, Surplus
from udpecho.watch.counts import BOUNDS_NS, FATES, Histogram, PeerCounts


def fate(
    kind: ProbeFate | Surplus, sequence: int = 1, rtt_ns: int | None = None, at_ns: int = 0
) -> Outcome:
    return Outcome(kind, at_ns, flow_sequence=sequence, rtt_ns=rtt_ns)


def counted(peer: PeerCounts) -> dict[str, int]:
    totals = zip(FATES, peer.total(), strict=True)
    return {kind.value: times for kind, times in totals if times}


def test_each_fate_is_counted_for_its_flow_and_its_peer() -> None:
    peer = PeerCounts(2)
    for number, kind in enumerate(FATES):
        peer.sends(number % 2)
        peer.add(number % 2, fate(kind, rtt_ns=1000, at_ns=number))
    assert counted(peer) == dict.fromkeys(("replied", "late", "lost", "refused", "corrupt"), 1)
    assert [flow.sent for flow in peer.flows] == [3, 2]
    assert sum(peer.rtt.buckets) == 2
    assert peer.heard_ns == FATES.index(ProbeFate.LATE)


def test_a_reply_after_a_loss_is_late_beside_it_once() -> None:
    peer = PeerCounts(1)
    peer.add(0, fate(ProbeFate.LOST, 7))
    peer.add(0, fate(Surplus.DUPLICATE, 7, rtt_ns=5 * 10**9, at_ns=9))
    assert counted(peer) == {"lost": 1, "late": 1}
    assert peer.heard_ns == 9
    assert peer.rtt.buckets[-1] == 1
    peer.add(0, fate(Surplus.DUPLICATE, 7))
    peer.add(0, fate(Surplus.DUPLICATE, 8))
    assert counted(peer) == {"lost": 1, "late": 1}
    assert peer.surplus[Surplus.DUPLICATE] == 2
    assert peer.belated == 1


def test_at_another_address_probes_are_numbered_anew_and_counters_go_on() -> None:
    peer = PeerCounts(1)
    peer.add(0, fate(ProbeFate.LOST, 1))
    peer.readdress()
    peer.add(0, fate(Surplus.DUPLICATE, 1))
    assert counted(peer) == {"lost": 1}
    assert (peer.readdressed, peer.surplus[Surplus.DUPLICATE]) == (1, 1)


def test_what_is_lost_for_long_takes_no_more_memory() -> None:
    peer = PeerCounts(1)
    for number in range(10_000):
        peer.add(0, fate(ProbeFate.LOST, number))
    assert counted(peer) == {"lost": 10_000}
    assert len(peer.flows[0].lost) < 200


def test_there_may_be_more_flows_later_and_never_fewer() -> None:
    peer = PeerCounts(1)
    peer.add(0, fate(ProbeFate.REPLIED))
    peer.want(3)
    peer.want(2)
    assert len(peer.flows) == 3
    assert counted(peer) == {"replied": 1}


@given(st.lists(st.integers(0, 3 * 10**9)))
def test_a_histogram_counts_each_time_within_its_bounds(times: list[int]) -> None:
    histogram = Histogram()
    for each in times:
        histogram.record(each)
    expected = [sum(each <= bound for each in times) for bound in BOUNDS_NS]
    assert list(accumulate(histogram.buckets)) == [*expected, len(times)]
    assert histogram.sum_ns == sum(times)
    assert len(BOUNDS_NS) == 15
