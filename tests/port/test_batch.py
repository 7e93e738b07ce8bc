"""Batch: its columns, its items and its echo, on memory filled by hand."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from ctypes import c_void_p
from errno import EAGAIN, ENOMEM, EPERM
from itertools import product
from typing import Any, cast

import pytest

from tests.kernelbytes import ipv4_control, ipv4_name, ipv6_control, ipv6_name, record, stamp, train
from udpecho.kernel import layout
from udpecho.kernel.layout import (
    IPV4,
    IPV6,
    NAME,
    Layout,
    control_message,
    control_messages,
    sent_to,
)
from udpecho.kernel.messages import BATCH
from udpecho.port import echo, sieve
from udpecho.port.batch import Batch
from udpecho.port.echo import Echo
from udpecho.port.inbox import Inbox

Item = tuple[bytes, bytes, bytes]
"""A name, control messages and data."""


class Socket:
    """Stands where the socket would, and keeps its TTL."""

    ttl = 64

    def fileno(self) -> int:
        return -1

    def getsockopt(self, *option: int) -> int:
        assert option in TTL_OPTIONS
        return self.ttl

    def setsockopt(self, *option: int) -> None:
        assert option[:2] in TTL_OPTIONS
        self.ttl = option[2]


TTL_OPTIONS = {
    (socket.IPPROTO_IP, socket.IP_TTL),
    (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS),
}


class Kernel:
    """Fills a batch, and takes what it sends, as it would leave."""

    def __init__(self, layout: Layout = IPV4, host: str = "", *, timed: bool = False) -> None:
        """Begin; host is the address that all is sent to, if the kernel need not say so.

        With timed, it is to tell when each came, by a stamp before all else.
        """
        self.layout = layout
        self.known = sent_to(layout, socket.inet_pton(layout.family, host)) if host else b""
        self.socket = Socket()
        self.inbox = Inbox(-1, layout, self.known, self._receive, timed=timed)
        self._stand(timed)
        self.reply = Echo(cast(socket.socket, self.socket), self.inbox, self._send)
        self.batch = Batch(self.inbox, self.reply)
        self.memory = self.inbox.memory
        self.sent: list[Item] = []
        self.controls: list[int] = []
        self.refuses: dict[int, int] = {}
        self.fails = 0

    def be_timed(self, timed: bool) -> None:
        """Tell when each comes from now on, or not."""
        self.inbox.be_timed(timed)
        self._stand(timed)

    def _stand(self, timed: bool) -> None:
        """Learn where names and control messages stand."""
        self.names = self.inbox._times.names if self.inbox._times else self.inbox.memory
        self.begin = (0 if timed else NAME) + len(self.known)

    def gives(self, *items: Item) -> Batch:
        """Have the batch receive these."""
        self.has(*items)
        assert self.inbox.receive() == len(items)
        return self.batch

    def has(self, *items: Item) -> None:
        """Have these for whoever receives."""
        self._items = items

    def gives_back(self, item: Item) -> Item:
        """Tell what an item's echo is, from a socket bound to all addresses."""
        kernel = Kernel(self.layout)
        kernel.gives(item).echo()
        return kernel.sent[0]

    def _receive(self, fd: int, place: c_void_p, most: int) -> int:
        if self.fails:
            return -self.fails
        headers = self.inbox.headers
        for index, (name, described, data) in enumerate(self._items):
            control = self._as_it_comes(described)
            assert headers.control_sizes[index] >= len(control), "no room for control messages"
            at, slot = self.memory.record_at[index], self.memory.slot_at[index]
            self.names.write(self.names.record_at[index], name)
            self.memory.write(at + self.begin, control)
            self.memory.write(slot, data)
            headers.control_sizes[index] = len(control)
            headers.lengths[index] = len(data)
        return len(self._items)

    def _send(self, fd: int, place: c_void_p, count: int) -> int:
        both = (self.reply._plain, self.reply._whole)
        [headers] = (each for each in both if any(place is other for other in each.at))
        start = next(index for index, other in enumerate(headers.at) if other is place)
        stop = start + count
        for index in range(start, stop):
            if index in self.refuses:
                return index - start or -self.refuses[index]
            at, slot = self.memory.record_at[index], self.memory.slot_at[index]
            size = headers.control_sizes[index]
            self.controls.append(size)
            first = at + NAME + len(self.known)
            name = self.memory.read(at, at + headers.name_sizes[index])
            control = self._as_it_leaves(self.memory.read(first, first + size))
            data = self.memory.read(slot, slot + headers.sizes[index])
            self.sent.append((name, control, data))
        return stop - start

    def _as_it_comes(self, control: bytes) -> bytes:
        """Leave out where it was sent, if that is known."""
        if not self.known:
            return control
        found = control_messages(control)
        del found[PKTINFO_KIND[self.layout]]
        return b"".join(control_message(*kind, data) for kind, data in found.items())

    def _as_it_leaves(self, control: bytes) -> bytes:
        """Add what the kernel takes from the socket where no control message tells."""
        control = self.known + control
        if len(control) > self.layout.source:
            return control
        ttl = control_message(*TTL_KIND[self.layout], struct.pack("=i", self.socket.ttl))
        return control + ttl + self.layout.plain[2]


