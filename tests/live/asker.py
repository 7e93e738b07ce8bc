"""A client of ours at work in a process, which tells what it came to believe.

python -m tests.live.asker CLIENT HOST PORT REQUESTS TIMEOUT RETRIES; CLIENT is "anyone",
"connected" or "matching". It says "asking", sends requests of 16 unguessable bytes, 20 at once,
and prints how many got back what they sent, something else, a timeout, or another error.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from dataclasses import asdict
from typing import Any

from twisted.internet import task
from twisted.internet.defer import Deferred

from udpecho.client.client import ConnectedEchoClient, EchoClient, MatchingEchoClient
from udpecho.errors import ReplyTimeout, UdpEchoError

IN_FLIGHT = 20


async def ask(
    reactor: Any, kind: str, host: str, port: str, requests: str, timeout: str, retries: str
) -> None:
    """Ask, and print what came of it."""
    client: Any
    where: tuple[tuple[str, int], ...] = ()
    if kind == "connected":
        client = await ConnectedEchoClient.open(reactor, host, int(port), window=IN_FLIGHT)
    else:
        unconnected = EchoClient if kind == "anyone" else MatchingEchoClient
        client = await unconnected.open(reactor, window=IN_FLIGHT)
        where = ((host, int(port)),)
    limits = {"timeout": float(timeout), "retries": int(retries)}
    sent = [os.urandom(16) for _ in range(int(requests))]
    asked = [client.request(data, *where, **limits) for data in sent]
    print("asking", flush=True)
    outcomes: Counter[str] = Counter(right=0, wrong=0, timeout=0, error=0)
    for data, deferred in zip(sent, asked, strict=True):
        try:
            reply = await deferred
            outcomes["right" if reply.data == data else "wrong"] += 1
        except ReplyTimeout:
            outcomes["timeout"] += 1
        except UdpEchoError:
            outcomes["error"] += 1
    count = asdict(client.counters())
    await client.close()
    print(json.dumps(outcomes | {"strangers": count["strangers"]}), flush=True)


if __name__ == "__main__":
    task.react(
        lambda reactor, *arguments: Deferred.fromCoroutine(ask(reactor, *arguments)), sys.argv[1:]
    )
