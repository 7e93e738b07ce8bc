"""A path that takes less than our own link: replies get through, and a forger gains little."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live.conftest import families
from tests.live.netns import Forger, Namespace, pair, routed, why_not
from tests.live.packets import too_big, udp_packet
from tests.live.witness import serving

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

PORT = 9007
SIZE = 1400
"""Bytes of a request that a link of 1500 takes whole, and one of 1300 does not."""

VICTIMS = {"ipv4": ("203.0.113.77", "203.0.113.78"), "ipv6": ("2001:db8::77", "2001:db8::78")}
FORGERS_HOST = {"ipv4": "203.0.113.9", "ipv6": "2001:db8::9"}


@families
def test_a_request_is_answered_through_a_link_of_1300(family: str, tmp_path: Path) -> None:
    """Over IPv4 the router cuts the reply in pieces; over IPv6 it tells us to, and one is lost."""
    with (
        routed(mtu=1300) as (server, client),
        serving(server, tmp_path, f"--listen=udp:{PORT}"),
        client.socket(socket.AF_INET6 if family == "ipv6" else socket.AF_INET) as skt,
    ):
        skt.settimeout(1)
        answered = []
        for number in range(4):
            request = bytes([number]) * SIZE
            skt.sendto(request, (getattr(server, family), PORT))
            try:
                answered.append(skt.recv(65536) == request)
            except TimeoutError:
                answered.append(False)
        assert answered[1:] == [True] * 3
        if family == "ipv4":
            assert answered[0], "nothing had to be learnt"


@dataclass(frozen=True, slots=True)
class Forgeries:
    """A server, and someone on its link who asks it in others' names."""

    family: str
    server: tuple[str, int]
    forger: Forger
    wire: socket.socket

    def ask(self, victim: str) -> list[int]:
        """Ask as if it were someone else; return the bytes of each IP packet of the reply."""
        self.forger.send(bytes(SIZE), (victim, 40000), self.server)
        address = socket.inet_pton(_AF[self.family], victim)
        sizes: list[int] = []
        while sum(sizes) < SIZE:
            packet = self.wire.recv(2000)
            at = 16 if self.family == "ipv4" else 24
            if packet[at : at + len(address)] == address:
                sizes.append(len(packet))
        return sizes

    def forge(self, victim: str, mtu: int) -> None:
        """Say of the server's reply to someone that a router could not send it on."""
        reply = udp_packet(bytes(SIZE), self.server, (victim, 40000))
        self.forger.send_packets([too_big(reply, FORGERS_HOST[self.family], mtu)])


_AF = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}


@pytest.fixture
def forgeries(family: str, tmp_path: Path) -> Iterator[Forgeries]:
    with (
        pair() as (server, other),
        serving(server, tmp_path, f"--listen=udp:{PORT}"),
        Forger(other, server) as forger,
        listening(other, family) as wire,
    ):
        yield Forgeries(family, (getattr(server, family), PORT), forger, wire)


def listening(at: Namespace, family: str) -> socket.socket:
    kind = 0x0800 if family == "ipv4" else 0x86DD
    skt = at.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(kind))
    skt.settimeout(5)
    return skt


@pytest.mark.parametrize("family", ["ipv4"])
@pytest.mark.parametrize("mtu", [68, 576, 1280])
def test_over_ipv4_a_forged_message_changes_nothing(
    family: str, mtu: int, forgeries: Forgeries
) -> None:
    """One would have had each reply leave in three pieces, for ten minutes."""
    victim, _ = VICTIMS[family]
    assert forgeries.ask(victim) == [20 + 8 + SIZE]
    forgeries.forge(victim, mtu)
    assert forgeries.ask(victim) == [20 + 8 + SIZE]


@pytest.mark.parametrize("family", ["ipv6"])
@pytest.mark.parametrize("mtu", [68, 1280])
def test_over_ipv6_a_forged_message_costs_one_destination_fragments_of_1280(
    family: str, mtu: int, forgeries: Forgeries
) -> None:
    """It can't be ignored, as no router there cuts packets; below 1280 none is believed."""
    victim, other = VICTIMS[family]
    assert forgeries.ask(victim) == [40 + 8 + SIZE]
    forgeries.forge(victim, mtu)
    pieces = [1280, 40 + 8 + 8 + SIZE - (1280 - 40 - 8)]  # each with a header of 8 of its own
    assert forgeries.ask(victim) == (pieces if mtu == 1280 else [40 + 8 + SIZE])
    assert forgeries.ask(other) == [40 + 8 + SIZE]
