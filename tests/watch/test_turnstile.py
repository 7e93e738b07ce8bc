"""What many ask for at once is done some of it a turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from udpecho.reactors import TURN_SECONDS
from udpecho.watch.web.turnstile import Turnstile


class Turns:
    """A reactor whose turns are taken by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.later: list[Callable[[], None]] = []

    def seconds(self) -> float:
        return self.now

    def callLater(self, seconds: float, call: Callable[[], None]) -> None:
        self.later.append(call)

    def turn(self) -> None:
        [call] = self.later
        self.later.clear()
        call()


def test_each_turn_does_what_it_has_time_for_in_order() -> None:
    turns: Any = Turns()
    turnstile = Turnstile(turns)
    done: list[int] = []

    def add(number: int) -> None:
        def work() -> None:
            done.append(number)
            turns.now += 0.6 * TURN_SECONDS
            if number == 1:
                add(9)

        turnstile.add(work)

    for number in range(5):
        add(number)
    seen = [list(done)]
    while turns.later:
        turns.turn()
        seen.append(list(done))
    assert seen == [[], [0, 1], [0, 1, 2, 3], [0, 1, 2, 3, 4, 9]]
    add(10)
    turns.turn()
    assert done[-1] == 10
    assert turns.later == []
