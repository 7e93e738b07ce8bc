"""When a line is due, and what it must count."""

from __future__ import annotations

from udpecho.notice import QUIET_SECONDS, Notices


def test_the_first_is_due_at_once_and_the_next_after_30_seconds() -> None:
    notices: Notices[str] = Notices()
    assert notices.count("a", 0.0) == 1
    assert notices.count("a", 0.0, 5) == 0
    assert notices.count("a", QUIET_SECONDS - 0.001) == 0
    assert notices.count("a", QUIET_SECONDS) == 7
    assert notices.count("a", QUIET_SECONDS + 1) == 0


def test_each_kind_has_its_own_lines() -> None:
    notices: Notices[str] = Notices(quiet=1.0)
    assert notices.count("a", 0.0) == 1
    assert notices.count("b", 0.5, 3) == 3
    assert notices.count("a", 0.9) == 0
    assert notices.count("b", 0.9) == 0


def test_the_rest_is_what_no_line_has_counted_yet() -> None:
    notices: Notices[str] = Notices()
    notices.count("a", 0.0)
    notices.count("a", 1.0, 4)
    notices.count("b", 1.0)
    assert notices.rest() == {"a": 4}
    assert notices.rest() == {}
    assert notices.count("a", 40.0) == 1
