"""Inbox, outbox and echo over values, on a socket that does as it is told."""

from __future__ import annotations

from collections.abc import Sequence
from errno import EAGAIN, ECONNREFUSED, EHOSTUNREACH, EPERM
from typing import Any, cast

import pytest

from tests.kernelbytes import ipv4_control, ipv4_name, ipv6_control, ipv6_name, record
from udpecho.datagrams import Received, ToSend
from udpecho.kernel.layout import IPV4, IPV6, Layout
from udpecho.kernel.messages import BATCH
from udpecho.port.address import Address, encode
from udpecho.port.batch import Batch
from udpecho.port.valuebox import ValueEcho, ValueInbox, ValueOutbox


class Socket:
    """Gives what it is told to, and takes what is sent, but for errors in turn."""

    def __init__(self, *gives: Received | int) -> None:
        self.gives = list(gives)
        self.errors: list[int] = []
        self.sent: list[ToSend] = []

    def receive(self, most: int, size: int = 65535) -> Sequence[Received]:
        taken: list[Received] = []
        while self.gives and len(taken) < most:
            first = self.gives[0]
            if isinstance(first, int):
                if taken:
                    break
                raise OSError(self.gives.pop(0), "said so")
            taken.append(first)
            self.gives.pop(0)
        return taken

    def transmit(self, datagram: ToSend) -> None:
        if error := self.errors.pop(0) if self.errors else 0:
            raise OSError(error, "said so")
        self.sent.append(datagram)


def received(
    data: bytes = b"x", source: tuple[str, int] = ("198.51.100.9", 40000), **about: Any
) -> Received:
    host = "2001:db8::7" if ":" in source[0] else "192.0.2.7"
    told: dict[str, Any] = {
        "asked": host,
        "local": host,
        "interface": "eth0",
        "ttl": 64,
        "tos": 0,
        "when": 5,
    }
    return Received(data, len(data), source, **told | about)


def inbox_of(skt: Socket, layout: Layout = IPV4, **options: bool) -> ValueInbox:
    source: Any = skt
    return ValueInbox(source, layout, **{"interfaces": True, "timestamps": False} | options)


@pytest.mark.parametrize(
    ("layout", "item", "as_the_kernel"),
    [
        (
            IPV4,
            received(ttl=9, tos=0xB9),
            record(
                ipv4_name("198.51.100.9", 40000),
                ipv4_control("192.0.2.7", interface=0, ttl=9, tos=0xB9),
            ),
        ),
        (
            IPV4,
            received(asked="192.0.2.255"),
            record(
                ipv4_name("198.51.100.9", 40000),
                ipv4_control("192.0.2.255", "192.0.2.7", interface=0),
            ),
        ),
        (
            IPV6,
            received(source=("2001:db8::9", 7), ttl=3),
            record(ipv6_name("2001:db8::9", 7), ipv6_control("2001:db8::7", interface=0, ttl=3)),
        ),
    ],
    ids=["IPv4", "broadcast", "IPv6"],
)
def test_its_records_are_as_the_kernels(
    layout: Layout, item: Received, as_the_kernel: bytes
) -> None:
    inbox = inbox_of(Socket(item, item), layout)
    assert inbox.receive() == 2
    assert inbox.records() == as_the_kernel * 2
    assert inbox.octets(layout.ttl) == bytes([item.ttl] * 2)


@pytest.mark.parametrize("interfaces", [True, False])
@pytest.mark.parametrize("timestamps", [True, False])
def test_an_address_tells_what_it_is_to(interfaces: bool, timestamps: bool) -> None:
    inbox = inbox_of(
        Socket(received(when=7_000_000_001)), interfaces=interfaces, timestamps=timestamps
    )
    inbox.receive()
    address = inbox.address(0)
    assert list(inbox.pairs()) == [(b"x", address)]
    assert address.interface == ("eth0" if interfaces else "")
    assert address.timestamp_ns == (7_000_000_001 if timestamps else None)
    assert (address.ttl, address.asked) == (64, "192.0.2.7")


def test_nothing_received_is_an_empty_batch_and_the_reason() -> None:
    inbox = inbox_of(Socket(received(b"ab"), ECONNREFUSED))
    turns = [inbox.turn]
    assert inbox.receive() == 1
    assert (inbox.datagrams, inbox.nbytes, inbox.longest) == (1, 2, 2)
    turns.append(inbox.turn)
    for error in (ECONNREFUSED, EAGAIN):
        assert inbox.receive() == -error
        assert (inbox.count, inbox.nbytes, inbox.longest, inbox.records()) == (0, 0, 0, b"")
        turns.append(inbox.turn)
    assert len(set(turns)) == 4, "another for each"


