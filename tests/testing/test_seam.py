"""Our own port in memory: what only memory can show of it."""

from __future__ import annotations

import pickle
from errno import ECONNREFUSED, EHOSTUNREACH, ENOBUFS, EPERM
from typing import Any

import pytest
from zope.interface.verify import verifyObject

from tests.rules import Attentive, Batches, Notebook
from udpecho.guard.reasons import Reason
from udpecho.port import Batch, listen_udp
from udpecho.reactors import IDatagramSockets
from udpecho.server import EchoServer
from udpecho.testing import Fate, MemoryNetwork
from udpecho.testing.sockets import QUEUED_ERRORS

SERVER, SERVER6 = "192.0.2.1", "2001:db8::1"
CLIENT, CLIENT6 = "192.0.2.2", "2001:db8::2"
FORGER = ("203.0.113.66", 1060)


class Pair:
    """Two hosts, and a client on one of them."""

    def __init__(self, **link: Any) -> None:
        self.net = MemoryNetwork()
        self.far = self.net.host(SERVER, SERVER6)
        self.near = self.net.host(CLIENT, CLIENT6)
        self.net.link(self.near, self.far, one_way=False, **link)
        self.client = Attentive()
        listen_udp(self.near, 50000, self.client)

    def serve(self, protocol: Any, interface: str = "", **options: Any) -> Any:
        listen_udp(self.far, 7, protocol, interface, **options)
        return protocol

    def ask(self, *data: bytes, to: str = SERVER) -> list[bytes]:
        for each in data:
            self.client.send(each, (to, 7))
        self.net.advance()
        return self.client.heard


@pytest.fixture
def pair() -> Pair:
    return Pair()


def test_the_host_provides_what_our_port_needs(pair: Pair) -> None:
    assert verifyObject(IDatagramSockets, pair.near)
    [reader] = pair.near.getReaders()
    assert reader is pair.client.port.getHandle()


def test_a_datagram_from_another_host_comes_through_its_interface(pair: Pair) -> None:
    """The address can be kept, pickled, and answered later."""
    server = pair.serve(Notebook())
    pair.ask(b"x")
    [peer] = server.peers
    assert (peer.interface, peer.asked, peer.local) == ("eth0", SERVER, SERVER)
    again = pickle.loads(pickle.dumps(peer))
    assert (again, again.interface, again.ttl) == (peer, "eth0", 64)
    server.send(b"y", again)
    assert pair.ask() == [b"y"]


@pytest.mark.parametrize(
    ("to", "source"), [((SERVER, 7), FORGER), ((SERVER6, 7), ("2001:db8::66", 1060))]
)
def test_what_is_forged_comes_as_it_is_told(
    pair: Pair, to: tuple[str, int], source: tuple[str, int]
) -> None:
    server = pair.serve(Notebook(), to[0])
    pair.net.forge(b"lie", source=source, to=to, ttl=3, tos=0xB9)
    pair.net.advance()
    [peer] = server.peers
    assert (peer, peer.ttl, peer.dscp, peer.ecn) == (source, 3, 46, 1)
    assert [(each.ttl, each.tos) for each in pair.net.record] == [(3, 0xB9)]


def test_the_time_of_arrival_is_not_that_of_reading() -> None:
    pair = Pair(delay=0.5)
    server = pair.serve(Notebook(), timestamps=True)
    server.port.pauseProducing()
    pair.ask(b"x")
    pair.net.advance(1)
    server.port.resumeProducing()
    pair.net.advance()
    assert [peer.timestamp_ns for peer in server.peers] == [500_000_000]


# Sends that fail


@pytest.mark.parametrize("number", [EPERM, EHOSTUNREACH, ENOBUFS])
@pytest.mark.parametrize("at_once", [False, True])
def test_as_many_datagrams_fail_as_are_to(pair: Pair, number: int, at_once: bool) -> None:
    """Each is told once and is once in the record, however often it was tried."""
    pair.serve(EchoServer())
    pair.near.fail_sends(number, times=2, to=(SERVER, 7))
    data = [b"1", b"2", b"3"]
    for each in data:
        pair.client.send(each, (SERVER, 7))
        if not at_once:
            pair.net.advance()
    pair.net.advance()
    assert pair.client.unsent == [(each, (SERVER, 7), number) for each in data[:2]]
    assert pair.client.heard == [b"3"]
    unsent = [each.data for each in pair.net.record if each.fate is Fate.UNSENT]
    assert unsent == data[:2]


def test_replies_that_fail_are_counted(pair: Pair) -> None:
    server = pair.serve(EchoServer())
    pair.far.fail_sends(EPERM, times=2)
    assert pair.ask(b"1", b"2", b"3") == [b"3"]
    counters = server.counters()
    assert (counters.received, counters.echoed, counters.bytes_echoed) == (3, 1, 1)
    assert counters.send_errors == {"EPERM": 2}


