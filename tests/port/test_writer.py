"""What is written leaves in order, together where it can, and each error is told once."""

from __future__ import annotations

from collections.abc import Iterator
from errno import (
    EACCES,
    EAGAIN,
    ECONNREFUSED,
    EHOSTUNREACH,
    EINVAL,
    EMSGSIZE,
    ENETUNREACH,
    ENOBUFS,
    EPERM,
)
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.logger import LogEvent, Logger

from udpecho.kernel.layout import IPV4, NAME
from udpecho.kernel.messages import BATCH, Headers, send_all
from udpecho.port import writer as writing
from udpecho.port.address import encode
from udpecho.port.outbox import Outbox
from udpecho.port.writer import Writer

HOME = encode(IPV4, "192.0.2.1", 7)


def open_way(index: int) -> int:
    """Find that there is a way for a message."""
    return 1


@pytest.mark.parametrize(
    ("answers", "tries", "failed"),
    [
        pytest.param([3], 1, [], id="all at once"),
        pytest.param([1, 2], 2, [], id="what is left goes on"),
        pytest.param([-EPERM, 2], 2, [(0, EPERM)], id="a firewall rule costs one datagram"),
        pytest.param([1, -EINVAL, 1], 3, [(1, EINVAL)], id="so does port 0, in the middle"),
        pytest.param([-ENOBUFS, 3], 2, [], id="a full queue is tried once more"),
        pytest.param([-EAGAIN, -EAGAIN, 2], 3, [(0, EAGAIN)], id="and not a third time"),
        pytest.param([-ECONNREFUSED, 3], 2, [], id="a refusal is of an earlier datagram"),
        pytest.param(
            [1, -EHOSTUNREACH, 1, -EHOSTUNREACH, 1], 5, [], id="each datagram has its own tries"
        ),
        pytest.param([-ECONNREFUSED] * 31 + [3], 32, [], id="however many of them there are"),
        pytest.param([-EACCES] * 32 + [2], 33, [(0, EAGAIN)], id="within bounds, as a full queue"),
        pytest.param([-EMSGSIZE] * 3 + [2], 4, [(0, EMSGSIZE)], id="too long is not looked at"),
        pytest.param([-EAGAIN, 1, -EAGAIN, 2], 4, [], id="what one met with is not the next one's"),
        pytest.param([-EPERM] * 3, 3, [(0, EPERM), (1, EPERM), (2, EPERM)], id="none goes"),
    ],
)
def test_an_error_costs_its_own_datagram_alone(
    answers: list[int], tries: int, failed: list[tuple[int, int]]
) -> None:
    left = iter(answers)
    calls: list[tuple[int, int]] = []
    unsent: list[tuple[int, int]] = []

    def send(start: int, stop: int) -> int:
        calls.append((start, stop))
        return next(left)

    send_all(send, 0, 3, lambda index, errno: unsent.append((index, errno)), open_way)
    assert unsent == failed
    assert len(calls) == tries


def test_what_has_no_way_is_not_tried_again() -> None:
    """Its way is looked at after the first error, which may be another datagram's."""
    answers = iter([1, -ECONNREFUSED, 1, -EHOSTUNREACH, 1])
    looks = {1: 1, 2: -ENETUNREACH}
    looked: list[int] = []
    unsent: list[tuple[int, int]] = []

    def look(index: int) -> int:
        looked.append(index)
        return looks[index]

    send_all(
        lambda start, stop: next(answers),
        0,
        4,
        lambda index, errno: unsent.append((index, errno)),
        look,
    )
    assert unsent == [(2, ENETUNREACH)]
    assert looked == [1, 2]


@given(st.lists(st.sampled_from([-EPERM, -EAGAIN, -ECONNREFUSED, 1, 2, 3]), max_size=40))
def test_each_datagram_is_sent_or_reported_and_never_both(answers: list[int]) -> None:
    ways = iter(answers)
    sent: list[int] = []
    unsent: list[int] = []

    def send(start: int, stop: int) -> int:
        count = min(next(ways, 1), stop - start)
        sent.extend(range(start, start + count))
        return count

    send_all(send, 0, 8, lambda index, errno: unsent.append(index), open_way)
    assert sorted(sent + unsent) == list(range(8))
    assert sent == sorted(sent)