PKTINFO_KIND = {
    IPV4: (socket.IPPROTO_IP, layout.IP_PKTINFO),
    IPV6: (socket.IPPROTO_IPV6, layout.IPV6_PKTINFO),
}

TTL_KIND = {
    IPV4: (socket.IPPROTO_IP, socket.IP_TTL),
    IPV6: (socket.IPPROTO_IPV6, layout.IPV6_HOPLIMIT),
}


def ipv4(data: bytes, host: str = "198.51.100.9", port: int = 40000, **about: Any) -> Item:
    about.setdefault("asked", "192.0.2.7")
    return ipv4_name(host, port), ipv4_control(**about), data


def a_train(data: bytes, size: int, **about: Any) -> Item:
    name, control, _ = ipv4(data, **about)
    return name, train(size) + control, data


def test_its_columns_have_a_value_for_each_item() -> None:
    batch = Kernel().gives(
        ipv4(b"a", port=7, ttl=64, tos=1), ipv4(b"", host="127.0.0.1", port=258, ttl=3, tos=0xB8)
    )
    assert len(batch) == batch.datagrams == 2
    assert batch.nbytes == 1
    assert batch.columns().ttls == bytes([64, 3])
    assert batch.columns().tos == bytes([1, 0xB8])


def test_ipv6s_columns_are_the_same() -> None:
    def item(host: str, asked: str) -> Item:
        return ipv6_name(host, 7), ipv6_control(asked, ttl=9, tos=0x22), b"x"

    batch = Kernel(IPV6).gives(item("2001:db8::1", "2001:db8::7"), item("fe80::1", "ff02::1"))
    assert batch.columns().ttls == b"\x09\x09"
    assert batch.columns().tos == b"\x22\x22"


def test_it_goes_through_datagrams_with_their_senders() -> None:
    batch = Kernel().gives(ipv4(b"one"), ipv4(b"", host="203.0.113.1", port=9, ttl=3))
    first, second = batch
    assert first == (b"one", ("198.51.100.9", 40000))
    assert second == (b"", ("203.0.113.1", 9))
    assert second[1].ttl == 3
    assert second[1].asked == "192.0.2.7"


def test_a_trains_datagrams_come_one_by_one_the_last_maybe_shorter() -> None:
    batch = Kernel().gives(ipv4(b"alone"), a_train(b"aabbc", 2))
    assert [data for data, _ in batch] == [b"alone", b"aa", b"bb", b"c"]
    assert batch.datagrams == 4
    assert batch.nbytes == 10


@pytest.mark.parametrize("layout", [IPV4, IPV6])
def test_heads_are_the_first_bytes_of_each(layout: Layout) -> None:
    """Those that are dropped, too; of what is shorter, what comes behind it is no matter."""
    data = [bytes(range(start, start + 40)) for start in (1, 2, 3)] + [b"short"]
    items = [ipv4(each) for each in data]
    if layout is IPV6:
        items = [(ipv6_name("2001:db8::1", 7), ipv6_control("2001:db8::7"), d) for d in data]
    batch = Kernel(layout).gives(*items)
    batch.drop([1])
    heads = batch.heads()
    assert [heads[at : at + 16] for at in (0, 16, 32)] == [each[:16] for each in data[:3]]
    assert (len(heads), heads[48:53]) == (64, b"short")


