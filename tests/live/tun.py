"""A bad line between two namespaces: a TUN device in each, and a program that carries packets.

impaired() makes it all. The program is python -m tests.live.tun LINE, a LINE in JSON; it prints
"ready", and at SIGTERM what it did to each direction.
"""

from __future__ import annotations

import fcntl
import json
import os
import selectors
import signal
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.live.impairment import Impairment, Line, Report
from tests.live.netns import Namespace, address, namespace
from tests.live.netns import why_not as why_no_namespaces
from tests.live.program import Program, python

_DEVICE = Path("/dev/net/tun")
_TUNSETIFF = 0x400454CA  # linux/if_tun.h
_TUN_WITHOUT_HEADER = 0x1001  # IFF_TUN | IFF_NO_PI
_LONGEST = 65536
_AT_ONCE = 64
"""Packets read from one side before the other has its turn."""


def why_not() -> str | None:
    """Say why there can be no TUN device here, or None: what a test is skipped with."""
    if _DEVICE.exists():
        return why_no_namespaces()
    return f"a bad line needs {_DEVICE}"


@dataclass(frozen=True, slots=True)
class BadLine:
    """Two namespaces that reach each other by the bad line alone."""

    server: Namespace
    client: Namespace
    program: Program

    def end(self) -> tuple[Report, Report]:
        """End the line; return what it did to packets to the server, and from it."""
        self.program.stop()
        there, back = json.loads(self.program.output.splitlines()[-1])
        return Report(**there), Report(**back)


@contextmanager
def impaired(to_server: Impairment, from_server: Impairment, seed: int = 1) -> Iterator[BadLine]:
    """Make two namespaces with such a line between them, which lasts as long as the context."""
    with ExitStack() as stack:
        server = stack.enter_context(namespace("198.18.0.1", "fd00:db8::1"))
        client = stack.enter_context(namespace("198.18.0.2", "fd00:db8::2"))
        line = {
            "ends": [asdict(client), asdict(server)],
            "impairments": [asdict(to_server), asdict(from_server)],
            "seed": seed,
        }
        directory = Path(stack.enter_context(TemporaryDirectory()))
        # First when a core is free, as the server: what a line delays is in its order alone.
        command = ["nice", "-n", "-20", *python("-m", "tests.live.tun", json.dumps(line))]
        program = stack.enter_context(Program(command, directory))
        program.wait_for("^ready$")
        yield BadLine(server, client, program)


def tun(name: str) -> int:
    """Make a TUN device where the calling thread is, and return its descriptor."""
    fd = os.open(_DEVICE, os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _TUN_WITHOUT_HEADER))
    return fd


def carry(fds: tuple[int, int], lines: tuple[Line, Line]) -> None:
    """Carry packets between two devices until interrupted."""
    with selectors.DefaultSelector() as selector:
        for index, fd in enumerate(fds):
            selector.register(fd, selectors.EVENT_READ, index)
        while True:
            dues = [due for line in lines if (due := line.next_due()) is not None]
            wait = max(0.0, min(dues) - time.monotonic()) if dues else None
            for key, _ in selector.select(wait):
                with suppress(BlockingIOError):
                    for _ in range(_AT_ONCE):
                        lines[key.data].take(os.read(fds[key.data], _LONGEST), time.monotonic())
            for line, out in zip(lines, reversed(fds), strict=True):
                for packet in line.give(time.monotonic()):
                    os.write(out, packet)


def main(text: str) -> None:
    """Carry packets as a line in JSON has it; report at SIGTERM."""
    given = json.loads(text)
    client, server = (Namespace(**end) for end in given["ends"])
    lines = [
        Line(Impairment(**each), f"{given['seed']} {index}")
        for index, each in enumerate(given["impairments"])
    ]
    fds = []
    for end in (client, server):
        fds.append(end.do(lambda name=end.interface: tun(name)))  # type: ignore[misc]
        end.ip("link", "set", end.interface, "up")
        address(end)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print("ready", flush=True)
    with suppress(KeyboardInterrupt):
        carry((fds[0], fds[1]), (lines[0], lines[1]))
    print(json.dumps([line.report() for line in lines]))


if __name__ == "__main__":
    main(sys.argv[1])
