"""Each interval of a run is told once, in order, with all the probes that were sent in it."""

from __future__ import annotations

import random

import pytest

from udpecho.instrument.probe import Flow, Probe, ProbeFate
from udpecho.instrument.stamps import Stamp
from udpecho.ping.intervals import Interval, Intervals
from udpecho.ping.outcome import Outcome

MS = 1_000_000
STARTED = 5000 * MS
HOSTS = [Flow(f"host{n}", (f"192.0.2.{n}", 7), 40000) for n in range(3)]


class Run:
    """A run of which the intervals are told: 100 ms each, of probes with 50 ms' time."""

    def __init__(self) -> None:
        self.told: list[Interval] = []
        self.intervals = Intervals(100 * MS, 50 * MS, STARTED, self.told.append)

    def send(self, at_ms: float, *flows: Flow) -> None:
        stamp = Stamp(STARTED + round(at_ms * MS), 0)
        self.intervals.sent([Probe(1, 1, flow, b"", stamp) for flow in flows])

    def fate(self, kind: ProbeFate, sent_ms: float, at_ms: float, flow: Flow = HOSTS[0]) -> None:
        sent_ns, at_ns = (STARTED + round(ms * MS) for ms in (sent_ms, at_ms))
        rtt_ns = at_ns - sent_ns if kind is not ProbeFate.LOST else None
        self.intervals.add(Outcome(kind, at_ns, flow, 1, 1, sent_ns, rtt_ns))

    @property
    def figures(self) -> list[tuple[int, int]]:
        return [(each.whole().sent, each.whole().received) for each in self.told]


def test_an_interval_is_told_when_another_has_begun_and_all_of_it_is_known() -> None:
    run = Run()
    run.send(10, HOSTS[0])
    run.fate(ProbeFate.REPLIED, 10, 12)
    run.send(95, HOSTS[0])
    run.send(101, HOSTS[0])
    assert not run.told
    run.fate(ProbeFate.REPLIED, 95, 105)
    assert run.figures == [(2, 2)]
    assert (run.told[0].from_ns, run.told[0].to_ns) == (0, 100 * MS)
    assert run.told[0].whole().rtt.max_ns == 10 * MS


def test_what_has_no_answer_in_time_is_lost_there_and_later_is_no_matter() -> None:
    run = Run()
    for at_ms in (10, 110):
        run.send(at_ms, HOSTS[0])
    run.fate(ProbeFate.REPLIED, 110, 120)
    run.send(149, HOSTS[0])
    assert not run.told
    run.send(151, HOSTS[0])
    assert run.figures == [(1, 0)]
    assert run.told[0].whole().loss == 1
    run.fate(ProbeFate.LATE, 10, 160)
    run.fate(ProbeFate.LOST, 10, 161)
    assert run.figures == [(1, 0)]


def test_a_late_reply_counts_while_its_interval_is_not_told() -> None:
    run = Run()
    run.send(10, HOSTS[0])
    run.fate(ProbeFate.LATE, 10, 90)
    run.send(100, HOSTS[0])
    assert run.figures == [(1, 1)]


def test_an_interval_in_which_nothing_was_sent_is_none() -> None:
    """The machine slept."""
    run = Run()
    for at_ms in (10, 8_000_010):
        run.send(at_ms, HOSTS[0])
        run.fate(ProbeFate.REPLIED, at_ms, at_ms + 1)
    run.intervals.end(8_000_020 * MS)
    assert run.figures == [(1, 1), (1, 1)]
    assert (run.told[1].from_ns, run.told[1].to_ns) == (8_000_000 * MS, 8_000_020 * MS)


def test_each_of_several_hosts_is_told_and_the_worst_are_named() -> None:
    run = Run()
    for at_ms in (1, 2):
        run.send(at_ms, *HOSTS)
    run.fate(ProbeFate.REPLIED, 1, 3, HOSTS[0])
    run.fate(ProbeFate.REPLIED, 2, 6, HOSTS[0])
    run.fate(ProbeFate.REPLIED, 1, 3, HOSTS[1])
    run.intervals.end(50 * MS)
    [interval] = run.told
    assert interval.whole().name is None
    first, second, third = interval.hosts()
    assert (first.name, first.sent, first.received, first.rtt.mean_ns) == ("host0", 2, 2, 3 * MS)
    assert first.rtt.median_ns is None
    assert (second.received, third.rtt.max_ns) == (1, None)
    worst, losing = interval.worst(1)
    assert ([each.name for each in worst], losing) == (["host2"], 2)


def test_a_lone_host_is_told_by_its_name() -> None:
    run = Run()
    run.send(1, HOSTS[0])
    run.intervals.end(50 * MS)
    assert run.told[0].whole().name == "host0"
    assert not [*run.told[0].hosts()]
    assert run.told[0].worst(5) == ([], 0)


@pytest.mark.parametrize("seed", range(5))
def test_every_probe_is_in_one_interval_whatever_order_its_fate_comes_in(seed: int) -> None:
    rng = random.Random(seed)
    run, events, lost = Run(), [], 0
    for number in range(2000):
        sent_ms = number * 1.7
        events.append((sent_ms, "sent", sent_ms))
        delay_ms = rng.choice((1, 20, 49, 500))
        lost += delay_ms == 500
        events.append((sent_ms + delay_ms, "fate", sent_ms))
    for at_ms, what, sent_ms in sorted(events):
        if what == "sent":
            run.send(at_ms, HOSTS[0])
        else:
            kind = ProbeFate.LOST if at_ms - sent_ms > 100 else ProbeFate.REPLIED
            run.fate(kind, sent_ms, at_ms)
    run.intervals.end(4000 * MS)
    assert [each.from_ns for each in run.told] == [n * 100 * MS for n in range(34)]
    assert sum(sent for sent, _ in run.figures) == 2000
    assert sum(received for _, received in run.figures) == 2000 - lost
