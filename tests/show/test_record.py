"""What --json writes is what its schema says, and is read back as it was."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from udpecho.instrument.probe import Flow, ProbeFate
from udpecho.instrument.stamps import Clock
from udpecho.ping.outcome import Outcome, Surplus
from udpecho.ping.plan import Plan, Target
from udpecho.ping.stats import Stats
from udpecho.show.record import NotARecord, Start, outcome_line, read, start_line, summary_line
from udpecho.show.text import banner, outcome_text, summary_text

MS = 1_000_000
PEER = ("192.0.2.1", 7)
FLOWS = [Flow("echo.example", PEER, 40001), Flow("echo.example", PEER, 40002)]
PLAN = Plan(targets=(Target("echo.example", PEER),), interval_ns=MS, count=4, flows=2)
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
    Outcome(ProbeFate.REFUSED, 5 * MS, FLOWS[0], 5, 3, 5 * MS, peer=PEER, reason="ECONNREFUSED"),
    Outcome(ProbeFate.REFUSED, 6 * MS, FLOWS[1], 6, 3, 6 * MS, reason="EPERM"),
]


def record(outcomes: list[Outcome]) -> list[str]:
    stats = Stats(2)
    for outcome in outcomes:
        if isinstance(outcome.kind, ProbeFate) and outcome.flow:
            stats.sent([outcome.flow], 1000)
        stats.add(outcome)
    lines = [outcome_line(outcome, START) for outcome in outcomes]
    return [start_line(START), *lines, summary_line(stats.summary(9 * MS, dropped=3))]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("outcomes", [[], OUTCOMES[:1], OUTCOMES[6:7], OUTCOMES])
def test_every_line_is_as_the_schema_says(outcomes: list[Outcome]) -> None:
    """Nothing sent; a reply; nothing but loss; one of everything."""
    for line in record(outcomes):
        assert line.endswith("\n")
        assert line.count("\n") == 1
        VALIDATOR.validate(json.loads(line))


def test_the_schema_refuses_what_it_does_not_know() -> None:
    for line in record(OUTCOMES):
        assert not VALIDATOR.is_valid({**json.loads(line), "surprise": 1})
        value = json.loads(line)
        del value["type"]
        assert not VALIDATOR.is_valid(value)


def test_every_time_has_its_unit_in_the_key() -> None:
    reply = json.loads(outcome_line(OUTCOMES[0], START))
    assert reply["type"] == "reply"
    assert reply["rtt_ns"] == 7400
    assert reply["sent_ns"] == MS - 55_000, "from the start of the run"
    assert (reply["source_port"], reply["sequence"], reply["flow_sequence"]) == (40001, 1, 1)


def test_without_a_reply_times_are_null() -> None:
    summary = json.loads(record(OUTCOMES[6:7])[-1])
    assert summary["loss_percent"] == 100
    assert summary["rtt"]["mean_ns"] is None
    assert json.loads(record([])[-1])["loss_percent"] is None


def test_a_record_is_read_back_as_it_was_written() -> None:
    lines = record(OUTCOMES)
    recording = read(lines)
    assert recording.complete
    assert recording.start.plan == PLAN
    again = [
        start_line(recording.start),
        *(outcome_line(outcome, recording.start) for outcome in recording.outcomes),
        summary_line(recording.summary),
    ]
    assert again == lines


def test_a_record_from_before_drops_were_counted_is_read_too() -> None:
    *lines, last = record(OUTCOMES)
    assert read([*lines, last]).summary.dropped == 3
    older = json.loads(last)
    del older["dropped"]
    assert read([*lines, json.dumps(older) + "\n"]).summary.dropped is None


def test_a_record_cut_short_knows_what_the_probes_were_sent_with() -> None:
    """And one from before that was written down is read, too."""
    started = Start(replace(PLAN, ttl=5), unix_ns=1)
    reply = outcome_line(sent(ProbeFate.REPLIED, 1, 7400)._replace(ttl=4), started)
    cut = read([start_line(started), reply])
    assert (cut.start.plan.ttl, cut.summary.figures.hops) == (5, 1)
    older = json.loads(start_line(started))
    del older["ttl"]
    assert read([json.dumps(older) + "\n", reply]).start.plan.ttl is None


def test_a_record_cut_short_is_summed_up_from_what_there_is() -> None:
    """The ping was killed while it wrote."""
    lines = record(OUTCOMES)
    recording = read([*lines[:-2], lines[-2][:20]])
    assert not recording.complete
    figures = recording.summary.figures
    assert (figures.sent, figures.replied, figures.refused) == (5, 1, 1)
    assert figures.duplicates == 1
    assert recording.summary.strangers == 1
    assert recording.summary.figures.rtt.max_ns == 2000 * MS


@pytest.mark.parametrize(
    ("lines", "where", "why"),
    [
        ([], "line 1", "an empty file"),
        (["PING localhost\n"], "line 1", "not JSON"),
        (["[]\n"], "line 1", "not an object"),
        (["[" * 100_000 + "\n"], "line 1", "deeper than can be read"),
        (['{"type":"summary"}\n'], "line 1", "no start"),
        (
            [start_line(START).replace('"schema":1', '"schema":2')],
            "schema: expected 1, got 2",
            "a later version",
        ),
        ([start_line(START), "{}\n"], "line 2", "an object of no type"),
        ([start_line(START), '{"type":"reply"}\n'], "line 2", "a reply without its keys"),
        ([start_line(START), "nonsense\n"], "line 2", "not JSON in the middle"),
    ],
)
def test_what_no_ping_wrote_is_one_clear_error(lines: list[str], where: str, why: str) -> None:
    with pytest.raises(NotARecord, match=where) as caught:
        read(lines)
    assert "\n" not in str(caught.value), why


@given(st.text(max_size=80), st.integers(0, 2))
def test_no_text_whatever_raises_anything_else(text: str, line: int) -> None:
    lines = record(OUTCOMES[:1])
    lines[line] = text + "\n"
    with suppress(NotARecord):
        read(lines)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from([2**63, -(2**70), 10**400, "\ud800", "\x1b[31m", "$\\frac{$"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=4,
)  # fmt: skip
"""Whatever JSON can say."""


def places(value: Any, within: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """List where the values of a line of JSON stand, the line itself among them."""
    yield within
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*within, key))


LINES = [json.loads(line) for line in record(OUTCOMES)]
PLACES = [(number, place) for number, line in enumerate(LINES) for place in places(line)]


def put(line: Any, place: tuple[str | int, ...], value: Any) -> Any:
    """Return a line of JSON with another value in a place."""
    if not place:
        return value
    changed = copy.copy(line)
    changed[place[0]] = put(line[place[0]], place[1:], value)
    return changed


def shown(lines: list[Any]) -> list[str]:
    """Do what udpecho report does with a file."""
    recording = read(json.dumps(line) + "\n" for line in lines)
    texts = [outcome_text(outcome) or "" for outcome in recording.outcomes]
    return [*banner(recording.start.plan), *texts, *summary_text(recording.summary)]


@given(st.sampled_from(PLACES), ANYTHING, st.booleans())
def test_any_value_in_place_of_any_is_shown_or_is_one_clear_error(
    where: tuple[int, tuple[str | int, ...]], value: Any, cut: bool
) -> None:
    """What is taken is what the schema allows, and written again it still is."""
    number, place = where
    lines = [*LINES]
    lines[number] = put(lines[number], place, value)
    lines = lines[:-1] if cut else lines
    refused: NotARecord | None = None
    try:
        shown(lines)
    except NotARecord as error:
        refused = error
    if refused is not None:
        assert re.match(rf"line {number + 1}: .*[^\n]\Z", str(refused))
        assert len(str(refused)) < 400
        return
    recording = read(json.dumps(line) + "\n" for line in lines)
    VALIDATOR.validate(json.loads(start_line(recording.start)))
    for outcome in recording.outcomes:
        VALIDATOR.validate(json.loads(outcome_line(outcome, recording.start)))
    VALIDATOR.validate(json.loads(summary_line(recording.summary)))


@pytest.mark.parametrize(
    ("number", "place", "value", "told"),
    [
        (1, ("rtt_ns",), "x", "line 2: rtt_ns: expected a whole number from 0, got 'x'"),
        (1, ("rtt_ns",), True, "line 2: rtt_ns: expected a whole number from 0, got True"),
        (1, ("rtt_ns",), 2**63, "line 2: rtt_ns: expected a whole number from 0, got 92233"),
        (1, ("at_ns",), None, "line 2: at_ns: expected a whole number from 0, got None"),
        (1, ("address",), 5, "line 2: address: expected a text, got 5"),
        (1, ("clock",), [], r"line 2: clock: expected one of kernel, user, got \[\]"),
        (1, ("port",), 65536, "line 2: port: expected a whole number from 0 to 65535, got 65536"),
        (2, ("type",), "start", "line 3: type: expected one of reply, late, .*, got 'start'"),
        (3, (), 1.5, "line 4: the line: expected an object, got 1.5"),
        (0, ("targets",), {}, r"line 1: .*targets: expected a list, got \{\}"),
        (0, ("targets", 0), [], r"line 1: .*targets\.0: expected an object, got \[\]"),
        (0, ("interval_ns",), "1", "line 1: .*interval_ns: expected a whole number"),
        (-1, ("elapsed_ns",), None, "line 11: elapsed_ns: expected a whole number from 0"),
        (-1, ("rtt",), None, "line 11: rtt: expected an object, got None"),
        (-1, ("rtt", "p99_ns"), "", "line 11: rtt.p99_ns: expected a whole number from 0, got ''"),
        (-1, ("targets", 0, "flows", 1, "sent"), -1, r"line 11: targets\.0\.flows\.1\.sent: exp"),
    ],
)  # fmt: skip
def test_a_value_of_a_wrong_type_is_named(
    number: int, place: tuple[str | int, ...], value: Any, told: str
) -> None:
    lines = [*LINES]
    lines[number] = put(lines[number], place, value)
    with pytest.raises(NotARecord, match=told):
        shown(lines)


def test_a_value_that_is_not_there_is_named() -> None:
    lines = copy.deepcopy(LINES)
    del lines[1]["rtt_ns"]
    with pytest.raises(NotARecord, match=r"line 2: rtt_ns: expected .*, got nothing"):
        shown(lines)


def test_a_value_however_deep_is_named() -> None:
    """Whatever can be read at all can be shown."""
    told = []
    for depth in range(1, 1200):
        line = json.dumps(LINES[1]).replace("7400", "[" * depth + "]" * depth)
        with pytest.raises(NotARecord) as caught:
            read([json.dumps(LINES[0]) + "\n", line + "\n"])
        told.append(str(caught.value))
    assert told[2] == "line 2: rtt_ns: expected a whole number from 0, got [[[]]]"
    assert max(map(len, told)) < 150
