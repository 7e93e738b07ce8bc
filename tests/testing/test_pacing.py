"""How long a datagram waits for a link with a rate, and when it finds no room."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpecho.testing.pacing import Queue

MOST = 1000


def entered(
    *came: tuple[float, int], most: int = MOST, most_bytes: int | None = None
) -> list[object]:
    """Have datagrams come, at these times and of these sizes, to a link of 100 bytes a second."""
    queue = Queue()
    return [queue.enter(size, when, 100.0, most, most_bytes) for when, size in came]


def test_one_after_the_other() -> None:
    """Each is sent when those before it are, and an idle link at once."""
    assert entered((0, 100), (0, 50), (0.5, 50), (10, 100)) == [1.0, 1.5, 2.0, 11.0]


@pytest.mark.parametrize(
    ("most", "left"),
    [
        (0, [1.0, None, None, None, 2.0]),
        (1, [1.0, 2.0, None, None, 3.0]),
        (2, [1.0, 2.0, 3.0, None, 4.0]),
    ],
)
def test_so_many_wait(most: int, left: list[float | None]) -> None:
    """The one that is being sent does not wait; who leaves makes room."""
    assert entered(*[(0, 100)] * 4, (1, 100), most=most) == left


def test_so_many_bytes_wait() -> None:
    """What is too long for the room left is lost, and a shorter one after it is not."""
    came = [(0.0, 100), (0.0, 60), (0.0, 60), (0.0, 40), (0.0, 1), (1.0, 60)]
    left = entered(*came, most_bytes=100)
    assert left == [1.0, 1.6, None, 2.0, None, 2.6]


@given(
    st.lists(st.tuples(st.floats(0, 5), st.integers(28, 1500)), max_size=50),
    st.integers(0, 5),
    st.integers(0, 3000),
)
def test_it_sends_no_faster_than_its_rate(
    came: list[tuple[float, int]], most: int, most_bytes: int
) -> None:
    """Between any two that leave there is the time that the later one takes."""
    came.sort()
    left = entered(*came, most=most, most_bytes=most_bytes)
    sent = [(when, size) for when, (_, size) in zip(left, came, strict=True) if when is not None]
    before = 0.0
    for when, size in sent:
        assert isinstance(when, float)
        assert when >= before + size / 100 - 1e-9
        before = when
