"""A summary as CSV: what any program that reads CSV finds in it."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest

from tests.show.recorded import OUTCOMES, SCHEMA, START, read, record
from udpecho.show.csv_rows import COLUMNS, header, rows

SUMMARY = read(record(OUTCOMES)).summary


def test_a_host_and_its_flows_have_rows_below_the_header() -> None:
    lines = [header(), *rows(3, START, SUMMARY)]
    host, one, other = csv.DictReader(lines)
    assert (host["run"], host["target"], host["port"]) == ("3", "echo.example", "7")
    assert [each["source_port"] for each in (host, one, other)] == ["", "40001", "40002"]
    assert int(host["sent"]) == int(one["sent"]) + int(other["sent"]) == 6
    assert float(host["loss_percent"]) == pytest.approx(100 * 4 / 6)
    assert int(host["rtt_max_ns"]) == 2_000_000_000
    assert host["unix_ns"] == str(START.unix_ns)


def test_what_is_not_known_is_empty() -> None:
    summary = read(record(OUTCOMES[6:7])).summary
    [host] = csv.DictReader([header(), *rows(1, START, summary)])
    assert host["rtt_median_ns"] == host["jitter_ns"] == host["hops"] == ""


def test_the_columns_are_keys_that_the_schema_describes() -> None:
    defs = SCHEMA["$defs"]
    known = {"run"}
    for name in ("start", "outcome", "figures"):
        known |= set(defs[name]["properties"])
    known |= {f"rtt_{name}" for name in defs["distribution"]["properties"]}
    assert set(COLUMNS) <= known


@pytest.mark.parametrize(
    "name", ['a"b', "a,b", "a\nb", "=1+1", "@x", "+1", "-1", "é", "", "a b", "\t=1"]
)
def test_a_name_is_a_text_whatever_it_is(name: str) -> None:
    """Not a formula, either, where a spreadsheet opens it."""
    [target] = SUMMARY.targets
    named = replace(SUMMARY, targets=(replace(target, name=name),))
    found = next(iter(csv.DictReader([header(), *rows(1, START, named)])))
    assert found["target"] == (f"'{name}" if name[:1] in ("=", "@", "+", "-", "\t") else name)
