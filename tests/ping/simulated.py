"""Runs of a ping, simulated: which turns a network loses, and which flow is named for it.

A network is the turns whose probes it loses, in their order, without end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from math import log
from random import Random

from udpecho.instrument.probe import Flow
from udpecho.ping.rounds import Rounds
from udpecho.ping.turns import flow_of

PEER = ("192.0.2.1", 7)
FLOWS, BAD = 16, 7


def gap(random: Random, chance: float) -> int:
    """Draw after how many turns the next is that has this chance, from 1."""
    return 1 if chance == 1 else 1 + int(log(1 - random.random()) / log(1 - chance))


def plain(random: Random, chance: float) -> Iterator[int]:
    """Lose each probe with this chance."""
    turn = -1
    while True:
        turn += gap(random, chance)
        yield turn


def one_bad(random: Random, others: float, bad: float) -> Iterator[int]:
    """Lose each probe by one chance, but one flow's by another."""
    for turn in count():
        if random.random() < (bad if flow_of(turn, FLOWS) == BAD else others):
            yield turn


def bursts(
    random: Random, begin: float, end: float, within: float, without: float = 0
) -> Iterator[int]:
    """Lose as Gilbert and Elliott: bursts begin and end by chance, whoever's turn it is."""
    turn, bad = 0, False
    while True:
        until, chance = turn + gap(random, end if bad else begin), within if bad else without
        while chance and (turn := turn - 1 + gap(random, chance)) < until:
            yield turn
            turn += 1
        turn, bad = until, not bad


def every(number: int) -> Iterator[int]:
    """Lose one probe in so many, at regular times."""
    return count(number - 1, number)


@dataclass
class Sent:
    """What a flow has sent; all fates are known."""

    sent: int = 0

    @property
    def undecided(self) -> int:
        return self.sent + 1


def named(lost: Iterator[int], rounds: int, *, look: int = 1) -> set[int]:
    """Probe in turn, look after every so many rounds, and say who is named first."""
    run, sent = Rounds(), Sent()
    flows = [Flow("echo.example", PEER, number) for number in range(FLOWS)]
    for flow in flows:
        run.begin(flow, sent)
    turn = next(lost)
    for number in range(1, rounds + 1):
        sent.sent = number
        while turn < number * FLOWS:
            run.lost(flows[flow_of(turn, FLOWS)], number)
            turn = next(lost)
        if number % look == 0 and (losers := run.losers().flows):
            return {flow.port for flow in losers}
    return set()
