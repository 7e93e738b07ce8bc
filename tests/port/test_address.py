"""Address: a tuple to whoever wants one, and more to whoever asks."""

from __future__ import annotations

import copy
import pickle
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kernelbytes import ipv4_control, ipv4_name, ipv6_control, ipv6_name, record, stamp
from udpecho.errors import BadAddress, WrongFamily
from udpecho.kernel.layout import IPV4, IPV6, NAME, Layout, canonical
from udpecho.port.address import Address, decode_again, encode
from udpecho.port.connection import Connection

LOOPBACK = socket.if_nametoindex("lo")


def ipv4(asked: str = "192.0.2.7", **about: object) -> Address:
    control = ipv4_control(asked, **about)  # type: ignore[arg-type]
    return Address.decode(IPV4, record(ipv4_name("198.51.100.9", 40000), control))


def ipv6(host: str = "2001:db8::9", asked: str = "2001:db8::7", scope: int = 0) -> Address:
    return Address.decode(IPV6, record(ipv6_name(host, 40000, scope), ipv6_control(asked)))


def test_it_is_a_host_and_a_port_to_whoever_wants_no_more() -> None:
    address = ipv4()
    host, port = address
    assert (host, port) == address == ("198.51.100.9", 40000)
    assert {("198.51.100.9", 40000): "found"}[address] == "found"
    assert ipv6() == ("2001:db8::9", 40000)


def test_it_tells_where_the_datagram_was_sent_and_how_it_came() -> None:
    address = ipv4("192.0.2.255", local="192.0.2.7", ttl=57, tos=0xB9, interface=LOOPBACK)
    assert address.asked == "192.0.2.255"
    assert address.local == "192.0.2.7"
    assert (address.ttl, address.dscp, address.ecn) == (57, 46, 1)
    assert address.interface == "lo"
    assert address.timestamp_ns is None


def test_it_tells_when_the_datagram_came_if_that_was_asked_for() -> None:
    control, _ = canonical(IPV4, stamp(3, 4) + ipv4_control("192.0.2.7"))
    name = ipv4_name("198.51.100.9", 40000)
    assert Address.decode(IPV4, record(name, control)).timestamp_ns == 3_000_000_004


def test_a_link_local_host_has_its_scope_by_name() -> None:
    assert ipv6("fe80::9", scope=LOOPBACK) == ("fe80::9%lo", 40000)


def test_an_interface_that_is_gone_is_named_by_its_number() -> None:
    assert ipv6("fe80::9", scope=99999)[0] == "fe80::9%99999"


def test_an_answer_leaves_from_the_address_that_was_asked_by_any_interface() -> None:
    name = ipv4_name("198.51.100.9", 40000).ljust(NAME, b"\0")
    source = ipv4_control("192.0.2.7", interface=0)[: IPV4.source]
    assert ipv4(interface=5).destination == name + source


def test_an_answer_to_a_broadcast_leaves_from_our_own_address() -> None:
    destination = ipv4("192.0.2.255", local="192.0.2.7").destination
    assert destination[IPV4.local :][:4] == bytes([192, 0, 2, 7])


def test_an_answer_to_a_multicast_leaves_from_whatever_the_route_says() -> None:
    assert ipv6(asked="ff02::1").destination == ipv6_name("2001:db8::9", 40000).ljust(NAME, b"\0")


def test_the_same_sender_asking_in_the_same_way_is_the_same_object() -> None:
    whole = record(ipv4_name("198.51.100.9", 40000), ipv4_control("192.0.2.7"))
    assert decode_again(IPV4, whole) is decode_again(IPV4, bytes(bytearray(whole)))


@pytest.mark.parametrize("address", [ipv4(ttl=3), ipv6()], ids=["IPv4", "IPv6"])
def test_a_copy_answers_as_the_first_does(address: Address) -> None:
    for other in (copy.copy(address), pickle.loads(pickle.dumps(address))):
        assert other == address
        assert other.destination == address.destination
        assert other.ttl == address.ttl