def test_other_bytes_may_leave_in_an_items_place() -> None:
    kernel = Kernel()
    batch = kernel.gives(ipv4(b"one"), a_train(b"aabbc", 2), ipv4(b"two"))
    assert [batch.item(index) for index in range(3)] == [[b"one"], [b"aa", b"bb", b"c"], [b"two"]]
    batch.put(0, b"ONE")
    batch.put(1, b"aaBBc")
    batch.echo()
    assert [data for _, _, data in kernel.sent] == [b"ONE", b"aaBBc", b"two"]
    with pytest.raises(ValueError, match="expected 3 bytes, got 4"):
        batch.put(0, b"four")


def test_what_a_guard_judges_by_is_packed_without_gaps() -> None:
    batch = Kernel().gives(
        ipv4(b"", "192.0.2.1", 40000, ttl=1),
        a_train(b"12345", 2, host="192.0.2.2", port=53),
        ipv4(b"", asked="198.51.100.255", local="198.51.100.1"),
    )
    columns = batch.columns()
    assert columns.ports == b"\x9c\x40\x00\x35\x9c\x40"
    assert columns.sources == bytes([192, 0, 2, 1, 192, 0, 2, 2, 198, 51, 100, 9])
    assert columns.asked == bytes([192, 0, 2, 7, 192, 0, 2, 7, 198, 51, 100, 255])
    assert columns.local == bytes([192, 0, 2, 7, 192, 0, 2, 7, 198, 51, 100, 1])
    assert columns.ttls == b"\x01\x40\x40"
    assert (columns.sizes, columns.trains) == ([0, 5, 0], {1: 2})
    assert [columns.datagrams(index) for index in range(3)] == [1, 3, 1]


def test_where_all_was_sent_to_us_a_guard_need_not_look_where() -> None:
    columns = Kernel().gives(ipv4(b""), ipv4(b"")).columns()
    assert (columns.asked, columns.local, columns.trains) == (b"", b"", {})


def test_ipv6_is_packed_likewise() -> None:
    names = [ipv6_name(host, 40000) for host in ("2001:db8::1", "2001:db8::2")]
    hosts = [socket.inet_pton(socket.AF_INET6, host) for host in ("2001:db8::1", "2001:db8::2")]
    asked = [socket.inet_pton(socket.AF_INET6, host) for host in ("2001:db8::9", "ff02::1")]
    ours, group = (
        [(name, ipv6_control(to, ttl=7), b"") for name, to in zip(names, to_each, strict=True)]
        for to_each in (("2001:db8::9", "2001:db8::9"), ("2001:db8::9", "ff02::1"))
    )
    columns = Kernel(IPV6).gives(*ours).columns()
    assert columns.sources == b"".join(hosts)
    assert (columns.asked, columns.ttls) == (b"", b"\7\7")
    assert Kernel(IPV6).gives(*group).columns().asked == b"".join(asked)


@pytest.mark.parametrize(
    ("layout", "item"),
    [
        pytest.param(IPV4, ipv4(b"x", ttl=9), id="IPv4"),
        pytest.param(IPV4, ipv4(b"x", asked="192.0.2.255", local="192.0.2.7"), id="broadcast"),
        pytest.param(IPV4, a_train(b"xyz", 2), id="a train"),
        pytest.param(IPV6, (ipv6_name("::1", 7), ipv6_control("::1"), b""), id="IPv6"),
        pytest.param(IPV6, (ipv6_name("::1", 7), ipv6_control("ff02::1"), b""), id="multicast"),
    ],
)
def test_one_alone_is_judged_as_it_would_be_with_another(layout: Layout, item: Item) -> None:
    alone, twice = Kernel(layout).gives(item).columns(), Kernel(layout).gives(item, item).columns()
    assert [bytes(column) * 2 for column in alone[:6]] == [bytes(column) for column in twice[:6]]
    assert list(alone.sizes) * 2 == list(twice.sizes)
    assert [twice.trains.get(index) for index in range(2)] == [alone.trains.get(0)] * 2


def receiving(layout: Layout, *items: Item) -> Inbox:
    """Give an inbox that has received these."""
    kernel = Kernel(layout)
    kernel.gives(*items)
    return kernel.inbox


def test_ipv4_behind_ipv6_is_found() -> None:
    hosts = ["::1", "::ffff:127.0.0.1", "2001:db8::ffff:7f00:1"]
    items = [(ipv6_name(host, 7), ipv6_control("::1"), b"") for host in hosts]
    assert sieve.mapped(receiving(IPV6, *items)) == [1]
    assert sieve.mapped(receiving(IPV6, items[0], items[2])) == []


