"""Which sockets are adopted, and that those that can't be served are refused in one line."""

from __future__ import annotations

import socket
from typing import Any, cast

import pytest

from udpecho.kernel import inherited
from udpecho.port.sockets import _check_kind, adopt


class Given:
    """A socket that someone else opened."""

    def __init__(
        self,
        family: int = socket.AF_INET,
        kind: int = socket.SOCK_DGRAM,
        proto: int = socket.IPPROTO_UDP,
        port: int = 7,
        peer: tuple[str, int] | None = None,
    ) -> None:
        self.family, self.type, self.proto = family, kind, proto
        self._port, self._peer = port, peer
        self.set: dict[tuple[int, int], int] = {}

    def __repr__(self) -> str:
        return "<a socket>"

    def fileno(self) -> int:
        return 3

    def getsockname(self) -> tuple[str, int]:
        return "192.0.2.1", self._port

    def getpeername(self) -> tuple[str, int]:
        if self._peer is None:
            raise OSError("not connected")
        return self._peer

    def setsockopt(self, level: int, option: int, value: int) -> None:
        if option in LACKS:
            raise OSError("this kernel lacks it")
        self.set[level, option] = value


LACKS = {75, 82}

ICMP, ICMP6, UDP_LITE = 1, 58, 136


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (Given(kind=socket.SOCK_STREAM, proto=6), "not a UDP socket"),
        (Given(family=socket.AF_UNIX, proto=0), "not a UDP socket"),
        (Given(kind=socket.SOCK_RAW), "not a UDP socket"),
        (Given(proto=ICMP), "not a UDP socket, but of protocol 1"),
        (Given(family=socket.AF_INET6, proto=ICMP6), "not a UDP socket, but of protocol 58"),
        (Given(proto=UDP_LITE), "not a UDP socket, but of protocol 136"),
        (Given(port=0), "not bound to a port"),
        (Given(peer=("192.0.2.2", 9)), r"connected to 192\.0\.2\.2:9"),
    ],
)
def test_what_can_t_be_served_is_refused(given: Given, why: str) -> None:
    with pytest.raises(ValueError, match=f"^can't serve descriptor 3: {why}$"):
        _check_kind(cast(socket.socket, given))


@pytest.mark.parametrize("given", [Given(), Given(family=socket.AF_INET6), Given(proto=0)])
def test_a_bound_udp_socket_is_taken(given: Given) -> None:
    _check_kind(cast(socket.socket, given))


def test_what_this_kernel_lacks_is_off() -> None:
    given: Any = Given()
    inherited.describe_nothing(given)
    assert given.set.pop((socket.SOL_SOCKET, 42)) == -1, "SO_PEEK_OFF"
    assert set(given.set.values()) == {0}
    assert (socket.IPPROTO_IP, 11) in given.set, "IP_RECVERR"
    assert not [level for level, _ in given.set if level == socket.IPPROTO_IPV6]


@pytest.mark.parametrize("fd", [None, 3.0, True, "3"])
def test_a_descriptor_is_a_number(fd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python opens a socket for None, and takes True for standard output's."""
    monkeypatch.setattr("udpecho.port.sockets.socket.socket", None)
    with pytest.raises(TypeError, match=f"^fd: expected a descriptor's number, got {fd!r}$"):
        adopt(fd)
