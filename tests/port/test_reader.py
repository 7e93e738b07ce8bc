"""When a turn of reading ends, and which errors are told, on a socket that is none."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from errno import EAGAIN, ECONNREFUSED
from socket import AF_INET, IPPROTO_IP
from typing import Any, cast

import pytest
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger

from tests.kernelbytes import ipv4_control, ipv4_name
from tests.port.test_batch import Kernel, ipv4
from udpecho.kernel.layout import IP_RECVERR, IPV4
from udpecho.kernel.messages import BATCH
from udpecho.port.batch import Batch
from udpecho.port.inbox import Inbox
from udpecho.port.kernelsocket import KernelSocket
from udpecho.port.reader import BATCHES, Reader
from udpecho.reactors import TURN_SECONDS
from udpecho.refusal import Refusal

PEER = ("192.0.2.1", 7)


class Handle:
    """A socket that has errors in its queue."""

    family = AF_INET

    def __init__(self) -> None:
        self.errors = 0

    def fileno(self) -> int:
        return -1

    def close(self) -> None:
        """Do nothing."""

    def setsockopt(self, *option: int) -> None:
        """Take any."""

    def recvmsg(self, *_: int) -> tuple[bytes, list[tuple[int, int, bytes]], int, tuple[str, int]]:
        if not self.errors:
            raise BlockingIOError
        self.errors -= 1
        error = struct.pack("=IBBBxII8x", ECONNREFUSED, 2, 3, 3, 0, 0)
        return b"quoted", [(IPPROTO_IP, IP_RECVERR, error)], 0, PEER


class Connection:
    """Whom the socket is connected to."""

    def __init__(self) -> None:
        self.address: tuple[str, int] | None = None

    @property
    def peer(self) -> bytes | None:
        return None if self.address is None else b"a name"

    def is_peer(self, address: tuple[str, int] | None) -> bool:
        return address == self.address


def nothing() -> None:
    """Do nothing."""


class Quiet:
    """Nothing is written, nobody looks away, and nothing is sent back."""

    away = met_errors = False
    written: tuple[bytes, ...] = ()

    @property
    def outbox(self) -> Quiet:
        return self

    def look_away(self) -> None:
        """Do nothing."""

    def note_errors(self) -> None:
        """Do nothing."""


class Protocol:
    """What is read for."""

    def __init__(self, clock: Clock, takes: float = 0.0) -> None:
        self.batches = 0
        self.refusals: list[Refusal] = []
        self._clock = clock
        self.clock = lambda: clock.now
        self._takes = takes

    def batchReceived(self, batch: Batch) -> None:
        self.batches += 1
        self._clock.now += self._takes

    def peerRefused(self, refusal: Refusal) -> None:
        self.refusals.append(refusal)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


def reader_of(
    protocol: Protocol,
    received: int,
    handle: Handle | None = None,
    connection: Connection | None = None,
) -> Reader:
    """Make a reader whose socket gives this many items at each call, or this -errno."""
    source: Any = handle or Handle()
    there: Any = connection or Connection()
    quiet: Any = Quiet()
    skt: Any = KernelSocket(None, source)
    skt.inbox = Inbox(-1, IPV4, receive=lambda fd, place, most: received)
    skt.echo = skt.watch = quiet
    skt.connection = there
    return Reader(skt, protocol.clock, protocol, 65536, quiet, nothing)


@pytest.mark.parametrize(
    ("takes", "batches", "why"),
    [
        (0.0, BATCHES, "as many as a turn may have"),
        (TURN_SECONDS * 1.5, 2, "the time is over while the second is delivered"),
        (TURN_SECONDS / 3, 5, "the first does not count, and it must be over"),
    ],
)
def test_a_turn_ends_in_time(clock: Clock, takes: float, batches: int, why: str) -> None:
    protocol = Protocol(clock, takes)
    reader_of(protocol, BATCH).turn()
    assert protocol.batches == batches, why


def test_a_batch_that_is_not_full_is_the_last(clock: Clock) -> None:
    protocol = Protocol(clock)
    reader_of(protocol, BATCH - 1).turn()
    assert protocol.batches == 1


class Asked(Protocol):
    """Says whether it wants to know when what comes next came."""

    def __init__(self, clock: Clock, *says: Any) -> None:
        super().__init__(clock)
        self._says = list(says)

    def wantsTimestamps(self) -> bool:
        said = self._says.pop(0)
        if isinstance(said, BaseException):
            raise said
        return bool(said)


def test_each_reading_tells_the_times_if_the_protocol_wants_them(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who does not say is told, and so is who can't say."""
    told: list[bool] = []
    monkeypatch.setattr(KernelSocket, "tell_times", lambda self, wanted: told.append(wanted))
    reader = reader_of(Asked(clock, False, True, ValueError("?"), False), 1)
    told.clear()
    logged: list[str] = []
    monkeypatch.setattr(Logger, "failure", lambda self, text, **_: logged.append(text))
    for _ in range(4):
        reader.read()
    assert told == [False, True, True, False]
    assert len(logged) == 1
    reader.serve(Protocol(clock))
    reader.read()
    assert told[4:] == [True], "once, and nothing is asked"


