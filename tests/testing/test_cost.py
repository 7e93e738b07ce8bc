"""What a datagram costs in memory, in functions called: seconds depend on the machine's mood."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from twisted.internet.protocol import DatagramProtocol

import udpecho
from tests.rules import Notebook
from udpecho import listen_udp
from udpecho.testing import Bursts, MemoryHost, MemoryNetwork

PACKAGE = str(Path(udpecho.__file__).parent)
DATAGRAMS = 100
RATE = 100_000.0
"""Bytes a second: each datagram leaves at a time of its own."""

ALL: dict[str, Any] = {
    "jitter": 0.01,
    "loss": 1e-9,
    "bursts": Bursts(1e-9, 1.0),
    "mtu": 1500,
    "hops": 3,
    "rate": RATE,
}
MOST_CALLS: list[tuple[str, dict[str, Any], int]] = [
    ("stock", {}, 23),
    ("ours", {}, 32),
    ("stock", {"jitter": 0.01}, 34),
    ("stock", {"loss": 1e-9}, 28),
    ("stock", {"mtu": 1500}, 28),
    ("stock", {"hops": 3}, 27),
    ("stock", {"rate": RATE}, 37),
    ("stock", ALL, 41),
    ("ours", {"jitter": 0.01}, 53),
    ("ours", ALL, 60),
]
"""Functions of ours that are called for a datagram, from write to datagramReceived."""


@pytest.mark.parametrize(("port", "link", "most"), MOST_CALLS)
def test_what_a_datagram_costs(port: str, link: dict[str, Any], most: int) -> None:
    """What a link does not do costs nothing."""
    listen: Any = MemoryHost.listenUDP if port == "stock" else listen_udp
    net = MemoryNetwork()
    server, client = net.host("192.0.2.1"), net.host("192.0.2.2")
    net.link(client, server, delay=0.01, **link)
    heard = Notebook()
    listen(server, 7, heard)
    write = listen(client, 0, DatagramProtocol()).write
    write(b"warm", ("192.0.2.1", 7))
    net.advance(1)
    calls = 0

    def count(frame: FrameType, event: str, _: object) -> None:
        nonlocal calls
        calls += event == "call" and frame.f_code.co_filename.startswith(PACKAGE)

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        for _ in range(DATAGRAMS):
            write(b"x", ("192.0.2.1", 7))
        net.advance(1)
    finally:
        sys.setprofile(before)
    assert len(heard.heard) == 1 + DATAGRAMS
    assert calls / DATAGRAMS <= most
