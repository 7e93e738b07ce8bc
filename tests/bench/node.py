"""A node that tells what it takes: python -m tests.bench.node FILE.

It runs as twistd has it run. Each line of standard input has it write one of JSON: `figures` tells
of the time since the one before, `day` fills the history of all its peers first, and `reload FILE`
puts another configuration in force. tests.bench.watch asks.
"""

from __future__ import annotations

import gc
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

from twisted.internet import reactor as any_reactor
from twisted.internet.stdio import StandardIO
from twisted.logger import Logger
from twisted.protocols.basic import LineReceiver

from tests.bench.process import resident_kib
from udpecho.watch import WatchService
from udpecho.watch.configuring.rereading import config_of
from udpecho.watch.counts import FATES
from udpecho.watch.process import NodeService
from udpecho.watch.remembering.history import FLOWS_KEPT, MINUTES, QUANTILES, Minute
from udpecho.watch.serving import node_service

reactor: Any = any_reactor


class Turns:
    """Stands for the reactor's epoll, and tells how long it is kept from it at most."""

    def __init__(self, epoll: Any) -> None:
        self._epoll = epoll
        self.begin()

    def begin(self) -> None:
        """Look anew from now on."""
        self.turns, self.longest, self.longest_cpu = 0, 0.0, 0.0
        self._began, self._cpu = time.monotonic(), time.thread_time()  # not of who looks

    def poll(self, *arguments: Any) -> Any:
        """Wait for what comes."""
        self.turns += 1
        self.longest = max(self.longest, time.monotonic() - self._began)
        self.longest_cpu = max(self.longest_cpu, time.thread_time() - self._cpu)
        try:
            return self._epoll.poll(*arguments)
        finally:
            self._began, self._cpu = time.monotonic(), time.thread_time()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._epoll, name)


class Collections:
    """How long Python's collections of garbage take, and how many there are."""

    def __init__(self) -> None:
        self._began = 0.0
        self.begin()
        gc.callbacks.append(self._hear)

    def begin(self) -> None:
        """Look anew from now on."""
        self.longest, self.times = [0.0] * 3, [0] * 3

    def _hear(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.thread_time()
            return
        generation, took = info["generation"], time.thread_time() - self._began
        self.longest[generation] = max(self.longest[generation], took)
        self.times[generation] += 1


class Told(LineReceiver):
    """Does what the lines of standard input say."""

    delimiter = b"\n"

    def __init__(self, node: WatchService, file: Path) -> None:
        self._node = node
        self._host = file.stem
        self._turns = reactor._poller = Turns(reactor._poller)
        self._collections = Collections()
        self._late: list[int] = []
        self._heard: Any = None
        self._began, self._cpu = time.monotonic(), time.process_time()
        self._probes = self._counts()

    def lineReceived(self, line: bytes) -> None:
        """Do it, and tell."""
        command, _, rest = line.decode().partition(" ")
        began = time.thread_time()
        if command == "day":
            fill(self._node)
        elif command == "reload":
            self._node.reload(config_of(Path(rest), self._host))
        self.sendLine(json.dumps(self._figures() | {"took": time.thread_time() - began}).encode())
        self._listen()

    def connectionLost(self, reason: Any = None) -> None:
        """End with whoever asks."""
        reactor.stop()

    def _listen(self) -> None:
        """Hear how late each probe leaves."""
        prober = self._node.runs.prober
        if prober is not None and prober is not self._heard:
            self._heard = prober
            prober.first._run.listen(on_late=self._late.append)

    def _counts(self) -> list[int]:
        counts = [each.counts for each in self._node.roll.values()]
        fates = [sum(column) for column in zip(*(each.total() for each in counts), strict=True)]
        sent = sum(flow.sent for each in counts for flow in each.flows)
        return [sent, *(fates or [0] * len(FATES))]

    def _figures(self) -> dict[str, Any]:
        now, cpu, probes = time.monotonic(), time.process_time(), self._counts()
        late, turns = sorted(self._late), self._turns
        sent, *fates = [new - old for new, old in zip(probes, self._probes, strict=True)]
        counters = self._node.reflector.counters()
        figures = {
            "seconds": now - self._began,
            "cpu": cpu - self._cpu,
            "sent": sent,
            "fates": dict(zip([fate.value for fate in FATES], fates, strict=True)),
            "peers": len(self._node.roll),
            "reflected": counters.echoed,
            "turns": turns.turns,
            "longest_ms": 1000 * turns.longest,
            "longest_cpu_ms": 1000 * turns.longest_cpu,
            "gc_ms": [1000 * each for each in self._collections.longest],
            "gc": self._collections.times,
            "late_ms": [late[len(late) * each // 1000] / 1e6 for each in (500, 990)]
            if late
            else [],
            "kib": resident_kib("self"),
        }
        self._began, self._cpu, self._probes = now, cpu, probes
        self._late.clear()
        turns.begin()
        self._collections.begin()
        return figures


def fill(node: WatchService) -> None:
    """Have each peer a day behind it, of minutes that are all different."""
    draw = random.Random(1)
    last = node.hourglass.number
    for probed in node.roll.values():
        for minute in range(last - MINUTES, last):
            rtt = tuple(sorted(draw.randrange(200_000, 50_000_000) for _ in QUANTILES))
            lost = tuple(draw.random() for _ in range(FLOWS_KEPT))
            probed.day.history.add(Minute(minute, 600, 590, 1, 9, 0, 0, rtt, lost))


def main(file: Path) -> None:
    """Run a node until standard input ends."""
    every = NodeService(reactor)
    node, _ = node_service(every, reactor, file, file.stem, None, Logger())
    every.privilegedStartService()
    every.startService()
    reactor.callWhenRunning(lambda: StandardIO(Told(node, file)))
    reactor.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