def test_what_is_too_long_is_left_out_of_its_batch_and_of_no_other() -> None:
    """The protocol is told which, to count it."""
    kernel, quiet = Kernel(), cast(Any, Quiet())
    skt: Any = KernelSocket(None, cast(Any, Handle()))
    skt.inbox, skt.echo, skt.watch, skt.connection = kernel.inbox, kernel.reply, quiet, Connection()
    heard: list[tuple[list[bytes], set[int]]] = []

    class Hearer(DatagramProtocol):
        def batchReceived(self, batch: Batch) -> None:
            heard.append(([data for data, _ in batch], set(batch.not_whole)))

    reader = Reader(skt, lambda: 0.0, Hearer(), 2, quiet, nothing)
    for data in ((b"ab", b"abc"), (b"a", b"b")):
        kernel.has(*map(ipv4, data))
        assert reader.read() == 2
    assert heard == [([b"ab"], {1}), ([b"a", b"b"], set())]
    assert reader.counts == {"too_long": 1}


def test_what_woke_it_though_nothing_came_is_in_the_queue_of_errors(clock: Clock) -> None:
    protocol, skt = Protocol(clock), Handle()
    reader = reader_of(protocol, -EAGAIN, skt)
    reader.queue_errors()
    skt.errors = 2
    reader.turn()
    assert [(each.to, each.data) for each in protocol.refusals] == [(PEER, b"quoted")] * 2


@pytest.mark.parametrize(("connected", "told"), [(None, 1), (PEER, 1), (("192.0.2.9", 7), 0)])
def test_a_refusal_of_an_earlier_peer_is_not_told(
    clock: Clock, connected: tuple[str, int] | None, told: int
) -> None:
    protocol, skt, connection = Protocol(clock), Handle(), Connection()
    connection.address = connected
    reader = reader_of(protocol, -EAGAIN, skt, connection)
    reader.queue_errors()
    skt.errors = 1
    reader.turn()
    assert len(protocol.refusals) == told
    assert reader.counts["refused"] == 1


class Plain:
    """Takes one datagram after the other, and raises what it is told to."""

    def __init__(self, raises: Callable[[], BaseException] | None = None) -> None:
        self.raises = raises
        self.heard: list[bytes] = []
        self.refused = 0

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        self.heard.append(datagram)
        if self.raises is not None:
            raise self.raises()

    def connectionRefused(self) -> None:
        self.refused += 1
        if self.raises is not None:
            raise self.raises()


class FullInbox(Inbox):
    """Receives three datagrams, again and again."""

    def __init__(self) -> None:
        super().__init__(-1, IPV4, receive=lambda fd, place, most: 3)
        control = ipv4_control("192.0.2.2")
        for index, data in enumerate((b"0", b"1", b"2")):
            at = self.memory.record_at[index]
            self.memory.write(at, ipv4_name(*PEER).ljust(32, b"\0") + control)
            self.memory.write(self.memory.slot_at[index], data)

    def receive(self) -> int:
        for index in range(3):
            self.headers.lengths[index] = 1
            self.headers.control_sizes[index] = self.layout.control
        count = self._receive(-1, self._first, 3)
        self.count = self.datagrams = count
        self._measure(self.headers.map[: 3 * 64])
        return count


def plain_reader(protocol: Any, handle: Handle | None = None) -> Reader:
    """Make a reader whose socket gives three datagrams at each call."""
    source: Any = handle or Handle()
    there: Any = Connection()
    quiet: Any = Quiet()
    skt: Any = KernelSocket(None, source)
    skt.inbox = FullInbox()
    skt.echo = skt.watch = quiet
    skt.connection = there
    return Reader(skt, lambda: 0.0, protocol, 65536, quiet, nothing)


OF_ANY_KIND = pytest.mark.parametrize(
    "raises", [ValueError, asyncio.CancelledError, SystemExit, KeyboardInterrupt, GeneratorExit]
)


@OF_ANY_KIND
def test_whatever_a_hook_raises_is_logged_and_the_next_datagram_delivered(
    raises: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Twisted's port does with what datagramReceived raises: here from every hook."""
    logged: list[str] = []
    monkeypatch.setattr(Logger, "failure", lambda self, text, **_: logged.append(text))
    plain, skt = Plain(raises), Handle()
    reader = plain_reader(plain, skt)
    reader.queue_errors()
    skt.errors = 2
    reader.turn()
    assert plain.heard == [b"0", b"1", b"2"]
    assert len(logged) == 3
    connection: Any = reader._connection
    connection.address = PEER  # or nobody is told of refusals
    reader._take_errors()
    assert plain.refused == 2
    assert len(logged) == 3 + 2
    batches, told = Raises(raises), len(logged)
    reader = reader_of(batches, BATCH - 1)
    reader.turn()
    reader.turn()
    assert batches.batches == 2
    assert len(logged) == told + 2


class Raises(Protocol):
    """Takes whole batches, and fails on each."""

    def __init__(self, raises: type[BaseException]) -> None:
        super().__init__(Clock())
        self._raises = raises

    def batchReceived(self, batch: Batch) -> None:
        super().batchReceived(batch)
        raise self._raises


def test_a_hook_is_looked_up_when_it_is_called() -> None:
    """Who replaces it while the port listens is served as on Twisted's port."""
    plain = Plain()
    reader = plain_reader(plain)
    heard: list[bytes] = []

    def replaced(datagram: bytes, addr: object) -> None:
        heard.append(datagram)
        if len(heard) == 2:
            del plain.datagramReceived

    plain.datagramReceived = replaced  # type: ignore[method-assign]
    reader.turn()
    assert (heard, plain.heard) == ([b"0", b"1"], [b"2"])
    protocol = Protocol(Clock())
    by_batch = reader_of(protocol, BATCH - 1)
    batches: list[int] = []
    protocol.batchReceived = lambda batch: batches.append(1)  # type: ignore[method-assign]
    by_batch.turn()
    assert (len(batches), protocol.batches) == (1, 0)
