"""Nodes of a mesh on a network in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from udpecho.testing import MemoryNetwork
from udpecho.watch import WatchService, read_config
from udpecho.watch.counts import FATES
from udpecho.watch.probed import Probed

REFLECT = '[reflect]\nlisten = "udp:1060:interface={address}"\n'

UNTRACED = '[trace]\nwhen = "never"'
"""For tests that count each datagram."""


class Nodes:
    """Some hosts, all linked through one router, and the nodes on them."""

    def __init__(self, number: int = 3, seed: int = 1, **link: Any) -> None:
        self.net = MemoryNetwork(seed=seed)
        self.addresses = [f"192.0.2.{host + 1}" for host in range(number)]
        self.hosts = [self.net.host(each, names=[name_of(each)]) for each in self.addresses]
        self.router = self.net.router()
        self.links = [
            self.net.link(each, self.router, **{"delay": 0.005} | link) for each in self.hosts
        ]
        self.nodes: dict[int, WatchService] = {}
        self.events: list[Any] = []
        self.stopped: list[Any] = []

    def text(self, at: int, peers: Sequence[int | str], more: str = "") -> str:
        hosts = [
            each if isinstance(each, str) else f"{self.addresses[each]}:1060" for each in peers
        ]
        if not hosts:
            return f"{REFLECT.format(address=self.addresses[at])}{more}\n"
        listed = ", ".join(f"'{each}'" for each in hosts)
        reflect = REFLECT.format(address=self.addresses[at])
        return f"{reflect}{more}\n[[peers]]\nhosts = [{listed}]\n"

    def begin(self, at: int, text: str, **options: Any) -> WatchService:
        """Begin a node on a host."""
        config = read_config(text, "watch.toml", f"node-{at}")
        log = Logger(observer=self.events.append)  # type: ignore[arg-type]
        node = self.nodes[at] = WatchService(self.hosts[at], config, log=log, **options)
        node.privilegedStartService()
        node.startService()
        return node

    def reload(self, at: int, text: str) -> None:
        self.nodes[at].reload(read_config(text, "watch.toml", f"node-{at}"))

    def stop(self) -> None:
        """Stop all nodes; they leave nothing behind, and have logged no failure."""
        ended: list[Deferred[Any]] = [node.stopService() for node in self.nodes.values()]
        for each in ended:
            each.addBoth(self.stopped.append)
        self.net.advance(5)
        assert len(self.stopped) == len(ended)
        assert [each for host in self.hosts for each in host.getDelayedCalls()] == []
        assert [each for each in self.events if "log_failure" in each] == []

    def lines(self) -> list[str]:
        """Give what the log has of warnings."""
        warned = [each for each in self.events if each["log_level"].name == "warn"]
        return [each["log_format"].format(**each) for each in warned]


def name_of(address: str) -> str:
    return f"host-{address.rpartition('.')[2]}.example"


def fates(probed: Probed) -> dict[str, int]:
    totals = zip(FATES, probed.counts.total(), strict=True)
    return {kind.value: times for kind, times in totals if times}
