"""How often a verdict is right, wrong or open, in fabrics drawn at random; and what one costs.

python -m tests.bench.verdicts [fabrics, 10000 unless said] [fabrics of 64 leaves, 20 unless said]
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from random import Random

from tests.path.fabrics import drawn, holds, layers, thinned
from udpecho.path.judge import judge
from udpecho.path.verdicts import State


def right_and_wrong(number: int, missing: float = 0.0) -> Counter[str]:
    """Judge this many fabrics, of which a share of the hops stayed silent, and count."""
    counts: Counter[str] = Counter()
    for seed in range(number):
        case = drawn(seed)
        if missing:
            case = thinned(case, missing, seed)
        found = judge(case.paths, case.losses)
        told = found.state in (State.NAMED, State.CANDIDATES)
        counts["wrong"] += told and not any(holds(each, case.fault) for each in found.segments)
        counts["could be told"] += case.telling
        if case.telling:
            counts[f"of these {found.state.value}"] += 1
    return counts


def leaves_and_spines(number: int) -> None:
    """Judge 1,000 hosts, 16 flows each, behind 64 leaves and 16 spines, one port of which loses."""
    for seed in range(number):
        random = Random(seed)
        fabric = layers(random, [1, 16, 64], 1000, 16, "egress")
        fault = random.choice([link for link in fabric.links() if link[0][0] == 1])
        losses, paths = fabric.losses(fault, 0.02, 0.0005, 200), fabric.paths()
        start = time.process_time()
        found = judge(paths, losses)
        took = time.process_time() - start
        right = [holds(segment, fault) for segment in found.segments]
        print(f"64 x 16, seed {seed}: {found.state.value}, right {right}, {took:.2f} s of CPU")


def main() -> None:
    """Judge, and print."""
    given = [int(each) for each in sys.argv[1:]]
    fabrics, large = given + [10_000, 20][len(given) :]
    for missing in (0.0, 0.05):
        print(f"{100 * missing:g} % of the hops stay silent:")
        for what, count in right_and_wrong(fabrics, missing).items():
            print(f"{count:6} {what}")
    leaves_and_spines(large)


if __name__ == "__main__":
    main()
