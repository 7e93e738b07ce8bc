"""What a protocol may have beyond Twisted's hooks: a form that is past is refused at listening."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from twisted.internet.protocol import DatagramProtocol

from udpecho.port import listen_udp
from udpecho.refusal import Refusal
from udpecho.testing import MemoryNetwork


class Current(DatagramProtocol):
    def peerRefused(self, refusal: Refusal) -> None:
        """Take what it is given."""


class Optional(DatagramProtocol):
    def peerRefused(self, refusal: Refusal, more: int = 0) -> None:
        """Take what it is given."""


class Past(DatagramProtocol):
    def peerRefused(self, peer: tuple[str, int], data: bytes, errno: int) -> None:
        """Take three things, as was right once."""


class PastByDefault(DatagramProtocol):
    def peerRefused(self, peer: tuple[str, int], data: bytes = b"", errno: int = 0) -> None:
        """Take three things, or a refusal for its peer."""


@pytest.mark.parametrize("protocol", [DatagramProtocol(), Current(), Optional(), Mock()])
def test_what_takes_a_refusal_listens(protocol: DatagramProtocol) -> None:
    listen_udp(MemoryNetwork().host("192.0.2.1"), 7, protocol)


@pytest.mark.parametrize("protocol", [Past(), PastByDefault()])
def test_what_takes_three_arguments_is_refused(protocol: DatagramProtocol) -> None:
    """It would be called with others than it expects."""
    host = MemoryNetwork().host("192.0.2.1")
    with pytest.raises(TypeError, match=r"Past.*: expected peerRefused\(refusal\), got .*data: "):
        listen_udp(host, 7, protocol)
    assert host.getReaders() == []
