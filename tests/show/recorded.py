"""A record of everything that can be in one, and a record read back, for the tests of show."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files

from jsonschema import Draft202012Validator

from udpecho.instrument.probe import Flow, ProbeFate
from udpecho.instrument.stamps import Clock
from udpecho.ping.figures import Summary
from udpecho.ping.outcome import Outcome, Surplus
from udpecho.ping.plan import Plan, Target
from udpecho.ping.stats import Stats
from udpecho.show.reading import Entries, LeftOut, runs
from udpecho.show.record import Start, outcome_line, start_line, summary_line
from udpecho.show.summing import ALL, Selection, Summing

MS = 1_000_000
PEER = ("192.0.2.1", 7)
FLOWS = [Flow("echo.example", PEER, 40001), Flow("echo.example", PEER, 40002)]
PLAN = Plan(
    targets=(Target("echo.example", PEER),), interval_ns=MS, count=4, flows=2, traffic_class=46
)
START = Start(PLAN, unix_ns=1_800_000_000_123_456_789, monotonic_ns=55_000)

SCHEMA = json.loads(files("udpecho.show").joinpath("ping.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)


def sent(kind: ProbeFate | Surplus, sequence: int, rtt_ns: int | None = None) -> Outcome:
    return Outcome(
        kind,
        at_ns=sequence * MS + 60_000,
        flow=FLOWS[(sequence - 1) % 2],
        sequence=sequence,
        flow_sequence=(sequence + 1) // 2,
        sent_ns=sequence * MS,
        rtt_ns=rtt_ns,
        clock=None if rtt_ns is None else Clock.KERNEL,
        size=None if rtt_ns is None else 56,
        ttl=None if rtt_ns is None else 63,
        peer=None if rtt_ns is None else PEER,
    )


OUTCOMES = [
    sent(ProbeFate.REPLIED, 1, 7400),
    sent(Surplus.DUPLICATE, 1, 9000),
    sent(ProbeFate.LATE, 2, 2000 * MS),
    Outcome(Surplus.STRANGER, 3 * MS, size=0, peer=("2001:db8::9", 53)),
    Outcome(Surplus.FORGED, 3 * MS, FLOWS[0], size=4, ttl=1, peer=PEER),
    sent(ProbeFate.CORRUPT, 3, 8000),
    sent(ProbeFate.LOST, 4),
    Outcome(
        ProbeFate.REFUSED,
        5 * MS,
        FLOWS[0],
        5,
        3,
        5 * MS,
        peer=PEER,
        reason="ECONNREFUSED",
        icmp_type=3,
        icmp_code=3,
        mtu=1300,
    ),
    Outcome(ProbeFate.REFUSED, 6 * MS, FLOWS[1], 6, 3, 6 * MS, reason="EPERM"),
]


def record(outcomes: list[Outcome], start: Start = START) -> list[str]:
    stats = Stats(2)
    for outcome in outcomes:
        if isinstance(outcome.kind, ProbeFate) and outcome.flow:
            stats.sent([outcome.flow], 1000)
        stats.add(outcome)
    lines = [outcome_line(outcome, start) for outcome in outcomes]
    return [start_line(start), *lines, summary_line(stats.summary(9 * MS, dropped=3))]


@dataclass
class Recording:
    """A run read back, with its figures: its own, or summed up."""

    start: Start
    outcomes: list[Outcome]
    summary: Summary
    complete: bool


def read_all(lines: Iterable[str], selection: Selection = ALL) -> tuple[list[Recording], LeftOut]:
    """Read all runs of a record."""
    entries, found = Entries(lines), []
    for run in runs(entries):
        summing = Summing(run.start.plan, selection)
        outcomes = [each for each in run if isinstance(each, Outcome) and summing.add(each)]
        own = run.summary if selection.is_all else None
        summary = summing.summary() if own is None else own
        found.append(Recording(run.start, outcomes, summary, run.summary is not None))
    return found, entries.left_out


def read(lines: Iterable[str]) -> Recording:
    """Read a record of one run of which nothing is damaged."""
    [recording], left_out = read_all(lines)
    assert left_out == LeftOut()
    return recording
