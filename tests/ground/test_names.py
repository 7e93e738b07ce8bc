"""A peer's address: its one form, its text, and how a name becomes one."""

from __future__ import annotations

import ipaddress
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from udpecho.errors import BadAddress, ResolveFailed, WrongFamily
from udpecho.hosts import canonical_host, host_and_port
from udpecho.names import (
    check_name,
    check_port,
    checked_peer,
    interface_index,
    known_peer,
    resolve,
    scoped,
)
from udpecho.peer import Peer, format_peer, is_group, is_ipv6, is_loopback
from udpecho.testing.network import MemoryNetwork

CANONICAL: list[tuple[str, str, str | None]] = [
    ("as it is", "192.0.2.1", "192.0.2.1"),
    ("as it is", "2001:db8::1", "2001:db8::1"),
    ("lower case, no zeros (RFC 5952)", "2001:0DB8:0:0:0:0:0:0001", "2001:db8::1"),
    ("the longest run of zeros", "2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
    ("mapped, as the kernel prints it", "::FFFF:c000:201", "::ffff:192.0.2.1"),
    ("a mapped address is not the IPv4 one", "::ffff:192.0.2.1", "::ffff:192.0.2.1"),
    ("a link-local address is one for each interface", "FE80::1%eth0", "fe80::1%eth0"),
    ("an interface by its number is the same interface", "fe80::1%1", "fe80::1%lo"),
    ("an interface that is not there stays as it is", "fe80::1%999999", "fe80::1%999999"),
    ("multicast has a scope too", "ff02::1%1", "ff02::1%lo"),
    ("any other address needs none, and the kernel gives none", "2001:db8::1%eth0", "2001:db8::1"),
    ("nor does loopback", "::1%lo", "::1"),
    ("fe8::1 is not link-local", "fe8::1%lo", "fe8::1"),
    ("an empty scope", "fe80::1%", None),
    ("IPv4 has no scopes", "192.0.2.1%eth0", None),
    ("a name", "localhost", None),
    ("nothing", "", None),
    ("too few", "192.0.2", None),
    ("octal, to some", "192.0.2.01", None),
    ("hexadecimal, to some", "0x7f.0.0.1", None),
    ("a number, to some", "2130706433", None),
    ("spaces", " 192.0.2.1", None),
    ("brackets", "[::1]", None),
    ("NUL", "::1\0", None),
    ("digits, but not ours", "\u0661\u0669\u0662.0.2.1", None),
    ("half a surrogate", "\ud800", None),
]


@pytest.mark.parametrize(
    ("reason", "text", "canonical"), CANONICAL, ids=[f"{row[0]}: {row[1]!r}" for row in CANONICAL]
)
def test_canonical_host(reason: str, text: str, canonical: str | None) -> None:
    assert canonical_host(text) == canonical, reason
    if canonical is not None:
        assert canonical_host(canonical) == canonical, "canonical is canonical"


TO_A_RESOLVER_AN_ADDRESS = [
    "1.2.3", "127.1", "127.0.1", "0x7f.1", "0X7F.0.0.1", "0x.1", "1060", "0x7f000001",
    "010.0.0.1", "192.0.2.01", "192.0.2.256", "127.0.0.0.1", "127.1.", "1.",
    "127\u30021", "\uff11\uff12\uff17.1", "\u2460.2.3.4",
]  # fmt: skip
"""What inet_aton(3), or a resolver before it asks anybody, reads as another address."""


@pytest.mark.parametrize("host", TO_A_RESOLVER_AN_ADDRESS)
def test_numbers_that_are_no_address(host: str) -> None:
    """Who types 1.2.3 does not mean 1.2.0.3: commands and clients refuse it, and ask nobody."""
    expected = "expected (a host's name, or |)(an IPv4 address of four|a host, not a number)"
    with pytest.raises(BadAddress, match="expected a host's name, or an IPv4 address of four"):
        check_name(host)
    for text in (host, f"{host}:7"):
        with pytest.raises(ValueError, match=expected):
            host_and_port(text)


@pytest.mark.parametrize(
    "name", ["1.example", "1a", "0x7g.1", "a.1", "x1.2", "1-2", "2.1.xn--p1ai"]
)
def test_a_name_may_have_numbers(name: str) -> None:
    check_name(name)
    assert host_and_port(f"{name}:7") == (name, 7)


@given(st.ip_addresses())
def test_canonical_host_of_any_address(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    """However an address is spelled, its canonical form is one, and the same address."""
    canonical = canonical_host(str(address))
    assert canonical is not None
    assert canonical == canonical_host(address.exploded) == canonical_host(str(address).upper())
    assert ipaddress.ip_address(canonical) == address
    assert is_ipv6(canonical) == (address.version == 6)


@given(st.text())
def test_canonical_host_of_any_text(text: str) -> None:
    """No text raises."""
    canonical = canonical_host(text)
    assert canonical is None or canonical_host(canonical) == canonical


@pytest.mark.parametrize(
    ("peer", "text"),
    [
        (("192.0.2.1", 7), "192.0.2.1:7"),
        (("2001:db8::1", 7), "[2001:db8::1]:7"),
        (("fe80::1%eth0", 65535), "[fe80::1%eth0]:65535"),
        (("echo.example", 7), "echo.example:7"),
    ],
)
def test_format_peer(peer: Peer, text: str) -> None:
    assert format_peer(peer) == text


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.255.0.9", True),
        ("::1", True),
        ("128.0.0.1", False),
        ("::", False),
        ("0.0.0.0", False),
        ("1::127.0.0.1", False),
    ],
)
def test_is_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) == loopback


