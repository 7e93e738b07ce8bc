"""The lines of --every: the time by the local clock, all hosts, and those that lost most."""

from __future__ import annotations

import re

from udpecho.instrument.probe import Flow, Probe, ProbeFate
from udpecho.instrument.stamps import Stamp
from udpecho.ping.intervals import Interval, Intervals
from udpecho.ping.outcome import Outcome
from udpecho.show.interval_text import WORST_HOSTS, interval_text
from udpecho.show.sheet import Sheet

S = 1_000_000_000


def interval(hosts: int, dead: int) -> list[Interval]:
    """Make up an interval in which the first hosts lost all."""
    told: list[Interval] = []
    intervals = Intervals(60 * S, S, 0, told.append)
    for number in range(hosts):
        flow = Flow(f"host{number}", ("192.0.2.1", 7), 1)
        for sequence in (1, 2):
            intervals.sent([Probe(sequence, sequence, flow, b"", Stamp(5, 0))])
            kind = ProbeFate.LOST if number < dead else ProbeFate.REPLIED
            rtt_ns = None if number < dead else 1_000_000
            intervals.add(Outcome(kind, 6, flow, sequence, sequence, 5, rtt_ns))
    intervals.end(60 * S)
    return told


def test_a_lone_host_has_a_line() -> None:
    [line] = interval_text(interval(1, 0)[0], 1_800_000_000 * S)
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d - \d\d:\d\d:\d\d: 2/2 packets, 0% loss, "
        r"min/median/p99/max = 1\.000/1\.000/1\.000/1\.000 ms",
        line,
    )


def test_without_a_reply_there_are_no_times() -> None:
    [line] = interval_text(interval(1, 1)[0], 0)
    assert line.endswith(": 0/2 packets, 100% loss")


def test_hosts_that_lost_have_lines_the_worst_first() -> None:
    _, *lines = interval_text(interval(30, 2)[0], 0)
    assert lines == ["  host0: 0/2 packets, 100% loss", "  host1: 0/2 packets, 100% loss"]
    _, *lines = interval_text(interval(30, 20)[0], 0)
    assert len(lines) == WORST_HOSTS + 1
    assert lines[-1] == "  ... and 10 hosts that lost no more"


def test_parts_of_a_second_are_shown_where_they_matter() -> None:
    [told] = interval(1, 0)
    told.to_ns = 500_000_000
    [line] = interval_text(told, 1_800_000_000 * S)
    assert re.match(r"\d\d:\d\d:\d\d\.000 - \d\d:\d\d:\d\d\.500: ", line)


def test_it_fits() -> None:
    """As the summary at the end does."""
    lines = list(interval_text(interval(1, 0)[0], 1_800_000_000 * S, Sheet(80)))
    assert len(lines) == 2
    assert max(map(len, lines)) <= 80
