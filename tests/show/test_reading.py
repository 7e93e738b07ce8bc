"""A record is read back as it was written; what is damaged costs itself alone."""

from __future__ import annotations

import copy
import json
import re
import tracemalloc
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest

from tests.examples import given, st
from tests.show.recorded import (
    MS,
    OUTCOMES,
    PEER,
    PLAN,
    START,
    VALIDATOR,
    Recording,
    read,
    read_all,
    record,
    sent,
)  # fmt: skip
from udpecho.instrument.probe import ProbeFate
from udpecho.ping.outcome import Naming, Outcome, Readdressed, Unresolved
from udpecho.show.reading import EXTRA_FLOWS, STRANGE_LINES, Entries, LeftOut, NotARecord, runs
from udpecho.show.record import naming_line, outcome_line, start_line, summary_line
from udpecho.show.summing import Summing
from udpecho.show.text import banner, outcome_text, summary_text


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


def test_who_stands_out_is_read_back_and_was_not_known_before() -> None:
    *lines, last = record(OUTCOMES)
    value = json.loads(last)
    one, *_ = value["targets"]
    one["stands_out"] = one["flows"][0]["stands_out"] = value["too_early"] = True
    again = read([*lines, json.dumps(value) + "\n"]).summary
    value["rate_limits"] = [
        {
            "prefix": "192.0.2.0/24",
            "hosts": 2,
            "first": 4000,
            "loss_percent": 37.5,
            "answers_per_second": 1250.125,
        }
    ]
    again = read([*lines, json.dumps(value) + "\n"]).summary
    assert json.loads(summary_line(again)) == value
    del value["rate_limits"], value["held_ns"]
    for each in (value, one, one["flows"][0]):
        each.pop("too_early", None)
        each.pop("stands_out", None)
    older = read([*lines, json.dumps(value) + "\n"]).summary
    first = older.targets[0]
    assert (older.too_early, first.too_early, first.stands_out) == (None, None, False)
    assert not first.flows[0].stands_out


def test_a_record_cut_short_knows_what_the_probes_were_sent_with() -> None:
    """And one from before that was written down is read, too."""
    started = replace(START, plan=replace(PLAN, ttl=5))
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
        (["\n"], "line 1", "a line of nothing"),
        (["PING localhost\n"], "line 1", "not JSON"),
        (["[]\n"], "line 1", "not an object"),
        (["[" * 100_000 + "\n"], "line 1", "deeper than can be read"),
        (['{"type":"summary"}\n'], "line 1", "no start"),
        (['{"type":"reply"}\n'] * 3, "line 1", "nothing but outcomes"),
        (
            [start_line(START).replace('"schema":1', '"schema":2')],
            "schema: expected 1, got 2",
            "a later version",
        ),
    ],
)
def test_a_file_without_a_run_is_one_clear_error(lines: list[str], where: str, why: str) -> None:
    with pytest.raises(NotARecord, match=where) as caught:
        read(lines)
    assert "\n" not in str(caught.value), why


def test_a_file_of_something_else_is_not_read_to_its_end() -> None:
    def lines() -> Iterator[str]:
        for _ in range(STRANGE_LINES):
            yield "something\n"
        raise AssertionError("read on")

    with pytest.raises(NotARecord, match="line 1: expected the start"):
        read(lines())


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("{}\n", "line 3: type: expected a text, got None"),
        ('{"type":"reply"}\n', "line 3: target: expected a text, got nothing"),
        ("nonsense\n", "line 3: Expecting value: line 1 column 1 (char 0)"),
        ("\x00" * 1000 + "\n", "line 3: Expecting value"),
        ("[" * 100_000 + "\n", "line 3: "),
        ('{"type":"summary"}\n', "line 3: "),
    ],
)
def test_a_damaged_line_costs_itself_alone(damage: str, told: str) -> None:
    lines = record(OUTCOMES)
    whole = read(lines)
    [recording], left_out = read_all([*lines[:2], damage, *lines[2:]])
    assert recording == Recording(recording.start, recording.outcomes, whole.summary, True)
    assert len(recording.outcomes) == len(OUTCOMES)
    assert left_out.damaged == 1
    assert left_out.first.startswith(told)


@given(st.text(max_size=80), st.integers(0, 2))
def test_no_text_whatever_raises_anything_else(text: str, line: int) -> None:
    if "start" in text:
        return  # of no run is what follows a start that can't be read
    lines = record(OUTCOMES[:1])
    lines[line] = text.replace("\n", " ") + "\n"
    try:
        [recording], left_out = read_all(lines)
    except NotARecord:
        assert line == 0
        return
    assert left_out.damaged + left_out.unknown == (0 if text.isspace() or not text else 1)
    assert recording.complete is (line != 2)


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


