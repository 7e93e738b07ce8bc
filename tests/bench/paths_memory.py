"""Is it the right segment that is named? In memory: what takes too long, or is too large, for real.

python -m tests.bench.paths_memory even [HOURS] | part [RUNS] | fabric [SEEDS] [HOSTS]. even: 16
flows at a probe a second each, routers that answer once a second, 1 % lost evenly: who is blamed?
part: a member loses 5 % beside that, at 10 probes a second each, two minutes. fabric: 64 leaves
and 16 spines, hosts behind them, 16 flows to each at half a probe a second, a port that loses 2 %.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from random import Random
from typing import Any

from tests.bench.watched import FLOWS, Watched
from tests.routers import TARGET, FourWays
from udpecho import EchoServer, listen_udp
from udpecho.path import State, traced
from udpecho.path.verdicts import Verdict
from udpecho.ping import prepare
from udpecho.testing import MemoryNetwork, leaf_and_spine

NAMED = (State.NAMED, State.CANDIDATES)
BEHIND = "10.9.20.0/24"
ON_A_LEAF = 16
LOOK = 10.0
"""Seconds between looks at the verdict."""


class Forgetful(list[Any]):
    """A column of a network's record that keeps nothing: a day's would be a gigabyte."""

    def append(self, _: object) -> None:
        """Keep the place alone."""
        super().append(None)

    def __setitem__(self, *_: object) -> None:
        """Keep nothing."""


def forgetful(net: MemoryNetwork) -> None:
    """Have a network's record hold little."""
    for column in ("_data", "_sources", "_destinations", "_sent", "_ended", "_ttls", "_classes"):
        setattr(net.record, column, Forgetful())


def watched(four: FourWays, first: int, seconds: float, interval: float, look: float) -> Watched:
    """Run a traced ping over four ways to its end, and look at its verdict meanwhile."""
    run = prepare(
        four.source, [(TARGET, 7)], count=round(FLOWS * seconds / interval), flows=FLOWS,
        interval=interval / FLOWS, source_ports=range(first, first + FLOWS),
    )  # fmt: skip
    found = Watched(traced(four.net.run_until(run)), four.source.seconds)
    forgetful(four.net)
    done = found.found.start()
    while not done.called:
        four.net.advance(look)
        found.look()
    return found


def even(hours: float) -> None:
    """Lose 1 % evenly."""
    four = FourWays(1)
    four.net.link(four.r3, four.target, one_way=True, loss=0.01)
    found = watched(four, 40_000, 3600 * hours, 1.0, LOOK)
    said = Counter(verdict.reason or verdict.state.value for _, verdict in found.told)
    told = found.as_json()
    print(f"{hours:g} h: {told['lost']} of {told['sent']} lost, {told['traced']} flows traced, "
          f"{found.looks} looks; said: {dict(said)}; blamed: "
          f"{sum(bool(verdict.segments) for _, verdict in found.told)}")  # fmt: skip


def part(runs: int) -> None:
    """Have a member lose 5 % beside 1 % of all."""
    counts: Counter[str] = Counter()
    for seed in range(runs):
        four = FourWays(seed)
        member = four.members[seed % 4]
        member.drop(0.05, to=BEHIND)
        four.net.link(four.r3, four.target, one_way=True, loss=0.01)
        found = watched(four, 20_000 + FLOWS * seed, 120, 0.1, 1.0)
        address = member.address(four.r1)
        named = [verdict for _, verdict in found.told if verdict.state in NAMED]
        wrong = [
            verdict
            for verdict in named
            if not any(address in _second(verdict, n) for n in range(len(verdict.segments)))
        ]
        last = found.told[-1][1]
        right = last.state is State.NAMED and _second(last, 0) == {address}
        counts.update(runs=1, right=right, wrong=bool(wrong))
        if not right or wrong:
            print(seed, [(round(when), v.state.value, v.reason) for when, v in found.told])
    print(dict(counts))


def _second(verdict: Verdict, number: int) -> set[str | None]:
    """Give the addresses at the second hop that a segment shows."""
    each = verdict.segments[number]
    places = [place for place in (each.after, *each.within) if place is not None]
    return {address for place in places if place.ttl == 2 for address in place.addresses}


def fabric(seeds: int, hosts: int) -> None:
    """Have a port of a spine lose 2 % of what goes to one leaf, and find it."""
    for seed in range(seeds):
        began = time.process_time()
        net = MemoryNetwork(seed)
        forgetful(net)
        made = leaf_and_spine(net, leaves=64, spines=16, hosts=ON_A_LEAF)
        source = made.hosts[0][0]
        targets = [host for leaf in made.hosts[1:] for host in leaf][:hosts]
        for host in targets:
            listen_udp(host, 7, EchoServer(host.seconds))
        random = Random(seed)
        above, below = (
            random.choice(made.spines),
            random.choice(made.leaves[1 : 1 + -(-hosts // ON_A_LEAF)]),
        )
        net.link(above, below, one_way=True, loss=0.02)
        peers = [(host.addresses[0], 7) for host in targets]
        run = prepare(source, peers, count=FLOWS * 200, interval=2 / FLOWS, flows=FLOWS,
                      source_ports=range(40_000, 40_016))  # fmt: skip
        found = traced(net.run_until(run))
        done = found.start()
        verdict, took = found.verdict(), 0.0
        while not done.called:
            net.advance(20)
            start = time.process_time()
            verdict = found.verdict()
            took = max(took, time.process_time() - start)
            if verdict.state in NAMED:
                break
        right = any(
            (segment.after is not None and segment.after.addresses[0] in above.addresses)
            or any(place.addresses[0] in above.addresses for place in segment.within)
            for segment in verdict.segments
        )  # fmt: skip
        leaf = {host.addresses[0] for host in made.hosts[made.leaves.index(below)]}
        right = right and {host for host, _ in verdict.losing} <= leaf
        flows = sum(len(paths.paths) for paths in found.paths())
        print(f"seed {seed}: {verdict.state.value} {verdict.reason}, right {right}, after "
              f"{source.seconds():.0f} s, {flows} flows traced; a verdict took {took:.2f} s of "
              f"CPU, all {time.process_time() - began:.0f} s", flush=True)  # fmt: skip
        if not done.called:
            done.cancel()
            net.advance(1)


if __name__ == "__main__":
    _, what, *more = sys.argv
    if what == "even":
        even(float(more[0]) if more else 24)
    elif what == "part":
        part(int(more[0]) if more else 20)
    else:
        fabric(*(int(each) for each in (more or ["20", "1000"])))
