"""Nodes for the desk: one that probes some hosts, or three of its own with something to see.

They answer on loopback alone, at ports that the kernel chooses: nobody out there is to probe them.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from udpecho.reactors import AnyReactor
from udpecho.server import EchoService, UdpAddress
from udpecho.watch.configuring.config import read_host
from udpecho.watch.configuring.settings import (
    Config,
    MeshSettings,
    NodeSettings,
    PeerSource,
    ProbeSettings,
    WebSettings,
)
from udpecho.watch.configuring.tables import BadConfig
from udpecho.watch.counts import FATES
from udpecho.watch.events.event_lines import event_words
from udpecho.watch.events.happenings import Happening
from udpecho.watch.lossy import LossyGuard
from udpecho.watch.node import WatchService
from udpecho.watch.pages.rows import OwnRow
from udpecho.watch.reflecting import SPELLING
from udpecho.watch.remembering.cell import UNKNOWN, Cell
from udpecho.watch.serving import WebService
from udpecho.watch.web.front import site_of

OWN_NODES = "node-1", "node-2", "lossy"

HERE = UdpAddress(0, "127.0.0.1")

_URL = "http://own-nodes.invalid/"
"""Where our own nodes learn of each other: nobody is asked, but so each has a name."""


class Desk:
    """The nodes, and their page on 127.0.0.1."""

    def __init__(self, reactor: Any, log: Logger) -> None:
        """Run no node yet."""
        self._reactor = reactor
        self._log = log
        self.nodes: list[WatchService] = []

    def probe(self, hosts: Sequence[str], port: int | None, probe: ProbeSettings) -> None:
        """Start a node that probes hosts; of none, three of our own.

        Raises OSError, and BadConfig for what is no host that is probed, before anything starts.
        """
        if hosts:
            _check(hosts)
            name = socket.gethostname()
            self.nodes = [desk_node(self._reactor, name, hosts, port, probe, self._log)]
            self.nodes[0].startService()
        else:
            self.nodes = start_own_nodes(self._reactor, probe, self._log)

    def listen(self, tell: Callable[[str], None]) -> None:
        """Have all told that happens, in a line each."""
        for node in self.nodes:
            who = f"{node.config.node.name} to " if len(self.nodes) > 1 else ""
            node.events.listen(partial(_tell, tell, who))

    def show(self, port: int) -> int:
        """Show them at a port, 0 for any; return which it is. Raises CannotListenError."""
        site = site_of(self._reactor, self.nodes[0], self._log, RowsOfAll(self.nodes))
        listen = WebSettings((f"tcp:{port}:interface=127.0.0.1",))
        service = WebService(self._reactor, listen, site)
        service.startService()
        [address] = service.addresses()
        return int(address.port)

    def so_far(self) -> str:
        """Word how far they are."""
        peers = [each for node in self.nodes for each in node.roll.values()]
        counts = zip(FATES, *(each.counts.total() for each in peers), strict=bool(peers))
        told = ", ".join(f"{sum(times)} {fate.value}" for fate, *times in counts if sum(times))
        probed = "1 peer" if len(peers) == 1 else f"{len(peers)} peers"
        return f"{probed} probed: {told or 'nothing known yet'}"


def _check(hosts: Sequence[str]) -> None:
    """Hold hosts to the rules of a node's file. Raises BadConfig."""
    try:
        for each in hosts:
            read_host("HOST", each)
    except ValueError as error:
        raise BadConfig(str(error)) from None


def _tell(tell: Callable[[str], None], who: str, happening: Happening) -> None:
    at = time.strftime("%H:%M:%S", time.localtime(happening.unix_seconds))
    tell(f"{at} {who}{event_words(happening.event)}")


def desk_node(
    reactor: AnyReactor,
    name: str,
    hosts: Sequence[str],
    port: int | None,
    probe: ProbeSettings,
    log: Logger | None = None,
) -> WatchService:
    """Make a node that probes hosts, as HOST or HOST:PORT; all of them, however many they are."""
    peers = PeerSource("hosts", tuple(hosts), port=port)
    config = Config(NodeSettings(name), probe=probe, peers=(peers,), mesh=MeshSettings("all"))
    return WatchService(reactor, config, reflector=EchoService(reactor, [HERE], log=log), log=log)


def start_own_nodes(
    reactor: AnyReactor, probe: ProbeSettings, log: Logger | None = None, seed: int | None = None
) -> list[WatchService]:
    """Start three nodes that probe each other; the last loses some of what some flows ask it.

    seed is that of the losses. Raises what EchoService's start raises.
    """
    peers: list[object] = []

    def fetch(_: str) -> Deferred[bytes]:
        return succeed(json.dumps(peers).encode())

    nodes = []
    for name in OWN_NODES:
        guard = LossyGuard(seed) if name == OWN_NODES[-1] else None
        reflector = EchoService(reactor, [HERE], log=log, guard=guard, spelling=SPELLING)
        config = Config(NodeSettings(name), probe=probe)
        node = WatchService(reactor, config, reflector=reflector, fetch=fetch, log=log)
        node.privilegedStartService()
        [(host, port)] = reflector.addresses()
        peers.append({"targets": [f"{host}:{port}"], "labels": {"name": name}})
        nodes.append(node)
    for node in nodes:
        node.reload(replace(node.config, peers=(PeerSource("http", (_URL,)),)))
        node.startService()
    return nodes


class RowsOfAll:
    """The grid's rows of several nodes of one process, the first of which is asked for them."""

    def __init__(self, nodes: Sequence[WatchService]) -> None:
        self._rows = {node.config.node.name: OwnRow(node) for node in nodes}

    def looked_at(self) -> None:
        """Do nothing: all of it is known here."""

    def sources(self) -> Sequence[str]:
        """Name the nodes."""
        return list(self._rows)

    def peers(self) -> Sequence[str]:
        """Name those that are probed, the nodes in their own order."""
        probed = [name for row in self._rows.values() for name in row.peers()]
        return [each for each in dict.fromkeys([*self._rows, *probed]) if each in {*probed}]

    def known(self, source: str, peer: str) -> Cell:
        """Tell what a node knows of a peer."""
        row = self._rows.get(source)
        return UNKNOWN if row is None else row.known(source, peer)

    def note(self, source: str) -> str:
        """Tell nothing: what is known here is as it should be."""
        return ""
