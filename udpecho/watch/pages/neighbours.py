"""The nodes of a grid: who they are, where their pages are, and what others call them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from udpecho.hosts import canonical_host, host_and_port
from udpecho.peer import Peer, format_peer, is_ipv6
from udpecho.watch.classes import peer_and_class
from udpecho.watch.node import WatchService
from udpecho.watch.pages.hearsay import Column
from udpecho.watch.peers.targets import Wanted

MOST_NODES = 200
"""In a grid, beside this one: those that it probes come first."""

MOST_TRIED = 256
"""Addresses of unknown peers of which it is tried, in one row, whether they are this machine's."""


def page_of(template: str, host: str) -> str:
    """Write where a node's pages are, by `[mesh] web` and its address or name, without a last /."""
    return template.replace("{address}", f"[{host}]" if is_ipv6(host) else host).rstrip("/")


class Neighbours:
    """The other nodes that a grid shows, as they are now: each once, in however many classes."""

    def __init__(self, node: WatchService) -> None:
        """Know nobody yet."""
        self._node = node
        self._others: dict[str, Wanted] = {}
        self._classes: dict[str, dict[str, str]] = {}
        self._by_address: dict[str, str] = {}
        self._ours: set[str] = set()

    @property
    def me(self) -> str:
        """What this node is called."""
        return self._node.config.node.name

    @property
    def names(self) -> Iterable[str]:
        """What we call the others."""
        return self._others.keys()

    def classes(self, name: str) -> Iterable[tuple[str, str]]:
        """Give the classes of traffic in which we probe a peer, and what it is called in each."""
        return self._classes.get(name, {}).items()

    def look(self) -> None:
        """See who there is now, by the sources of the configuration alone."""
        node = self._node
        known = {each.name: each for each in node.choosing.others()}
        self._others, self._classes = {}, {}
        for called, probed in node.roll.items():
            name, traffic = peer_and_class(called, known)
            if name in self._others or len(self._others) < MOST_NODES:
                self._others.setdefault(name, replace(probed.wanted, name=name))
                self._classes.setdefault(name, {})[traffic] = called
        for each in known.values():
            if len(self._others) >= MOST_NODES:
                break
            self._others.setdefault(each.name, each)
        ours = node.choosing.ours()
        self._ours = {self.me, *(each.name for each in ours)}
        named = [(each, each.name) for each in self._others.values()]
        places = [(self._address(each), name) for each, name in named]
        places += [(self._address(each), self.me) for each in ours]
        places += [(each, self.me) for each in node.reflector.addresses()]
        self._by_address = {format_peer(at): name for at, name in places if at is not None}

    def page(self, name: str) -> str:
        """Tell where a node's pages are: by its name, where a certificate has to bear it."""
        wanted, template = self._others[name], self._node.config.mesh.web or ""
        address = None if template.startswith("https:") else self._address(wanted)
        return page_of(template, wanted.host if address is None else address[0])

    def column(self) -> Column:
        """Make what finds whom a node means, by what it calls a peer and where that is."""
        names = self._ours | self._others.keys()
        tried: dict[str, bool] = {}

        def column(called: str, address: str) -> tuple[str, str] | None:
            name, traffic = peer_and_class(called, names)
            if name in self._ours:
                return self.me, traffic
            known = name if name in self._others else self._by_address.get(address)
            if known is None and address not in tried and len(tried) < MOST_TRIED:
                tried[address] = self._is_me(address)
            if known is None and tried.get(address):
                known = self.me
            return None if known is None else (known, traffic)

        return column

    def _is_me(self, address: str) -> bool:
        try:
            host, port = host_and_port(address, 0)
        except ValueError:
            return False
        known = canonical_host(host)
        return known is not None and self._node.is_ours((known, port))

    def _address(self, wanted: Wanted) -> Peer | None:
        probed = self._node.roll.get(wanted.name)
        if probed is not None and probed.address is not None:
            return probed.address
        host = canonical_host(wanted.host)
        return None if host is None else (host, wanted.port)