@given(st.sampled_from(PLACES), ANYTHING, st.booleans())
def test_any_value_in_place_of_any_is_shown_or_left_out(
    where: tuple[int, tuple[str | int, ...]], value: Any, cut: bool
) -> None:
    """What is taken is what the schema allows, and written again it still is."""
    number, place = where
    lines = [*LINES]
    lines[number] = put(lines[number], place, value)
    lines = lines[:-1] if cut else lines
    try:
        found, left_out = read_all(json.dumps(line) + "\n" for line in lines)
    except NotARecord as error:
        found, left_out, number = [], LeftOut(1, str(error)), 0
    if left_out.damaged:
        assert re.match(rf"line {number + 1}: .*[^\n]\Z", left_out.first)
        assert len(left_out.first) < 400
    for recording in found:
        VALIDATOR.validate(json.loads(start_line(recording.start)))
        for outcome in recording.outcomes:
            VALIDATOR.validate(json.loads(outcome_line(outcome, recording.start)))
            outcome_text(outcome)
        VALIDATOR.validate(json.loads(summary_line(recording.summary)))
        assert [*banner(recording.start.plan), *summary_text(recording.summary)]


@pytest.mark.parametrize(
    ("number", "place", "value", "told"),
    [
        (1, ("rtt_ns",), "x", "line 2: rtt_ns: expected a whole number from 0, got 'x'"),
        (1, ("rtt_ns",), True, "line 2: rtt_ns: expected a whole number from 0, got True"),
        (1, ("rtt_ns",), 2**63, "line 2: rtt_ns: expected a whole number from 0, got 92233"),
        (1, ("at_ns",), None, "line 2: at_ns: expected a whole number from 0, got None"),
        (1, ("address",), 5, "line 2: address: expected a text, got 5"),
        (1, ("address",), "x", "line 2: address: expected an IP address, got 'x'"),
        (1, ("from_address",), "", "line 2: from_address: expected an IP address, got ''"),
        (0, ("targets", 0, "address"), "1.2.3", r"line 1: .*targets\.0\.address: expected an IP"),
        (1, ("clock",), [], r"line 2: clock: expected one of kernel, user, got \[\]"),
        (1, ("port",), 65536, "line 2: port: expected a whole number from 0 to 65535, got 65536"),
        (2, ("type",), "start", "line 3: schema: expected 1, got nothing"),
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
    with pytest.raises(NotARecord, match=told) if number == 0 else nullcontext():
        _, left_out = read_all(json.dumps(line) + "\n" for line in lines)
        assert re.match(told, left_out.first)


def test_a_value_that_is_not_there_is_named() -> None:
    lines = copy.deepcopy(LINES)
    del lines[1]["rtt_ns"]
    _, left_out = read_all(json.dumps(line) + "\n" for line in lines)
    assert re.match(r"line 2: rtt_ns: expected .*, got nothing", left_out.first)


def test_a_value_however_deep_is_named() -> None:
    """Whatever can be read at all can be shown."""
    told = []
    for depth in range(1, 1200):
        line = json.dumps(LINES[1]).replace("7400", "[" * depth + "]" * depth)
        _, left_out = read_all([json.dumps(LINES[0]) + "\n", line + "\n"])
        told.append(left_out.first)
    assert told[2] == "line 2: rtt_ns: expected a whole number from 0, got [[[]]]"
    assert max(map(len, told)) < 150


def test_each_run_of_several_is_read() -> None:
    """As cat a.json b.json gives them, one with nothing between, one cut short."""
    one, other = record(OUTCOMES), record(OUTCOMES[:1])
    found, left_out = read_all([*one, *other[:-1], "\n", *one])
    assert [len(each.outcomes) for each in found] == [len(OUTCOMES), 1, len(OUTCOMES)]
    assert [each.complete for each in found] == [True, False, True]
    assert [each.summary.figures.sent for each in found] == [6, 1, 6]
    assert left_out.damaged == 0


def test_a_run_behind_one_that_was_killed_as_it_wrote_is_read() -> None:
    """The file was appended to: its first run's last line has no end."""
    one, other = record(OUTCOMES), record(OUTCOMES[:1])
    found, left_out = read_all([*one[:3], one[3][:40] + other[0], *other[1:]])
    assert [(len(each.outcomes), each.complete) for each in found] == [(2, False), (1, True)]
    assert left_out.damaged == 1


def test_what_follows_a_start_that_cannot_be_read_is_of_no_run() -> None:
    """Never are the probes of one run counted with those of another."""
    one = record(OUTCOMES)
    broken = one[0].replace('"schema":1', '"schema":7')
    cut = one[0][:-20] + "\n"
    for start in (broken, cut):
        [first, last], left_out = read_all([*one[:-1], start, *one[1:], *one])
        assert [first.summary.figures.sent, last.summary.figures.sent] == [6, 6]
        assert left_out.damaged == len(one)
        assert left_out.first.startswith("line 11: ")


def test_lines_of_unknown_types_are_left_out_and_counted() -> None:
    lines = record(OUTCOMES)
    new = [f'{{"type":"{name}","n":1}}\n' for name in ("novel", "interval", "later")]
    [recording], left_out = read_all([*lines[:4], *new, *lines[4:]])
    assert len(recording.outcomes) == len(OUTCOMES)
    assert (left_out.damaged, left_out.unknown) == (0, 2)


def test_a_run_whose_outcomes_nobody_wants_is_passed_over() -> None:
    lines = record(OUTCOMES)
    assert [run.number for run in runs(Entries([*lines, *lines]))] == [1, 2]


def test_a_record_names_no_more_flows_than_it_can_have() -> None:
    """What is remembered of each takes memory, whatever a file says."""
    lines = record(OUTCOMES[:1])
    reply = json.loads(lines[1])
    more = [json.dumps({**reply, "source_port": 1 + n}) + "\n" for n in range(2 + EXTRA_FLOWS)]
    [recording], left_out = read_all([*lines[:2], *more])
    assert len({outcome.flow for outcome in recording.outcomes}) == 2 + EXTRA_FLOWS
    assert (left_out.damaged, left_out.first[:9]) == (1, "line 1028")


def test_hosts_that_had_no_address_at_the_start_are_among_those_that_it_can_have() -> None:
    start = replace(START, plan=replace(PLAN, expected=1000))
    reply = json.loads(record(OUTCOMES[:1])[1])
    more = [
        json.dumps({**reply, "target": f"late{n}", "source_port": 40001}) + "\n"
        for n in range(2000)
    ]
    came = Readdressed(5 * MS, "late0", None, PEER)
    moved = Readdressed(5 * MS, "late0", ("192.0.2.9", 7), PEER)
    gone = Unresolved(0, "late7:x", None, "expected a port")
    named = [naming_line(each, start) for each in (came, moved, gone)]
    for line in named:
        VALIDATOR.validate(json.loads(line))
    [recording], left_out = read_all([start_line(start), *named, *more])
    assert left_out == LeftOut()
    assert recording.start.plan.hosts == len(PLAN.targets) + 1000
    assert len({outcome.flow for outcome in recording.outcomes}) == 2000
    first, second, _ = banner(recording.start.plan)
    names = [each for run in runs(Entries([start_line(start), *named])) for each in run]
    assert [each._replace(at_ns=0) for each in names if isinstance(each, Naming)] == [
        each._replace(at_ns=0) for each in (came, moved, gone)
    ]
    assert first == "PING 1 host, 56 bytes of data each."
    assert second == "1000 more without an address so far"


def test_a_run_without_targets_can_be_told() -> None:
    start = replace(START, plan=replace(PLAN, targets=()))
    [recording], left_out = read_all([start_line(start)])
    assert left_out == LeftOut()
    assert recording.summary.targets == ()
    assert list(banner(recording.start.plan))
    assert list(summary_text(recording.summary))


def test_the_memory_of_reading_does_not_grow_with_the_record() -> None:
    """Nor with what it lacks: a line is missing, and each later fate comes before it."""
    start = replace(START, plan=replace(PLAN, interval_ns=100 * MS))

    def lines(number: int) -> Iterator[str]:
        yield start_line(start)
        for index in range(1, number):
            rtt_ns = 1000 + index % 7
            if index != 3:
                yield outcome_line(sent(ProbeFate.REPLIED, index, rtt_ns), START)

    def peak(number: int) -> int:
        tracemalloc.start()
        run = next(runs(Entries(lines(number))))
        summing = Summing(run.start.plan)
        for outcome in run:
            assert isinstance(outcome, Outcome)
            summing.add(outcome)
        assert summing.summary().figures.replied == number - 2
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(100)
    assert peak(20_000) < peak(2000) + 200_000
