"""The bad line does to packets what it was asked to, and says exactly what it did."""

from __future__ import annotations

import socket
import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.live.impairment import Impairment, Line, Report
from tests.live.packets import is_udp, udp_data, udp_packet
from tests.live.tun import impaired, why_not

needs_tun = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

SO_RCVBUFFORCE = 33  # not in Python's socket

CLIENT, SERVER = ("198.18.0.2", 4000), ("198.18.0.1", 7)


def packet(number: int) -> bytes:
    return udp_packet(number.to_bytes(4, "big") * 8, CLIENT, SERVER)


def through(line: Line, number: int, interval: float = 0.001) -> list[bytes]:
    """Send numbered packets through a line, one at each interval; return what comes out."""
    out = []
    for index in range(number):
        line.take(packet(index), index * interval)
        out += line.give(index * interval)
    return out + line.give(1e9)


def test_a_line_without_faults_changes_nothing() -> None:
    line = Line(Impairment(), 1)
    assert through(line, 100) == [packet(index) for index in range(100)]
    assert line.report()["given"] == 100


def test_one_seed_has_one_outcome_and_another_another() -> None:
    bad = Impairment(loss=0.2, duplicate=0.2, corrupt=0.2, held=0.2, jitter=0.01)
    one, same, other = (through(Line(bad, seed), 200) for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_the_odds_of_one_fate_do_not_shift_another() -> None:
    one, both = Line(Impairment(loss=0.3), 5), Line(Impairment(loss=0.3, corrupt=1.0), 5)
    survivors = through(one, 100)
    broken = through(both, 100)
    assert len(survivors) == len(broken) == both.report()["corrupted"]
    for whole, other in zip(survivors, broken, strict=True):
        difference = int.from_bytes(udp_data(whole), "big") ^ int.from_bytes(udp_data(other), "big")
        assert difference.bit_count() == 1, "the same packets survived"


def test_what_is_corrupted_differs_by_one_bit_and_nothing_else() -> None:
    (out,) = through(Line(Impairment(corrupt=1.0), 3), 1)
    difference = int.from_bytes(udp_data(out), "big") ^ int.from_bytes(udp_data(packet(0)), "big")
    assert difference.bit_count() == 1
    assert out[:20] == packet(0)[:20]


def test_what_has_no_data_can_not_be_corrupted() -> None:
    line = Line(Impairment(corrupt=1.0), 3)
    empty = udp_packet(b"", CLIENT, SERVER)
    line.take(empty, 0.0)
    assert line.give(0.0) == [empty]
    assert line.report()["corrupted"] == 0


def test_what_is_held_back_is_overtaken() -> None:
    line = Line(Impairment(held=0.3, hold=0.0015), 3)
    out = [int.from_bytes(udp_data(each)[:4], "big") for each in through(line, 200)]
    late = sum(number < max(out[: at + 1]) for at, number in enumerate(out))
    assert sorted(out) == list(range(200))
    assert line.report()["overtaken"] == late > 10


def test_what_is_not_udp_passes_unharmed() -> None:
    ping = bytearray(packet(0))
    ping[9] = socket.IPPROTO_ICMP
    assert not is_udp(bytes(ping))
    line = Line(Impairment(loss=1.0), 1)
    line.take(bytes(ping), 0.0)
    assert line.give(0.0) == [bytes(ping)]
    assert line.report() == Line(Impairment(), 1).report()


_odds = st.sampled_from([0.0, 0.1, 0.5, 1.0])


@given(
    st.builds(Impairment, *[_odds] * 4, *[st.floats(0, 0.1)] * 3), st.integers(), st.floats(0, 1)
)
def test_every_packet_is_accounted_for(bad: Impairment, seed: int, end: float) -> None:
    line = Line(bad, seed)
    out = 0
    for index in range(50):
        line.take(packet(index), index / 1000)
        out += len(line.give(index / 1000))
    out += len(line.give(end))
    report = Report(**line.report())
    assert (report.taken, report.given) == (50, out)
    assert report.given + report.waiting == report.taken - report.lost + report.duplicated


@needs_tun
@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_between_real_sockets_it_reports_exactly_what_they_saw(family: str) -> None:
    """What the kernel's own sockets sent and received, number by number, is what was reported."""
    bad = Impairment(loss=0.2, duplicate=0.1, corrupt=0.1, held=0.1, delay=0.002, hold=0.01)
    sent = [number.to_bytes(4, "big") * 8 for number in range(500)]
    with impaired(bad, Impairment(), seed=7) as line:
        kind = socket.AF_INET6 if family == "ipv6" else socket.AF_INET
        with line.server.socket(kind) as server, line.client.socket(kind) as client:
            server.bind((getattr(line.server, family), 0))
            server.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22)  # it reads at the end
            server.settimeout(0.5)
            for data in sent:
                client.sendto(data, server.getsockname()[:2])
                time.sleep(0.0005)
            received = _until_silence(server)
        there, back = line.end()
    assert there.taken == len(sent)
    assert there.given == len(received)
    assert there.waiting == 0
    assert len(sent) - there.lost + there.duplicated == len(received)
    whole = Counter(data for data in received if data in set(sent))
    broken = [data for data in received if data not in set(sent)]
    assert len(set(broken)) == there.corrupted > 0
    assert len(whole) + there.corrupted == len(sent) - there.lost
    order = [int.from_bytes(data[:4], "big") for data in received]
    assert there.overtaken > 0
    assert order != sorted(order)
    assert back.taken == 0


@needs_tun
def test_both_ways_are_impaired_each_by_its_own() -> None:
    with (
        impaired(Impairment(delay=0.05), Impairment(loss=1.0)) as line,
        line.server.socket(socket.AF_INET) as server,
        line.client.socket(socket.AF_INET) as client,
    ):
        server.bind((line.server.ipv4, 0))
        server.settimeout(2)
        began = time.monotonic()
        client.sendto(b"ask", server.getsockname())
        data, peer = server.recvfrom(100)
        assert time.monotonic() - began >= 0.05
        server.sendto(data, peer)
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(100)
        there, back = line.end()
    assert (there.given, back.taken, back.lost, back.given) == (1, 1, 1, 0)


def _until_silence(skt: socket.socket) -> list[bytes]:
    received = []
    try:
        while True:
            received.append(skt.recv(2000))
    except TimeoutError:
        return received
