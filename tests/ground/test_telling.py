"""The bytes of a question about a probe, and of its answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from udpecho.telling import (
    ANSWER,
    QUESTION,
    SIZE,
    Told,
    answer,
    question,
    read_answer,
    read_question,
)

PROBE = bytes(range(100, 116))
TOLD = Told(PROBE, True, 61, 1500)


def test_a_question_is_read_as_it_was_written() -> None:
    assert question(PROBE) == QUESTION + PROBE + bytes(32)
    assert read_question(question(PROBE)) == PROBE
    assert read_question(question(PROBE + b"more of the probe")) == PROBE


@pytest.mark.parametrize("by", [None, "192.0.2.9", "2001:db8::9"])
@pytest.mark.parametrize("arrived", [False, True])
def test_an_answer_is_read_as_it_was_written(by: str | None, arrived: bool) -> None:
    told = replace(TOLD, arrived=arrived, by=by)
    if by is not None:
        told = replace(told, icmp_type=11, icmp_code=1)
    assert read_answer(answer(told)) == told


def test_its_bytes_stand_where_the_page_says() -> None:
    """docs/path.md has the table."""
    data = answer(Told(PROBE, True, 61, 0x01020304, "192.0.2.9", 11, 1))
    assert data[:32] == ANSWER + PROBE
    assert data[32:40] == bytes([1, 61, 11, 1, 4, 0, 0, 0])
    assert data[40:48] == bytes([1, 2, 3, 4, 0, 0, 0, 0])
    assert data[48:] == bytes([192, 0, 2, 9]) + bytes(12)


def test_an_answer_is_as_long_as_its_question_and_never_one_itself() -> None:
    assert len(answer(TOLD)) == len(question(PROBE)) == SIZE
    assert read_question(answer(TOLD)) is None
    assert read_question(answer(replace(TOLD, probe=QUESTION))) is None
    assert read_answer(question(PROBE)) is None
    assert read_answer(question(ANSWER)) is None


def test_an_address_with_a_scope_is_told_without() -> None:
    told = read_answer(answer(replace(TOLD, by="fe80::1%eth0")))
    assert told is not None
    assert told.by == "fe80::1"


def test_what_was_remembered_for_ever_is_told_as_long() -> None:
    told = read_answer(answer(replace(TOLD, remembers_ms=1 << 40)))
    assert told is not None
    assert told.remembers_ms == (1 << 32) - 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        question(PROBE)[:-1],
        question(PROBE) + b"\0",
        question(PROBE)[:-1] + b"\1",
        QUESTION,
        PROBE * 4,
    ],
)
def test_what_is_no_question(data: bytes) -> None:
    assert read_question(data) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        answer(TOLD)[:-1],
        answer(TOLD) + b"\0",
        answer(TOLD)[:32] + b"\2" + answer(TOLD)[33:],
        answer(TOLD)[:36] + b"\7" + answer(TOLD)[37:],
        PROBE * 4,
    ],
)
def test_what_is_no_answer_or_of_another_form(data: bytes) -> None:
    assert read_answer(data) is None
