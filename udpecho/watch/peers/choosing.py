"""Which of the peers that there are this node probes: itself is left out, and the mesh decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from udpecho.hosts import canonical_host
from udpecho.peer import Peer
from udpecho.watch.configuring.settings import MeshSettings, NodeSettings
from udpecho.watch.peers.mesh import Mesh, fanout_of
from udpecho.watch.peers.targets import Wanted


class Choosing:
    """The peers that there are, and this node among them."""

    def __init__(self, is_ours: Callable[[Peer], bool], is_our_port: Callable[[int], bool]) -> None:
        """Know nobody yet; is_ours tells whether we answer at an address and port, or at a port."""
        self._is_ours = is_ours
        self._is_our_port = is_our_port
        self._known: dict[str, Wanted] = {}
        self._looked_at: dict[str, Wanted] = {}
        self.ourselves: set[str] = set()
        """What those peers are called that are this node, probed or not."""

        self._mesh: Mesh | None = None
        self._fanout: int | None = None
        self._in_mesh: dict[str, str] = {}

    def found_ourselves(self, name: str) -> bool:
        """Note that a peer is this node; tell whether that is new."""
        is_new = name in self._known and name not in self.ourselves
        if is_new:
            self.ourselves.add(name)
        return is_new

    def others(self) -> list[Wanted]:
        """List all peers but this node, be they probed by it or not."""
        return [each for name, each in self._known.items() if name not in self.ourselves]

    def ours(self) -> list[Wanted]:
        """List the peers that are this node."""
        return [self._known[name] for name in sorted(self.ourselves & self._known.keys())]

    def look(self, named: dict[str, Wanted], node: NodeSettings) -> Iterator[None]:
        """See who of those that sources name is this node, step by step; others are forgotten."""
        for name in self._looked_at.keys() - named.keys() - self._known.keys():
            del self._looked_at[name]
            self.ourselves.discard(name)
        yield from self._look(named, node)

    def choose(
        self, named: dict[str, Wanted], node: NodeSettings, mesh: MeshSettings
    ) -> Iterator[dict[str, Wanted] | None]:
        """Give None after each short step, and at last whom this node is to probe."""
        yield from self._look(named, node)
        self._known = named
        others = {name: each for name, each in named.items() if name not in self.ourselves}
        fanout = fanout_of(mesh.fanout, len(others) + 1, is_thin=self._mesh is not None)
        if fanout is None:
            self._mesh, self._in_mesh = None, {}
            yield others
            return
        me, zone = node.name, node.zone
        for name in sorted(self.ourselves & named.keys()):
            me, zone = name, named[name].zone or zone
        for _ in self._arrange(
            {name: each.zone for name, each in others.items()} | {me: zone}, fanout
        ):
            yield None
        assert self._mesh is not None
        yield {name: others[name] for name in self._mesh.peers(me)}

    def _look(self, named: dict[str, Wanted], node: NodeSettings) -> Iterator[None]:
        for name, each in named.items():
            if self._looked_at.get(name) != each:
                self._looked_at[name] = each
                self.ourselves.discard(name)
                if self._is_this_node(each, node):
                    self.ourselves.add(name)
                yield None

    def _is_this_node(self, wanted: Wanted, node: NodeSettings) -> bool:
        """Tell whether a peer is this node, by its name or its address; a host may have several."""
        if wanted.name == node.name:
            return True
        if wanted.host == node.name:
            return self._is_our_port(wanted.port)
        address = canonical_host(wanted.host)
        return address is not None and self._is_ours((address, wanted.port))

    def _arrange(self, zones: dict[str, str], fanout: int) -> Iterator[None]:
        """Have these nodes in the mesh, each with its zone, step by step."""
        if self._mesh is None or fanout != self._fanout:
            self._mesh, self._fanout, self._in_mesh = Mesh(fanout), fanout, {}
        for name in self._in_mesh.keys() - zones.keys():
            self._mesh.remove(name)
            del self._in_mesh[name]
            yield
        for name, zone in zones.items():
            if self._in_mesh.get(name) != zone:
                self._mesh.add(name, zone)
                self._in_mesh[name] = zone
                yield
