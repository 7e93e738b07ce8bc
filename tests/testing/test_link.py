"""A link between two hosts: faults in time, ICMP from its routers, both directions apart."""

from __future__ import annotations

import doctest
import errno
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.error import MessageLengthError

from tests.rules import ARRIVES, IS_LOST, IS_REFUSED, NARROW, PATH_MTU, TOO_LONG, Notebook
from tests.testing.test_network import CLIENT, CLIENT6, SERVER, SERVER6, Pair
from udpecho.datagrams import ToSend
from udpecho.refusal import Refusal
from udpecho.testing import Bursts, Fate, Fault
from udpecho.testing import link as link_room
from udpecho.testing.options import IP_MTU_DISCOVER, IPV6_MTU_DISCOVER

DISCOVER = {
    4: (socket.IPPROTO_IP, IP_MTU_DISCOVER),
    6: (socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER),
}


@pytest.fixture
def pair() -> Pair:
    return Pair()


def heard(pair: Pair, *times: float) -> list[bytes]:
    """Ask at each of these times, and tell what was heard in the end."""
    for when in times:
        pair.near.callLater(when, pair.client.send, b"%.2f" % when, (SERVER, 7))
    pair.net.advance(10)
    return pair.client.heard


# A schedule


def test_a_fault_in_time() -> None:
    """What is sent from that instant on meets the change; what was sent before does not."""
    pair = Pair(delay=0.25)
    link = pair.net.link(pair.near, pair.far, one_way=True, delay=0.25)
    link.at(3.0, loss=1.0)
    link.at(5.0, loss=0.0)
    assert heard(pair, 2.99, 3.0, 4.99, 5.0) == [b"2.99", b"5.00"]
    assert [each.data for each in pair.net.record.lost(to=(SERVER, 7))] == [b"3.00", b"4.99"]


def test_the_order_of_a_schedule_is_its_times() -> None:
    """A change comes before all else at its instant, in whatever order it was told."""
    pair = Pair()
    pair.near.callLater(3, pair.client.send, b"at three", (SERVER, 7))
    link = pair.net.link(pair.near, pair.far)
    link.at(4.0, loss=0.0)
    link.at(3.0, loss=1.0)
    pair.net.advance(3.5)
    pair.client.send(b"later", (SERVER, 7))
    pair.near.callLater(0.5, pair.client.send, b"at four", (SERVER, 7))
    pair.net.advance(1)
    assert pair.client.heard == [b"at four"]
    assert [each.data for each in pair.net.record.lost(to=SERVER)] == [b"at three", b"later"]


def test_what_is_not_named_stays() -> None:
    pair = Pair()
    link = pair.net.link(pair.near, pair.far, one_way=True, delay=0.5)
    link.at(0.0, duplicate=1.0)  # now
    link.at(1.0, delay=0.25)
    assert heard(pair, 0.5, 1.5) == [b"0.50"] * 2 + [b"1.50"] * 2
    ended = [each.ended for each in pair.net.record.select(to=(SERVER, 7))]
    assert ended == [1.0, 1.0, 1.75, 1.75]


def test_a_change_at_once(pair: Pair) -> None:
    """What is sent next meets it, though no time has passed."""
    link = pair.net.link(pair.near, pair.far)
    link.at(0.0, loss=1.0)
    pair.client.send(b"x", (SERVER, 7))
    assert pair.fates() == [Fate.LOST]


def test_a_link_that_was_replaced_changes_nothing() -> None:
    """The last link that was set is the one that there is."""
    pair = Pair()
    old = pair.net.link(pair.near, pair.far)
    old.at(1.0, loss=1.0)
    pair.net.link(pair.near, pair.far)
    assert heard(pair, 2.0) == [b"2.00"]


@pytest.mark.parametrize("when", [-1.0, 0.999, float("nan"), float("inf"), "3", None])
def test_a_time_that_can_not_be(pair: Pair, when: Any) -> None:
    link = pair.net.link(pair.near, pair.far)
    pair.net.advance(1)
    with pytest.raises(ValueError, match=r"a link changes at 1\.0 seconds or later, not at"):
        link.at(when, loss=1.0)


def test_an_option_that_there_is_not(pair: Pair) -> None:
    link = pair.net.link(pair.near, pair.far)
    with pytest.raises(ValueError, match="a link has no 'los'"):
        link.at(3.0, los=1.0)  # type: ignore[call-arg]


# A rate


