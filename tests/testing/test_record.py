"""What a test asks of the record: filters, counts, one line for each datagram."""

from __future__ import annotations

from typing import Any

import pytest

from udpecho.errors import BadAddress
from udpecho.peer import Peer
from udpecho.testing import Fate, Fault, MemoryNetwork, Record
from udpecho.testing.packet import Packet
from udpecho.testing.timeline import Timeline

A, B, C = ("192.0.2.1", 1), ("192.0.2.2", 2), ("2001:db8::3", 3)


@pytest.fixture
def record() -> Record:
    """Of one datagram each: delivered, cut, lost, twice arrived, unsent, forged."""
    clock = Timeline()
    made = Record(clock)
    clock.now = 0.5
    for data, fate in [
        (b"one", Fate.DELIVERED),
        (b"two", Fate.TRUNCATED),
        (b"three", Fate.LOST),
        (b"four", Fate.DELIVERED),
        (b"five", Fate.UNSENT),
    ]:
        made.settle(made.add(Packet(A, B, data)), fate)
    made.settle(made.add(Packet(A, B, b"four"), frozenset({Fault.DUPLICATE})), Fate.DELIVERED)
    made.settle(made.add(Packet(C, B, b"lie"), frozenset({Fault.FORGED})), Fate.DELIVERED)
    made.add(Packet(B, A, b"back"))
    for fate in (Fate.CONGESTED, Fate.TOO_LONG, Fate.EXPIRED):
        made.settle(made.add(Packet(B, C, b"up")), fate)
    return made


def data(found: Any) -> list[bytes]:
    return [each.data for each in found]


def test_filters(record: Record) -> None:
    assert data(record.select(to=A)) == [b"back"]
    assert data(record.select(to="192.0.2.1")) == [b"back"]
    assert data(record.select(source=C)) == [b"lie"]
    assert data(record.select(source="2001:0db8::3")) == [b"lie"]  # in any form
    assert record.select(source=(A[0], 9)) == ()
    assert data(record.select(Fate.LOST, Fate.TRUNCATED)) == [b"two", b"three"]
    assert data(record.select(Fate.DELIVERED, source=A, data=b"one")) == [b"one"]
    assert data(record.select(fault=Fault.FORGED)) == [b"lie"]
    assert [each.number for each in record.select(fault=Fault.DUPLICATE)] == [5]
    assert record.select() == tuple(record)


def test_by_what_became_of_them(record: Record) -> None:
    """What was sent has each once; what was read has duplicates, and what was cut."""
    assert data(record.sent(to=B)) == [b"one", b"two", b"three", b"four", b"lie"]
    assert data(record.delivered(to=B)) == [b"one", b"two", b"four", b"four", b"lie"]
    assert data(record.lost()) == [b"three", b"up", b"up", b"up"]
    assert data(record.lost(to=B)) == [b"three"]
    assert data(record.lost(to=A)) == []


def test_counts(record: Record) -> None:
    assert record.count() == len(record) == 11
    assert record.count(Fate.DELIVERED) == 4
    assert record.count(Fate.DELIVERED, data=b"four") == 2
    assert record.count(Fate.LOST, to=A) == 0


@pytest.mark.parametrize(
    "end", ["192.0.2.1:7", "server", "", ("server", 7), ("192.0.2", 7), (A,), ()]
)
def test_an_address_that_is_none(record: Record, end: Any) -> None:
    """It would be sought in vain, and a count of 0 look like a proof."""
    with pytest.raises(BadAddress, match="expected an IP address, or"):
        record.lost(to=end)
    with pytest.raises(BadAddress, match="expected an IP address, or"):
        record.select(source=end)


def test_what_can_not_be_found(record: Record) -> None:
    """A count of 0 would look like a proof."""
    wrong: Any = "lsot"
    with pytest.raises(ValueError, match="'lsot' is not a valid Fate"):
        record.count(wrong)
    with pytest.raises(ValueError, match="'lsot' is not a valid Fault"):
        record.count(fault=wrong)
    with pytest.raises(TypeError, match="data is bytes, not 'lsot'"):
        record.lost(data=wrong)
    right: Any = "lost"
    assert record.count(right) == 1


def test_slices(record: Record) -> None:
    assert data(record[1:3]) == [b"two", b"three"]
    assert record[-1].fate is Fate.EXPIRED
    assert repr(record) == "<Record of 11 datagrams>"


@pytest.mark.parametrize(
    ("ends", "sent", "line"),
    [
        ((A, B), b"", "0.000000 192.0.2.1:1 > 192.0.2.2:2 0 bytes b'' in flight"),
        ((C, B), b"a", "0.000000 [2001:db8::3]:3 > 192.0.2.2:2 1 bytes b'a' in flight"),
        (
            (A, B),
            b"\x1b[2J\n\xe2\x80\xae'\"",
            "0.000000 192.0.2.1:1 > 192.0.2.2:2 10 bytes "
            "b'\\x1b[2J\\n\\xe2\\x80\\xae\\'\"' in flight",
        ),
        (
            (A, B),
            bytes(32),
            f"0.000000 192.0.2.1:1 > 192.0.2.2:2 32 bytes {bytes(32)!r} in flight",
        ),
        (
            (A, B),
            bytes(33),
            f"0.000000 192.0.2.1:1 > 192.0.2.2:2 33 bytes {bytes(32)!r}... in flight",
        ),
    ],
)
def test_lines(ends: tuple[Peer, Peer], sent: bytes, line: str) -> None:
    """Each datagram is one line of ASCII, whatever its data."""
    made = Record(Timeline())
    made.add(Packet(*ends, sent))
    assert str(made) == str(made[0]) == str(made.select()) == line
    assert line.isascii()
    assert line.isprintable()


def test_a_line_tells_the_end(record: Record) -> None:
    assert str(record[2]).endswith("b'three' lost at 0.500000")
    assert str(record[5]).endswith("b'four' delivered at 0.500000 (duplicate)")
    assert len(str(record).splitlines()) == len(record)


def test_what_was_read_stays_as_it_was() -> None:
    """A datagram that was taken from the record does not change any more."""
    net = MemoryNetwork()
    net.forge(b"x", source=A, to=B, delay=1.0)
    net.host(B[0])
    before = net.record[0]
    net.forge(b"y", source=A, to=B, delay=1.0)
    in_flight = net.record[1]
    net.advance(2)
    assert (before.fate, in_flight.fate) == (Fate.UNREACHABLE, Fate.IN_FLIGHT)
    assert (net.record[1].fate, net.record[1].ended) == (Fate.REFUSED, 1.0)
