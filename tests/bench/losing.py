"""How often the flow that loses is named, and how often one that doesn't: the long form.

python -m tests.bench.losing [RUNS]: so many of each kind, 10,000 unless said, on every core; a
tenth as many to see how often plain loss looks like a rate limit. The table of docs/ping.md is
its own; tests/ping/test_losing.py and test_limits.py have the short form.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import takewhile
from random import Random
from typing import NamedTuple

from tests.ping.simulated import BAD, bursts, every, named, one_bad, plain
from udpecho.ping.limits import Limits

HOUR = 3600
"""Rounds, one a second, each of which is looked at."""


class Kind(NamedTuple):
    """Runs of one kind: what the network loses, how many rounds, and how many looks."""

    name: str
    network: Callable[[Random], Iterator[int]]
    rounds: int
    look: int = 1


KINDS = (
    Kind("one loses 100 %, the others 8 %: 10 probes", partial(one_bad, others=0.08, bad=1.0), 10),
    Kind(
        "one loses 2 %, the others 0.1 %: 500 probes", partial(one_bad, others=0.001, bad=0.02), 500
    ),
    Kind("all lose 0.1 % for an hour", partial(plain, chance=0.001), HOUR),
    Kind("all lose 1 % for an hour", partial(plain, chance=0.01), HOUR),
    Kind("all lose 10 % for an hour", partial(plain, chance=0.1), HOUR),
    Kind("bursts of 5 turns", partial(bursts, begin=0.002, end=0.2, within=1.0), HOUR),
    Kind(
        "bursts of 200 turns that lose 60 %",
        partial(bursts, begin=0.0005, end=0.005, within=0.6, without=0.001),
        HOUR,
    ),
    Kind("every 2nd probe is lost", lambda _: every(2), 1000),
)


def run(kind: int, seed: int) -> tuple[bool, bool]:
    """Tell whether the bad flow was named, and whether another was."""
    _, network, rounds, look = KINDS[kind]
    who = named(network(Random(seed)), rounds, look=look)
    return BAD in who, bool(who - {BAD})


def looks_limited(seed: int) -> bool:
    """Tell whether a run with plain loss of 1 to 60 % looks like one behind a rate limit."""
    random, limits, turns = Random(seed), Limits(), 10_000
    lost = list(takewhile(lambda turn: turn < turns, plain(random, random.uniform(0.01, 0.6))))
    for turn in lost:
        limits.lost("192.0.2.1", turn + 1, turn * 1_000_000)
    return bool(limits.found(lambda: [("192.0.2.1", [len(lost)], turns)]))


def main(runs: int) -> None:
    """Run all kinds, and print a row for each."""
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        for number, kind in enumerate(KINDS):
            each = list(processes.map(partial(run, number), range(runs), chunksize=50))
            right, wrong = (sum(column) for column in zip(*each, strict=True))
            if "one loses" not in kind.name:
                right, wrong = 0, sum(map(any, each))
            print(f"{kind.name:<48} named {right:>6}  wrongly {wrong:>4}  of {runs}", flush=True)
        limited = sum(processes.map(looks_limited, range(runs // 10), chunksize=10))
        print(f"plain loss of 1 to 60 %: {limited} of {runs // 10} look like a rate limit")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