def test_load_makes_delay_and_loss() -> None:
    """At ten packets a second, the fourth of four waits for three; with a short queue it's lost."""
    pair = Pair()
    pair.net.link(pair.near, pair.far, one_way=True, rate=1000, queue=2)
    for _ in range(4):
        pair.client.send(bytes(72), (SERVER, 7))
    pair.net.advance(1)
    sent = pair.net.record.sent(to=(SERVER, 7))
    assert [each.fate for each in sent] == [Fate.DELIVERED] * 3 + [Fate.CONGESTED]
    assert [each.ended for each in sent[:3]] == pytest.approx([0.1, 0.2, 0.3])
    assert pair.net.record.lost() == sent[3:]


def test_directions_have_queues_of_their_own() -> None:
    pair = Pair()
    pair.net.link(pair.near, pair.far, rate=1000, queue=0)
    assert pair.ask(bytes(72)) == [bytes(72)]
    [asked, answer] = pair.net.record
    assert [asked.ended, answer.ended] == pytest.approx([0.1, 0.2])


# Routers


def test_the_ttl_ends_on_the_way(pair: Pair) -> None:
    """A router says so, after the time to there and back; what has enough arrives."""
    pair.net.link(pair.near, pair.far, hops=3, delay=0.4)
    sock = pair.near.open_datagram_socket("", 0)
    sock.queue_errors()
    sock.transmit(ToSend(b"too short", (SERVER, 7), ttl=2))
    sock.transmit(ToSend(b"enough", (SERVER, 7), ttl=4))
    pair.net.advance(0.3999)
    assert sock.take_errors(9) == []
    pair.net.advance(0.0002)
    [refusal] = sock.take_errors(9)
    assert (refusal.to, refusal.data, refusal.by) == ((SERVER, 7), b"too short", ("198.18.0.2", 0))
    assert (refusal.is_time_exceeded, refusal.errno) == (True, errno.EHOSTUNREACH)
    pair.net.advance(1)
    fates = [(each.data, each.fate, each.ttl) for each in pair.net.record.sent(to=SERVER)]
    assert fates == [(b"too short", Fate.EXPIRED, 2), (b"enough", Fate.DELIVERED, 1)]
    [answer] = sock.receive(9)
    assert (answer.data, answer.ttl) == (b"enough", 61)


@pytest.mark.parametrize(("ttl", "told"), [(100, 0), (255, 1)])
def test_a_refusal_comes_from_afar(pair: Pair, ttl: int, told: int) -> None:
    """A port's protocol hears who refused, over any number of routers; never that a TTL ended."""
    pair.near.refusals = "called"
    pair.net.link(pair.near, pair.far, hops=200)
    pair.client.port.getHandle().setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
    pair.client.port.connect(SERVER, 9)
    pair.client.send(b"x")
    pair.net.advance()
    assert (pair.client.refusals, pair.client.stops) == (told, 0)


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ((CLIENT, SERVER), (3, 4, "198.18.0.1", 520)),
        ((CLIENT6, SERVER6), (2, 0, "2001:2::1", 1184)),
    ],
)
def test_the_mtu_of_a_path_is_learnt(pair: Pair, ends: tuple[str, str], said: Any) -> None:
    """The first that is too long is lost, ICMP tells how long one may be; the next arrive."""
    pair.net.link(pair.near, pair.far, mtu=1300, delay=0.5)
    own, host = ends
    server = pair.far.open_datagram_socket(host, 8)
    sock = pair.near.open_datagram_socket(own, 0)
    sock.queue_errors()
    refusals: list[Refusal] = []
    for _ in range(3):
        sock.transmit(ToSend(bytes(1400), (host, 8)))
        pair.net.advance(1)
        refusals += sock.take_errors(9)
    [refusal] = refusals
    assert (refusal.mtu, refusal.errno) == (1300, errno.EMSGSIZE)
    assert refusal.by is not None
    quoted = len(refusal.data)
    assert (refusal.icmp_type, refusal.icmp_code, refusal.by[0], quoted) == said
    sent = pair.net.record.sent(to=host)
    assert [each.fate for each in sent] == [Fate.TOO_LONG, Fate.QUEUED, Fate.QUEUED]
    assert sent[1].faults == {Fault.FRAGMENTED}
    assert [each.length for each in server.receive(9)] == [1400, 1400]


