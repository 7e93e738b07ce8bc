"""Paths and verdicts of a record, read back: the same again, or left out, and said why."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.path.test_judge import dead, diamond, lost
from tests.show.recorded import OUTCOMES, record
from udpecho.path import Hop, Label, Path, PathMtu, Paths, Verdict
from udpecho.path.judge import judge
from udpecho.show.fields import Fields
from udpecho.show.path_entries import ADDRESSES_READ, FARTHEST, read_path, read_verdict
from udpecho.show.path_record import path_lines, verdict_line
from udpecho.show.reading import Entries, runs

LOST = (3, 7, 11, 15)
FLOWS = diamond(**dead(*LOST, hops=("10.9.0.2", "10.9.4.2", None, None)))
VERDICT = judge([FLOWS], lost(dict.fromkeys(LOST, 20), of=20))

RICH = Paths(
    "h",
    ("2001:db8::1", 7),
    (
        Path(
            5,
            40005,
            (
                Hop(1, ("fd00::1", "fd00::2"), 9000, 3, 2, 3, 0, (Label(17, 5, True, 1),), True),
                Hop(2, asked=4),
            ),
            True,
            None,
            6,
            ("fd00::9", 1, 4),
            (Hop(1, ("fd00::7",)),),
            3,
            2,
            PathMtu(1400, "fd00::2"),
            12_345,
        ),
    ),
    (5,),
    {"fd00::1": "r1.example"},
)


@pytest.mark.parametrize("paths", [FLOWS, RICH])
def test_a_path_is_read_as_it_was(paths: Paths) -> None:
    lines = list(path_lines(paths))
    read = [read_path(Fields(json.loads(line))) for line in lines]
    assert [each.paths[0] for each in read] == list(paths.paths)
    assert {(each.target, each.peer) for each in read} == {(paths.target, paths.peer)}
    assert tuple(flow for each in read for flow in each.changed) == paths.changed
    assert {k: v for each in read for k, v in each.names.items()} == paths.names
    assert [line for each in read for line in path_lines(each)] == lines


def test_a_verdict_is_read_as_it_was() -> None:
    assert VERDICT.segments
    assert read_verdict(Fields(json.loads(verdict_line(VERDICT)))) == VERDICT


def wrong(**changed: Any) -> str:
    value = json.loads(next(path_lines(RICH)))
    return json.dumps(value | changed) + "\n"


HOP = json.loads(next(path_lines(RICH)))["hops"][0]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (wrong(schema=2), "schema: expected 1, got 2"),
        (wrong(hops=None), "hops: expected a list, got None"),
        (wrong(hops=[HOP] * 256), f"hops: expected {FARTHEST} values at most, got 256"),
        (wrong(hops=[HOP | {"ttl": 0}]), "hops.0.ttl: expected a whole number from 1 to 255"),
        (wrong(hops=[HOP | {"addresses": ["x"]}]), "hops.0.addresses.0: expected an IP address"),
        (wrong(hops=[HOP | {"addresses": ["::1"] * 300}]),
         f"hops.0.addresses: expected {ADDRESSES_READ} values at most"),
        (wrong(hops=[HOP | {"names": [7]}]), "hops.0.names.0: expected a text, got 7"),
        (wrong(hops=[HOP | {"labels": [{"label": 1 << 20}]}]), "hops.0.labels.0.label: expected"),
        (wrong(reached=1), "reached: expected true or false, got 1"),
        (wrong(ended={"address": "::1"}), "ended.icmp_type: expected a whole number"),
        (wrong(source_port=65536), "source_port: expected a whole number from 0 to 65535"),
    ],
)  # fmt: skip
def test_what_is_damaged_is_left_out_and_counted(line: str, error: str) -> None:
    start, *rest = record(OUTCOMES)
    reading = Entries([start, line, verdict_line(VERDICT), *rest])
    [told] = [list(run) for run in runs(reading)]
    assert [each for each in told if isinstance(each, Paths | Verdict)] == [VERDICT]
    assert reading.left_out.damaged == 1
    assert reading.left_out.first.startswith(f"line 2: {error}")
    assert len(reading.left_out.first) < 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@given(st.data())
def test_whatever_stands_there_is_a_path_a_verdict_or_one_line(data: st.DataObject) -> None:
    value = json.loads(data.draw(st.sampled_from([*path_lines(RICH), verdict_line(VERDICT)])))
    at: Any = value
    while True:
        keys = range(len(at)) if isinstance(at, list) else list(at)
        key = data.draw(st.sampled_from(keys))
        if not isinstance(at[key], dict | list) or not at[key] or data.draw(st.booleans()):
            break
        at = at[key]
    at[key] = data.draw(JSON)
    for read in (read_path, read_verdict):
        with suppress(ValueError):
            read(Fields(value))
