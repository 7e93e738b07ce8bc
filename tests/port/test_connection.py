"""Connecting, on a socket that is none: what fails leaves the peer that was."""

from __future__ import annotations

import socket
from errno import ENETUNREACH
from typing import cast

import pytest

from udpecho.kernel.layout import IPV4
from udpecho.port.connection import Connection


class Socket:
    """A bound socket to which some hosts have no route."""

    def __init__(self) -> None:
        self.connected: list[tuple[str, int]] = []

    def getsockname(self) -> tuple[str, int]:
        return "192.0.2.1", 50000

    def getpeername(self) -> tuple[str, int]:
        return self.connected[-1]

    def connect(self, address: tuple[str, int]) -> None:
        if address[0] == "203.0.113.1":
            raise OSError(ENETUNREACH, "no route")
        self.connected.append(address)


def test_a_peer_to_whom_there_is_no_way_leaves_the_one_before() -> None:
    """Linux has taken that one from the socket when connect() fails."""
    skt = Socket()
    connection = Connection(cast(socket.socket, skt), IPV4)
    connection.connect("192.0.2.7", 7)
    first = connection.peer
    with pytest.raises(OSError, match="no route"):
        connection.connect("203.0.113.1", 7)
    assert connection.peer == first
    assert skt.connected == [("192.0.2.7", 7)] * 2


def test_a_first_peer_to_whom_there_is_no_way_leaves_none() -> None:
    skt = Socket()
    connection = Connection(cast(socket.socket, skt), IPV4)
    with pytest.raises(OSError, match="no route"):
        connection.connect("203.0.113.1", 7)
    assert (connection.peer, skt.connected) == (None, [])