@pytest.mark.parametrize("port", [0, -1, 65536, 7.0, "7", None])
def test_bad_ports(port: Any) -> None:
    """Nothing can be sent to these; the error says what was expected and what came."""
    with pytest.raises(BadAddress) as caught:
        check_port(port)
    assert str(caught.value) == f"expected a port from 1 to 65535, got {port!r}"
    assert caught.value.address == port


def test_checked_peer() -> None:
    assert checked_peer(("::0001", 7)) == ("::1", 7)
    with pytest.raises(BadAddress, match="expected an IPv4 or IPv6 address, got 'localhost'"):
        checked_peer(("localhost", 7))
    with pytest.raises(BadAddress, match="expected a port from 1 to 65535, got 0"):
        checked_peer(("::1", 0))


class Resolving(SynchronousTestCase):
    """Names and addresses, on a network in memory."""

    def setUp(self) -> None:
        self.net = MemoryNetwork()
        self.host = self.net.host("192.0.2.2")
        self.net.host("2001:db8::1", "192.0.2.1", names=["both.example"])
        self.net.host("192.0.2.4", names=["four.example"])
        self.net.host("2001:db8::6", names=["six.example"])

    def test_addresses(self) -> None:
        """An address is had at once, in canonical form, without asking anyone."""
        for ipv6 in (None, True):
            found = resolve(self.host, "2001:DB8::1", 7, ipv6=ipv6)
            self.assertEqual(self.successResultOf(found), ("2001:db8::1", 7))
        self.assertEqual(self.host.getDelayedCalls(), ())

    def test_names(self) -> None:
        """The first address is taken, of the family that is wanted."""
        rows: list[tuple[str, bool | None, str | None]] = [
            ("both.example", None, "2001:db8::1"),
            ("both.example", True, "2001:db8::1"),
            ("both.example", False, "192.0.2.1"),
            ("four.example", None, "192.0.2.4"),
            ("four.example", True, None),
            ("six.example", False, None),
            ("no.example", None, None),
        ]
        for name, ipv6, host in rows:
            with self.subTest(name, ipv6=ipv6):
                found = resolve(self.host, name, 7, ipv6=ipv6)
                self.assertNoResult(found)
                self.net.advance(0)
                if host is None:
                    failure = self.failureResultOf(found, ResolveFailed)
                    self.assertEqual(failure.getErrorMessage(), f"no address found for '{name}'")
                else:
                    self.assertEqual(self.successResultOf(found), (host, 7))

    def test_an_address_of_the_other_family(self) -> None:
        """It is not what was wanted, and the error says so."""
        for host, ipv6, text in (
            ("192.0.2.1", True, "expected an IPv6 address, got 192.0.2.1"),
            ("::0001", False, "expected an IPv4 address, got ::1"),
        ):
            failure = self.failureResultOf(resolve(self.host, host, 7, ipv6=ipv6), WrongFamily)
            self.assertEqual(failure.getErrorMessage(), text)

    def test_what_can_not_be_asked(self) -> None:
        """A wrong port, or a name that can't be one, fails at once and asks nobody."""
        rows: list[tuple[str, int, str]] = [
            ("both.example", 0, "expected a port from 1 to 65535, got 0"),
            ("::1", 65536, "expected a port from 1 to 65535, got 65536"),
            ("..", 7, "expected a host's name or address, got '..'"),
            ("x" * 64, 7, f"expected a host's name or address, got '{'x' * 64}'"),
            ("\ud800", 7, "expected a host's name or address, got '\\ud800'"),
            (
                "127.1",
                7,
                "expected a host's name, or an IPv4 address of four decimal numbers, as "
                "192.0.2.1, got '127.1'",
            ),
        ]
        for host, port, text in rows:
            with self.subTest(text):
                failure = self.failureResultOf(resolve(self.host, host, port), BadAddress)
                self.assertEqual(failure.getErrorMessage(), text)
        self.assertEqual(self.host.getDelayedCalls(), ())

    def test_cancel(self) -> None:
        """Cancelled, it fails at once; what the resolver finds later goes nowhere."""
        for name in ("both.example", "no.example"):
            found = resolve(self.host, name, 7)
            found.cancel()
            self.failureResultOf(found, CancelledError)
            self.net.advance(0)


