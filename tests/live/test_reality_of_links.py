"""What links in memory are held to, asked of the kernel: a narrow path, and many hearers."""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.live import netns
from tests.rules import ARRIVES, IS_LOST, IS_REFUSED, MANY, NARROW, PATH_MTU, TOO_LONG
from udpecho.kernel.layout import IP_RECVTTL
from udpecho.testing.options import IP_MTU_DISCOVER, IPV6_MTU_DISCOVER

pytestmark = pytest.mark.skipif(netns.why_not() is not None, reason=str(netns.why_not()))

PORT = 1060
SOON = 0.3
"""Seconds in which whatever comes has come: over veth it takes less than one thousandth of it."""

DISCOVER = {
    4: (socket.IPPROTO_IP, IP_MTU_DISCOVER),
    6: (socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER),
}


@pytest.fixture(scope="module")
def routed() -> Iterator[tuple[netns.Namespace, netns.Namespace]]:
    with netns.routed(NARROW) as ends:
        yield ends


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[netns.Namespace, netns.Namespace]]:
    with netns.pair() as ends:
        yield ends


def hears(skt: socket.socket) -> bool:
    skt.settimeout(SOON)
    try:
        skt.recv(1 << 16)
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize(("version", "discover", "becomes"), PATH_MTU)
def test_path_mtu(
    routed: tuple[netns.Namespace, netns.Namespace],
    version: int,
    discover: int | None,
    becomes: tuple[str, str],
) -> None:
    sender, receiver = routed
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    to = receiver.ipv4 if version == 4 else receiver.ipv6
    sender.ip(f"-{version}", "route", "flush", "cache")
    with sender.socket(family) as here, receiver.socket(family) as there:
        there.bind((to, PORT))
        if discover is not None:
            here.setsockopt(*DISCOVER[version], discover)
        became = []
        for _ in becomes:
            try:
                here.sendto(bytes(TOO_LONG), (to, PORT))
            except OSError as error:
                became.append(IS_REFUSED if error.errno == errno.EMSGSIZE else str(error))
            else:
                became.append(ARRIVES if hears(there) else IS_LOST)
    assert tuple(became) == becomes


@pytest.mark.parametrize(("ttl", "left"), [(1, None), (2, 1), (64, 63)])
def test_a_router_takes_a_hop(
    routed: tuple[netns.Namespace, netns.Namespace], ttl: int, left: int | None
) -> None:
    """As a link in memory with one: what has one left ends there, the others arrive with less."""
    sender, receiver = routed
    with sender.socket(socket.AF_INET) as here, receiver.socket(socket.AF_INET) as there:
        there.bind((receiver.ipv4, PORT))
        there.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
        there.settimeout(SOON)
        here.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
        here.sendto(b"x", (receiver.ipv4, PORT))
        arrived: int | None = None
        with suppress(TimeoutError):
            [(_, _, told)] = there.recvmsg(1, 64)[1]
            arrived = int.from_bytes(told, sys.byteorder)
    assert arrived == left


@pytest.mark.parametrize(("bound", "joined", "to", "own", "other"), MANY)
def test_who_hears_what_is_sent_to_many(
    pair: tuple[netns.Namespace, netns.Namespace],
    bound: str,
    joined: str | None,
    to: str,
    own: bool,
    other: bool,
) -> None:
    sender, neighbour = pair
    with (
        sender.socket(socket.AF_INET) as sends,
        receiving(sender, bound, joined) as near,
        receiving(neighbour, bound, joined) as far,
    ):
        sends.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        interface = socket.inet_aton(sender.ipv4)
        sends.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, interface)
        sends.sendto(b"x", (to, PORT))
        assert (hears(near), hears(far)) == (own, other)


def receiving(at: netns.Namespace, bound: str, joined: str | None) -> socket.socket:
    skt = at.socket(socket.AF_INET6 if ":" in bound else socket.AF_INET)
    skt.bind((at.ipv4 if bound == "own" else bound, PORT))
    if joined is not None:
        group = socket.inet_aton(joined) + socket.inet_aton(at.ipv4)
        skt.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
    return skt