@pytest.mark.parametrize(("version", "discover", "becomes"), PATH_MTU)
def test_path_mtu(pair: Pair, version: int, discover: int | None, becomes: tuple[str, str]) -> None:
    """As the kernel has it (tests/live/test_reality_of_links.py)."""
    pair.net.link(pair.near, pair.far, mtu=NARROW)
    own, host = (CLIENT, SERVER) if version == 4 else (CLIENT6, SERVER6)
    client, server = Notebook(), Notebook()
    pair.near.listenUDP(0, client, own)
    pair.far.listenUDP(8, server, host)
    if discover is not None:
        client.port.getHandle().setsockopt(*DISCOVER[version], discover)
    became = []
    for sent in range(2):
        before = len(server.heard)
        try:
            client.send(bytes(TOO_LONG), (host, 8))
        except MessageLengthError:
            became.append(IS_REFUSED)
        else:
            pair.net.advance(1)
            became.append(ARRIVES if len(server.heard) > before else IS_LOST)
        assert len(pair.net.record) == sent + 1
    assert tuple(became) == becomes


def test_a_forged_mtu(pair: Pair) -> None:
    """Whoever forges it has a host send fragments: those that heed it."""
    pair.net.forge_refusal(source=(SERVER, 7), to=(CLIENT, 50000), error=errno.EMSGSIZE, mtu=600)
    pair.net.link(pair.near, pair.far, one_way=True, mtu=600)
    assert pair.ask(bytes(1000)) == [bytes(1000)]
    assert pair.net.record[0].faults == {Fault.FRAGMENTED}


def test_the_example_in_the_docstring() -> None:
    results = doctest.testmod(link_room)
    assert (results.attempted, results.failed) == (5, 0)


def test_icmp_is_lost_as_anything_else(pair: Pair) -> None:
    pair.net.link(pair.near, pair.far, one_way=True, mtu=1300)
    pair.net.link(pair.far, pair.near, one_way=True, loss=1.0)
    for _ in range(2):
        pair.ask(bytes(1400))
    assert [each.fate for each in pair.net.record] == [Fate.TOO_LONG] * 2


def test_a_seed_decides_bursts_too() -> None:
    def record(seed: int) -> str:
        pair = Pair(seed, bursts=Bursts(0.2, 0.3), jitter=0.1, rate=5000, queue=3, mtu=576, hops=2)
        pair.ask(*[bytes(600)] * 30)
        pair.ask(*[bytes(600)] * 30)
        return str(pair.net.record)

    assert record(1) == record(1) != record(2)


CHANCES = st.sampled_from([0.0, 0.3, 1.0])
ALL_OPTIONS = st.fixed_dictionaries(
    {
        "delay": st.sampled_from([0.0, 0.1]),
        "jitter": st.sampled_from([0.0, 0.1]),
        "loss": CHANCES,
        "duplicate": CHANCES,
        "bursts": st.none() | st.builds(Bursts, CHANCES, CHANCES, CHANCES),
        "mtu": st.sampled_from([None, 68, 576]),
        "hops": st.sampled_from([0, 1, 63, 64]),
        "rate": st.sampled_from([None, 1e3, 1e6]),
        "queue": st.integers(0, 3),
        "queue_bytes": st.sampled_from([None, 0, 600]),
    }
)
ENDS = {Fate.DELIVERED, Fate.LOST, Fate.CONGESTED, Fate.TOO_LONG, Fate.EXPIRED}


@given(ALL_OPTIONS, ALL_OPTIONS, st.lists(st.sampled_from([0, 1, 600]), max_size=9), st.integers())
def test_whatever_a_link_does_each_datagram_has_a_fate(
    first: dict[str, Any], then: dict[str, Any], sizes: list[int], seed: int
) -> None:
    """What was sent is what arrived and what was lost; and the same again, by the same seed."""

    def record() -> str:
        pair = Pair(seed)
        link = pair.net.link(pair.near, pair.far, **first)
        link.at(1.0, **then)
        server = Notebook()
        pair.far.listenUDP(8, server)
        for number, size in enumerate(sizes):
            pair.near.callLater(number / 5, pair.client.send, bytes(size), (SERVER, 8))
        pair.net.advance(100)
        assert {each.fate for each in pair.net.record} <= ENDS
        sent = pair.net.record.sent()
        assert [len(each.data) for each in sent] == sizes
        arrived = pair.net.record.delivered()
        assert sorted(len(each.data) for each in arrived) == sorted(map(len, server.heard))
        assert len(arrived) + len(pair.net.record.lost()) == len(pair.net.record)
        assert all(each.ttl in (64, 63, 1) for each in arrived)
        return str(pair.net.record)

    assert record() == record()
