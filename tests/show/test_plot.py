"""The picture of a run: whole files, the worst rows first, losses marked."""

from __future__ import annotations

import random
from xml.etree import ElementTree

import pytest

from udpecho.instrument.probe import Flow, ProbeFate
from udpecho.instrument.stamps import Clock
from udpecho.ping.figures import Summary
from udpecho.ping.outcome import Outcome, Surplus
from udpecho.ping.stats import Stats
from udpecho.show.plot import MOST_POINTS, MOST_ROWS, Thinned, Trace, choose_rows, draw

MS = 1_000_000
PEER = ("192.0.2.1", 7)


def run(flows: list[Flow], probes: int, bad: int | None = None) -> tuple[Trace, Summary]:
    """Make up a run in which one flow loses every other probe."""
    rng = random.Random(3)
    trace, stats = Trace(start_ns=500), Stats(len(flows))
    for index in range(1, probes + 1):
        for flow in flows:
            stats.sent([flow])
            lost = flow.port == bad and index % 2
            rtt = None if lost else round(rng.lognormvariate(0, 0.3) * MS)
            outcome = Outcome(
                ProbeFate.LOST if lost else ProbeFate.REPLIED,
                0,
                flow,
                index,
                index,
                500 + index * 10 * MS,
                rtt,
                None if lost else Clock.KERNEL,
            )
            stats.add(outcome)
            trace.add(outcome)
    return trace, stats.summary(0)


def flows_of(number: int) -> list[Flow]:
    return [Flow("echo.example", PEER, 40000 + n) for n in range(number)]


@pytest.mark.parametrize("image_format", ["svg", "png"])
@pytest.mark.parametrize(
    ("flows", "probes", "why"),
    [
        ([], 0, "nothing was sent"),
        (flows_of(1), 1, "a single reply"),
        (flows_of(1), 100, "one host"),
        (flows_of(4), 20, "one host, four flows"),
        ([Flow(f"host{n}", (f"192.0.2.{n}", 7), 40000) for n in range(3)], 20, "three hosts"),
    ],
)
def test_a_picture_is_a_whole_file(
    image_format: str, flows: list[Flow], probes: int, why: str
) -> None:
    image = draw(*run(flows, probes), image_format)
    if image_format == "png":
        assert image.startswith(b"\x89PNG"), why
        assert image.endswith(b"IEND\xaeB`\x82"), why
    else:
        assert ElementTree.fromstring(image).tag == "{http://www.w3.org/2000/svg}svg", why


def test_a_run_that_lost_everything_has_a_picture() -> None:
    trace, stats = Trace(), Stats(1)
    [flow] = flows_of(1)
    outcome = Outcome(ProbeFate.LOST, 0, flow, 1, 1, 0)
    stats.sent([flow])
    stats.add(outcome)
    trace.add(outcome)
    assert trace.row("echo.example").losses.times_s == [0.0]
    assert draw(trace, stats.summary(0), "png")


def test_times_are_counted_from_the_start() -> None:
    trace, _ = run(flows_of(1), 2)
    assert trace.row("echo.example").replies.times_s == [0.01, 0.02]


def test_what_decides_no_fate_is_not_drawn() -> None:
    trace = Trace()
    [flow] = flows_of(1)
    trace.add(Outcome(Surplus.STRANGER, 0))
    trace.add(Outcome(Surplus.DUPLICATE, 0, flow, 1, 1, 0, 5, Clock.KERNEL))
    assert not trace.row("echo.example").replies.values


def test_late_replies_are_apart() -> None:
    trace = Trace()
    [flow] = flows_of(1)
    trace.add(Outcome(ProbeFate.LATE, 0, flow, 1, 1, 0, 2000 * MS, Clock.KERNEL))
    assert trace.row("echo.example").late.values == [2000.0]
    assert trace.row("echo.example", flow.port).late.values == [2000.0]


def test_the_worst_flows_are_drawn_first_and_the_rest_left_out() -> None:
    rows = choose_rows(*run(flows_of(20), 10, bad=40013))
    assert len(rows) == MOST_ROWS
    assert rows[0][0] == "source port 40013"
    assert len(rows[0][1].losses.times_s) == 5


def test_a_long_run_is_thinned_evenly() -> None:
    points = Thinned()
    for number in range(10 * MOST_POINTS):
        points.add(number, number)
    assert MOST_POINTS // 4 < len(points.times_s) <= MOST_POINTS
    steps = {b - a for a, b in zip(points.times_s, points.times_s[1:], strict=False)}
    assert len(steps) == 1


def test_the_same_run_makes_the_same_size_of_file_whatever_its_length() -> None:
    assert len(draw(*run(flows_of(1), 5000), "svg")) < 500_000


@pytest.mark.parametrize("name", ["$\\frac{$", "\x1b[31m\x00", "\ud800", "a\nb", "_^{", "é"])
def test_whatever_a_host_is_called_it_is_only_a_name(name: str) -> None:
    """A saved run may come from anywhere."""
    trace, summary = run([Flow(name, PEER, 40001)], 3)
    ElementTree.fromstring(draw(trace, summary, "svg"))
