"""Which probes are asked about, over which flow, and when."""

from __future__ import annotations

from udpecho.path.inquiring import (
    AT_ONCE,
    MOST_OPEN,
    PATIENCE_NS,
    SOON_NS,
    UNHEARD,
    Matter,
    Matters,
)
from udpecho.path.known import TRIES, WAIT_NS

SECOND = 1_000_000_000


def probe(number: int) -> bytes:
    return number.to_bytes(16, "big")


def telling(*carriers: int) -> Matters:
    """Make inquiries of a target that is known to tell, over flows that answer, the last best."""
    inquiries = Matters(lambda matter: True)
    for at, carrier in enumerate(carriers):
        inquiries.carriers[carrier] = at
    inquiries.tells = True
    return inquiries


def test_a_probe_is_asked_about_when_it_is_due_over_who_answered_last() -> None:
    inquiries = telling(3, 5)
    inquiries.open(probe(1), Matter(0, 0, SECOND))
    assert inquiries.take(SECOND - 1) is None
    assert inquiries.next_ns(0) == SECOND
    assert inquiries.take(SECOND) == (5, probe(1))
    assert inquiries.take(SECOND) is None
    assert inquiries.next_ns(SECOND) == SECOND + PATIENCE_NS


def test_who_does_not_answer_is_asked_over_last() -> None:
    inquiries = telling(3, 5, 7)
    inquiries.open(probe(1), Matter(0, 0, 0))
    asked = [inquiries.take(turn * PATIENCE_NS) for turn in range(TRIES + 1)]
    assert asked == [(7, probe(1)), (5, probe(1)), (3, probe(1)), (7, probe(1)), None]
    assert inquiries.next_ns(TRIES * PATIENCE_NS) is None


def test_what_is_settled_is_not_asked_about() -> None:
    inquiries = telling(3)
    inquiries.open(probe(1), Matter(0, 0, SECOND))
    inquiries.settle(probe(1))
    assert inquiries.take(SECOND) is None
    assert inquiries.next_ns(SECOND) is None


def test_what_is_worth_nothing_any_more_is_not_asked_about() -> None:
    inquiries = Matters(lambda matter: matter.flow == 1)
    inquiries.tells, inquiries.carriers = True, {1: 0}
    inquiries.open(probe(1), Matter(0, 0, 0))
    inquiries.open(probe(2), Matter(1, 0, 0))
    assert inquiries.take(0) == (1, probe(2))
    assert inquiries.take(0) is None


def test_without_a_flow_that_answers_nothing_is_asked_nor_awaited() -> None:
    inquiries = telling()
    inquiries.open(probe(1), Matter(0, 0, 0))
    assert inquiries.take(0) is None
    assert inquiries.next_ns(0) is None
    inquiries.carriers[4] = SOON_NS
    assert inquiries.take(SOON_NS) == (4, probe(1))


def test_where_a_reply_died_is_asked_again_until_it_is_told() -> None:
    inquiries = telling(3)
    inquiries.open(probe(1), Matter(0, 0, 0, back=2))
    assert inquiries.take(0) is not None
    assert inquiries.told(3, probe(1), False, 5) is not None
    assert inquiries.take(5 + SOON_NS) == (3, probe(1))
    assert inquiries.told(3, probe(1), True, 6 + SOON_NS) is not None
    assert inquiries.take(9 * SECOND) is None


def test_what_was_not_asked_is_not_told() -> None:
    inquiries = telling(3)
    inquiries.open(probe(1), Matter(0, 0, 0))
    assert inquiries.told(3, probe(1), True, 0) is None
    assert inquiries.told(3, probe(2), True, 0) is None
    assert not inquiries.has_asked(probe(1))


def test_first_a_flow_asks_for_its_own_distance_which_shows_whether_the_target_tells() -> None:
    inquiries = Matters(lambda matter: True)
    inquiries.carriers[5] = 0
    inquiries.open(probe(1), Matter(0, 0, 0))
    inquiries.open(probe(2), Matter(4, 0, 0, alone=True))
    assert inquiries.take(0) == (4, probe(2))
    assert inquiries.take(0) is None
    assert inquiries.told(4, probe(2), False, 1) is not None
    assert inquiries.tells
    assert inquiries.take(SOON_NS) == (4, probe(1))


def test_who_echoes_an_inquiry_does_not_tell_and_is_asked_no_more() -> None:
    inquiries = Matters(lambda matter: True)
    inquiries.carriers[4] = 0
    for number in range(3):
        inquiries.open(probe(number), Matter(number, 0, 0, alone=True))
    assert inquiries.take(0) is not None
    assert inquiries.take(0) is not None
    inquiries.echoed(probe(0))
    inquiries.echoed(probe(1))
    assert inquiries.has_asked(probe(1)), "its echo is ours, however late"
    assert inquiries.tells is False
    assert inquiries.take(SECOND) is None
    assert inquiries.next_ns(SECOND) is None


def test_who_is_silent_does_not_tell_either() -> None:
    inquiries = Matters(lambda matter: True)
    inquiries.carriers[4] = 0
    for number in range(2 * UNHEARD):
        inquiries.open(probe(number), Matter(number, 0, 0, alone=True))
    now_ns, asked = 0, 0
    while (next_ns := inquiries.next_ns(now_ns)) is not None:
        now_ns = max(now_ns + 1, next_ns)
        while inquiries.take(now_ns) is not None:
            asked += 1
    assert (asked, inquiries.tells) == (UNHEARD, False)
    assert now_ns < 2 * WAIT_NS


def test_an_echo_of_one_that_tells_changes_nothing() -> None:
    """Anyone on the way could send it."""
    inquiries = telling(3)
    inquiries.open(probe(1), Matter(0, 0, 0))
    inquiries.take(0)
    inquiries.echoed(probe(1))
    assert inquiries.tells


def test_so_many_are_asked_at_once_and_so_many_in_a_second() -> None:
    inquiries = telling(3)
    for number in range(200):
        inquiries.open(probe(number), Matter(0, 0, 0))
        inquiries._is_worth = lambda matter: not matter.asked
    at_once = sum(inquiries.take(0) is not None for _ in range(200))
    assert at_once == AT_ONCE
    next_ns = inquiries.next_ns(0)
    assert next_ns == SECOND // 100
    in_a_second = 0
    for at in range(0, SECOND + 1, SECOND // 200):
        while inquiries.take(at) is not None:
            in_a_second += 1
    assert 98 <= in_a_second <= 100


def test_what_is_open_and_what_was_asked_take_no_room_without_end() -> None:
    inquiries = telling(3)
    for number in range(MOST_OPEN + 100):
        inquiries.open(probe(number), Matter(0, 0, SECOND))
    assert len(inquiries._matters) == MOST_OPEN
    for number in range(MOST_OPEN + 100):
        inquiries._remember(probe(number))
    assert len(inquiries._asked) == MOST_OPEN
