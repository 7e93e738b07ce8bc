"""What the error queue says, as bytes laid out by hand (ip(7), linux/errqueue.h)."""

from __future__ import annotations

import struct
from errno import ECONNREFUSED, EHOSTUNREACH, EMSGSIZE, ENOMSG
from socket import (
    AF_INET,
    AF_INET6,
    IPPROTO_IP,
    IPPROTO_IPV6,
    SOL_SOCKET,
    if_nametoindex,
    inet_pton,
)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpecho.extensions import Label, extension_of
from udpecho.kernel.errqueue import Found, refusal
from udpecho.kernel.layout import (
    IP_RECVERR,
    IPV6_RECVERR,
    SO_TIMESTAMPING,
    SO_TIMESTAMPNS,
)
from udpecho.peer import Peer

LOCAL, ICMP, ICMP6, STAMPS = 1, 2, 3, 4
ROUTER, ROUTER6 = ("192.0.2.9", 0), ("2001:db8::9", 0)
TO: Peer = ("192.0.2.1", 7)
TO6: Peer = ("2001:db8::1", 7)


def queued(
    origin: int,
    kind: int,
    code: int,
    errno: int = ECONNREFUSED,
    info: int = 0,
    by: bytes = b"",
    beside: tuple[int, int] = (0, 0),
) -> Found:
    """Lay out what the kernel says of an error."""
    if not by and origin == ICMP6:
        by = struct.pack("=HHI16sI", AF_INET6, 0, 0, inet_pton(AF_INET6, ROUTER6[0]), 0)
    elif not by:
        by = struct.pack("=HH4s8x", AF_INET, 0, inet_pton(AF_INET, ROUTER[0]))
    key = (IPPROTO_IPV6, IPV6_RECVERR) if origin == ICMP6 else (IPPROTO_IP, IP_RECVERR)
    return {key: struct.pack("=IBBBxIHBx", errno, origin, kind, code, info, *beside) + by}


@pytest.mark.parametrize(
    ("origin", "kind", "code", "unreachable", "exceeded"),
    [
        pytest.param(ICMP, 3, 3, True, False, id="port unreachable"),
        pytest.param(ICMP, 3, 0, True, False, id="network unreachable"),
        pytest.param(ICMP, 3, 10, True, False, id="host prohibited: a firewall"),
        pytest.param(ICMP, 3, 13, True, False, id="prohibited: a firewall"),
        pytest.param(ICMP, 3, 4, False, False, id="fragmentation needed: path MTU discovery"),
        pytest.param(ICMP, 11, 0, False, True, id="time exceeded: a loop, or a traceroute"),
        pytest.param(ICMP6, 1, 4, True, False, id="IPv6 port unreachable"),
        pytest.param(ICMP6, 1, 1, True, False, id="IPv6 prohibited"),
        pytest.param(ICMP6, 2, 0, False, False, id="IPv6 packet too big"),
        pytest.param(ICMP6, 3, 0, False, True, id="IPv6 time exceeded: IPv4's unreachable"),
    ],
)
def test_what_icmp_says(
    origin: int, kind: int, code: int, unreachable: bool, exceeded: bool
) -> None:
    ipv6 = origin == ICMP6
    found = refusal(b"quoted", TO6 if ipv6 else TO, queued(origin, kind, code))
    assert found is not None
    assert (found.to, found.data, found.errno) == (TO6 if ipv6 else TO, b"quoted", ECONNREFUSED)
    assert found.by == (ROUTER6 if ipv6 else ROUTER)
    assert (found.icmp_type, found.icmp_code) == (kind, code)
    assert (found.is_unreachable, found.is_time_exceeded) == (unreachable, exceeded)
    assert found.is_too_long == ((kind, code) == ((2, 0) if ipv6 else (3, 4)))
    assert (found.when, found.mtu) == (None, None)


