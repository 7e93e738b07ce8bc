"""How much better some flows' losses are explained by a rate of their own than without one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import lgamma, log
from typing import NamedTuple

MOST_EVEN = 0.05
"""The most loss that is thought of as even, before a target's own flows are looked at."""

ALIKE = 10.0
"""Probes' worth of trust in that: what is seen of a target's flows soon counts for more."""

FAULTY = (0.5, 0.5)
"""What is thought of the loss of flows that pass a fault: anything (Jeffreys' prior)."""


class Toll(NamedTuple):
    """One flow's probes: to which target, how many, and how many of them died."""

    target: int
    sent: int
    lost: int


class Balance:
    """Weighs sets of flows; told once what became of all of them."""

    def __init__(self, fates: Sequence[Toll]) -> None:
        """Take the flows' fates, by their index."""
        self._fates = fates
        self._sent: dict[int, int] = {}
        self._lost: dict[int, int] = {}
        for target, sent, lost in fates:
            self._sent[target] = self._sent.get(target, 0) + sent
            self._lost[target] = self._lost.get(target, 0) + lost
        self._all = sum(self._sent.values()), sum(self._lost.values())
        rate = (self._all[1] + 0.5) / (self._all[0] + 50.0)
        self._even = ALIKE * min(rate, MOST_EVEN), ALIKE * (1 - min(rate, MOST_EVEN))

    def gain(self, flows: Iterable[int]) -> float:
        """Return by which logarithm a rate of their own explains better what these flows lost.

        Without one they lose as the other flows to their targets do. It is minus infinity for
        flows that lose no more than those.
        """
        inside: dict[int, tuple[int, int]] = {}
        for flow in flows:
            target, sent, lost = self._fates[flow]
            of_target = inside.get(target, (0, 0))
            inside[target] = of_target[0] + sent, of_target[1] + lost
        return self._gain(inside)

    def _gain(self, inside: dict[int, tuple[int, int]]) -> float:
        sent = sum(each[0] for each in inside.values())
        lost = sum(each[1] for each in inside.values())
        if not lost:
            return float("-inf")
        expected = even = 0.0
        for target, (of_target, died) in inside.items():
            beside = self._sent[target] - of_target, self._lost[target] - died
            a, b = self._even[0] + beside[1], self._even[1] + beside[0] - beside[1]
            expected += of_target * a / (a + b)
            even += _marginal(died, of_target - died, a, b)
        if lost <= expected:
            return float("-inf")
        return _marginal(lost, sent - lost, *FAULTY) - max(even, self._alike(sent, lost))

    def _alike(self, sent: int, lost: int) -> float:
        """Tell how likely some flows' losses are, if those to all targets lose alike."""
        beside = self._all[0] - sent, self._all[1] - lost
        a, b = FAULTY[0] + beside[1], FAULTY[1] + beside[0] - beside[1]
        return _marginal(lost, sent - lost, a, b)


def _marginal(lost: int, kept: int, a: float, b: float) -> float:
    """Return the logarithm of one sequence's probability, its rate unknown: Beta(a, b)."""
    return _beta(a + lost, b + kept) - _beta(a, b)


def _beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def differ(fates: Sequence[Toll]) -> float:
    """Return by which logarithm it is likelier that some flows lose more than that all lose alike.

    Which flows, is not given: the choice has its price.
    """
    order = sorted((fate for fate in fates if fate.sent), key=lambda fate: -fate.lost / fate.sent)
    sent, lost = sum(fate.sent for fate in order), sum(fate.lost for fate in order)
    alike = _marginal(lost, sent - lost, *FAULTY)
    most, losing = float("-inf"), sum(fate.lost > 0 for fate in order)
    some_sent = some_lost = 0
    for count, fate in enumerate(order[: min(losing, len(order) - 1)], 1):
        some_sent, some_lost = some_sent + fate.sent, some_lost + fate.lost
        two = _marginal(some_lost, some_sent - some_lost, *FAULTY) + _marginal(
            lost - some_lost, sent - some_sent - lost + some_lost, *FAULTY
        )
        most = max(most, two - alike - log(len(order)) - _choices(len(order), count))
    return most


def _choices(number: int, count: int) -> float:
    """Return the logarithm of how many sets of that size there are."""
    return lgamma(number + 1) - lgamma(count + 1) - lgamma(number - count + 1)
