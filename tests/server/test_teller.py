"""A server that tells of paths, on a network in memory: what arrived, and where replies died."""

from __future__ import annotations

from os import urandom
from typing import Any

import pytest
from twisted.logger import LogEvent, Logger, formatEvent

from udpecho import EchoServer, EchoService, UdpAddress, listen_udp
from udpecho.columns import Columns
from udpecho.datagrams import ToSend
from udpecho.guard import Policy
from udpecho.guard.prefixes import pack_host
from udpecho.guard.reasons import Reason
from udpecho.reactors import DatagramSocket
from udpecho.server.teller import Teller
from udpecho.telling import Told, question, read_answer
from udpecho.testing import MemoryNetwork

SERVER, SERVER6, ASKER, ASKER6 = "192.0.2.1", "2001:db8::1", "192.0.2.2", "2001:db8::2"
PORT = 7
FAMILIES = pytest.mark.parametrize(("asker", "server"), [(ASKER, SERVER), (ASKER6, SERVER6)])


class Bench:
    """A server behind two routers, and whoever asks it, from any port."""

    def __init__(self, host: str = SERVER, *, ours: bool = True, tells: bool = True) -> None:
        self.net = MemoryNetwork(seed=1)
        self.far = self.net.host(SERVER, SERVER6)
        self.near = self.net.host(ASKER, ASKER6)
        self.net.link(self.near, self.far, delay=0.01, hops=2)
        self.events: list[LogEvent] = []
        log: Any = Logger(namespace="test", observer=self.events.append)  # type: ignore[arg-type]
        self.server = EchoServer(self.far.seconds, log, tell_paths=tells)
        if ours:
            listen_udp(self.far, PORT, self.server, host)
        else:
            self.far.listenUDP(PORT, self.server, maxPacketSize=65536)

    def socket(self, host: str = ASKER, port: int = 0) -> DatagramSocket:
        return self.near.open_datagram_socket(host, port)

    def sent(
        self, skt: DatagramSocket, data: bytes, to: str = SERVER, ttl: int = 64
    ) -> list[bytes]:
        """Send something, and give what comes back in half a second."""
        skt.transmit(ToSend(data, (to, PORT), None, ttl))
        self.net.advance(0.5)
        return [each.data for each in skt.receive(100)]

    def told(self, skt: DatagramSocket, probe: bytes, to: str = SERVER) -> Told:
        """Ask what became of a probe."""
        [data] = self.sent(skt, question(probe), to)
        found = read_answer(data)
        assert found is not None, data
        return found


def probe() -> bytes:
    return urandom(16) + bytes(40)


@FAMILIES
def test_it_tells_whether_a_probe_arrived_to_any_port_of_its_sender(
    asker: str, server: str
) -> None:
    bench = Bench(server)
    one, other = bench.socket(asker), bench.socket(asker)
    here, never = probe(), probe()
    assert bench.sent(one, here, server) == [here]
    told = bench.told(other, here, server)
    assert (told.probe, told.arrived, told.by) == (here[:16], True, None)
    assert not bench.told(other, never, server).arrived


def test_it_tells_nothing_to_another_address() -> None:
    bench = Bench()
    mine = probe()
    bench.sent(bench.socket(), mine)
    other = bench.net.host("198.51.100.9").open_datagram_socket("", 0)
    assert not bench.told(other, mine).arrived


@FAMILIES
def test_the_questions_ttl_tells_the_distance(asker: str, server: str) -> None:
    bench = Bench(server)
    skt = bench.socket(asker)
    assert bench.told(skt, probe(), server).question_ttl == 62


@FAMILIES
def test_it_tells_where_a_reply_died_and_what_could_not_be_answered(
    asker: str, server: str
) -> None:
    """The distance is 3: with 3 hops no reply can leave, with 4 it dies at the nearest router."""
    bench = Bench(server)
    skt, other = bench.socket(asker), bench.socket(asker)
    found = []
    for ttl in (2, 3, 4, 5, 6):
        mine = probe()
        assert bool(bench.sent(skt, mine, server, ttl)) == (ttl == 6)
        told = bench.told(other, mine, server)
        found.append((told.arrived, told.by, told.icmp_type, told.icmp_code))
    kind = 3 if asker == ASKER6 else 11
    (no, yes), (_, far, *_), (_, near, *_) = (found[0], found[1]), found[2], found[3]
    assert no == (False, None, 0, 0)
    assert yes == found[4] == (True, None, 0, 0)
    assert far is not None
    assert near is not None
    assert found[2:4] == [(True, far, kind, 0), (True, near, kind, 0)]
    assert far != near
    counters = bench.server.counters()
    assert (counters.told, counters.died) == (5, 2)
    assert counters.unanswered == {Reason.TTL_SPENT: 1}
    assert counters.received == counters.echoed + 1
    assert "5 told of paths, 2 replies died" in counters.in_words()


def test_what_traces_send_is_counted_and_no_news() -> None:
    bench = Bench()
    bench.sent(bench.socket(), probe(), ttl=3)
    assert bench.server.counters().unanswered == {Reason.TTL_SPENT: 1}
    assert [formatEvent(event) for event in bench.events] == []
    other = Bench(tells=False)
    other.sent(other.socket(), probe(), ttl=3)
    assert len(other.events) == 1


