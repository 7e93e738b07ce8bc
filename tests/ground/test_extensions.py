"""What routers add to ICMP messages, and what anybody else may."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.live.packets import checksum
from udpecho.extensions import MOST_LABELS, Label, extension_of, is_extension, labels_in

LABELS = st.builds(
    Label,
    st.integers(0, (1 << 20) - 1),
    st.integers(0, 7),
    st.booleans(),
    st.integers(0, 255),
)


def whole(body: bytes) -> bytes:
    """Put a header with a right checksum before some objects."""
    total = checksum(b"\x20\0\0\0" + body)
    return b"\x20\0" + total.to_bytes(2, "big") + body


def test_labels_are_read_as_the_rfc_draws_them() -> None:
    entries = (256000 << 12 | 1).to_bytes(4, "big") + (20 << 12 | 7 << 9 | 1 << 8 | 1).to_bytes(
        4, "big"
    )
    extension = whole(b"\x00\x0c\x01\x01" + entries)
    assert is_extension(extension)
    assert labels_in(extension) == (Label(256000, 0, False, 1), Label(20, 7, True, 1))


@given(st.lists(LABELS, max_size=MOST_LABELS))
def test_what_is_written_is_read(labels: list[Label]) -> None:
    written = extension_of(labels)
    assert is_extension(written)
    assert labels_in(written) == tuple(labels)


@given(st.binary(max_size=600))
def test_whatever_comes_nothing_raises(data: bytes) -> None:
    is_extension(data)
    for each in (data, b"\x20\0\0\0" + data, whole(data)):
        found = labels_in(each)
        assert len(found) <= MOST_LABELS
        assert all(0 <= label.label < 1 << 20 for label in found)


@given(st.lists(LABELS, min_size=1, max_size=4), st.data())
def test_what_was_damaged_tells_nothing(labels: list[Label], data: st.DataObject) -> None:
    written = bytearray(extension_of(labels))
    at = data.draw(st.integers(0, len(written) - 1))
    written[at] ^= 1 << data.draw(st.integers(0, 7))
    if written[2:4] == b"\0\0":
        return  # which says that there is no checksum
    assert not is_extension(bytes(written))
    assert labels_in(bytes(written)) == ()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00\x04\x01\x01",
        b"\x00\x07\x01\x01abc",
        b"\x00\x00\x01\x01abcd",
        b"\x00\x0c\x01\x01abcd",
        b"\x00\x08\x02\x01abcd",
        b"\x00\x08\x01\x02abcd",
        b"\x00\x08\x01",
    ],
)
def test_objects_that_are_no_label_stack_are_passed_over(body: bytes) -> None:
    assert labels_in(whole(body)) == ()
    after = whole(b"\x00\x08\x03\x01abcd" + extension_of([Label(17, 0, True, 1)])[4:])
    assert labels_in(after) == (Label(17, 0, True, 1),)


def test_a_checksum_of_0_is_none() -> None:
    written = extension_of([Label(17, 0, True, 1)])
    without = written[:2] + b"\0\0" + written[4:]
    assert labels_in(without) == (Label(17, 0, True, 1),)
    assert not is_extension(without)


def test_of_very_many_some_are_read() -> None:
    assert len(labels_in(extension_of([Label(1, 0, False, 1)] * 200))) == MOST_LABELS
