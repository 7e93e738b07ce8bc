"""The kernel's instrument on loopback: when a turn of its reading ends, and whose a stamp is."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import pytest

from tests.live.conftest import bound
from udpecho.instrument import kernel
from udpecho.instrument.bulk import Intake, Outlet
from udpecho.instrument.instrument import ProbeSocket, SocketOptions
from udpecho.instrument.probe import Arrival, Flow, Probe
from udpecho.instrument.stamped import StampedSocket
from udpecho.instrument.stamps import Stamp
from udpecho.reactors import TURN_SECONDS
from udpecho.refusal import Refusal

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it is Linux's epoll")

SOCKETS = 3


class Reactor:
    """One that is never run: the test reads in its place."""

    def addReader(self, reader: object) -> None:
        """Add none."""

    removeReader = addReader


class Slow:
    """An observer to whom to send what is due, and each batch, take so long by its clock."""

    def __init__(self, sends: float, takes: float) -> None:
        self._passed = 0.0
        self._began_ns = time.monotonic_ns()
        self._sends = sends
        self.came_by: list[ProbeSocket] = []
        self.caught_up_after: list[int] = []
        self._takes = takes

    def now_ns(self) -> int:
        return self._began_ns + round(self._passed * 1e9)

    def due(self) -> bool:
        """Send nothing."""
        self._passed += self._sends
        return False

    def came(self, socket: ProbeSocket, arrivals: Sequence[Arrival], stamp: Stamp) -> None:
        self.came_by.append(socket)
        self._passed += self._takes

    def refused(self, refusal: Refusal) -> None:
        raise AssertionError(refusal)

    def caught_up(self) -> None:
        self.caught_up_after.append(len(self.came_by))


@pytest.fixture
def instrument() -> Iterator[kernel.KernelInstrument]:
    reactor: Any = Reactor()
    made = kernel.KernelInstrument(reactor, SocketOptions(source="127.0.0.1"), size=16)
    yield made
    made.close()


def sent_one_each(
    instrument: kernel.KernelInstrument, observer: Slow, skt: socket.socket
) -> list[ProbeSocket]:
    """Start with some sockets, of which each has a datagram to read, while something is due."""
    opened = [instrument.open(skt.getsockname(), connected=False) for _ in range(SOCKETS)]
    instrument.start(observer)
    instrument.wake_at(observer.now_ns())
    for each in opened:
        skt.sendto(b"here", ("127.0.0.1", each.port))
    return opened


@pytest.mark.parametrize(
    ("sends", "takes", "turns"),
    [
        (0.0, 0.0, [SOCKETS]),
        (0.0, TURN_SECONDS * 1.5, [1, 2, SOCKETS]),
        (TURN_SECONDS * 1.5, 0.0, [1, SOCKETS]),
    ],
)
def test_a_turn_ends_in_time(
    instrument: kernel.KernelInstrument,
    monkeypatch: pytest.MonkeyPatch,
    sends: float,
    takes: float,
    turns: list[int],
) -> None:
    """What is sent counts, too; nothing is looked for as missing before all has been read."""
    observer = Slow(sends, takes)
    monkeypatch.setattr(kernel, "monotonic_ns", observer.now_ns)
    with ExitStack() as stack:
        skt = stack.enter_context(bound())
        opened = sent_one_each(instrument, observer, skt)
        read: list[int] = []
        while len(observer.came_by) < SOCKETS and len(read) < 2 * SOCKETS:
            instrument.doRead()
            read.append(len(observer.came_by))
        instrument.doRead()
    assert read == turns
    assert set(observer.came_by) == set(opened)
    assert set(observer.caught_up_after) == {SOCKETS}


def test_a_flood_does_not_keep_it_from_catching_up(
    instrument: kernel.KernelInstrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else nothing would be told as lost while it lasts."""
    observer = Slow(0.0, TURN_SECONDS * 1.5)
    monkeypatch.setattr(kernel, "monotonic_ns", observer.now_ns)
    monkeypatch.setattr(kernel, "MOST_BEHIND_NS", round(TURN_SECONDS * 1e9))
    with ExitStack() as stack:
        skt = stack.enter_context(bound())
        sent_one_each(instrument, observer, skt)
        for _ in range(SOCKETS):
            instrument.doRead()
    assert observer.caught_up_after == [2], "once, when it was behind for so long"


def test_what_there_was_no_room_for_is_known_after_the_end() -> None:
    reactor: Any = Reactor()
    made = kernel.KernelInstrument(reactor, SocketOptions(source="127.0.0.1"), size=16)
    with ExitStack() as stack:
        skt = stack.enter_context(bound())
        opened: Any = made.open(skt.getsockname(), connected=False)
        opened._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        for _ in range(100):
            skt.sendto(bytes(1000), ("127.0.0.1", opened.port))
    dropped = made.dropped()
    assert 50 < dropped < 100
    made.close()
    assert made.dropped() == dropped


class Counted(Outlet):
    """As on a kernel that counts a send though it fails.

    After the first of several goes a datagram that is no probe's.
    """

    def __init__(self, size: int, elsewhere: socket.socket) -> None:
        super().__init__(size)
        self.failed_ns = 0
        self._elsewhere = elsewhere

    def send(self, fd: int, start: int, stop: int) -> int:
        if self.failed_ns or stop - start == 1:
            return super().send(fd, start, stop)
        sent = super().send(fd, start, start + 1)
        with socket.socket(fileno=os.dup(fd)) as same:
            same.sendto(b"no probe", self._elsewhere.getsockname())
        self._elsewhere.recv(16)
        time.sleep(0.001)  # or its stamp might be as late
        self.failed_ns = time.time_ns()
        return sent


def test_a_send_that_fails_shifts_no_other_stamp() -> None:
    """A kernel may count it: each probe after it would have the stamp of the one before."""
    with ExitStack() as stack:
        skt, elsewhere = stack.enter_context(bound()), stack.enter_context(bound())
        peer = skt.getsockname()
        outlet = Counted(4, elsewhere)
        stamped = StampedSocket(
            ("127.0.0.1", 0), family=socket.AF_INET, intake=Intake(64), outlet=outlet
        )
        stack.callback(stamped.close)
        stamped.expect(peer)
        flow = Flow("", peer, stamped.port)
        probes = [Probe(n, n, flow, b"", Stamp(0, 0)) for n in range(1, 6)]
        for together in (probes[:1], probes[1:]):  # the first shows that there are stamps
            assert stamped.send(together, [b"data"] * len(together)) == []
            for _ in together:
                assert skt.recv(16) == b"data"
            assert stamped.notices(64) == ([], False)
        _, before, *after = [probe.departed_ns or 0 for probe in probes]
    assert 0 < before < outlet.failed_ns
    assert all(departed_ns > outlet.failed_ns for departed_ns in after)
