"""How long ago datagrams came, by two clocks that a test moves."""

from __future__ import annotations

import pytest

from udpecho.client.ages import AT_ONCE, Ages

SECOND = 1_000_000_000
WALL = 1_700_000_000 * SECOND


class Clocks:
    """A wall clock and another, which a test moves together, or apart."""

    def __init__(self) -> None:
        self.passed = 5_000_000_000_000
        self.offset = WALL
        self.between = 0  # ns from one look to the next

    def now(self) -> float:
        self.passed += self.between
        return self.passed / SECOND

    def wall(self) -> int:
        self.passed += self.between
        return self.passed + self.offset

    def stamp(self) -> int:
        return self.passed + self.offset


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


def test_an_age_is_what_has_passed_since_the_stamp(clocks: Clocks) -> None:
    ages = Ages(clocks.now, clocks.wall)
    stamps = [clocks.stamp()]
    clocks.passed += 3_000_000
    stamps.append(clocks.stamp())
    clocks.passed += 2_000_000
    assert ages.of(stamps, clocks.now()) == pytest.approx([0.005, 0.002])
    assert ages.of([], clocks.now()) == ()


@pytest.mark.parametrize("step", [-3600 * SECOND, -1_000_000, 1_000_000, 3600 * SECOND])
def test_a_stamp_from_before_the_wall_clock_stepped_tells_nothing(
    clocks: Clocks, step: int
) -> None:
    """What comes after the step, and is read after it was seen, is told of again."""
    ages = Ages(clocks.now, clocks.wall)
    stamp = clocks.stamp()
    clocks.offset += step
    assert ages.of([stamp], clocks.now()) == ()
    stamp = clocks.stamp()
    clocks.passed += 1_000_000
    assert ages.of([stamp], clocks.now()) == pytest.approx([0.001])


def test_where_the_clocks_are_not_read_at_once_nothing_is_told(clocks: Clocks) -> None:
    """As where the process waited for the processor between."""
    ages = Ages(clocks.now, clocks.wall)
    clocks.between = AT_ONCE
    assert ages.of([clocks.stamp()], clocks.now()) == ()
    clocks.between = 0
    assert ages.of([clocks.stamp()], clocks.now()) == [0.0]


def test_it_came_at_the_latest_when_an_age_says_so(clocks: Clocks) -> None:
    """Whenever between two looks the clock is read, no age is more than has passed."""
    ages = Ages(clocks.now, clocks.wall)
    for between in (0, 100, 70_000, 3, 400_000, 0):
        clocks.between = between
        clocks.passed += 12_345
        before = clocks.passed
        stamp = clocks.stamp()
        [age] = ages.of([stamp], clocks.now())
        assert 0 <= age * SECOND <= clocks.passed - before
    clocks.between = 0
    stamp = clocks.stamp()
    clocks.passed += 5_000
    assert ages.of([stamp], clocks.now()) == pytest.approx([5e-6], abs=1e-6)


def test_a_clock_that_is_moved_by_hand_stamps_too(clocks: Clocks) -> None:
    """As in a network in memory."""
    ages = Ages(clocks.now)
    stamp = clocks.passed
    clocks.passed += 2 * SECOND
    assert ages.of([stamp], clocks.now()) == [2.0]


@pytest.mark.parametrize("step", [-3600 * SECOND, 0, 3600 * SECOND])
def test_no_age_is_more_than_the_oldest_which_is_told_without_a_look(
    clocks: Clocks, step: int
) -> None:
    """Where a clock stepped since the last look, an age that is too small is as good as none."""
    looks: list[None] = []

    def wall() -> int:
        looks.append(None)
        return clocks.wall()

    ages = Ages(clocks.now, wall)
    clocks.between = 70_000
    clocks.offset += step
    stamp = clocks.stamp()
    clocks.passed += 9_000_000
    now, looked = clocks.now(), len(looks)
    oldest = ages.since(stamp, now)
    assert len(looks) == looked
    assert all(age <= oldest for age in ages.of([stamp, stamp + 3_000_000], now))
    assert oldest >= 0.009 if step <= 0 else oldest == 0