@pytest.mark.parametrize("scope", [str(2**32), "9" * 5000, "nowhere", "lo\0", "\ud800"])
def test_a_scope_that_no_interface_has(scope: str) -> None:
    with pytest.raises(BadAddress, match="expected the name of a network interface"):
        interface_index(scope)


@pytest.mark.parametrize("port", [7.0, True, "7", None, 0, 65536, -1])
def test_what_equals_a_port_is_none_though_that_is_known(port: Any) -> None:
    """However often the peer was asked before: 7.0 and 7, True and 1 are equal, as are hashes."""
    for known in (7, 1):
        assert known_peer("192.0.2.1", known) == ("192.0.2.1", known)
        with pytest.raises(BadAddress, match=f"expected a port from 1 to 65535, got {port!r}"):
            known_peer("192.0.2.1", port)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "0:0::0"])
def test_nobody_has_the_address_of_any(host: str) -> None:
    """Linux would send to this machine, and the answer come from another address."""
    for check in (checked_peer, known_peer):
        with pytest.raises(BadAddress, match=r"address of a host, got (0\.0\.0\.0|::)"):
            check(host, 7) if check is known_peer else check((host, 7))
    found = resolve(MemoryNetwork().host("192.0.2.1"), host, 7)
    failures: list[Failure] = []
    found.addErrback(failures.append)
    assert [failure.type for failure in failures] == [BadAddress]


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0", "224.0.0.1", "239.255.0.1", "255.255.255.255", "::", "ff02::1"]
    + [f"::ffff:{each}" for each in ("0.0.0.0", "224.0.0.1", "255.255.255.255")],
)
def test_a_name_that_a_hosts_file_blocks(address: str) -> None:
    """Such files give it the address of any, and another a group's: no request goes to many."""
    reactor = MemoryNetwork().host("192.0.2.1")
    resolver = Mock()
    reactor.installNameResolver(resolver)
    found = resolve(reactor, "ads.example", 7)
    receiver = resolver.resolveHostName.call_args[0][0]
    kind = IPv6Address if ":" in address else IPv4Address
    receiver.addressResolved(kind("UDP", address, 7))
    receiver.resolutionComplete()
    failures: list[Failure] = []
    found.addErrback(failures.append)
    assert [str(failure.value) for failure in failures] == [
        f"'ads.example' has no address but {address}"
    ]


@pytest.mark.parametrize(
    ("host", "is_one"),
    [
        ("224.0.0.0", True),
        ("239.255.255.255", True),
        ("255.255.255.255", True),
        ("ff02::1", True),
        ("ff05::1:3", True),
        ("223.255.255.255", False),
        ("240.0.0.1", False),
        ("10.0.0.255", False),
        ("fe80::1", False),
        ("ff::1", False),
        ("2001:db8::ff02", False),
    ],
)
def test_which_addresses_are_groups(host: str, is_one: bool) -> None:
    assert canonical_host(host) == host
    assert is_group(host) is is_one


@pytest.mark.parametrize("completes", [False, True])
def test_a_resolver_that_raises(completes: bool) -> None:
    """The look-up fails, and once; what it had told before counts."""

    def resolve_host_name(receiver: Any, *_: object) -> None:
        if completes:
            receiver.addressResolved(IPv4Address("UDP", "192.0.2.9", 7))
            receiver.resolutionComplete()
        raise LookupError("no threads left")

    reactor = MemoryNetwork().host("192.0.2.1")
    reactor.installNameResolver(Mock(resolveHostName=resolve_host_name))
    found: list[Any] = []
    resolve(reactor, "some.example", 7).addBoth(found.append)
    if completes:
        assert found == [("192.0.2.9", 7)]
    else:
        why = "the resolver failed on 'some.example': LookupError('no threads left')"
        assert [(each.type, str(each.value)) for each in found] == [(ResolveFailed, why)]


@pytest.mark.parametrize(
    ("host", "interface", "found"),
    [
        ("192.0.2.1", None, "192.0.2.1"),
        ("192.0.2.1", "eth0", "192.0.2.1"),
        ("2001:db8::1", "eth0", "2001:db8::1"),
        ("fe8::1", None, "fe8::1"),
        ("fec0::1", None, "fec0::1"),
        ("fe80::1", "eth0", "fe80::1%eth0"),
        ("febf::1", "eth0", "febf::1%eth0"),
        ("fe80::1%eth0", "eth0", "fe80::1%eth0"),
        ("fe80::1%eth0", None, "fe80::1%eth0"),
    ],
)
def test_a_link_local_address_has_a_scope(host: str, interface: str | None, found: str) -> None:
    assert scoped(host, interface) == found


@pytest.mark.parametrize(
    ("host", "interface", "message"),
    [
        ("fe80::1", None, "expected fe80::1%INTERFACE, got fe80::1: each link has"),
        ("fe80::1%eth1", "eth0", "expected a host behind eth0, got fe80::1%eth1"),
    ],
)
def test_a_link_local_address_has_one_scope(host: str, interface: str | None, message: str) -> None:
    with pytest.raises(BadAddress, match=f"^{message}"):
        scoped(host, interface)
