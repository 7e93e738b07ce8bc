"""Whose turn it is among a host's flows: each once in a round, which begins at any of them.

At which is as good as random, so that losses at regular times (every second probe beyond a rate
limit) are spread over all flows. In a fixed order they would fall on the same ones, and look as if
these had a bad path. Does no I/O, and knows no time.
"""

from __future__ import annotations

from random import Random

_ROUNDS = 4096  # before they begin again as they did
_BEGIN = memoryview(bytes(2) + Random(_ROUNDS).randbytes(2 * _ROUNDS - 2)).cast("H")
"""Which flow begins each round, before it is taken modulo their number: the first at first."""


def flow_of(turn: int, flows: int) -> int:
    """Tell which of so many flows has a turn; both are counted from 0."""
    past, place = divmod(turn, flows)
    return (place + _BEGIN[past % _ROUNDS]) % flows


def turns_of(flow: int, flows: int, before: int) -> int:
    """Tell how many turns a flow has had before a turn."""
    past, place = divmod(before, flows)
    return past + ((flow - _BEGIN[past % _ROUNDS]) % flows < place)
