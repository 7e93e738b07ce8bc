"""The soak's short form, and what it finds amiss."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.bench.soak import MOST_GROWTH, Soaked, amiss, faults, unserved
from tests.live.netns import why_not
from tests.live.program import python, run
from tests.live.witness import Client, Figures

MINUTES = 0.4


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
def test_a_short_soak(tmp_path: Path) -> None:
    """It exits with 0 if all it says holds: exact counters, flat memory, no traceback."""
    ended = run(python("-m", "tests.bench.soak", f"--minutes={MINUTES}"), tmp_path)
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
    counted = re.findall(r"(\d+) datagrams, .* (\d+) times counted, each time exact", ended.stdout)
    assert len(counted) == 2, ended.stdout
    assert all(int(datagrams) > 1000 and int(times) >= 3 for datagrams, times in counted), counted
    assert re.search(r"after a fork: \{'right': \d{2,}\}", ended.stdout), ended.stdout


class Service:
    """What faults() asks of a service."""

    def __init__(self, log: str = "") -> None:
        self.log = log

    def log_lines(self, pattern: str) -> list[str]:
        return re.findall(pattern, self.log)


def soaked(grown: int = 0, descriptors: tuple[int, int] = (9, 9), log: str = "") -> Soaked:
    """Give a service as it was seen eight times, after a first quarter in which it grew."""
    seen = [30_000, 40_000, 50_000, *(50_000 + grown * n // 5 for n in range(1, 6)), 60_000]
    service: Any = Service(log)
    each = Soaked("a service", service, [])
    for number, kib in enumerate(seen):
        last = number == len(seen) - 1
        opened = 3 if last else descriptors[number % 2]
        figures = Figures(2, 1, 0, 0, {"PORT_ZERO": 1}, {}, 0, 0, 0, 0.0, kib, opened)
        each.samples.append((2.0 * number, figures))
    return each


def test_what_may_be() -> None:
    """It may grow while it warms up, and close all at its end."""
    assert list(faults([soaked(grown=MOST_GROWTH)])) == []
    assert list(unserved([Client(None, 10, 5)])) == []  # type: ignore[arg-type]
    assert list(amiss(Counter(right=40, lost=0))) == []


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (soaked(grown=MOST_GROWTH + 5), f"{MOST_GROWTH + 5} KiB more after the first quarter"),
        (soaked(descriptors=(9, 10)), "its descriptors are not constant"),
        (soaked(log="Traceback (most recent call last):"), "a traceback"),
    ],
    ids=["memory", "descriptors", "log"],
)
def test_what_must_not_be(wrong: Soaked, named: str) -> None:
    assert list(faults([wrong])) == [f"a service: {named}"]


def test_who_was_not_served() -> None:
    [told] = unserved([Client(None, 10, 4)])  # type: ignore[arg-type]
    assert told == "an ordinary client: 4 of 10 answered in time"
    assert list(amiss(Counter(right=40, wrong=1))) == ["after a fork: 1 wrong"]
