"""A client that asks all the time, in a process that measures itself.

python -m tests.live.measured_client KIND HOST PORT prints its address. From SIGUSR1 on it looks,
in each of PARTS parts of a fifth of a second, for the longest time between two turns of a timer of
10 ms; then it asks no more, and prints as a line of JSON these gaps in seconds, what became of its
requests, and its client's counters.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from twisted.internet import defer
from twisted.internet import reactor as any_reactor
from twisted.internet.task import LoopingCall, deferLater
from twisted.python.failure import Failure

from udpecho.client import ConnectedEchoClient, EchoClient, MatchingEchoClient

TICK = 0.01
PARTS, SECONDS = 8, 0.2
OUTSTANDING, PAUSE = 16, 0.02  # some hundred requests a second, so that others get a core, too
PATIENCE: dict[str, Any] = {"timeout": 0.25, "retries": 7}
"""A reply that finds no room, as errors take it, is asked for again."""

reactor: Any = any_reactor


class Asking:
    """Requests, each made soon after one ended, and a timer that shows if the reactor turns."""

    def __init__(self, ask: Callable[[bytes], defer.Deferred[Any]]) -> None:
        self._ask = ask
        self.ended: Counter[str] = Counter()
        self.asked = 0
        self._last = time.monotonic()
        self.worst = 0.0
        self.done: defer.Deferred[None] | None = None

    def tick(self) -> None:
        """Note how long ago the timer turned last."""
        now = time.monotonic()
        self.worst = max(self.worst, now - self._last)
        self._last = now

    def ask(self) -> None:
        """Ask, unless it is over."""
        if self.done is None:
            self.asked += 1
            self._ask(b"%d" % self.asked).addBoth(self.note)

    def note(self, ended: object) -> None:
        """Count what a request ended with, and ask again soon, or be done."""
        name = type(ended.value).__name__ if isinstance(ended, Failure) else "replied"
        self.ended[name] += 1
        if self.done is None:
            reactor.callLater(PAUSE, self.ask)
        elif self.ended.total() == self.asked:
            self.done.callback(None)


async def client_of(kind: str, peer: tuple[str, int]) -> tuple[Any, Callable[..., Any]]:
    """Open a client of a kind, and give it with what asks the peer by it."""
    if kind == "connected":
        connected = await ConnectedEchoClient.open(reactor, *peer)
        return connected, connected.request
    opened: Any = EchoClient if kind == "anyone" else MatchingEchoClient
    client = await opened.open(reactor, "::" if ":" in peer[0] else "")
    return client, lambda data, **options: client.request(data, peer, **options)


async def main(kind: str, host: str, port: str) -> None:
    """Ask until it is measured."""
    client, request = await client_of(kind, (host, int(port)))
    begin: defer.Deferred[None] = defer.Deferred()
    signal.signal(signal.SIGUSR1, lambda *_: reactor.callFromThread(begin.callback, None))
    asking = Asking(lambda data: request(data, **PATIENCE))
    for _ in range(OUTSTANDING):
        asking.ask()
    LoopingCall(asking.tick).start(TICK)
    print("asks from", client.local_addresses[0][1], flush=True)
    await begin
    gaps = []
    for _ in range(PARTS):
        asking.worst = 0.0
        await deferLater(reactor, SECONDS)
        gaps.append(asking.worst)
    asking.done = defer.Deferred()
    if asking.ended.total() < asking.asked:
        await asking.done
    figures = {"gaps": gaps, "ended": asking.ended, "counters": asdict(client.counters())}
    print(json.dumps(figures), flush=True)
    await client.close()


if __name__ == "__main__":
    arguments = sys.argv[1:]
    reactor.callWhenRunning(
        lambda: defer.Deferred.fromCoroutine(main(*arguments)).addBoth(
            lambda result: (print(result) if result else None, reactor.stop())
        )
    )
    reactor.run()