# Refusals


def test_a_refusal_is_told_when_it_comes() -> None:
    """Over the link and back; with the time, where that is asked for."""
    pair = Pair(delay=0.25)
    client = Attentive()
    listen_udp(pair.near, 0, client, timestamps=True)
    for each in (client, pair.client):
        each.send(b"x", (SERVER, 9))
    pair.net.advance(0.4999)
    assert (client.refused, pair.client.refused) == ([], [])
    pair.net.advance(0.0001)
    assert [each.when for each in client.refused] == [500_000_000]
    assert [each.when for each in pair.client.refused] == [None]


def test_a_forged_refusal_is_told_with_what_it_quotes(pair: Pair) -> None:
    for data, error in ((b"guess", ECONNREFUSED), (b"", EHOSTUNREACH)):
        pair.net.forge_refusal(source=(SERVER, 9), to=(CLIENT, 50000), error=error, data=data)
    pair.net.advance()
    assert [(each.to, each.data, each.errno) for each in pair.client.refused] == [
        ((SERVER, 9), b"guess", ECONNREFUSED),
        ((SERVER, 9), b"", EHOSTUNREACH),
    ]
    kinds = [(each.icmp_type, each.icmp_code) for each in pair.client.refused]
    assert kinds == [(3, 3), (3, 13)]


def test_refusals_wait_in_a_queue_that_has_an_end(pair: Pair) -> None:
    pair.client.port.pauseProducing()
    for _ in range(QUEUED_ERRORS + 10):
        pair.net.forge_refusal(source=(SERVER, 9), to=(CLIENT, 50000))
    pair.net.advance()
    pair.client.port.resumeProducing()
    pair.net.advance()
    assert len(pair.client.refused) == QUEUED_ERRORS


# Batches


class Same(Batches):
    """Keeps the columns of each batch."""

    def __init__(self) -> None:
        super().__init__()
        self.columns: list[Any] = []

    def batchReceived(self, batch: Batch) -> None:
        self.columns.append(batch.columns())


def test_the_columns_of_a_batch_as_the_last_are_the_same(pair: Pair) -> None:
    """As of the kernel's: see udpecho.columns, "as the last"."""
    server = pair.serve(Same())
    for data in (b"one", b"two", b"four", b"four"):
        pair.ask(data)
    first, second, third, fourth = server.columns
    assert first is second
    assert third is fourth
    assert (first == third, list(first.sizes), list(third.sizes)) == (False, [3], [4])
    assert (first.ports, first.sources) == (b"\xc3\x50", bytes([192, 0, 2, 2]))
    assert (first.asked, first.local, first.ttls, first.tos) == (b"", b"", b"\x40", b"\0")


def test_a_guard_sees_what_it_judges_by(pair: Pair) -> None:
    """Two servers that one forged datagram joins fall silent; over IPv6, too."""
    for interface, to in ((SERVER, SERVER), (SERVER6, SERVER6)):
        server = pair.serve(EchoServer(), interface)
        source = "2001:db8::66" if ":" in to else FORGER[0]
        pair.net.forge(b"x", source=(source, 40000), to=(to, 7), ttl=1)
        pair.net.forge(b"x", source=(source, 53), to=(to, 7))
        pair.net.advance()
        assert server.counters().unanswered == {Reason.TTL_SPENT: 1, Reason.SERVICE_PORT: 1}


def test_two_servers_joined_by_a_forged_datagram_fall_silent() -> None:
    """Each answer has a hop less: the one with the last is not answered."""
    net = MemoryNetwork()
    for host, port in ((SERVER, 7777), (CLIENT, 8888)):
        listen_udp(net.host(host), port, EchoServer())
    net.forge(b"x", source=(CLIENT, 8888), to=(SERVER, 7777))
    net.advance(1)
    assert [each.ttl for each in net.record] == list(range(64, 0, -1))


def test_a_turn_takes_a_batch_of_those_that_wait(pair: Pair) -> None:
    """128 at a time, as the kernel gives them; all that waited is read."""
    server = pair.serve(Batches())
    data = [b"%d" % number for number in range(200)]
    assert pair.ask(*data) == data
    assert server.sizes == [128, 72]


def test_the_echo_server_heeds_no_mtu_of_a_path(pair: Pair) -> None:
    """Its replies may be cut, over IPv4: none is lost to learn what fits, as on the network."""
    pair.net.link(pair.far, pair.near, one_way=True, mtu=1300, hops=1)
    pair.serve(EchoServer())
    data = bytes(1400)
    assert pair.ask(data) == [data]
