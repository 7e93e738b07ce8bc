"""Moments of a run, as --from and --to name them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime

import pytest

from udpecho.commands.moments import moment, span

S = 1_000_000_000


@pytest.fixture(autouse=True, params=["UTC", "Asia/Tokyo", "America/St_Johns"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def start(text: str) -> int:
    """Tell a local time in ns since 1970."""
    return round(datetime.fromisoformat(text).timestamp()) * S


def spanned(begins: str | None, ends: str | None, began: str) -> tuple[int | None, int | None]:
    """Read --from and --to of a run that began at a local time; in seconds."""
    when = [text if text is None else moment("--from")(text) for text in (begins, ends)]
    found = span(when[0], when[1], start(began))
    return tuple(ns if ns is None else ns // S for ns in (found.from_ns, found.to_ns))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("begins", "ends", "expected"),
    [
        (None, None, (None, None)),
        ("90", None, (90, None)),
        ("1.5", "3", (1, 3)),
        ("10:05", None, (300, None)),
        ("10:05:30", "10:06", (330, 360)),
        (None, "9:00", (None, 23 * 3600)),
        ("09:00", None, (23 * 3600, None)),
        ("09:00", "11:00", (-3600, 3600)),
        ("23:00", "01:00", (13 * 3600, 15 * 3600)),
        ("2026-11-26T10:01", "2026-11-28", (60, 38 * 3600)),
        ("2026-11-26 10:01:30", None, (90, None)),
    ],
)
def test_moments_are_local(
    begins: str | None, ends: str | None, expected: tuple[int | None, int | None]
) -> None:
    """A time of day is the first after the start; before an end, the last before that."""
    assert spanned(begins, ends, "2026-11-26T10:00:00") == expected


def test_a_moment_with_a_zone_is_of_that_zone() -> None:
    began = round(datetime.fromisoformat("2026-11-26T10:00:00+00:00").timestamp()) * S
    for text in ("2026-11-26T10:01:00Z", "2026-11-26T11:01:00+01:00"):
        assert span(moment("--to")(text), None, began).from_ns == 60 * S


def test_seconds_are_exact() -> None:
    assert span(moment("--from")("60.1"), None, 1_800_000_000_123_456_789).from_ns == 60_100_000_000


@pytest.mark.parametrize("text", ["", "x", "-5", "25:00", "10:60", "10:05:99", "1e3", "nan",
    "2026-13-01", "0001-01-01", "9999999999999", "10:05Z"])  # fmt: skip
def test_what_is_no_moment_is_one_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"--from: expected seconds .* got '") as caught:
        moment("--from")(text)
    assert "\n" not in str(caught.value)