def test_strangers_are_found_by_address_port_and_scope() -> None:
    peer = ipv6_name("fe80::1", 7, 3)
    names = [peer, ipv6_name("fe80::1", 7, 4), ipv6_name("fe80::1", 8, 3), ipv6_name("::1", 7)]
    items = [(name, ipv6_control("::1"), b"") for name in names]
    assert sieve.not_from(receiving(IPV6, *items), peer) == [1, 2, 3]
    assert sieve.not_from(receiving(IPV6, items[0]), peer) == []


def test_what_is_longer_than_the_limit_is_found_by_the_length_of_a_datagram() -> None:
    items = [ipv4(b"x" * 11), ipv4(b"x" * 10), a_train(b"x" * 40, 10)]
    assert sieve.longer_than(receiving(IPV4, *items), 10) == [0]
    assert sieve.longer_than(receiving(IPV4, *items), 11) == []


def test_the_echo_goes_back_as_it_came_from_the_address_that_was_asked() -> None:
    kernel = Kernel()
    batch = kernel.gives(ipv4(b"one", ttl=9, tos=4, interface=3), ipv4(b"", port=9))
    assert batch.echo() == (2, 3, {})
    assert kernel.sent == [
        ipv4(b"one", ttl=9, tos=4, interface=0),  # or routing is bypassed
        ipv4(b"", port=9, interface=0),
    ]


def test_an_ipv6_echo_goes_back_likewise() -> None:
    kernel = Kernel(IPV6)
    name = ipv6_name("fe80::9", 7, 2)
    kernel.gives((name, ipv6_control("fe80::1", interface=2), b"x")).echo()
    assert kernel.sent == [(name, ipv6_control("fe80::1", interface=0), b"x")]


def test_a_column_that_is_given_is_what_the_echo_carries() -> None:
    kernel = Kernel()
    batch = kernel.gives(ipv4(b"a", ttl=64, tos=3), a_train(b"bb", 1, ttl=9, tos=0xBB))
    ttls = batch.columns().ttls.translate(bytes([0, *range(255)]))
    tos = batch.columns().tos.translate(bytes(value & 0xFC for value in range(256)))
    batch.echo(ttls, tos)
    assert kernel.sent[0][1] == ipv4_control("192.0.2.7", ttl=63, interface=0)
    assert kernel.sent[1][1].startswith(ipv4_control("192.0.2.7", ttl=8, tos=0xB8, interface=0))