def test_a_server_that_was_not_told_to_echoes_the_question() -> None:
    bench = Bench(tells=False)
    asked = question(probe())
    assert bench.sent(bench.socket(), asked) == [asked]
    counters = bench.server.counters()
    assert (counters.told, counters.died, counters.echoed) == (0, 0, 1)
    assert bench.server.errorsReceived is None


def test_questions_are_judged_like_anything_else() -> None:
    net = MemoryNetwork(seed=1)
    far, near = net.host(SERVER), net.host(ASKER)
    service = EchoService(
        far, [UdpAddress(PORT, SERVER)], Policy(rate=1, burst=2, slip=0), tell_paths=True
    )
    service.startService()
    skt = near.open_datagram_socket("", 0)
    for _ in range(5):
        skt.transmit(ToSend(question(probe()), (SERVER, PORT)))
    net.advance(0.1)
    assert len(skt.receive(10)) == 2
    counters = service.counters()
    assert (counters.told, counters.unanswered) == (2, {Reason.OVER_RATE: 3})


def test_what_came_to_one_address_of_a_service_is_told_at_another() -> None:
    net = MemoryNetwork(seed=1)
    far, near = net.host(SERVER, "192.0.2.11"), net.host(ASKER)
    listens = [UdpAddress(PORT, SERVER), UdpAddress(PORT, "192.0.2.11")]
    service = EchoService(far, listens, tell_paths=True)
    service.startService()
    skt, mine = near.open_datagram_socket("", 0), probe()
    skt.transmit(ToSend(mine, (SERVER, PORT)))
    net.advance(0.1)
    skt.transmit(ToSend(question(mine), ("192.0.2.11", PORT)))
    net.advance(0.1)
    told = read_answer(skt.receive(10)[1].data)
    assert told is not None
    assert told.arrived


def test_it_is_not_served_on_a_port_that_others_may_share() -> None:
    far = MemoryNetwork().host(SERVER)
    with pytest.raises(ValueError, match=r"expected --tell-paths or --listen reusePort=yes"):
        EchoService(far, [UdpAddress(PORT, SERVER, reuse_port=True)], tell_paths=True)


def test_on_a_stock_port_it_tells_what_is_known_there() -> None:
    """No TTL, and nothing of replies."""
    bench = Bench(ours=False)
    skt, mine = bench.socket(), probe()
    bench.sent(skt, mine)
    told = bench.told(skt, mine)
    assert (told.arrived, told.question_ttl, told.by) == (True, 0, None)
    assert bench.server.counters().told == 1


def test_short_datagrams_are_echoed_and_hide_nothing() -> None:
    bench = Bench()
    skt, mine = bench.socket(), probe()
    for data in (b"", b"x", mine, b"short", question(mine)):
        skt.transmit(ToSend(data, (SERVER, PORT)))
    bench.net.advance(0.5)
    back = [each.data for each in skt.receive(10)]
    assert back[:4] == [b"", b"x", mine, b"short"]
    told = read_answer(back[4])
    assert told is not None
    assert told.arrived


class Train:
    """A batch with a train in it: stands where the port's would."""

    def __init__(self, *items: list[bytes]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def heads(self) -> bytes:
        return b"".join(item[0][:16].ljust(16, b"\0") for item in self.items)

    def item(self, index: int) -> list[bytes]:
        return self.items[index]

    def put(self, index: int, data: bytes) -> None:
        size = len(self.items[index][0])
        self.items[index][:] = [data[at : at + size] for at in range(0, len(data), size)]


def test_questions_and_probes_in_a_train_are_found_one_by_one() -> None:
    teller = Teller(Policy())
    mine = [probe() for _ in range(3)]
    batch: Any = Train(mine, [question(mine[2]), mine[0][:16].ljust(64, b"x"), question(mine[1])])
    columns = Columns(
        bytes(4), pack_host(ASKER) * 2, ttls=b"\x40\x30", sizes=[168, 192], trains={0: 56, 1: 64}
    )
    assert teller.take(batch, columns, {}, 1) == 2
    first, kept, last = batch.items[1]
    assert kept == mine[0][:16].ljust(64, b"x")
    for data, about in ((first, mine[2]), (last, mine[1])):
        assert read_answer(data) == Told(about[:16], True, 0x30, 1000)
    assert teller.take(batch, columns, {1}, 1) == 0


def test_two_servers_never_ask_each_other_for_ever() -> None:
    """A forged question has an answer echoed, with a hop less each time."""
    net = MemoryNetwork(seed=1)
    hosts = [net.host(SERVER), net.host(ASKER)]
    servers = [EchoServer(host.seconds, tell_paths=True) for host in hosts]
    listen_udp(hosts[0], 5000, servers[0])
    listen_udp(hosts[1], 5001, servers[1])
    net.forge(question(probe()), source=(ASKER, 5001), to=(SERVER, 5000))
    net.advance(10)
    assert [server.counters().told for server in servers] == [1, 0]
    assert sum(server.counters().echoed for server in servers) < 70
