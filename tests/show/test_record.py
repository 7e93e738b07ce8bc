"""What --json writes is what its schema says."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from tests.show.recorded import MS, OUTCOMES, PEER, SCHEMA, START, VALIDATOR, record
from udpecho.ping.figures import Distribution, Turnout
from udpecho.ping.outcome import Outcome
from udpecho.show.record import interval_line, outcome_line


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


def test_an_interval_is_as_the_schema_says() -> None:
    """Of one host, and of all hosts, of which each has no percentiles."""
    one = Turnout("a", PEER, 3, 2, Distribution(2, 1, 2, 1, 3, 3, 3, 3, 1))
    every = Turnout(None, None, 3, 0, Distribution())
    for turnout, loss in ((one, 33.333333), (every, 100)):
        line = interval_line(turnout, 0, 60_000 * MS)
        VALIDATOR.validate(json.loads(line))
        assert json.loads(line)["loss_percent"] == loss


def test_a_type_that_the_schema_does_not_have_is_none_of_its_business() -> None:
    """A later version's line is valid; a known type with other keys is not."""
    assert VALIDATOR.is_valid({"type": "novelty", "n": 1})
    assert not VALIDATOR.is_valid({"type": 1})
    assert not VALIDATOR.is_valid({"type": "interval"})


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
