"""The kernel's bytes, read and put in order: on bytes alone."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kernelbytes import (
    ipv4_control,
    ipv4_name,
    ipv6_control,
    ipv6_name,
    record,
    stamp,
    train,
)
from udpecho.kernel.layout import (
    CONTROL,
    IPV4,
    IPV6,
    NAME,
    SOL_UDP,
    UDP_SEGMENT,
    Layout,
    canonical,
    control_message,
    control_messages,
    timestamp_ns,
)

USUAL = {
    IPV4: ipv4_control("192.0.2.7", ttl=60, tos=0xB8),
    IPV6: ipv6_control("2001:db8::7", ttl=60, tos=0xB8),
}
both = pytest.mark.parametrize("layout", [IPV4, IPV6], ids=["IPv4", "IPv6"])


@both
def test_the_layouts_are_those_of_the_kernels_own_messages(layout: Layout) -> None:
    assert len(USUAL[layout]) == layout.control == {IPV4: 80, IPV6: 88}[layout]
    whole = record(b"", USUAL[layout])
    assert whole[layout.ttl] == 60
    assert whole[layout.tos] == 0xB8
    assert struct.unpack_from("=I", whole, layout.interface) == (1,)
    assert len(layout.plain[0]) == layout.source


def test_a_name_has_its_host_where_the_layout_says() -> None:
    assert ipv4_name("192.0.2.7", 7)[IPV4.host :][:4] == bytes([192, 0, 2, 7])
    assert ipv6_name("::1", 7)[IPV6.host :][:16] == bytes(15) + b"\1"


@both
def test_everything_that_may_come_fits_in_a_record(layout: Layout) -> None:
    assert len(canonical(layout, stamp(1, 2) + train(64) + USUAL[layout])[0]) <= CONTROL


@both
def test_what_comes_in_the_usual_order_stays_so(layout: Layout) -> None:
    control, segment = canonical(layout, USUAL[layout])
    assert control[: layout.control] == USUAL[layout]
    assert segment == 0


@both
def test_a_trains_segment_size_moves_behind_and_becomes_what_can_be_sent(layout: Layout) -> None:
    control, segment = canonical(layout, train(1200) + USUAL[layout])
    assert segment == 1200
    assert control[: layout.control] == USUAL[layout]
    assert control[layout.control :] == struct.pack("=QiiH6x", 18, SOL_UDP, UDP_SEGMENT, 1200)
    assert struct.unpack_from("=H", bytes(NAME) + control, layout.segment) == (1200,)


@both
@pytest.mark.parametrize("before", [b"", train(64)], ids=["alone", "in a train"])
def test_a_timestamp_is_found_behind_all_else(layout: Layout, before: bytes) -> None:
    control, _ = canonical(layout, stamp(1_700_000_000, 5) + before + USUAL[layout])
    assert timestamp_ns(layout, record(b"", control)) == 1_700_000_000_000_000_005


@both
def test_a_record_that_ends_early_has_no_timestamp(layout: Layout) -> None:
    assert timestamp_ns(layout, record(b"", USUAL[layout])[: NAME + layout.control]) is None


@both
def test_what_is_missing_becomes_what_says_nothing(layout: Layout) -> None:
    control, segment = canonical(layout, b"")
    assert control[: layout.control] == b"".join(layout.plain)
    assert segment == 0
    assert (bytes(NAME) + control)[layout.ttl] == 64, "0 could not be sent back"


@given(st.binary(max_size=200))
def test_no_bytes_make_reading_them_fail(control: bytes) -> None:
    """Nor do they change where the rest stands."""
    for layout in (IPV4, IPV6):
        assert len(canonical(layout, control)[0]) in (layout.control + 24, layout.control + 56)


@given(
    st.dictionaries(
        st.tuples(st.integers(0, 300), st.integers(0, 300)), st.binary(max_size=40), max_size=5
    )
)
def test_control_messages_are_read_as_they_were_laid_out(
    messages: dict[tuple[int, int], bytes],
) -> None:
    control = b"".join(control_message(*kind, data) for kind, data in messages.items())
    assert control_messages(control) == messages


def test_a_control_message_that_is_cut_off_is_none() -> None:
    """Half of a value would be another value."""
    whole = control_message(1, 2, bytes(range(8)))
    assert control_messages(whole) == {(1, 2): bytes(range(8))}
    assert control_messages(whole[:-1]) == {}
    assert control_messages(whole + whole[:-1]) == {(1, 2): bytes(range(8))}


@both
@pytest.mark.parametrize("room", range(88))
def test_a_message_that_was_cut_off_says_nothing(layout: Layout, room: int) -> None:
    """The kernel gives the length of what it left of it: a TTL of 0 was read there."""
    cut, at = bytearray(USUAL[layout][:room]), 0
    while at + 16 <= len(cut):
        size = struct.unpack_from("=Q", cut, at)[0]
        struct.pack_into("=Q", cut, at, min(size, len(cut) - at))
        at += -(-size // 8) * 8
    control, _ = canonical(layout, bytes(cut))
    assert len(control) >= layout.control
    assert (bytes(NAME) + control)[layout.ttl] in (60, 64)
    told, usual = control_messages(control[: layout.control]), control_messages(USUAL[layout])
    assert told.keys() == usual.keys()
    assert [*map(len, told.values())] == [*map(len, usual.values())]
