"""The namespaces that the live tests are made of do what those tests take for granted."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.netns import Forger, Namespace, Pair, namespace, pair, why_not
from tests.live.packets import flip_bit, is_udp, udp_data, udp_packet

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


@pytest.fixture(scope="module")
def joined() -> Iterator[Pair]:
    with pair() as both:
        yield both


def bound(at: Namespace, host: str) -> socket.socket:
    skt = at.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    skt.settimeout(2)
    skt.bind((host, 0))
    return skt


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_two_namespaces_reach_each_other_and_nothing_else(joined: Pair, family: str) -> None:
    server, client = joined
    here, there = getattr(client, family), getattr(server, family)
    with bound(server, there) as theirs, bound(client, here) as ours:
        ours.sendto(b"ask", theirs.getsockname())
        data, peer = theirs.recvfrom(100)
        theirs.sendto(data + b"ed", peer)
        assert ours.recvfrom(100) == (b"asked", theirs.getsockname())
    outside = socket.if_nameindex()
    assert sorted(name for _, name in client.do(socket.if_nameindex)) == ["lo", "udp0"]
    assert socket.if_nameindex() == outside


def test_a_program_runs_inside(joined: Pair) -> None:
    server, client = joined
    assert client.ipv4 in client.run("ip", "address")
    with pytest.raises(subprocess.CalledProcessError):
        server.run("false")


def test_what_goes_wrong_inside_is_told_outside(joined: Pair) -> None:
    with pytest.raises(OSError, match="Cannot assign"):
        joined[0].do(lambda: socket.create_server(("203.0.113.1", 0)))


@pytest.mark.parametrize(
    ("family", "source"),
    [
        ("ipv4", ("203.0.113.77", 53)),  # from anywhere
        ("ipv4", ("198.18.0.2", 0)),  # no socket could send this
        ("ipv6", ("2001:db8::77", 7)),
        ("ipv6", ("fd00:db8::1", 9999)),  # the receiver's own: IPv6 lets it in
        ("ipv6", ("::ffff:127.0.0.1", 5000)),
    ],
)
def test_a_forged_source_arrives(joined: Pair, family: str, source: tuple[str, int]) -> None:
    server, client = joined
    with bound(server, getattr(server, family)) as skt, Forger(client, server) as forger:
        forger.send(b"forged", source, skt.getsockname()[:2], times=3)
        for _ in range(3):
            data, peer = skt.recvfrom(100)
            assert (data, peer[:2]) == (b"forged", source)


def test_what_a_forged_source_is_answered_goes_out_by_the_link(joined: Pair) -> None:
    """Or a test that counts replies would find none for want of a route."""
    server, client = joined
    with bound(server, server.ipv4) as skt, Forger(client, server) as forger:
        watch = client.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        with watch:
            watch.settimeout(2)
            forger.send(b"ask", ("203.0.113.77", 5555), skt.getsockname())
            _, peer = skt.recvfrom(100)
            skt.sendto(b"reply", peer)
            packets = iter(lambda: watch.recv(2000), b"")
            reply = next(packet for packet in packets if udp_data(packet) == b"reply")
            assert reply[16:20] == socket.inet_aton("203.0.113.77")


def test_a_namespace_and_all_in_it_goes_with_its_context() -> None:
    with namespace("198.18.9.1", "fd00:db8:9::1") as gone:
        assert Path("/run/netns", gone.name).exists()
    assert not Path("/run/netns", gone.name).exists()


def test_descriptors_are_not_left_behind(joined: Pair) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with Forger(*joined):
            pass
        joined[0].do(lambda: None)
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_a_flipped_bit_with_its_checksum_made_good_reaches_the_reader(
    joined: Pair, family: str
) -> None:
    """Corruption that nobody below the application notices."""
    server, client = joined
    source = (getattr(client, family), 4000)
    with bound(server, getattr(server, family)) as skt, Forger(client, server) as forger:
        packet = udp_packet(b"odd", source, skt.getsockname()[:2])
        assert is_udp(packet)
        broken = bytearray(packet)
        broken[-3] ^= 1  # and the checksum left as it was
        forger.send_packets([bytes(broken), flip_bit(packet, 16)])
        assert skt.recv(100) == b"ode"