class Kernel:
    """Takes what is sent, or says why not; count is what is being delivered meanwhile."""

    def __init__(self) -> None:
        self.count = 0
        self.calls: list[list[bytes]] = []
        self.names: list[int] = []
        self.error = 0
        self.outbox: Outbox

    def send(self, headers: Headers, fd: int, start: int, stop: int) -> int:
        if self.error:
            return -self.error
        outbox = self.outbox
        self.names += headers.name_sizes[start:stop].tolist()
        self.calls.append(
            [
                outbox._memory.read(slot, slot + headers.sizes[index])
                for index, slot in list(enumerate(outbox._slot_at))[start:stop]
            ]
        )
        return stop - start


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    kernel = Kernel()
    monkeypatch.setattr(
        Headers, "send", lambda headers, *arguments: kernel.send(headers, *arguments)
    )
    return kernel


@pytest.fixture
def now() -> Iterator[Clock]:
    """Move the time between two writes by hand."""
    clock = Clock()
    clock.advance(1000)
    yield clock
    assert not clock.getDelayedCalls()


class Told:
    """Whoever wants to know what was not sent."""

    def __init__(self) -> None:
        self.all: list[tuple[bytes, object, int | None]] = []

    def __call__(self, data: bytes, address: object, error: OSError) -> None:
        self.all.append((data, address, error.errno))


def make(kernel: Kernel, clock: Clock) -> tuple[Writer, Told]:
    told = Told()
    kernel.outbox = Outbox(-1, IPV4)
    writer = Writer(clock, clock.seconds, kernel.outbox, told, kernel)
    return writer, told


def test_a_datagram_alone_leaves_at_once(kernel: Kernel, now: Clock) -> None:
    writer, _ = make(kernel, now)
    for data in (b"one", b"two"):
        assert writer.write(data, HOME, None) == 3
        now.advance(writing.BURST * 2)
    assert kernel.calls == [[b"one"], [b"two"]]


def test_the_rest_of_a_burst_leaves_together_when_the_turn_ends(kernel: Kernel, now: Clock) -> None:
    writer, _ = make(kernel, now)
    for index in range(5):
        writer.write(bytes([index]), HOME, None)
    assert kernel.calls == [[b"\0"]]
    now.advance(0)
    assert kernel.calls == [[b"\0"], [b"\1", b"\2", b"\3", b"\4"]]


def test_what_is_written_while_a_batch_is_read_waits_for_its_end(
    kernel: Kernel, now: Clock
) -> None:
    writer, _ = make(kernel, now)
    kernel.count = 1
    writer.write(b"a", HOME, None)
    writer.write(b"b", HOME, None)
    assert kernel.calls == []
    kernel.count = 0
    writer.flush()
    assert kernel.calls == [[b"a", b"b"]]


def test_a_full_array_leaves_before_the_turn_ends(kernel: Kernel, now: Clock) -> None:
    writer, _ = make(kernel, now)
    kernel.count = 1
    for _ in range(BATCH + 1):
        writer.write(b"x", HOME, None)
    assert list(map(len, kernel.calls)) == [BATCH]
    writer.close()
    assert list(map(len, kernel.calls)) == [BATCH, 1]


def test_closing_sends_what_has_gathered(kernel: Kernel, now: Clock) -> None:
    writer, _ = make(kernel, now)
    writer.write(b"a", HOME, None)
    writer.write(b"b", HOME, None)
    writer.close()
    assert kernel.calls == [[b"a"], [b"b"]]


def test_a_connected_sockets_datagram_has_no_name(kernel: Kernel, now: Clock) -> None:
    writer, _ = make(kernel, now)
    for destination in (HOME, b"", HOME):
        writer.write(b"x", destination, None)
        now.advance(1)
    assert kernel.names == [16, 0, 16]


def test_a_large_datagram_is_sent_whole(kernel: Kernel, now: Clock) -> None:
    writer, _ = make(kernel, now)
    writer.write(b"x" * 65507, HOME, None)
    assert kernel.calls == [[b"x" * 65507]]


def test_a_send_error_is_counted_and_told_with_what_was_written(kernel: Kernel, now: Clock) -> None:
    writer, told = make(kernel, now)
    kernel.error = EPERM
    writer.write(b"lost", HOME, ("192.0.2.1", 7))
    assert told.all == [(b"lost", ("192.0.2.1", 7), EPERM)]
    assert writer.not_sent == {EPERM: 1}
    assert writer.met_errors


