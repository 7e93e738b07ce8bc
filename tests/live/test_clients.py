"""The clients as a user's own pytest would use them: on the running reactor, by pytest-twisted."""

# pytest-twisted has no annotations:
# mypy: disallow-untyped-decorators = False

from __future__ import annotations

from collections.abc import Generator
from typing import Any, cast

import pytest
import pytest_twisted  # type: ignore[import-untyped]
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from udpecho.client.client import ConnectedEchoClient, EchoClient, MatchingEchoClient
from udpecho.client.request import Reply
from udpecho.errors import Refused, ReplyTimeout
from udpecho.reactors import IDatagramReactor
from udpecho.server.addresses import UdpAddress
from udpecho.server.service import EchoService

REACTOR = cast(IDatagramReactor, reactor)


@pytest_twisted.async_yield_fixture
async def server() -> Any:
    """Serve on loopback while a test runs."""
    service = EchoService(REACTOR, [UdpAddress(0, "127.0.0.1")])
    service.startService()
    yield service.addresses()[0]
    await service.stopService()


@pytest_twisted.async_yield_fixture
async def matching() -> Any:
    client = await MatchingEchoClient.open(REACTOR)
    yield client
    await client.close()


@pytest_twisted.ensureDeferred
async def test_await(server: tuple[str, int], matching: MatchingEchoClient) -> None:
    """A request is awaited like anything else."""
    reply = await matching.request(b"hello", server)
    assert (reply.data, reply.peer, reply.attempts) == (b"hello", server, 1)
    assert 0 < reply.rtt < 1


@pytest_twisted.inlineCallbacks
def test_yield(
    server: tuple[str, int], matching: MatchingEchoClient
) -> Generator[Deferred[Any], Any, None]:
    """Or yielded, in Twisted's older way."""
    reply: Reply = yield matching.request(b"hello", server)
    assert reply.data == b"hello"


@pytest_twisted.ensureDeferred
async def test_many_at_once(server: tuple[str, int], matching: MatchingEchoClient) -> None:
    """A thousand requests at once are answered, each by its own bytes."""
    sent = [b"%d" % i for i in range(1000)]
    replies = await gatherResults([matching.request(data, server) for data in sent])
    assert [reply.data for reply in replies] == sent
    assert matching.pending_peers() == []


@pytest_twisted.ensureDeferred
async def test_refused() -> None:
    """Where nobody listens, waiting for it raises."""
    gone = await MatchingEchoClient.open(REACTOR, "127.0.0.1")
    address = gone.local_addresses[0]
    await gone.close()
    client = await ConnectedEchoClient.open(REACTOR, *address)
    with pytest.raises(Refused, match="refused"):
        await client.request(b"anyone?")
    await client.close()


@pytest_twisted.ensureDeferred
async def test_silence(matching: MatchingEchoClient) -> None:
    """A server that does not answer costs its time-out, and no more."""
    silent = await EchoClient.open(REACTOR, "127.0.0.1")
    with pytest.raises(ReplyTimeout, match="to 2 attempts"):
        await matching.request(b"x", silent.local_addresses[0], timeout=0.01, retries=1)
    assert silent.counters().strangers == 2
    await silent.close()
