"""What the kernel says beside a datagram, as bytes laid out by hand (cmsg(3), timestamping.rst)."""

from __future__ import annotations

import struct
from errno import ECONNREFUSED, ENOMSG
from socket import AF_INET, AF_INET6, IPPROTO_IP, IPPROTO_IPV6, SOL_SOCKET, inet_pton

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpecho.instrument.moments import arrivals, departures, following
from udpecho.kernel.layout import (
    IP_RECVERR,
    IP_TOS,
    IP_TTL,
    IPV6_HOPLIMIT,
    IPV6_RECVERR,
    IPV6_TCLASS,
    NAME,
    RECORD,
    SO_TIMESTAMPING,
    control_message,
)

SECOND = 1_000_000_000
STAMP = control_message(SOL_SOCKET, SO_TIMESTAMPING, struct.pack("=6q", 7, 5, 0, 0, 0, 0))
NO_STAMP = control_message(SOL_SOCKET, SO_TIMESTAMPING, bytes(48))
TTL = control_message(IPPROTO_IP, IP_TTL, struct.pack("=i", 63))
HOP_LIMIT = control_message(IPPROTO_IPV6, IPV6_HOPLIMIT, struct.pack("=i", 62))
TOS = control_message(IPPROTO_IP, IP_TOS, bytes([0xB8]))
CLASS = control_message(IPPROTO_IPV6, IPV6_TCLASS, struct.pack("=i", 0xB8))
OTHER = control_message(SOL_SOCKET, 1, bytes(8))

BY = struct.pack("=HH4s8x", AF_INET, 0, inet_pton(AF_INET, "192.0.2.9"))
BY6 = struct.pack("=HHI16sI", AF_INET6, 0, 0, inet_pton(AF_INET6, "2001:db8::9"), 0)
NOBODY, NOBODY6 = bytes(16), bytes(28)


def queued(errno: int, origin: int, icmp_type: int, data: int, by: bytes = NOBODY) -> bytes:
    error = struct.pack("=IBBBxII", errno, origin, icmp_type, 0, 0, data) + by
    if len(by) == len(NOBODY6):
        return control_message(IPPROTO_IPV6, IPV6_RECVERR, error)
    return control_message(IPPROTO_IP, IP_RECVERR, error)


def record(control: bytes, name: bytes = b"name", stale: bytes = b"") -> bytes:
    """Lay out a record, with what an earlier one left there behind its control messages."""
    return name.ljust(NAME, b"\0") + (control + stale[len(control) :]).ljust(RECORD - NAME, b"\0")


@pytest.mark.parametrize(
    ("control", "time_ns", "ttl", "traffic_class", "why"),
    [
        (STAMP + TTL, 7 * SECOND + 5, 63, None, "as nearly all come"),
        (STAMP + HOP_LIMIT, 7 * SECOND + 5, 62, None, "by IPv6"),
        (STAMP + TTL + TOS, 7 * SECOND + 5, 63, 0xB8, "with its traffic class"),
        (STAMP + HOP_LIMIT + CLASS, 7 * SECOND + 5, 62, 0xB8, "by IPv6"),
        (TTL + STAMP, 7 * SECOND + 5, 63, None, "in another order"),
        (STAMP + OTHER + TTL, 7 * SECOND + 5, 63, None, "with another between"),
        (STAMP + OTHER, 7 * SECOND + 5, None, None, "as long, but no TTL"),
        (NO_STAMP + TTL, None, 63, None, "a stamp of 0 is none"),
        (TTL, None, 63, None, "no stamp"),
        (STAMP, 7 * SECOND + 5, None, None, "no TTL"),
        (b"", None, None, None, "nothing"),
    ],
)
def test_when_a_reply_came_and_its_ttl(
    control: bytes, time_ns: int | None, ttl: int | None, traffic_class: int | None, why: str
) -> None:
    usual = STAMP + TTL
    records = record(usual) + record(control, b"NAME", stale=usual)
    first, second = arrivals(records, [len(usual), len(control)], 4)
    assert first == (b"name", 7 * SECOND + 5, 63, None)
    assert second == (b"NAME", time_ns, ttl, traffic_class), why


@pytest.mark.parametrize(
    ("control", "expected", "why"),
    [
        (STAMP + queued(ENOMSG, 4, 0, 41), (41, 7 * SECOND + 5), "as nearly all come"),
        (STAMP + queued(ENOMSG, 4, 0, 41, NOBODY6), (41, 7 * SECOND + 5), "by IPv6"),
        (queued(ENOMSG, 4, 0, 41) + STAMP, (41, 7 * SECOND + 5), "in another order"),
        (STAMP + OTHER + queued(ENOMSG, 4, 0, 41), (41, 7 * SECOND + 5), "with another between"),
        (STAMP + queued(ECONNREFUSED, 2, 3, 0, BY), None, "ICMP's word"),
        (queued(ENOMSG, 4, 0, 41), None, "without a stamp"),
        (STAMP, None, "of nothing"),
        (b"", None, "nothing"),
    ],
)
def test_which_send_left_and_when(
    control: bytes, expected: tuple[int, int] | None, why: str
) -> None:
    usual = STAMP + queued(ENOMSG, 4, 0, 40)
    records = record(usual) + record(control, stale=usual)
    assert departures(records, [len(usual), len(control)]) == [(40, 7 * SECOND + 5), expected], why


@given(st.binary(max_size=RECORD - NAME))
def test_no_bytes_whatever_raise(control: bytes) -> None:
    arrivals(record(control), [len(control)], 16)
    departures(record(control), [len(control)])


def test_sends_are_numbered_as_the_kernel_numbers_them() -> None:
    """After four billion it begins anew, and so must we, or no stamp would find its probe."""
    assert [following(number) for number in (0, 41, 0xFFFFFFFE, 0xFFFFFFFF)] == [
        1,
        42,
        0xFFFFFFFF,
        0,
    ]
