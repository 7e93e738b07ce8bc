"""The picture of a run: whole files, the worst rows first, losses marked."""

from __future__ import annotations

import random
import re
from datetime import UTC, timedelta, timezone, tzinfo
from typing import Any
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure

from udpecho.instrument.probe import Flow, ProbeFate
from udpecho.instrument.stamps import Clock
from udpecho.ping.figures import Distribution, Summary
from udpecho.ping.outcome import Outcome
from udpecho.ping.stats import Stats
from udpecho.show.plot import _scale, choose_lines, draw
from udpecho.show.trace import MOST_ROWS, Trace

MS = 1_000_000
NOON = 1_795_694_400_000_000_000
"""On 26 November 2026, 12:00 UTC."""

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


def texts_of(trace: Trace, summary: Summary, zone: tzinfo = UTC) -> list[str]:
    """Draw, and read what is written in the picture: matplotlib says it in comments."""
    return re.findall(r"<!-- (.*?) -->", draw(trace, summary, "svg", zone).decode())


def axis_of(texts: list[str]) -> list[float]:
    """Read the numbers of the axis of round trips: whatever is a plain number before the last."""
    return [float(text) for text in texts if re.fullmatch(r"-?[\d.]+", text)]


def test_one_sample_has_an_axis_that_can_be_read() -> None:
    """No sums such as 1e-7+6.67e-1, and the value is within it."""
    [flow] = flows_of(1)
    for rtt_ns in (90, 7_400, 667_123, 20 * MS, 3_600_000 * MS):
        trace, stats = Trace(unix_ns=NOON), Stats(1)
        outcome = Outcome(ProbeFate.REPLIED, 0, flow, 1, 1, 0, rtt_ns, Clock.KERNEL)
        stats.sent([flow])
        stats.add(outcome)
        trace.add(outcome)
        texts = texts_of(trace, stats.summary(0))
        assert not [
            text for text in texts if "e-" in text or "+" in text or "\N{MINUS SIGN}" in text
        ]
        assert min(axis_of(texts)[:-2]) <= 1.2 * rtt_ns / 1e6


@pytest.mark.parametrize("times", [31, 49, 51, 1000, 100_000])
def test_the_marks_of_a_logarithmic_axis_have_room(times: int) -> None:
    """A row of several is not an inch high."""
    panel: Any = Figure().subplots()
    _scale(panel, Distribution(count=2, min_ns=MS // 10, max_ns=MS // 10 * times))
    low, high = panel.get_ylim()
    assert 2 <= sum(low <= tick <= high for tick in panel.get_yticks()) <= 7


def test_without_a_reply_there_is_no_axis_of_round_trips() -> None:
    trace, stats = Trace(unix_ns=NOON), Stats(1)
    [flow] = flows_of(1)
    for sequence in (1, 2):
        outcome = Outcome(ProbeFate.LOST, 0, flow, sequence, sequence, sequence * 1000 * MS)
        stats.sent([flow])
        stats.add(outcome)
        trace.add(outcome)
    texts = texts_of(trace, stats.summary(0))
    assert "no reply" in texts
    assert set(axis_of(texts)) <= {0, 1}, "counts of replies alone"


@pytest.mark.parametrize(
    ("step_ms", "zone", "expected"),
    [
        (1, UTC, "12:00:00.000"),
        (100, UTC, "12:00:05"),
        (60_000, UTC, "13:00"),
        (3_600_000, UTC, "29 Nov 00:00"),
        (60_000, timezone(timedelta(hours=5, minutes=30)), "18:30"),
    ],
)
def test_the_time_axis_is_by_the_clock_of_the_place(
    step_ms: int, zone: tzinfo, expected: str
) -> None:
    trace, stats = Trace(unix_ns=NOON), Stats(1)
    [flow] = flows_of(1)
    for index in range(1, 101):
        sent_ns = (index - 1) * step_ms * MS
        outcome = Outcome(ProbeFate.REPLIED, 0, flow, index, index, sent_ns, MS, Clock.KERNEL)
        stats.sent([flow])
        stats.add(outcome)
        trace.add(outcome)
    texts = texts_of(trace, stats.summary(0), zone)
    assert expected in texts
    assert any("local time" in text and "26 Nov 2026" in text for text in texts)


def test_more_hosts_than_have_room_are_lines_of_a_heat_map_and_all_are_there() -> None:
    hosts = [Flow(f"host{n}", (f"192.0.2.{n}", 7), 40000) for n in range(MOST_ROWS + 1)]
    texts = texts_of(*run(hosts, 10))
    assert "17 hosts, 0 of which lost something" in texts
    assert {flow.target for flow in hosts} <= set(texts)
    assert "round trip, ms" not in texts
    few = texts_of(*run(hosts[:-1], 10))
    assert "round trip, ms" in few


def test_more_flows_than_have_room_are_too_and_the_bad_one_is_named() -> None:
    texts = texts_of(*run(flows_of(200), 4, bad=40137))
    assert "200 source ports, 1 of which lost something" in texts
    assert "source port 40137" in texts


@pytest.mark.parametrize(("number", "named"), [(250, 125), (1000, 100)])
def test_a_heat_map_of_many_hosts_names_as_many_as_can_be_read(number: int, named: int) -> None:
    hosts = [Flow(f"host{n}", (f"10.0.{n >> 8}.{n & 255}", 7), 40000) for n in range(number)]
    texts = texts_of(*run(hosts, 3))
    assert f"{number:,} hosts, 0 of which lost something" in texts
    assert sum(text.startswith("host") for text in texts) >= named


def test_the_worst_are_drawn_first() -> None:
    texts = texts_of(*run(flows_of(5), 10, bad=40003))
    captions = [text for text in texts if text.startswith("source port")]
    assert captions[0].startswith("source port 40003   50% of 10 lost")


def test_lines_are_hosts_or_the_flows_of_a_lone_one() -> None:
    _, summary = run(flows_of(3), 1)
    lines, what = choose_lines(summary)
    assert ([line.key[2] for line in lines], what) == ([40000, 40001, 40002], "source ports")
    _, summary = run(flows_of(1), 1)
    assert choose_lines(summary)[1] == "hosts"


def test_the_same_run_makes_the_same_size_of_file_whatever_its_length() -> None:
    assert len(draw(*run(flows_of(1), 5000), "svg")) < 500_000


@pytest.mark.parametrize(
    "name", ["$\\frac{$", "\x1b[31m\x00", "\ud800", "a\nb", "_^{", "é", "long" * 10**6]
)
def test_whatever_a_host_is_called_it_is_only_a_name(name: str) -> None:
    """A saved run may come from anywhere."""
    trace, summary = run([Flow(name, PEER, 40001)], 3)
    picture = draw(trace, summary, "svg")
    ElementTree.fromstring(picture)
    assert len(picture) < 100_000