def test_it_takes_a_batch_at_a_time() -> None:
    inbox = inbox_of(Socket(*[received()] * (BATCH + 1)))
    assert [inbox.receive() for _ in range(3)] == [BATCH, 1, -EAGAIN]


# Sending


def outbox_of(skt: Socket) -> ValueOutbox:
    target: Any = skt
    return ValueOutbox(target, IPV4)


def test_what_is_written_leaves_in_order_from_where_it_is_to() -> None:
    skt = Socket(received())
    inbox, outbox = inbox_of(skt), outbox_of(skt)
    inbox.receive()
    asked: Address = inbox.address(0)
    assert outbox.add(b"1", encode(IPV4, "203.0.113.1", 7), None) == BATCH - 1
    assert outbox.add(cast(bytes, bytearray(b"2")), asked.destination, asked) == BATCH - 2
    assert outbox.add(b"3", b"", None) == BATCH - 3
    assert (skt.sent, outbox.written) == ([], [None, asked, None])
    assert (outbox.flush(), outbox.met_errors, outbox.written) == ([], False, [])
    assert skt.sent == [
        ToSend(b"1", ("203.0.113.1", 7)),
        ToSend(b"2", ("198.51.100.9", 40000), "192.0.2.7"),
        ToSend(b"3"),
    ]


@pytest.mark.parametrize(
    ("errors", "unsent", "why"),
    [
        ([ECONNREFUSED], [], "it was of something earlier"),
        ([EPERM, EPERM], [(b"1", "one", EPERM)], "it is its own"),
        (
            [ECONNREFUSED, EHOSTUNREACH],
            [(b"1", "one", EHOSTUNREACH)],
            "one of each",
        ),
        ([0, EPERM, EPERM], [(b"2", "two", EPERM)], "of the second"),
        ([EPERM] * 4, [(b"1", "one", EPERM), (b"2", "two", EPERM)], "of both"),
    ],
)
def test_an_error_costs_its_own_datagram_alone(
    errors: list[int], unsent: list[tuple[bytes, str, int]], why: str
) -> None:
    skt = Socket()
    outbox = outbox_of(skt)
    home = encode(IPV4, "203.0.113.1", 7)
    for data, name in ((b"1", "one"), (b"2", "two")):
        outbox.add(data, home, name)
    skt.errors = errors
    assert outbox.flush() == unsent, why
    assert outbox.met_errors
    assert [each.data for each in skt.sent] == [
        each for each in (b"1", b"2") if each not in {data for data, _, _ in unsent}
    ]
    outbox.add(b"3", home, None)
    assert (outbox.flush(), outbox.met_errors) == ([], False)


def test_heads_and_other_bytes_in_an_items_place() -> None:
    skt: Any = Socket(*[received(data) for data in (b"a" * 20, b"b" * 16, b"ccc")])
    inbox = inbox_of(skt)
    batch = Batch(inbox, ValueEcho(skt, inbox))
    inbox.receive()
    assert batch.heads() == b"a" * 16 + b"b" * 16 + b"ccc".ljust(16, b"\0")
    assert batch.item(1) == [b"b" * 16]
    batch.put(1, b"B" * 16)
    batch.echo()
    assert [each.data for each in skt.sent] == [b"a" * 20, b"B" * 16, b"ccc"]


def test_the_echo_leaves_out_what_is_dropped_and_counts_what_fails() -> None:
    skt = Socket(*[received(data, tos=tos) for data, tos in ((b"a", 1), (b"bb", 2), (b"ccc", 3))])
    inbox = inbox_of(skt)
    target: Any = skt
    batch = Batch(inbox, ValueEcho(target, inbox))
    inbox.receive()
    batch.drop([1])
    skt.errors = [EPERM, EPERM]
    assert batch.echo(bytes([63, 62, 61]), b"\4\5\6") == (1, 3, {EPERM: 1})
    assert skt.sent == [ToSend(b"ccc", ("198.51.100.9", 40000), "192.0.2.7", 61, 6)]
    skt.sent.clear()
    assert batch.echo() == (2, 4, {})
    assert [(each.ttl, each.tos) for each in skt.sent] == [(64, 1), (64, 3)]
