"""What a test sees of a server under attack: its figures, its replies on the link, its clients.

An ordinary client is one that asks a few hundred times a second at most and waits for each
reply; "alive" means that it gets one within 100 ms.
"""

from __future__ import annotations

import json
import re
import signal
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.live.conftest import addresses
from tests.live.deadline import within
from tests.live.netns import Forger, Namespace
from tests.live.packets import is_udp
from tests.live.program import PATIENCE, Program, python

ALIVE_SECONDS = 1.0
"""Seconds in which a server that lives answers: 6 ms at most were seen on a busy machine."""

_TRIES = 5
"""Requests of which one must be answered in time: others are at work on the machine, too."""

_ALL_PROTOCOLS = 3  # linux/if_ether.h: ETH_P_ALL
_SO_RCVBUFFORCE, _SO_TIMESTAMPNS = 33, 35  # not in Python's socket
_ROOM = 1 << 23  # for what comes before it is counted

Peer = tuple[str, int]

_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Figures:
    """What a measured server said of itself; for the names see measured_server and service."""

    received: int
    echoed: int
    bytes_received: int
    bytes_echoed: int
    unanswered: dict[str, int]
    send_errors: dict[str, int]
    told: int
    died: int
    dropped: int
    worst_gap_ms: float
    resident_kib: int
    descriptors: int

    def __post_init__(self) -> None:
        elsewhere = sum(self.unanswered.values()) + sum(self.send_errors.values())
        assert self.received == self.echoed + elsewhere, f"a datagram is missing: {self}"


class MeasuredServer:
    """A measured server that listens."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self.addresses: list[Peer] = addresses(program)
        self._reports = 0
        self._log: str | None = None

    def figures(self) -> Figures:
        """Ask it for its figures; its worst gap is that since it was asked last."""
        self._program.signal(signal.SIGUSR1)
        return self._next_report()

    def stop(self, seconds: float = PATIENCE) -> Figures:
        """End it by SIGTERM in less than this many seconds, and return its last figures."""
        with within(seconds):
            self._program.stop()
        return self._next_report()

    def log_lines(self, pattern: str) -> list[str]:
        """List the lines of its log that have a pattern, also when it is gone."""
        log = self._program.errors if self._log is None else self._log
        return [line for line in log.splitlines() if re.search(pattern, line)]

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._program.signal(number)

    def keep_log(self) -> None:
        """Read its log for the last time."""
        self._log = self._program.errors

    def _next_report(self) -> Figures:
        self._program.wait_for(rf"\A(?:\{{.*\}}\n){{{self._reports + 1}}}")
        line = self._program.output.splitlines()[self._reports]
        self._reports += 1
        figures: dict[str, Any] = json.loads(line)
        return Figures(**figures)


@contextmanager
def serving(at: Namespace, directory: Path, *options: str) -> Iterator[MeasuredServer]:
    """Run a measured server in a namespace. It must leave no traceback in its log.

    It goes first when a core is free (nice -20), as on a machine of its own: else its timer
    would show how busy whoever floods it keeps this one.
    """
    command = ["nice", "-n", "-20", *python("-m", "tests.live.measured_server", *options)]
    with Program(at.command(*command), directory) as program:
        server = MeasuredServer(program)
        yield server
        server.keep_log()
        assert not server.log_lines("Traceback|Unhandled"), program.errors


class Watch:
    """Counts the datagrams that come in by the link at a namespace from a server's port."""

    def __init__(self, at: Namespace, port: int) -> None:
        self._port = port.to_bytes(2, "big")
        self._socket = at.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL_PROTOCOLS))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _ROOM)

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def count(self, quiet: float = 0.1) -> int:
        """Count those that have come since it was asked last, until it is quiet."""
        self._socket.settimeout(quiet)
        seen = 0
        try:
            while True:
                packet, link = self._socket.recvfrom(128)
                start = 20 if packet[0] >> 4 == 4 else 40
                incoming = link[2] != socket.PACKET_OUTGOING
                seen += incoming and is_udp(packet) and packet[start : start + 2] == self._port
        except TimeoutError:
            return seen


@dataclass(slots=True)
class Client:
    """An ordinary client in a namespace, and what it has seen."""

    socket: socket.socket
    asked: int = 0
    answered: int = 0

    def ask(self, timeout: float = ALIVE_SECONDS) -> bool:
        """Ask once, and say whether the reply came in time.

        The kernel's stamp tells that, not when a busy machine let us see it.
        """
        self.asked += 1
        data = b"ordinary %d" % self.asked
        end = time.time() + timeout
        self.socket.send(data)
        try:
            while True:
                self.socket.settimeout(max(0.0, end - time.time()))
                reply, stamps, _, _ = self.socket.recvmsg(100, 64)
                if reply == data:
                    seconds, nanoseconds = struct.unpack("=qq", stamps[0][2])
                    in_time = seconds + nanoseconds / 1e9 < end
                    self.answered += in_time
                    return bool(in_time)
        except (TimeoutError, BlockingIOError):
            return False

    def ask_many(self, times: int, interval: float = 0.005) -> float:
        """Ask this many times, and return the share that was answered in time."""
        answered = 0
        for _ in range(times):
            answered += self.ask()
            time.sleep(interval)
        return answered / times

    def is_served(self) -> bool:
        """Tell whether the server is alive."""
        return any(self.ask() for _ in range(_TRIES))


def forge(forger: Forger, data: bytes, source: Peer, to: Peer, times: int) -> None:
    """Send forged datagrams so that the receive buffer takes them all: the counts are exact."""
    for _ in range(times // _AT_ONCE):
        forger.send(data, source, to, times=_AT_ONCE)
        time.sleep(0.001)


@contextmanager
def client(at: Namespace, server: Peer, host: str = "") -> Iterator[Client]:
    """Have an ordinary client of a server, at an address of the namespace."""
    with at.socket(socket.AF_INET6 if ":" in server[0] else socket.AF_INET) as skt:
        if host:
            skt.bind((host, 0))
        skt.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        skt.connect(server)
        yield Client(skt)
