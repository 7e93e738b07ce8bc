"""What a picture needs is gathered in bounded memory, and nothing that stands out is lost."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterator

import pytest

from udpecho.instrument.probe import Flow, ProbeFate
from udpecho.instrument.stamps import Clock
from udpecho.ping.outcome import Outcome, Surplus
from udpecho.show.trace import CELLS, MOST_POINTS, MOST_ROWS, PEAKS, Cells, Points, Trace

MS = 1_000_000
PEER = ("192.0.2.1", 7)
FLOW = Flow("echo.example", PEER, 40000)
KEY = ("echo.example", PEER, 0)


def reply(flow: Flow, sent_ns: int, rtt_ns: int = MS) -> Outcome:
    return Outcome(ProbeFate.REPLIED, 0, flow, 1, 1, sent_ns, rtt_ns, Clock.KERNEL)


def test_times_are_counted_from_the_start() -> None:
    trace = Trace(start_ns=500)
    for sent_ns in (500 + 10 * MS, 500 + 20 * MS, 499):
        trace.add(reply(FLOW, sent_ns))
    assert trace.row(KEY).replies.times_s == [0.01, 0.02, 0.0]
    assert trace.ends_s == 0.02


def test_what_decides_no_fate_is_not_drawn() -> None:
    trace = Trace()
    trace.add(Outcome(Surplus.STRANGER, 0))
    trace.add(Outcome(Surplus.DUPLICATE, 0, FLOW, 1, 1, 0, 5, Clock.KERNEL))
    assert not trace.hosts.cells


def test_late_replies_are_apart_and_no_losses() -> None:
    trace = Trace()
    trace.add(Outcome(ProbeFate.LATE, 0, FLOW, 1, 1, 0, 2000 * MS, Clock.KERNEL))
    assert trace.row(KEY).late.values == [2000.0]
    assert trace.row(("echo.example", PEER, 40000)).late.values == [2000.0]
    assert sum(trace.hosts.cells[KEY].lost) == 0


def test_a_long_run_is_thinned_evenly() -> None:
    points = Points()
    for number in range(10 * MOST_POINTS):
        points.add(number, 1.0)
    assert MOST_POINTS // 4 < len(points.times_s) <= MOST_POINTS
    steps = {b - a for a, b in zip(points.times_s, points.times_s[1:], strict=False)}
    assert len(steps) == 1
    assert len(points.shown()[0]) <= MOST_POINTS + PEAKS


def test_no_peak_is_thinned_out() -> None:
    rng = random.Random(1)
    peaks = {4000 * n + rng.randrange(3000): 50.0 + n for n in range(50)}
    points = Points()
    for number in range(200_000):
        points.add(number / 100, peaks.get(number, rng.random()))
    assert set(peaks.values()) <= set(points.shown()[1])


def test_a_lone_loss_among_many_is_not_thinned_out() -> None:
    points = Points()
    times_s = [0.5, *(1000 + n / 1000 for n in range(100_000))]
    for time_s in times_s:
        points.add(time_s, 0.0)
    assert 0.5 in points.shown()[0]


def test_cells_count_every_probe_however_long_the_run() -> None:
    cells, rng = Cells(), random.Random(2)
    lost = 0
    for number in range(10_000):
        gone = rng.random() < 0.2
        lost += gone
        cells.add(number * 1.7, gone)
    assert (sum(cells.sent), sum(cells.lost)) == (10_000, lost)
    assert len(cells.sent) == len(cells.lost) == CELLS
    used = int(9999 * 1.7 / cells.cell_s) + 1
    assert CELLS // 2 < used <= CELLS


def test_more_than_a_few_are_counted_by_cells_alone() -> None:
    trace = Trace()
    for number in range(MOST_ROWS + 1):
        trace.add(reply(Flow(f"host{number}", PEER, 40000), number))
    assert len(trace.hosts.cells) == MOST_ROWS + 1
    assert not trace.hosts.points
    assert not trace.flows.cells, "of a lone host only"


def test_two_ports_of_one_host_are_two() -> None:
    trace = Trace()
    for port in (7, 9):
        trace.add(reply(Flow("echo.example", ("192.0.2.1", port), 40000), 0))
    assert len(trace.hosts.points) == 2


@pytest.mark.parametrize("hosts", [1, 100])
def test_memory_does_not_grow_with_the_run(hosts: int) -> None:
    flows = [Flow(f"host{n}", PEER, 40000) for n in range(hosts)]

    def outcomes(number: int) -> Iterator[Outcome]:
        for index in range(number):
            yield reply(flows[index % hosts], index * MS, 1000 + index % 77)

    def peak(number: int) -> int:
        tracemalloc.start()
        trace = Trace()
        for outcome in outcomes(number):
            trace.add(outcome)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(100_000) < 1.3 * peak(25_000) + 100_000
