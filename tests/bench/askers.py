"""The clients of the comparison: python -m tests.bench.askers NAME PORT SECONDS PENDING.

Each keeps 64 requests of 64 bytes outstanding at an echo server on loopback, after so many
others to a port that never answers, and prints its requests and its microseconds of CPU time
for each: of its own process, user and system.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from typing import Any

from twisted.internet import reactor as any_reactor
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.protocol import DatagramProtocol

from udpecho import MatchingEchoClient

OUTSTANDING = 64
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


async def opened(name: str) -> Any:
    """Make a client of this name, on the port that goes with it."""
    if name == "MatchingEchoClient":
        return await MatchingEchoClient.open(reactor, "127.0.0.1", window=1 << 20)
    client = PlainWithTimeout() if "timeout" in name else Plain()
    if "our port" in name:
        from udpecho.port import listen_udp

        listen_udp(reactor, 0, client, "127.0.0.1")
    else:
        reactor.listenUDP(0, client, "127.0.0.1")
    return client


class Loop:
    """Asks again as soon as it is answered."""

    def __init__(self, client: Any, address: tuple[str, int]) -> None:
        self._client = client
        self._address = address
        self.replies = self._asked = 0

    def ask(self, reply: object = None) -> None:
        self.replies += reply is not None
        self._asked += 1
        data = self._asked.to_bytes(64, "big")
        self._client.request(data, self._address).addCallbacks(self.ask, self._again)

    def _again(self, _: object) -> None:
        self.ask()


async def main(name: str, port: int, seconds: float, pending: int) -> None:
    """Ask for a while and print what it took."""
    client = await opened(name)
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", 0))
    for index in range(pending):
        ignored = client.request(index.to_bytes(8, "big"), silent.getsockname(), timeout=LONG)
        ignored.addErrback(lambda _: None)
    loop = Loop(client, ("127.0.0.1", port))
    for _ in range(OUTSTANDING):
        loop.ask()
    await passed(0.3)
    replies, used = loop.replies, time.process_time()
    await passed(seconds)
    replies, used = loop.replies - replies, time.process_time() - used
    print(replies, used / max(replies, 1) * 1e6, flush=True)
    os._exit(0)  # not measured: what it takes to end 100,000 requests


def passed(seconds: float) -> Deferred[None]:
    """Let the reactor run."""
    done: Deferred[None] = Deferred()
    reactor.callLater(seconds, done.callback, None)
    return done


if __name__ == "__main__":
    arguments = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    started: Any = ensureDeferred(main(*arguments))
    started.addErrback(lambda failure: (failure.printTraceback(), reactor.stop()))
    reactor.run()
