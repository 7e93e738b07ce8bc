"""The clients of the comparison: python -m tests.bench.askers PORT SECONDS CASE...

Each case asks in its turn, block after block, all in one process on one core: so they meet the
same machine in the same mood. A case keeps 64 requests of 64 bytes outstanding at an echo
server on loopback. MatchingEchoClient+100000 has that many more pending, to a silent port.
Prints, as JSON, for each case its microseconds of CPU time (of the process, user and system)
for a request, block by block, and the kernel's share of them.
"""

from __future__ import annotations

import json
import os
import re
import resource
import socket
import time
from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor as any_reactor
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.protocol import DatagramProtocol

from tests.arguments import Arguments, at_least
from udpecho import Batch, MatchingEchoClient
from udpecho.port.listen import listen_udp

OUTSTANDING = 64

BLOCK = 4000
"""Requests of a block: some 50 ms, of which the start and the end are little."""

LONG = 600.0
"""Seconds that a request waits which nobody will answer."""

reactor: Any = any_reactor


class Plain(DatagramProtocol):
    """What anyone would write on Twisted: a dictionary of Deferreds, by what was sent."""

    noisy = False

    def __init__(self) -> None:
        self._waiting: dict[bytes, Deferred[bytes]] = {}

    def request(self, data: bytes, address: tuple[str, int]) -> Deferred[bytes]:
        reply = self._waiting[data] = Deferred[bytes]()
        assert self.transport is not None
        self.transport.write(data, address)
        return reply

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        reply = self._waiting.pop(datagram, None)
        if reply is not None:
            reply.callback(datagram)


class PlainWithTimeout(Plain):
    """The same, but no reply is waited for in vain."""

    def request(self, data: bytes, address: tuple[str, int]) -> Deferred[bytes]:
        return super().request(data, address).addTimeout(1.0, reactor)


class Unsent:
    """No network: a Deferred for each request, fired when 64 have been made."""

    def __init__(self) -> None:
        self._waiting: list[Deferred[bytes]] = []

    def request(self, data: bytes, address: tuple[str, int]) -> Deferred[bytes]:
        reply = Deferred[bytes]()
        self._waiting.append(reply)
        if len(self._waiting) == 1:
            reactor.callLater(0, self._answer)
        return reply

    def _answer(self) -> None:
        waiting, self._waiting = self._waiting, []
        for reply in waiting:
            reply.callback(b"")


class Asking:
    """Blocks of requests, each made as soon as one is answered."""

    def __init__(self, client: Any, address: tuple[str, int]) -> None:
        self._client = client
        self._address = address
        self._asked = self._left = self._outstanding = 0
        self._done: Deferred[None] = Deferred()

    def block(self) -> Deferred[None]:
        self._done = Deferred()
        self._left = BLOCK
        for _ in range(OUTSTANDING):
            self._ask()
        return self._done

    def _ask(self) -> None:
        self._left -= 1
        self._asked += 1
        self._outstanding += 1
        data = self._asked.to_bytes(64, "big")
        self._client.request(data, self._address).addCallbacks(self._go_on, self._go_on)

    def _go_on(self, _: object) -> None:
        self._outstanding -= 1
        if self._left:
            self._ask()
        elif not self._outstanding:
            self._done.callback(None)


class Relaying(DatagramProtocol):
    """Our port alone: a datagram written for each that came, and no Deferred."""

    noisy = False

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._left = self._outstanding = 0
        self._done: Deferred[None] = Deferred()

    def block(self) -> Deferred[None]:
        self._done = Deferred()
        self._left, self._outstanding = BLOCK, 0
        for _ in range(OUTSTANDING):
            self._write(bytes(64))
        return self._done

    def _write(self, data: bytes) -> None:
        assert self.transport is not None
        self._left -= 1
        self._outstanding += 1
        self.transport.write(data, self._address)

    def batchReceived(self, batch: Batch) -> None:
        for data, _ in batch:
            self._outstanding -= 1
            if self._left:
                self._write(data)
        if not self._outstanding:
            self._done.callback(None)


NAMES = (
    "MatchingEchoClient", "Deferred alone", "port alone", "plain", "plain, timeout",
    "plain, our port",
)  # fmt: skip


def case(text: str) -> str:
    """Read the name of a client, and how many requests it has pending besides."""
    if not re.fullmatch(rf"({'|'.join(NAMES)})(\+[0-9]+)?", text):
        raise ArgumentTypeError(f"expected one of {'; '.join(NAMES)}, got {text!r}")
    return text


async def opened(name: str, address: tuple[str, int]) -> Callable[[], Deferred[None]]:
    """Open a client on the port that goes with it; return what runs a block of it."""
    name, _, pending = name.partition("+")
    client: Any
    if name == "MatchingEchoClient":
        client = await MatchingEchoClient.open(reactor, "127.0.0.1", window=1 << 20)
        leave_pending(client, int(pending or 0))
    elif name == "Deferred alone":
        client = Unsent()
    elif name == "port alone":
        relaying = Relaying(address)
        listen_udp(reactor, 0, relaying, "127.0.0.1")
        return relaying.block
    else:
        client = PlainWithTimeout() if "timeout" in name else Plain()
        if "our port" in name:
            listen_udp(reactor, 0, client, "127.0.0.1")
        else:
            reactor.listenUDP(0, client, "127.0.0.1")
    return Asking(client, address).block


def leave_pending(client: MatchingEchoClient, pending: int) -> None:
    """Ask so often where nobody answers."""
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", 0))
    silence = silent.getsockname()
    os.dup(silent.detach())  # open until the process ends
    for index in range(pending):
        ignored = client.request(index.to_bytes(8, "big"), silence, timeout=LONG)
        ignored.addErrback(lambda _: None)


async def main(port: int, seconds: float, names: list[str]) -> None:
    """Run blocks of all cases in turn, for a while, and print what they took."""
    blocks = [await opened(name, ("127.0.0.1", port)) for name in names]
    for block in blocks:
        await block()  # not measured: the first of everything
    took: list[list[float]] = [[] for _ in names]
    kernel = [0.0] * len(names)
    until = time.monotonic() + seconds * len(names)
    while time.monotonic() < until or not took[0]:
        for index, block in enumerate(blocks):
            used, system = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_stime
            await block()
            took[index].append((time.process_time() - used) / BLOCK * 1e6)
            kernel[index] += resource.getrusage(resource.RUSAGE_SELF).ru_stime - system
    shares = [k * 1e6 / BLOCK / sum(each) for k, each in zip(kernel, took, strict=True)]
    print(json.dumps(dict(zip(names, zip(took, shares, strict=True), strict=True))), flush=True)
    os._exit(0)  # not waited for: the end of 100,000 requests


if __name__ == "__main__":
    arguments = Arguments("tests.bench.askers", __doc__)
    arguments.add_argument("port", type=at_least(1))
    arguments.add_argument("seconds", type=at_least(0.01))
    arguments.add_argument("names", type=case, nargs="+")
    asked = arguments.parse_args()
    started: Any = ensureDeferred(main(asked.port, asked.seconds, asked.names))
    started.addErrback(lambda failure: (failure.printTraceback(), reactor.stop()))
    reactor.run()