@pytest.mark.parametrize(
    ("first", "second", "controls"),
    [
        pytest.param({"ttl": 60}, {"ttl": 60}, 32, id="one TTL for all: by the socket"),
        pytest.param({"ttl": 64}, {"ttl": 64}, 32, id="the socket's own TTL"),
        pytest.param({"ttl": 60}, {"ttl": 59}, 80, id="two TTLs"),
        pytest.param({"tos": 0}, {"tos": 4}, 80, id="a traffic class"),
        pytest.param({"ttl": 0}, {"ttl": 0}, 80, id="a TTL that no socket can have"),
    ],
)
def test_what_all_replies_have_in_common_is_set_on_the_socket_while_they_leave(
    first: dict[str, Any],
    second: dict[str, Any],
    controls: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(echo, "WORTHWHILE", 2)
    kernel = Kernel()
    for _ in range(2):
        kernel.gives(ipv4(b"1", **first), ipv4(b"2", **second)).echo()
        assert kernel.controls[-1] == controls
        assert kernel.socket.ttl == 64, "what is written alone leaves as ever"
        kernel.gives(a_train(b"1122", 2), ipv4(b"2", **second)).echo()
    sent = [ipv4(b"1", interface=0, **first), ipv4(b"2", interface=0, **second)]
    assert kernel.sent[:2] == kernel.sent[4:6] == sent
    assert kernel.sent[3] == kernel.sent[7] == sent[1]


@pytest.mark.parametrize(
    ("items", "controls"),
    [
        pytest.param([ipv4(b"1")] * 8, 0, id="eight alike: all by the socket"),
        pytest.param([ipv4(b"1", ttl=9)] * 8, 0, id="of another TTL than the socket's"),
        pytest.param([ipv4(b"1", ttl=9, interface=3)], 48, id="one alone"),
        pytest.param([ipv4(b"1", ttl=9, tos=4)] * 8, 48, id="with a traffic class"),
    ],
)
def test_a_socket_bound_to_one_address_answers_from_it_untold(
    items: list[Item], controls: int
) -> None:
    kernel = Kernel(host="192.0.2.7")
    assert kernel.gives(*items).echo() == (len(items), len(items), {})
    assert set(kernel.controls) == {controls}
    name, control, data = items[0]
    away = kernel.sent[0][1]
    assert away[: IPV4.source] == ipv4_control("192.0.2.7", interface=0)[: IPV4.source]
    assert kernel.sent[0] == (name, away[: IPV4.source] + control[IPV4.source :], data)


@pytest.mark.parametrize(
    ("layout", "host", "item"),
    [
        pytest.param(IPV4, "192.0.2.7", ipv4(b"12", ttl=9, tos=4, interface=0), id="IPv4"),
        pytest.param(
            IPV6,
            "2001:db8::7",
            (ipv6_name("2001:db8::1", 9), ipv6_control("2001:db8::7", ttl=9, interface=0), b"12"),
            id="IPv6",
        ),
    ],
)
@pytest.mark.parametrize("first", [b"", train(1)], ids=["alone", "train"])
def test_of_a_socket_with_one_address_all_is_told_but_the_interface(
    layout: Layout, host: str, item: Item, first: bytes
) -> None:
    kernel = Kernel(layout, host)
    name, control, data = item
    for _ in range(2):  # what is written once is there for each
        batch = kernel.gives((name, first + control, data))
        columns, address = batch.columns(), next(iter(batch))[1]
        assert (columns.asked, columns.ttls) == (b"", b"\t")
        assert (address.asked, address.local, address.interface) == (host, host, "")
        assert address.destination[NAME:] == kernel.known
        assert batch.datagrams == (2 if first == train(1) else 1)


def test_a_train_leaves_as_one_from_a_socket_bound_to_one_address_too() -> None:
    kernel = Kernel(host="192.0.2.7")
    assert kernel.gives(a_train(b"aabbc", 2)).echo() == (3, 5, {})
    assert kernel.controls == [72]
    assert kernel.sent[0][1][80:] == Kernel().gives_back(a_train(b"aabbc", 2))[1][80:]


def test_what_was_known_of_a_batch_is_not_believed_of_the_next() -> None:
    kernel = Kernel()
    first = [ipv4(b"12", ttl=9), ipv4(b"34", ttl=9)]
    for items in (
        first,
        first,
        [ipv4(b"12", ttl=9)],
        [ipv4(b"12", ttl=9), ipv4(b"3", ttl=9)],
        first,
        [ipv4(b"12", ttl=9), ipv4(b"34", ttl=9, tos=4)],
        [ipv4(b"12", ttl=9), ipv4(b"34", "203.0.113.1", ttl=9)],
        [a_train(b"1234", 2, ttl=9)],
        [a_train(b"12345", 2, ttl=9)],
        [ipv4(b"1234", ttl=9)],
        [*first, ipv4(b"")],
    ):
        kernel.sent = []
        batch = kernel.gives(*items)
        fresh = Kernel().gives(*items)
        assert batch.columns() == fresh.columns()
        assert (batch.datagrams, batch.nbytes) == (fresh.datagrams, fresh.nbytes)
        assert list(batch) == list(fresh)
        batch.echo()
        assert kernel.sent == [kernel.gives_back(each) for each in items]


def test_a_train_leaves_as_a_train_and_what_comes_in_its_place_next_does_not() -> None:
    kernel = Kernel()
    assert kernel.gives(a_train(b"aabbc", 2)).echo() == (3, 5, {})
    assert len(kernel.sent[0][1]) == 104
    kernel.gives(ipv4(b"a")).echo()
    assert len(kernel.sent[1][1]) == 80


def test_with_timestamps_the_echo_carries_none() -> None:
    kernel = Kernel(timed=True)
    batch = kernel.gives(at(5, 6, ipv4(b"x")))
    assert [address.timestamp_ns for _, address in batch] == [5_000_000_006]
    batch.echo()
    assert kernel.sent == [ipv4(b"x", interface=0)]


def at(seconds: int, nanoseconds: int, item: Item) -> Item:
    name, control, data = item
    return name, stamp(seconds, nanoseconds) + control, data


@pytest.mark.parametrize("layout", [IPV4, IPV6])
def test_when_each_came_is_told_aside(layout: Layout) -> None:
    """And its record is as if that had not been asked: who sent it, and what else is known."""
    kernel = Kernel(layout, timed=True)
    if layout is IPV4:
        items = [ipv4(b"a", ttl=9), ipv4(b"b", ttl=8), ipv4(b"c", ttl=9)]
    else:
        control = ipv6_control("2001:db8::7", ttl=9)
        items = [(ipv6_name("2001:db8::1", port), control, b"x") for port in (7, 8, 9)]
    plain = Kernel(layout)
    for count in (1, 3, 3, 1):
        seconds = kernel.inbox.turn + 1
        batch = kernel.gives(*(at(seconds, i, item) for i, item in enumerate(items[:count])))
        assert batch.arrivals() == [seconds * 1_000_000_000 + i for i in range(count)]
        assert batch.first_arrival() == seconds * 1_000_000_000
        assert list(batch.untimed()) == list(plain.gives(*items[:count]))
        assert list(batch) == list(plain.batch)
        assert batch.columns() == plain.batch.columns()
        assert [each.timestamp_ns for _, each in batch] == batch.arrivals()
        assert batch._inbox.records() == plain.inbox.records()
        assert (plain.batch.arrivals(), plain.batch.first_arrival()) == ([], None)


def test_a_batch_tells_the_times_if_they_are_wanted_for_it() -> None:
    """One after the other, of whatever sizes: what one way has left is in no other's way."""
    kernel, plain = Kernel(timed=True), Kernel()
    items = [ipv4(b"a", ttl=9), ipv4(b"bb", ttl=8), ipv4(b"c", ttl=9)]
    for turn, (timed, count) in enumerate(product((False, True, True, False), (3, 1, 2, 3)), 1):
        kernel.be_timed(timed)
        some = items[:count]
        batch = kernel.gives(*([at(turn, 0, each) for each in some] if timed else some))
        assert batch.first_arrival() == (turn * 1_000_000_000 if timed else None)
        assert batch.arrivals() == [turn * 1_000_000_000] * count * timed
        assert list(batch.untimed()) == list(plain.gives(*some))
        assert batch._inbox.records() == plain.inbox.records()
        batch.echo()
        assert [data for _, _, data in kernel.sent[-count:]] == [data for *_, data in some]


def test_the_first_is_told_however_they_stand() -> None:
    """Several processors may queue them; what came first need not stand first."""
    kernel = Kernel(timed=True)
    for times in ([(5, 9), (5, 3), (5, 7)], [(6, 1), (5, 999_999_999), (6, 0)]):
        batch = kernel.gives(*(at(s, ns, ipv4(b"x")) for s, ns in times))
        assert batch.first_arrival() == min(s * 1_000_000_000 + ns for s, ns in times)
        assert batch.arrivals() == [s * 1_000_000_000 + ns for s, ns in times]


def test_of_what_is_dropped_and_of_trains_it_is_told_for_each_datagram() -> None:
    kernel = Kernel(timed=True)
    name, control, data = a_train(b"1122", 2)
    gro = (name, stamp(2, 0) + control, data)
    batch = kernel.gives(at(1, 0, ipv4(b"0")), gro, at(3, 0, ipv4(b"4")))
    assert batch.arrivals() == [1_000_000_000, 2_000_000_000, 2_000_000_000, 3_000_000_000]
    assert batch.first_arrival() == 1_000_000_000
    batch.drop([0])
    assert batch.arrivals() == [2_000_000_000, 2_000_000_000, 3_000_000_000]
    assert [data for data, _ in batch.untimed()] == [b"11", b"22", b"4"]
    again = kernel.gives(at(4, 0, ipv4(b"5")))
    assert (again.arrivals(), [data for data, _ in again.untimed()]) == ([4_000_000_000], [b"5"])


def test_what_the_kernel_does_not_tell_of_one_is_told_of_none() -> None:
    kernel = Kernel(timed=True)
    batch = kernel.gives(at(1, 0, ipv4(b"0")), ipv4(b"1"))
    assert (batch.arrivals(), batch.first_arrival()) == ([], None)
    assert [(data, peer[0], peer.ttl) for data, peer in batch] == [
        (data, peer[0], peer.ttl) for data, peer in Kernel().gives(ipv4(b"0"), ipv4(b"1"))
    ]


def test_what_is_dropped_is_left_out_of_everything() -> None:
    kernel = Kernel()
    batch = kernel.gives(ipv4(b"0"), a_train(b"1122", 2), ipv4(b"333"), ipv4(b"4"))
    assert batch.drop([1]) == 2
    assert batch.drop([1, 2]) == 1, "what was dropped before is not counted again"
    assert (batch.datagrams, batch.nbytes) == (2, 2)
    assert [data for data, _ in batch] == [b"0", b"4"]
    assert batch.echo() == (2, 2, {})
    assert [data for _, _, data in kernel.sent] == [b"0", b"4"]


@pytest.mark.parametrize("dropped", [[], [0], [3], [0, 3], [1, 2], [0, 1, 2, 3]])
def test_the_next_batch_knows_nothing_of_what_was_dropped(dropped: list[int]) -> None:
    kernel = Kernel()
    four = [ipv4(bytes([index])) for index in range(4)]
    batch = kernel.gives(*four)
    batch.drop(dropped)
    assert batch.echo().datagrams == 4 - len(dropped)
    assert kernel.gives(*four).echo().datagrams == 4


@pytest.mark.parametrize("at", [0, 1, 3])
def test_one_that_can_not_be_sent_costs_the_others_nothing(at: int) -> None:
    kernel = Kernel()
    kernel.refuses = {at: EPERM}
    batch = kernel.gives(*[ipv4(b"ab") for _ in range(4)])
    assert batch.echo() == (3, 6, {EPERM: 1})
    assert len(kernel.sent) == 3


def test_a_train_that_can_not_be_sent_counts_as_all_its_datagrams() -> None:
    kernel = Kernel()
    kernel.refuses = {0: EPERM}
    assert kernel.gives(a_train(b"aabbc", 2), ipv4(b"x")).echo() == (1, 1, {EPERM: 3})


def test_a_full_batch_is_echoed_whole() -> None:
    kernel = Kernel()
    batch = kernel.gives(*[ipv4(bytes([index])) for index in range(BATCH)])
    assert batch.echo() == (BATCH, BATCH, {})
    assert [data for _, _, data in kernel.sent] == [bytes([index]) for index in range(BATCH)]


def test_a_batch_that_is_over_is_empty() -> None:
    kernel = Kernel()
    batch = kernel.gives(ipv4(b"a"), ipv4(b"b"))
    kernel.inbox.forget()
    assert (len(batch), list(batch), batch.datagrams) == (0, [], 0)
    assert batch.echo() == (0, 0, {})
    assert len(kernel.gives(ipv4(b"a"), ipv4(b"b"))) == 2


def test_nothing_received_is_an_empty_batch_and_the_reason() -> None:
    kernel = Kernel()
    kernel.gives(ipv4(b"a"))
    kernel.fails = EAGAIN
    assert kernel.inbox.receive() == -EAGAIN
    assert len(kernel.batch) == 0


def test_records_and_names_are_where_the_columns_look() -> None:
    kernel = Kernel()
    kernel.gives(ipv4(b"a"))
    assert kernel.memory.read(0, 192) == record(*ipv4(b"a")[:2])


@pytest.mark.parametrize("fails_at", [1, 2, 3])
def test_an_option_that_fails_once_costs_no_reply_and_no_ttl(
    fails_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The socket's own TTL is read and set, and set back."""
    monkeypatch.setattr(echo, "WORTHWHILE", 2)
    kernel, called = Kernel(), []

    def once(call: Callable[..., Any]) -> Callable[..., Any]:
        def may_fail(*option: int) -> Any:
            called.append(option)
            if len(called) == fails_at:
                raise OSError(ENOMEM, "from a test")
            return call(*option)

        return may_fail

    skt: Any = kernel.socket
    skt.getsockopt, skt.setsockopt = once(skt.getsockopt), once(skt.setsockopt)
    for _ in range(2):
        kernel.gives(ipv4(b"1", ttl=60), ipv4(b"2", ttl=60)).echo()
        assert kernel.socket.ttl == 64
    assert kernel.sent == [ipv4(data, interface=0, ttl=60) for data in (b"1", b"2")] * 2
