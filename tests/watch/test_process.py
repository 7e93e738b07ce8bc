"""What a node does to a process that is its own."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from twisted.logger import Logger
from twisted.python.systemd import ListenFDs

from udpecho.server import CannotStart
from udpecho.testing import MemoryNetwork
from udpecho.watch.process import node_process

FILE = "[reflect]\nlisten = 'udp:7:interface=192.0.2.1'\n[web]\nlisten = []\n"


def test_while_it_runs_a_collection_of_all_garbage_is_rare(tmp_path: Path) -> None:
    """Each would hold the reactor, and no probe leaves meanwhile."""
    net, before = MemoryNetwork(), gc.get_threshold()
    host = net.host("192.0.2.1")
    (tmp_path / "watch.toml").write_text(FILE)
    service = node_process(host, str(tmp_path / "watch.toml"), ListenFDs([]), Logger())
    service.privilegedStartService()
    service.startService()
    assert gc.get_threshold() != before
    service.stopService()
    assert gc.get_threshold() == before
    net.advance(10)
    assert not host.getDelayedCalls()


def test_a_file_that_is_none_is_one_line(tmp_path: Path) -> None:
    host = MemoryNetwork().host("192.0.2.1")
    with pytest.raises(CannotStart, match=r"^udpecho: .*watch.toml: ") as caught:
        node_process(host, str(tmp_path / "watch.toml"), ListenFDs([]), Logger())
    assert "\n" not in str(caught.value)
