"""A mesh in memory, for an hour that does not pass: python -m tests.bench.mesh_memory.

So many whole nodes (WatchService: reflector, guard, prober, counters, minutes) on one
MemoryNetwork, in two zones, each probing 32 others once a minute. Every so many minutes a node
leaves, and later comes back, and all others reload. Tells the CPU it took, and a digest of every
counter of every node, which is the same for the same seed. Nothing leaves the process.
"""

from __future__ import annotations

import gc
import hashlib
import resource
import time
from collections import Counter
from dataclasses import replace
from typing import Any

from twisted.logger import Logger

from tests.arguments import Arguments, at_least
from udpecho.peer import Peer
from udpecho.ping.ledger import Ledger
from udpecho.testing import MemoryNetwork
from udpecho.testing.passage import Passage
from udpecho.testing.record import Record
from udpecho.watch import WatchService, read_config
from udpecho.watch import node as node_room
from udpecho.watch.configuring.settings import Config

ZONES = 2
PORT = 1060
CHANGE_MINUTES = 10
"""A node is gone, or back, after so many."""

CONFIG = """
[reflect]
listen = ["udp:1060:interface={address}"]
[probe]
interval = 60.0
flows = 1
[trace]
when = "never"
"""
PEERS = """
[[peers]]
zone = "{zone}"
hosts = [{hosts}]
"""


class Counting(Record):
    """A record that counts fates and keeps no datagram: four million take a gigabyte."""

    def __init__(self, clock: Any) -> None:
        super().__init__(clock)
        self.fates: Counter[Any] = Counter()

    def add(self, packet: Any, faults: Any = frozenset()) -> Passage:
        """Count what is sent."""
        self.fates["sent"] += 1
        return Passage(0, packet)

    def queued(self, passage: Passage) -> None:
        """Note when it came."""
        passage.arrived = self._clock.now

    def arrived(self, passage: Passage, faults: Any) -> None:
        """Keep nothing."""

    def settle(self, passage: Passage, fate: Any, where: str | None = None) -> None:
        """Count what became of it."""
        self.fates[fate.value] += 1


def address(number: int) -> str:
    """Give the address of a node."""
    return f"10.{number // 62500}.{number // 250 % 250}.{number % 250 + 1}"


class MeshInMemory:
    """The nodes, and the time."""

    def __init__(self, nodes: int, seed: int) -> None:
        self.net = MemoryNetwork(seed=seed)
        self.record = self.net._wire.record = Counting(self.net._wire.timeline)
        self.hosts = [self.net.host(address(number)) for number in range(nodes)]
        self.logged: list[Any] = []
        self.log = Logger(observer=self._note)  # type: ignore[arg-type]
        self.away: set[int] = set()
        self.config = self._config()
        self.nodes = [self._begin(number) for number in range(nodes)]

    def _note(self, event: Any) -> None:
        if "log_failure" in event:
            self.logged.append(event)

    def _config(self) -> Config:
        text = CONFIG.format(address=address(0))
        for zone in range(ZONES):
            numbers = range(zone, len(self.hosts), ZONES)
            hosts = ", ".join(f'"{address(n)}:{PORT}"' for n in numbers if n not in self.away)
            text += PEERS.format(zone=f"zone{zone}", hosts=hosts)
        return read_config(text, "watch.toml", "")

    def _of(self, number: int) -> Config:
        config = self.config
        listen = (f"udp:{PORT}:interface={address(number)}",)
        return replace(
            config,
            node=replace(config.node, name=address(number), zone=f"zone{number % ZONES}"),
            reflect=replace(config.reflect, listen=listen),
        )

    def _begin(self, number: int) -> WatchService:
        node = WatchService(self.hosts[number], self._of(number), log=self.log)
        node.privilegedStartService()
        node.startService()
        return node

    def change(self, number: int) -> None:
        """Have a node go, or come back; all others hear of it."""
        self.away ^= {number}
        self.config = self._config()
        if number in self.away:
            self.nodes[number].stopService()
        else:
            self.nodes[number] = self._begin(number)
        for other, node in enumerate(self.nodes):
            if other not in self.away and other != number:
                node.reload(self._of(other))

    def digest(self) -> str:
        """Write all that all have counted in a few letters."""
        told = hashlib.sha256()
        for node in self.nodes:
            for name, probed in sorted(node.roll.items()):
                told.update(f"{name} {probed.counts.total()} {probed.counts.rtt.buckets}".encode())
            told.update(repr(node.reflector.counters()).encode())
        return told.hexdigest()[:16]

    def watchers(self) -> tuple[int, int]:
        """Tell how many watch a node, at least and at most."""
        peers: Counter[Peer | None] = Counter(
            each.address
            for number, node in enumerate(self.nodes)
            if number not in self.away
            for each in node.roll.values()
        )
        return min(peers.values()), max(peers.values())


def of_minutes() -> None:
    """Have a node look after its peers every ten seconds, and its ledger hold a minute's probes."""
    node_room.TICK_SECONDS = 10.0
    defaults = Ledger.__init__.__kwdefaults__
    assert defaults is not None
    defaults["limit"] = 1024


def main(nodes: int, minutes: int, seed: int) -> None:
    """Have time go by, and tell."""
    began = time.process_time()
    of_minutes()
    mesh = MeshInMemory(nodes, seed)
    mesh.net.advance(5)
    gc.freeze()
    print(f"{nodes} nodes begin: {time.process_time() - began:.0f} s of CPU", flush=True)
    gone: list[int] = []
    for minute in range(1, minutes + 1):
        mesh.net.advance(60)
        if minute % CHANGE_MINUTES == 0 and minute < minutes:
            changed = gone.pop() if gone else seed * 7919 % nodes + minute
            if changed % nodes not in mesh.away:
                gone.append(changed)
            mesh.change(changed % nodes)
        if minute in (1, 5) or minute % 10 == 0:
            used = time.process_time() - began
            print(f"{minute} minutes: {used:.0f} s of CPU, {dict(mesh.record.fates)}", flush=True)
    used, rss = time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    least, most = mesh.watchers()
    print(f"{used:.0f} s of CPU, {rss / 1024:.0f} MiB; each is watched by {least} to {most}")
    print(f"{len(mesh.logged)} failures in the log; all counters: {mesh.digest()}")


if __name__ == "__main__":
    arguments = Arguments("tests.bench.mesh_memory", __doc__)
    arguments.add_argument("--nodes", type=at_least(2), default=1000)
    arguments.add_argument("--minutes", type=at_least(1), default=60)
    arguments.add_argument("--seed", type=at_least(0), default=1)
    asked = arguments.parse_args()
    main(asked.nodes, asked.minutes, asked.seed)
