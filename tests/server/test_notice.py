"""At most one line for each kind of trouble in 30 s, and no trouble forgotten in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpecho.server.notices import QUIET_SECONDS, Notices

TABLE = [
    # (reason, [(seconds, kind, times, how many to report now)])
    ("the first is reported at once", [(0, "a", 1, 1)]),
    ("what follows is silent", [(0, "a", 1, 1), (0, "a", 1, 0), (29.9, "a", 1, 0)]),
    ("and is told by the first after 30 s", [(0, "a", 1, 1), (9, "a", 1, 0), (30, "a", 1, 2)]),
    ("which begins another 30 s", [(0, "a", 1, 1), (30, "a", 1, 1), (59, "a", 1, 0)]),
    ("each kind has its own", [(0, "a", 1, 1), (1, "b", 1, 1), (2, "a", 1, 0), (2, "b", 1, 0)]),
    ("several at once count so", [(0, "a", 5, 5), (1, "a", 3, 0), (40, "a", 2, 5)]),
    ("a clock may begin anywhere", [(-1e6, "a", 1, 1), (-1e6 + 29, "a", 1, 0), (0, "a", 1, 2)]),
]


@pytest.mark.parametrize(("reason", "steps"), TABLE, ids=[row[0] for row in TABLE])
def test_when_a_line_is_due(reason: str, steps: list[tuple[float, str, int, int]]) -> None:
    notices: Notices[str] = Notices()
    for now, kind, times, due in steps:
        assert notices.count(kind, now, times) == due, reason


@given(st.lists(st.tuples(st.floats(0, 20), st.sampled_from("abc"), st.integers(1, 9))))
def test_any_course(steps: list[tuple[float, str, int]]) -> None:
    """Lines are 30 s apart, and with one more, after a silence, they tell of every trouble."""
    notices: Notices[str] = Notices()
    now = 0.0
    last: dict[str, float] = {}
    counted = reported = 0
    for wait, kind, times in steps:
        now += wait
        due = notices.count(kind, now, times)
        counted, reported = counted + times, reported + due
        if due:
            assert now - last.get(kind, -1e9) >= QUIET_SECONDS
            last[kind] = now
    for kind in "abc":
        reported += notices.count(kind, now + QUIET_SECONDS + 1)
    assert reported == counted + 3
