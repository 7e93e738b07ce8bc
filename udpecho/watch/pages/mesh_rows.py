"""The grid of the whole mesh: this node's row, and those that the others tell of."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from udpecho.watch.node import WatchService
from udpecho.watch.pages.others import Others
from udpecho.watch.pages.rows import OwnRow
from udpecho.watch.remembering.cell import UNKNOWN, Cell, worse


class MeshRows:
    """A row for each node, by what this one calls it; this one's alone without `[mesh] web`."""

    def __init__(self, node: WatchService, others: Others) -> None:
        self._node = node
        self._others = others
        self._own = OwnRow(node)

    def looked_at(self) -> None:
        """Have the others asked."""
        self._others.looked_at()

    def sources(self) -> Sequence[str]:
        """Name this node, and the others if they are asked."""
        if self._node.config.mesh.web is None:
            return self._own.sources()
        return [self._others.neighbours.me, *self._others.neighbours.names]

    def peers(self) -> Sequence[str]:
        """Name the same nodes."""
        return self.sources() if self._node.config.mesh.web is not None else self._own.peers()

    def known(self, source: str, peer: str) -> Cell:
        """Tell what a node knows of a peer, in the worst of its classes of traffic."""
        neighbours = self._others.neighbours
        if source == neighbours.me:
            cells = (
                self._own.known(source, called)._replace(traffic=traffic)
                for traffic, called in neighbours.classes(peer)
            )
            return reduce(worse, cells, UNKNOWN)
        return self._others.said(source, peer)

    def note(self, source: str) -> str:
        """Tell in a few words what is to be known of a row; "" if it is as it should be."""
        return "" if source == self._others.neighbours.me else self._others.note(source)