@given(st.ip_addresses(v=4), st.integers(0, 65535))
def test_an_ipv4_address_is_laid_out_as_it_would_be_received(host: object, port: int) -> None:
    assert encode(IPV4, str(host), port) == ipv4_name(str(host), port).ljust(NAME, b"\0")


@given(st.ip_addresses(v=6), st.integers(0, 65535))
def test_an_ipv6_address_is_laid_out_as_it_would_be_received(host: object, port: int) -> None:
    name = ipv6_name(str(host), port)
    assert encode(IPV6, str(host), port) == name.ljust(NAME, b"\0")
    decoded = Address.decode(IPV6, record(name, ipv6_control("::1")))
    assert encode(IPV6, *decoded)[:28] == name


@pytest.mark.parametrize("scope", ["lo", str(LOOPBACK)])
def test_a_scope_may_be_a_name_or_a_number(scope: str) -> None:
    name = ipv6_name("fe80::1", 7, LOOPBACK)
    assert encode(IPV6, f"fe80::1%{scope}", 7) == name.ljust(NAME, b"\0")


def test_an_interface_that_went_and_came_again_has_another_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Though it was written to by its name before: as a modem's that was plugged in again."""
    written = Connection(Bound(), IPV6).destination
    for number in (5, 6):
        monkeypatch.setattr("socket.if_nametoindex", {"usb0": number}.__getitem__)
        name = ipv6_name("fe80::1", 7, number).ljust(NAME, b"\0")
        assert encode(IPV6, "fe80::1%usb0", 7) == name
        assert written(("fe80::1%usb0", 7)) == name


class Bound:
    """A socket bound to all of IPv6's addresses."""

    def getsockname(self) -> tuple[str, int, int, int]:
        return "::", 50000, 0, 0


def test_what_equals_a_port_is_none_though_the_port_is_known() -> None:
    port: Any = 7.0
    assert encode(IPV4, "192.0.2.77", 7)
    with pytest.raises(BadAddress, match=r"expected a port from 0 to 65535, got 7\.0"):
        encode(IPV4, "192.0.2.77", port)


def test_broadcast_has_a_name_of_its_own_as_in_twisted() -> None:
    assert encode(IPV4, "<broadcast>", 7) == encode(IPV4, "255.255.255.255", 7)


@pytest.mark.parametrize(
    ("layout", "host", "port", "error", "says"),
    [
        (IPV4, "example.com", 7, BadAddress, "expected an IP address, got 'example.com'"),
        (IPV4, "1.2.3", 7, BadAddress, "expected an IP address, got '1.2.3'"),
        (IPV4, "1.2.3.4\0", 7, BadAddress, "expected an IP address"),
        (IPV4, "::1", 7, WrongFamily, "expected an IPv4 address for an IPv4 socket, got ::1"),
        (IPV6, "1.2.3.4", 7, WrongFamily, "expected an IPv6 address for an IPv6 socket"),
        (IPV6, "<broadcast>", 7, WrongFamily, "expected an IPv6 address"),
        (IPV6, "fe80::1%nosuchif", 7, BadAddress, "the name of a network interface"),
        (IPV4, "1.2.3.4", 65536, BadAddress, "expected a port from 0 to 65535, got 65536"),
        (IPV4, "1.2.3.4", 7.0, BadAddress, "expected a port from 0 to 65535, got 7.0"),
        (IPV4, "1.2.3.4", -1, BadAddress, "got -1"),
        (IPV4, "1.2.3.4", "7", BadAddress, "got '7'"),
    ],
)
def test_what_is_no_address_is_refused_by_name(
    layout: Layout, host: str, port: int, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match="(?i)" + says.replace("(", r"\(")) as raised:
        encode(layout, host, port)
    assert type(raised.value) is error
