"""A server of several processes that have one socket by a fork, and what it answers."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections import Counter
from contextlib import ExitStack, suppress
from socket import socket

from tests.live.conftest import Start, bound
from tests.live.program import Program, python

TOGETHER = 40
"""Sockets that ask at a time: what waits fits in any receive buffer."""

QUIET = 1.0
"""Seconds without a reply after which none is waited for."""


class Server:
    """A server of several processes."""

    def __init__(self, start: Start, reactor: str, whose: str, processes: int) -> None:
        command = python("-m", "tests.live.forking", reactor, whose, str(processes))
        self._program: Program = start(command, stdin=subprocess.PIPE)
        port, *pids = self._program.wait_for("^at (.*)$")[1].split()
        self.address = "127.0.0.1", int(port)
        self.pids = [int(pid) for pid in pids]

    def stop(self, pid: int) -> None:
        """Have a process stop listening, and wait until it has."""
        os.kill(pid, signal.SIGUSR1)
        self._program.wait_for(f"^stopped {pid}$")

    def ask(self, times: int) -> Counter[str]:
        """Ask; count the replies that are right, those that are wrong, and the requests lost."""
        outcome: Counter[str] = Counter()
        with ExitStack() as stack:
            asking = [stack.enter_context(bound()) for _ in range(TOGETHER)]
            for turn in range(times // TOGETHER):
                wanted = {skt: b"%d of %d " % (turn, n) * 9 for n, skt in enumerate(asking)}
                for skt, data in wanted.items():
                    skt.sendto(data, self.address)
                while wanted and (ready := select.select(asking, [], [], QUIET)[0]):
                    for skt in ready:
                        right = skt.recv(2000) == wanted.pop(skt, None)
                        outcome["right" if right else "wrong"] += 1
                outcome["lost"] += len(wanted)
                if len(wanted) == TOGETHER:
                    break  # nobody hears
            outcome["wrong"] += sum(map(has_more, asking))
        return outcome

    def end(self) -> None:
        """End all processes, by the end of what they read."""
        assert self._program.process.stdin is not None
        self._program.process.stdin.close()
        end = time.monotonic() + 5
        while any(map(lives, self.pids)) and time.monotonic() < end:
            self._program.process.poll()
            time.sleep(0.01)


def has_more(skt: socket) -> bool:
    """Tell whether a reply came twice."""
    return bool(select.select([skt], [], [], 0)[0])


def lives(pid: int) -> bool:
    """Tell whether a process is there."""
    with suppress(OSError):
        os.kill(pid, 0)
        return True
    return False
