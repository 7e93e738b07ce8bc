"""A node in memory with a full day of some peers, made up by a seed, whose pages are served truly.

python -m tests.bench.pages_node PEERS [NODES]: it prints the address of its page, and serves until
its standard input ends. With NODES the grid has as many rows, made up too.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from random import Random
from typing import Any

from twisted.internet import reactor as real
from twisted.internet.protocol import Protocol
from twisted.internet.stdio import StandardIO
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from tests.watch.nodes import Nodes
from udpecho.server import EchoServer
from udpecho.watch import WatchService
from udpecho.watch.pages.rows import OwnRow
from udpecho.watch.remembering.cell import UNKNOWN, Cell
from udpecho.watch.remembering.history import FLOWS_KEPT, MINUTES, QUANTILES, Minute
from udpecho.watch.web.front import site_of

SENT = 960
BASES_NS = (180_000, 900_000, 8_000_000, 20_000_000)
LOSING = (2, 7, 11)


class MadeUp(OwnRow):
    """The rows of many nodes: this node's own, and others by a seed."""

    def __init__(self, node: WatchService, nodes: int, seed: int) -> None:
        super().__init__(node)
        names = [f"node-{n}.example" for n in range(1, nodes)]
        draw = Random(seed)
        self._others = {(source, peer): _cell(draw) for source in names for peer in node.roll}
        self._names = names

    def sources(self) -> Sequence[str]:
        """Name all nodes."""
        return [*super().sources(), *self._names]

    def known(self, source: str, peer: str) -> Cell:
        """Tell what was made up, or is so."""
        return self._others.get((source, peer)) or super().known(source, peer)


def _cell(draw: Random) -> Cell:
    kind = draw.random()
    if kind < 0.02:
        return UNKNOWN
    loss = 0.0 if kind < 0.93 else draw.random() ** 3
    return Cell(loss, draw.randrange(100_000, 30_000_000), kind > 0.98)


def minutes(draw: Random, is_bad: bool) -> list[Minute]:
    """Make up a day: a hump, lone losses, an hour unknown, and of a bad one flows that lose."""
    base, day = draw.choice(BASES_NS), []
    for number in range(MINUTES):
        slower = (1.6 if 600 < number < 780 else 1) * (1 + 0.1 * abs(draw.gauss()))
        rtt = sorted(round(base * slower * (1 + abs(draw.gauss(0, 0.15)))) for _ in QUANTILES)
        flows = [0.0] * FLOWS_KEPT
        if is_bad and (number > MINUTES - 90 or 300 < number < 340):
            for flow in LOSING:
                flows[flow] = draw.uniform(0.3, 0.6)
        elif draw.random() < 0.01:
            flows[draw.randrange(FLOWS_KEPT)] = 1 / 60
        lost = round(sum(flows) * SENT / FLOWS_KEPT)
        if not 200 < number < 260:
            counts = (number, SENT, SENT - lost, 0, lost, 0, 0)
            day.append(Minute._make([*counts, tuple(rtt), tuple(flows)]))
    return day


def aged_node(peers: int, seed: int = 3) -> tuple[Nodes, WatchService]:
    """Make a node of which each peer has a full day behind it; all of them answer."""
    nodes, draw = Nodes(1, seed=seed), Random(seed)
    names = [f"peer-{n}.example" for n in range(peers)]
    host = nodes.net.host("192.0.2.200", names=names)
    nodes.net.link(host, nodes.router, delay=0.0001)
    host.listenUDP(1060, EchoServer())
    probe = "[probe]\ninterval = 2.0\n[mesh]\nfanout = 'all'"
    node = nodes.begin(0, nodes.text(0, list(names), probe))
    nodes.net.advance(1)
    glass, seconds = node.hourglass, node.hourglass._seconds
    glass._seconds = lambda: seconds() + 60.0 * MINUTES
    glass.number = MINUTES
    bad = set(draw.sample(range(peers), max(1, peers // 12)))
    for at, probed in enumerate(node.roll.values()):
        for minute in minutes(draw, at in bad):
            probed.day.history.add(minute)
    for number in range(MINUTES):
        late = 40 if 1000 < number < 1010 else 1
        times = sorted(round(60_000 * late * (1 + abs(draw.gauss(0, 0.6)))) for _ in QUANTILES)
        glass.lateness.history.add(Minute(number, 512, 512, 0, 0, 0, 0, tuple(times)))
    return nodes, node


class UntilEnd(Protocol):
    """Ends the process when nobody holds its standard input any more."""

    def connectionLost(self, reason: Any = None) -> None:
        """End."""
        reactor: Any = real
        reactor.stop()


def main(peers: int, rows: int = 1) -> None:
    """Serve."""
    reactor: Any = real
    nodes, node = aged_node(peers)
    site = site_of(reactor, node, Logger(), MadeUp(node, rows, 7) if rows > 1 else None)
    port = reactor.listenTCP(0, site, interface="127.0.0.1")
    LoopingCall(nodes.net.advance, 0.5).start(0.5)
    StandardIO(UntilEnd())
    print(f"http://127.0.0.1:{port.getHost().port}", flush=True)
    reactor.run()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