@pytest.mark.parametrize(
    "found",
    [
        pytest.param({}, id="nothing"),
        pytest.param({(IPPROTO_IP, IP_RECVERR): b"short"}, id="cut off"),
        pytest.param({(SOL_SOCKET, IP_RECVERR): bytes(32)}, id="another level"),
        pytest.param(queued(LOCAL, 0, 0, EHOSTUNREACH), id="an error of our own kernel"),
        pytest.param(queued(STAMPS, 0, 0, ENOMSG), id="no error at all: a stamp of a send"),
    ],
)
def test_what_is_no_refusal(found: Found) -> None:
    assert refusal(b"quoted", TO, found) is None


@pytest.mark.parametrize(
    ("kind", "stamp", "when"),
    [
        (SO_TIMESTAMPING, struct.pack("=6q", 7, 5, 0, 0, 0, 0), 7_000_000_005),
        (SO_TIMESTAMPNS, struct.pack("=2q", 7, 5), 7_000_000_005),
        (SO_TIMESTAMPING, bytes(48), None),
        (SO_TIMESTAMPING, b"short", None),
    ],
)
def test_when_it_came(kind: int, stamp: bytes, when: int | None) -> None:
    found = refusal(b"", TO, {**queued(ICMP, 3, 3), (SOL_SOCKET, kind): stamp})
    assert found is not None
    assert found.when == when


def test_the_mtu_is_told_by_messages_about_size_alone() -> None:
    sized = refusal(b"", TO, queued(ICMP, 3, 4, EMSGSIZE, 1400))
    other = refusal(b"", TO, queued(ICMP, 3, 3, ECONNREFUSED, 1400))
    assert sized is not None
    assert other is not None
    assert (sized.mtu, other.mtu) == (1400, None)


def test_a_router_on_a_link_of_ours_is_told_with_its_interface() -> None:
    link_local = inet_pton(AF_INET6, "fe80::9")
    by = struct.pack("=HHI16sI", AF_INET6, 0, 0, link_local, if_nametoindex("lo"))
    found = refusal(b"", TO6, queued(ICMP6, 3, 0, by=by))
    assert found is not None
    assert found.by == ("fe80::9%lo", 0)


def test_who_sends_it_may_be_unknown() -> None:
    found = refusal(b"", TO, queued(ICMP, 11, 0, by=b"?"))
    assert found is not None
    assert found.by is None
    assert found.is_time_exceeded


@given(st.binary(max_size=120), st.binary(max_size=60))
def test_no_bytes_whatever_raise(error: bytes, stamp: bytes) -> None:
    for key in ((IPPROTO_IP, IP_RECVERR), (IPPROTO_IPV6, IPV6_RECVERR)):
        refusal(b"", None, {key: error, (SOL_SOCKET, SO_TIMESTAMPING): stamp})


EXTENSION = extension_of([Label(17, 0, True, 1)])
OLD = 100
"""Where it stands in the data that a router from before RFC 4884 quotes of IPv4."""


@pytest.mark.parametrize(
    ("origin", "at", "flags", "found"),
    [
        pytest.param(ICMP, OLD, 0, (OLD, EXTENSION), id="where it says"),
        pytest.param(ICMP6, OLD, 0, (OLD, EXTENSION), id="of IPv6"),
        pytest.param(ICMP, OLD, 1, (OLD, b""), id="damaged"),
        pytest.param(ICMP, 0, 0, (OLD, EXTENSION), id="not said where"),
        pytest.param(ICMP6, 0, 0, (OLD + len(EXTENSION), b""), id="not said where, of IPv6"),
        pytest.param(ICMP, 5000, 0, (OLD + len(EXTENSION), b""), id="beyond the end"),
    ],
)
def test_what_is_quoted_is_parted_from_the_extension(
    origin: int, at: int, flags: int, found: tuple[int, bytes]
) -> None:
    data = b"q" * OLD + EXTENSION
    refused = refusal(data, TO, queued(origin, 11, 0, beside=(at, flags)))
    assert refused is not None
    assert (len(refused.data), refused.extension) == found


@given(st.binary(max_size=300), st.integers(0, 65535), st.integers(0, 255))
def test_what_is_beside_it_may_be_anything(data: bytes, at: int, flags: int) -> None:
    refused = refusal(data, TO, queued(ICMP, 11, 0, beside=(at, flags)))
    assert refused is not None
    assert data.startswith(refused.data)
