"""What a node does to a process that is its own."""

from __future__ import annotations

import gc

from udpecho.watch.process import COLLECTIONS, NodeService


def test_while_it_runs_a_collection_of_all_garbage_is_rare() -> None:
    """Each would hold the reactor, and no probe leaves meanwhile."""
    before = gc.get_threshold()
    service = NodeService()
    service.privilegedStartService()
    service.startService()
    assert gc.get_threshold() == (before[0], *COLLECTIONS)
    service.stopService()
    assert gc.get_threshold() == before
