"""Events as JSON that its schema describes, and in words that no terminal is steered by."""

from __future__ import annotations

import json
from importlib import resources
from select import PIPE_BUF
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from udpecho.watch.configuring.settings import NodeSettings
from udpecho.watch.events.event import (
    EVENTS,
    Event,
    FlowLosing,
    FlowRecovered,
    PathChanged,
    PeerBack,
    PeerGone,
    PeerReaddressed,
    PeerSilent,
    ReloadRefused,
    VerdictGiven,
    VerdictWithdrawn,
)
from udpecho.watch.events.event_lines import event_line, event_words, rfc3339
from udpecho.watch.events.happenings import Happening

SCHEMA = json.loads(
    resources.files("udpecho.watch.events").joinpath("events.schema.json").read_text()
)

EXAMPLES: list[Event] = [
    FlowLosing("b", 3),
    FlowRecovered("b", 3),
    VerdictGiven("b", "out", "between hop 2 and hop 3", (3, 5), "all that lose pass it"),
    VerdictGiven("b", "unknown", ""),
    VerdictWithdrawn("b", "out", "between hop 2 and hop 3"),
    PathChanged("b", 3, "1f", "2e"),
    PathChanged("b", None, "1f", "2e"),
    PeerSilent("b", 3.0),
    PeerSilent("b", 3.0, "nobody has that name"),
    PeerBack("b", 61.25),
    PeerGone("b"),
    PeerReaddressed("b", "192.0.2.1:1060", "[2001:db8::1]:1060"),
    ReloadRefused("watch.toml:3: [probe]: expected …"),
]


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda each: each.kind)
def test_lines_are_as_the_schema_says(event: Event) -> None:
    for zone in ("fra", ""):
        line = event_line(Happening(7, 1e9, event), NodeSettings("a", zone))
        found: dict[str, Any] = json.loads(line)
        Draft202012Validator(SCHEMA).validate(found)
        assert found["at"] == "2001-09-09T01:46:40.000Z"
        assert found["zone"] == (zone or None)
        assert list(found)[:6] == ["type", "schema", "at", "number", "node", "zone"]


def test_there_is_an_example_and_a_description_of_each_kind() -> None:
    assert {type(each) for each in EXAMPLES} == set(EVENTS)
    assert set(SCHEMA["$defs"]) == {each.kind for each in EVENTS}


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda each: each.kind)
def test_words_are_one_line_that_says_it(event: Event) -> None:
    words = event_words(event)
    assert words == words.strip()
    assert "\n" not in words
    if not isinstance(event, ReloadRefused):
        assert words.startswith("b")


def test_what_others_say_steers_no_terminal_and_is_no_longer_than_a_pipe_takes() -> None:
    evil = PeerSilent("b", 3.0, "\x1b[2J\u202e\n" + "\U0001f600" * 5000)
    line = event_line(Happening(7, 1e9, evil), NodeSettings("a" * 253, "z" * 253))
    assert line.isascii()
    assert line.isprintable()
    assert len(line) < 2 * PIPE_BUF
    assert "\x1b" not in event_words(evil)
    assert "\n" not in event_words(evil)


def test_times_to_the_ms_whatever_the_clock_says() -> None:
    assert rfc3339(1764228611.1239) == "2025-11-27T07:30:11.123Z"
    assert rfc3339(1e99) == rfc3339(float("nan")) == "1970-01-01T00:00:00.000Z"
