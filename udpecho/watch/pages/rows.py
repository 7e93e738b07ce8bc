"""What a grid shows: who knows what of whom, all of it from memory, at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from udpecho.watch.node import WatchService
from udpecho.watch.remembering.cell import UNKNOWN, Cell


class GridRows(Protocol):
    """The rows of the grid."""

    def looked_at(self) -> None:
        """Hear that somebody looks, now: what is not this node's own may be asked for."""

    def sources(self) -> Sequence[str]:
        """Name the nodes that have a row, this one first."""

    def peers(self) -> Sequence[str]:
        """Name those that have a column."""

    def known(self, source: str, peer: str) -> Cell:
        """Tell what a node knows of a peer, in well under a millisecond."""

    def note(self, source: str) -> str:
        """Tell in a few words what is to be known of a row; "" if it is as it should be."""


class OwnRow:
    """The row of this node alone."""

    def __init__(self, node: WatchService) -> None:
        self._node = node

    def looked_at(self) -> None:
        """Do nothing: all of it is known here."""

    def sources(self) -> Sequence[str]:
        """Name this node."""
        return [self._node.config.node.name]

    def peers(self) -> Sequence[str]:
        """Name its peers."""
        return list(self._node.roll)

    def known(self, source: str, peer: str) -> Cell:
        """Tell what this node knows of a peer."""
        probed = self._node.roll.get(peer)
        if probed is None:
            return UNKNOWN
        return probed.day.lately(self._node.hourglass.number, probed.counts)

    def note(self, source: str) -> str:
        """Tell nothing: what is known here is as it should be."""
        return ""