def test_who_writes_when_told_of_an_error_is_not_called_from_within(
    kernel: Kernel, now: Clock
) -> None:
    """A protocol that answers each send error by another write neither recurses nor loops."""
    writer, _ = make(kernel, now)
    kernel.error = EPERM
    depth, deepest, times = 0, 0, 0

    def again(data: bytes, address: object, error: OSError) -> None:
        nonlocal depth, deepest, times
        depth, times = depth + 1, times + 1
        deepest = max(depth, deepest)
        if times < 200:
            writer.write(data, HOME, address)
        depth -= 1

    writer._tell = again
    writer.write(b"x", HOME, None)
    assert times == 1
    for _ in range(1000):
        now.advance(0)
    assert (times, deepest) == (200, 1)
    assert writer.not_sent == {EPERM: 200}


def test_one_that_raises_when_told_keeps_no_other_from_being_told(
    kernel: Kernel, now: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[LogEvent] = []
    monkeypatch.setattr(Writer, "_log", Logger(observer=cast(Any, logged.append)))
    writer, _ = make(kernel, now)
    kernel.error = EPERM
    told = []

    def fails(data: bytes, address: object, error: OSError) -> None:
        told.append(data)
        raise ValueError("from a test")

    writer._tell = fails
    kernel.count = 1
    writer.write(b"a", HOME, None)
    writer.write(b"b", HOME, None)
    writer.flush()
    assert told == [b"a", b"b"]
    assert len(logged) == 2


def test_without_anyone_to_tell_errors_are_counted_still(kernel: Kernel, now: Clock) -> None:
    kernel.outbox = Outbox(-1, IPV4)
    writer = Writer(now, now.seconds, kernel.outbox, None, kernel)
    kernel.error = EINVAL
    for _ in range(3):
        writer.write(b"x", HOME[:NAME], None)
        now.advance(1)
    assert writer.not_sent == {EINVAL: 3}
    assert writer._untold == []


def test_who_takes_his_time_between_two_writes_is_not_called_from_within_either(
    kernel: Kernel, now: Clock
) -> None:
    """Then each write is sent at once, and fails at once."""
    depth, deepest = 0, 0

    def again(data: bytes, address: object, error: OSError) -> None:
        nonlocal depth, deepest
        depth += 1
        deepest = max(depth, deepest)
        if len(data) < 5:
            now.rightNow += 1
            writer.write(data + b"x", HOME, address)
        depth -= 1

    kernel.outbox = Outbox(-1, IPV4)
    writer = Writer(now, now.seconds, kernel.outbox, again, kernel)
    kernel.error = EPERM
    writer.write(b"x", HOME, None)
    for _ in range(10):
        now.advance(0)
    assert deepest == 1
    assert writer.not_sent == {EPERM: 5}


class Stands(Clock):
    """A reactor that does not run, or not yet."""

    running = False


def test_where_no_turn_comes_each_leaves_at_once(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the reactor runs, and after it has stopped."""
    reactor = Stands()
    writer, _ = make(kernel, reactor)
    for data in (b"a", b"b", b"c"):
        writer.write(data, HOME, None)
    assert kernel.calls == [[b"a"], [b"b"], [b"c"]]
    assert not reactor.getDelayedCalls()
    reactor.running = True
    for data in (b"d", b"e", b"f"):
        writer.write(data, HOME, None)
    assert len(kernel.calls) == 3
    reactor.advance(0)
    assert kernel.calls[3:] == [[b"d", b"e", b"f"]]


def test_what_has_gathered_is_the_parent_s_to_send(kernel: Kernel, now: Clock) -> None:
    """A child that was forked in a turn of the reactor may end before the next."""
    writer, _ = make(kernel, now)
    for data in (b"a", b"b"):
        writer.write(data, HOME, None)
    writer.forked(in_child=False)
    assert writer.outbox.written
    writer.forked(in_child=True)
    for data in (b"c", b"d"):
        writer.write(data, HOME, None)
    now.advance(0)
    assert kernel.calls == [[b"a"], [b"c"], [b"d"]]
