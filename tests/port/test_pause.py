"""Back-pressure: while a port is paused, nothing is delivered, and nothing is lost but for room."""

from __future__ import annotations

from collections.abc import Callable
from errno import ENOSPC
from typing import Any

import pytest
from twisted.internet.protocol import DatagramProtocol

from udpecho.port import Batch, listen_udp, valuesocket
from udpecho.port.valuesocket import ValueSocket
from udpecho.testing import MemoryNetwork

HOST, PEER = ("192.0.2.1", 7), ("192.0.2.2", 9)


class Notebook(DatagramProtocol):
    """Notes what it hears; does something with its port at some of it."""

    def __init__(self, at: bytes = b"", act: Callable[[Any], object] = lambda port: None) -> None:
        self.heard: list[bytes] = []
        self._at, self._act = at, act

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        self.heard.append(datagram)
        if datagram == self._at:
            self._act(self.transport)


class Batches(DatagramProtocol):
    """Takes whole batches, and pauses at each."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def batchReceived(self, batch: Batch) -> None:
        self.heard += [data for data, _ in batch]
        self.transport.pauseProducing()  # type: ignore[union-attr]


class Lab:
    """A network in memory with a port that listens."""

    def __init__(self, protocol: DatagramProtocol) -> None:
        self.net = MemoryNetwork()
        self.port: Any = listen_udp(self.net.host(HOST[0]), HOST[1], protocol)

    def comes(self, *datagrams: bytes) -> None:
        """Have datagrams come together."""
        for data in datagrams:
            self.net.forge(data, source=PEER, to=HOST)
        self.net.advance(0.1)


def test_what_comes_meanwhile_is_delivered_after_it() -> None:
    notebook = Notebook()
    lab = Lab(notebook)
    lab.port.pauseProducing()
    lab.port.pauseProducing()
    lab.comes(b"1", b"2")
    assert notebook.heard == []
    lab.port.resumeProducing()
    lab.port.resumeProducing()
    lab.net.advance(0.1)
    lab.comes(b"3")
    assert notebook.heard == [b"1", b"2", b"3"]


def test_what_was_received_with_it_waits_too() -> None:
    notebook = Notebook(b"1", lambda port: port.pauseProducing())
    lab = Lab(notebook)
    lab.comes(b"0", b"1", b"2", b"3")
    assert notebook.heard == [b"0", b"1"]
    lab.comes(b"4")
    lab.port.resumeProducing()
    lab.net.advance(0.1)
    assert notebook.heard == [b"0", b"1", b"2", b"3", b"4"]


def test_who_pauses_and_resumes_at_once_misses_nothing() -> None:
    def both(port: Any) -> None:
        port.pauseProducing()
        port.resumeProducing()

    notebook = Notebook(b"1", both)
    Lab(notebook).comes(b"0", b"1", b"2")
    assert notebook.heard == [b"0", b"1", b"2"]


def test_a_batch_is_delivered_whole() -> None:
    batches = Batches()
    lab = Lab(batches)
    lab.comes(b"0", b"1")
    lab.comes(b"2")
    assert batches.heard == [b"0", b"1"]
    lab.port.resumeProducing()
    lab.net.advance(0.1)
    assert batches.heard == [b"0", b"1", b"2"]


@pytest.mark.parametrize("first", ["paused", "stopped"])
def test_a_paused_port_that_stops_delivers_nothing_more(first: str) -> None:
    notebook = Notebook(b"0", lambda port: port.pauseProducing())
    lab = Lab(notebook)
    stopped: list[None] = []
    if first == "paused":
        lab.comes(b"0", b"1")
        lab.port.stopListening().addCallback(stopped.append)
    else:
        lab.port.pauseProducing()
        lab.comes(b"0", b"1")
        lab.port.resumeProducing()
        lab.port.stopListening().addCallback(stopped.append)  # delivers what is queued
    lab.net.advance(1)
    assert (notebook.heard, stopped) == ([b"0"], [None])
    lab.port.resumeProducing()
    lab.net.advance(1)
    assert notebook.heard == [b"0"]


class Room:
    """What an epoll has room for, or not: to watch a port, and its socket."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.left = True
        start, unwatched = ValueSocket.start_reading, valuesocket.Unwatched

        def start_reading(skt: ValueSocket, port: Any, turn: Callable[[], None]) -> None:
            if not self.left:
                raise OSError(ENOSPC, "no room")
            start(skt, port, turn)

        class Watch(unwatched):  # type: ignore[misc, valid-type]
            away = False

            def look_away(self) -> None:
                self.away = True

            def look_again(watch) -> None:  # noqa: N805
                watch.away = not self.left

        patch.setattr(ValueSocket, "start_reading", start_reading)
        patch.setattr(valuesocket, "Unwatched", Watch)


def test_a_pause_holds_though_there_was_no_room_to_resume(monkeypatch: pytest.MonkeyPatch) -> None:
    room, notebook = Room(monkeypatch), Notebook()
    lab = Lab(notebook)
    lab.port.pauseProducing()
    lab.comes(b"0")
    room.left = False
    lab.port.resumeProducing()  # is to be tried again
    lab.port.pauseProducing()
    room.left = True
    lab.net.advance(1)
    assert notebook.heard == []
    lab.port.resumeProducing()
    lab.net.advance(1)
    assert notebook.heard == [b"0"]


def test_who_stops_without_room_to_watch_is_told_when_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room, stopped = Room(monkeypatch), list[None]()

    def act(port: Any) -> None:
        room.left = False
        port.stopListening().addCallback(stopped.append)

    notebook = Notebook(b"5", act)
    lab = Lab(notebook)
    lab.comes(*(b"%d" % number for number in range(20)))
    lab.net.advance(1)
    assert (len(notebook.heard), stopped) == (20, [None])


@pytest.mark.parametrize("acts", ["resumes", "pauses"])
def test_without_room_for_a_while_it_is_deaf_for_a_while(
    monkeypatch: pytest.MonkeyPatch, acts: str
) -> None:
    """Neither the port nor its socket can be watched, after a hook that paused and resumed."""
    room = Room(monkeypatch)

    def act(port: Any) -> None:
        room.left = False
        port.pauseProducing()
        if acts == "resumes":
            port.resumeProducing()

    many = [b"%d" % number for number in range(20)]
    notebook = Notebook(b"5", act)
    lab = Lab(notebook)
    lab.comes(*many)
    room.left = True
    lab.net.advance(1)
    if acts == "pauses":
        assert notebook.heard == many[:6]
        lab.port.resumeProducing()
        lab.net.advance(1)
    assert not lab.port._socket.watch.away
    lab.comes(b"later")
    assert notebook.heard == [*many, b"later"]


def test_to_pause_does_not_keep_a_port_from_stopping() -> None:
    lab = Lab(Notebook())
    stopped: list[None] = []
    lab.port.stopListening().addCallback(stopped.append)
    lab.port.pauseProducing()
    lab.net.advance(1)
    assert stopped == [None]
