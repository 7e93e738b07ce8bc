"""What it costs a node to draw its pages: CPU in all, and in the longest step.

python -m tests.bench.pages_cpu [PEERS [ROWS]]: of a node in memory with a full day of each peer.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator

from twisted.internet.task import Clock
from twisted.logger import Logger

from tests.bench.pages_node import MadeUp, aged_node
from udpecho.watch.pages.charts import smoke
from udpecho.watch.pages.html import front, pair
from udpecho.watch.pages.pairs import COLUMNS, pair_of
from udpecho.watch.pages.showing import Showing
from udpecho.watch.pages.views import drawn
from udpecho.watch.remembering.history import MINUTES, History, thinned
from udpecho.watch.web.answers import PageSender

TIMES = 7


def measured(make: Callable[[], Iterator[str]]) -> str:
    """Draw some times; give the least CPU, the longest step of that time, and the characters."""
    best = (1e9, 0.0, 0)
    for _ in range(TIMES):
        began, longest, characters = time.thread_time(), 0.0, 0
        before = began
        for text in make():
            now = time.thread_time()
            longest, before = max(longest, now - before), now
            characters += len(text)
        best = min(best, (before - began, longest, characters))
    cpu, longest, characters = best
    return f"{cpu * 1e3:.1f} ms, longest step {longest * 1e3:.2f} ms, {characters // 1000} kB"


def smoke_of(history: History) -> Iterator[str]:
    """Thin a day, and draw its smoke."""
    columns = []
    for column in thinned(history, 0, MINUTES, COLUMNS):
        columns.append(column)
        yield ""
    yield from smoke(columns, 0, MINUTES)


def main(peers: int = 100, rows: int = 100) -> None:
    """Measure."""
    _, node = aged_node(peers)
    name, probed = next(iter(node.roll.items()))
    print("smoke of a day:", measured(lambda: smoke_of(probed.day.history)))
    print("a pair:", measured(lambda: drawn(pair("here", name, pair_of(node, probed)))))
    clock, log = Clock(), Logger()
    showing = Showing(clock, node, MadeUp(node, rows, 7), PageSender(clock, log), log)

    def front_page() -> Iterator[str]:
        return drawn(front("here", showing.front_sections(), has_grid=True))

    print(f"{peers} peers, and a grid of {rows} rows:", measured(front_page))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
