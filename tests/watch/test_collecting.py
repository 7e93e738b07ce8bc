"""When garbage is looked for in a node's process."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.task import Clock

from udpecho.watch.collecting import ALL_SECONDS, LONG_SECONDS, NEW_SECONDS, Collecting


class Seen:
    """Hears of each collection, and tells how many objects there are."""

    def __init__(self) -> None:
        self.generations: list[int] = []
        self.objects = 1000

    def hear(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self.generations.append(info["generation"])


@pytest.fixture
def seen() -> Iterator[Seen]:
    seen = Seen()
    gc.callbacks.append(seen.hear)
    yield seen
    gc.callbacks.remove(seen.hear)


@pytest.fixture
def clock(seen: Seen) -> Iterator[Clock]:
    clock = Clock()
    before = gc.get_threshold()
    collecting = Collecting(clock, lambda: seen.objects)
    collecting.startService()
    assert gc.get_threshold()[2] > 10_000, "CPython begins none of all there is by itself"
    yield clock
    collecting.stopService()
    assert gc.get_threshold() == before
    assert not clock.getDelayedCalls()


def test_what_is_new_is_looked_at_several_times_a_second(clock: Clock, seen: Seen) -> None:
    """More seldom, so many probes are new that the look holds the reactor for long."""
    seen.generations.clear()
    clock.pump([0.125] * 10)
    assert seen.generations.count(1) >= 10
    assert 2 not in seen.generations


def test_all_there_is_is_looked_at_when_objects_have_grown_more(clock: Clock, seen: Seen) -> None:
    clock.advance(ALL_SECONDS)
    assert 2 not in seen.generations, "there are no more"
    seen.objects = 1100
    clock.advance(ALL_SECONDS)
    assert seen.generations.count(2) == 1
    clock.advance(ALL_SECONDS)
    assert seen.generations.count(2) == 1, "there are no more since"


def test_what_refers_to_itself_is_freed_soon(clock: Clock) -> None:
    class Ring:
        pass

    freed: list[Any] = []
    ring = Ring()
    ring.ring = ring  # type: ignore[attr-defined]
    weakref.finalize(ring, freed.append, True)
    del ring
    clock.advance(NEW_SECONDS)
    assert freed


def test_after_a_look_that_took_long_the_next_is_sooner(clock: Clock, seen: Seen) -> None:
    def takes_long(phase: str, info: dict[str, int]) -> None:
        if phase == "stop":
            clock.rightNow += 2 * LONG_SECONDS

    gc.callbacks.append(takes_long)
    try:
        clock.advance(NEW_SECONDS)
    finally:
        gc.callbacks.remove(takes_long)
    seen.generations.clear()
    clock.advance(NEW_SECONDS / 2)
    assert seen.generations.count(1) == 1
    clock.advance(NEW_SECONDS / 2)
    assert seen.generations.count(1) == 1, "that took no time"
