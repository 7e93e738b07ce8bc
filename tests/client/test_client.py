"""The three clients on a network in memory: who may answer, and how each request ends."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Coroutine
from typing import Any, Literal, TypeVar
from unittest import mock

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.error import TimeoutError as TwistedTimeoutError
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import LogEvent
from twisted.trial.unittest import SynchronousTestCase

from udpecho.client.asking import Stranger
from udpecho.client.client import ConnectedEchoClient, EchoClient, MatchingEchoClient
from udpecho.client.request import Reply
from udpecho.errors import (
    BadAddress,
    ClientClosed,
    DatagramTooLong,
    PeerReplaced,
    Refused,
    ReplyTimeout,
    ResolveFailed,
    SendFailed,
    WrongFamily,
)
from udpecho.guard.guard import Guard
from udpecho.peer import Peer
from udpecho.port.listen import STOCK_PORT
from udpecho.refusal import Refusal
from udpecho.server.server import EchoServer
from udpecho.testing.host import MemoryHost
from udpecho.testing.network import MemoryNetwork

T = TypeVar("T")

SERVER = ("192.0.2.1", 1060)
SERVER6 = ("2001:db8::1", 1060)
SECOND = ("192.0.2.3", 1060)
FORGER = ("203.0.113.66", 1060)


class Quiet(DatagramProtocol):
    """A server that says nothing, but remembers who asked what."""

    noisy = False

    def __init__(self) -> None:
        self.heard: list[tuple[bytes, Peer]] = []

    def datagramReceived(self, datagram: bytes, addr: Peer) -> None:
        self.heard.append((datagram, addr))

    def say(self, data: bytes, to: Peer) -> None:
        assert self.transport is not None
        self.transport.write(data, to)


class Shouting(DatagramProtocol):
    """A server that answers with something else."""

    noisy = False

    def datagramReceived(self, datagram: bytes, addr: Peer) -> None:
        assert self.transport is not None
        self.transport.write(datagram.upper(), addr)


def refusal(to: Peer, quoted: bytes) -> Refusal:
    """Make what ICMP says where nobody listens."""
    return Refusal(to, quoted, errno.ECONNREFUSED, (to[0], 0), 3, 3, None)


class ClientCase(SynchronousTestCase):
    """A client's host, a server's host with both families, and a second server."""

    refusals: Literal["called", "closed"] = "closed"
    stock = False
    """Whether Twisted's own port serves the client."""

    def setUp(self) -> None:
        served_by = mock.patch.dict(os.environ, {STOCK_PORT: "1" if self.stock else "0"})
        served_by.start()
        self.addCleanup(served_by.stop)
        self.net = MemoryNetwork()
        self.server = self.net.host(SERVER[0], SERVER6[0], names=("echo.example",))
        self.second = self.net.host(SECOND[0])
        self.host = self.net.host("192.0.2.2", "2001:db8::2", refusals=self.refusals)
        self.addCleanup(self.check_nothing_is_left)

    def check_nothing_is_left(self) -> None:
        self.net.advance(0)
        self.assertEqual(self.host.getDelayedCalls(), ())

    def now(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run what needs a turn or two of the network."""
        deferred = Deferred.fromCoroutine(coroutine)
        self.net.advance(0)
        return self.successResultOf(deferred)

    def serve(self, on: MemoryHost | None = None, interface: str = "") -> EchoServer:
        server = EchoServer(self.host.seconds)
        (on or self.server).listenUDP(1060, server, interface, 65536)
        return server

    def quiet(self) -> Quiet:
        server = Quiet()
        self.server.listenUDP(1060, server)
        return server

    def matching(self, **options: Any) -> MatchingEchoClient:
        return self.now(MatchingEchoClient.open(self.host, **options))

    def anyone(self, **options: Any) -> EchoClient:
        return self.now(EchoClient.open(self.host, **options))

    def connected(self, host: str = SERVER[0], **options: Any) -> ConnectedEchoClient:
        return self.now(ConnectedEchoClient.open(self.host, host, 1060, **options))

    def reply_to(self, deferred: Deferred[Reply]) -> Reply:
        self.net.advance(0)
        return self.successResultOf(deferred)


class AllThree(ClientCase):
    """What holds whichever client asks."""

    def clients(self) -> list[tuple[str, Any]]:
        return [
            (client.__class__.__name__, client)
            for client in (self.anyone(), self.connected(), self.matching())
        ]

    def ask(self, client: Any, data: bytes = b"hello", **options: Any) -> Deferred[Reply]:
        if isinstance(client, ConnectedEchoClient):
            return client.request(data, **options)
        deferred: Deferred[Reply] = client.request(data, SERVER, **options)
        return deferred

    def test_reply(self) -> None:
        """A reply carries the data, who sent it, and how long it took."""
        self.serve()
        self.net.link(self.host, self.server, delay=0.125)
        for name, client in self.clients():
            with self.subTest(name):
                asked = self.ask(client)
                self.net.advance(0.25)
                self.assertEqual(self.successResultOf(asked), Reply(b"hello", SERVER, 0.25, 1))

    def test_every_length(self) -> None:
        """Empty datagrams and the longest come back whole."""
        self.serve()
        for name, client in self.clients():
            for length in (0, 1, 1472, 9000, 65507):
                with self.subTest(name, length=length):
                    data = bytes(i % 251 for i in range(length))
                    self.assertEqual(self.reply_to(self.ask(client, data)).data, data)

    def test_too_long(self) -> None:
        """A datagram that can't be one fails at once, and says the limit."""
        for name, client in self.clients():
            with self.subTest(name):
                error = self.failureResultOf(self.ask(client, bytes(65508)), DatagramTooLong)
                self.assertIn("65508 bytes do not fit", error.getErrorMessage())

    def test_timeout(self) -> None:
        """Three attempts, of 1, 2 and 4 s, and then ReplyTimeout, which is a TimeoutError."""
        quiet = self.quiet()
        for name, client in self.clients():
            with self.subTest(name):
                quiet.heard.clear()
                asked = self.ask(client)
                for due, attempts in ((0.99, 1), (0.02, 2), (1.98, 2), (0.02, 3), (3.98, 3)):
                    self.net.advance(due)
                    self.assertEqual(len(quiet.heard), attempts)
                    self.assertNoResult(asked)
                self.net.advance(0.02)
                failure = self.failureResultOf(asked, ReplyTimeout)
                self.assertIsInstance(failure.value, TimeoutError)
                self.assertIsInstance(failure.value, TwistedTimeoutError)
                self.assertEqual(
                    failure.getErrorMessage(), "no reply from 192.0.2.1:1060 to 3 attempts"
                )
                self.assertEqual(client.counters().timed_out, 1)

    def test_no_retries(self) -> None:
        """retries=0 asks once."""
        quiet = self.quiet()
        for name, client in self.clients():
            with self.subTest(name):
                quiet.heard.clear()
                asked = self.ask(client, timeout=0.5, retries=0)
                self.net.advance(0.5)
                self.failureResultOf(asked, ReplyTimeout)
                self.assertEqual(len(quiet.heard), 1)

    def test_reply_to_a_retry(self) -> None:
        """The RTT is that of the latest attempt, and the reply says how many there were."""
        quiet = self.quiet()
        for name, client in self.clients():
            with self.subTest(name):
                asked = self.ask(client)
                self.net.advance(1.25)
                quiet.say(b"hello", quiet.heard[-1][1])
                self.assertEqual(self.reply_to(asked), Reply(b"hello", SERVER, 0.25, 2))

    def test_late_and_duplicate_replies(self) -> None:
        """What comes after its request has ended is counted, and fires nothing."""
        quiet = self.quiet()
        for name, client in self.clients():
            with self.subTest(name):
                asked = self.ask(client, b"late", retries=0)
                self.net.advance(1)
                self.failureResultOf(asked, ReplyTimeout)
                peer = quiet.heard[-1][1]
                quiet.say(b"late", peer)
                answered = self.ask(client, b"once")
                self.net.advance(0)
                if isinstance(client, EchoClient):  # it believes even this
                    self.assertEqual(self.successResultOf(answered).data, b"late")
                    continue
                self.assertEqual((client.counters().late, client.counters().duplicates), (1, 0))
                quiet.say(b"once", peer)
                quiet.say(b"once", peer)
                self.assertEqual(self.reply_to(answered).data, b"once")
                counters = client.counters()
                self.assertEqual((counters.late, counters.duplicates), (1, 1))
                self.assertEqual(counters.strangers, 0)

    def test_cancel(self) -> None:
        """Cancelling forgets the request, and leaves no timer."""
        self.quiet()
        for name, client in self.clients():
            with self.subTest(name):
                asked = self.ask(client)
                asked.cancel()
                self.failureResultOf(asked, CancelledError)
                self.assertEqual(self.host.getDelayedCalls(), ())
                self.assertEqual(client.counters().cancelled, 1)
                self.assertEqual(client.counters().outstanding, 0)

    def test_close(self) -> None:
        """Closing fails what is pending, and what is asked later; twice is harmless."""
        self.quiet()
        for name, client in self.clients():
            with self.subTest(name):
                asked = self.ask(client)
                self.now(client.close())
                self.failureResultOf(asked, ClientClosed)
                self.failureResultOf(self.ask(client), ClientClosed)
                self.assertEqual(client.local_addresses, [])
                self.now(client.close())

    def test_made_by_the_app(self) -> None:
        """An app may make the protocol and listen with it."""
        self.serve()
        for client in (
            EchoClient(self.host),
            MatchingEchoClient(self.host),
            ConnectedEchoClient(self.host, *SERVER),
        ):
            with self.subTest(client.__class__.__name__):
                self.failureResultOf(self.ask(client), ClientClosed)
                port = self.host.listenUDP(0, client)
                self.assertEqual(self.reply_to(self.ask(client)).peer, SERVER)
                port.stopListening()
                self.net.advance(0)
                self.failureResultOf(self.ask(client), ClientClosed)

    def test_the_app_stops_the_port(self) -> None:
        """Stopping the port from outside ends what is pending."""
        self.quiet()
        for client in (
            EchoClient(self.host),
            MatchingEchoClient(self.host),
            ConnectedEchoClient(self.host, *SERVER),
        ):
            with self.subTest(client.__class__.__name__):
                port = self.host.listenUDP(0, client)
                asked = self.ask(client)
                port.stopListening()
                self.net.advance(0)
                self.failureResultOf(asked, ClientClosed)

    def test_send_errors(self) -> None:
        """No route fails a request at once; a full queue costs one attempt."""
        self.serve()
        for name, client in self.clients():
            with self.subTest(name):
                self.host.fail_sends(errno.EHOSTUNREACH)
                error = self.failureResultOf(self.ask(client), SendFailed).value
                assert isinstance(error, OSError)
                self.assertEqual(error.errno, errno.EHOSTUNREACH)
                for passing in (errno.EAGAIN, errno.ENOBUFS):
                    self.host.fail_sends(passing)
                    asked = self.ask(client)
                    self.net.advance(0)
                    self.assertNoResult(asked)
                    self.net.advance(1)
                    self.assertEqual(self.successResultOf(asked).attempts, 2)
                counters = client.counters()
                self.assertEqual((counters.failed, counters.unsent, counters.sent), (1, 3, 2))

    def test_bad_arguments(self) -> None:
        """What can't be asked fails the Deferred, with a line that says what was expected."""
        for name, client in self.clients():
            for options, text in (
                ({"timeout": 0}, "timeout: expected seconds above 0, got 0"),
                ({"timeout": float("nan")}, "timeout: expected seconds above 0, got nan"),
                ({"timeout": float("inf")}, "timeout: expected seconds above 0, got inf"),
                ({"retries": -1}, "retries: expected a whole number, 0 or more, got -1"),
                ({"retries": 1.5}, "retries: expected a whole number, 0 or more, got 1.5"),
                (
                    {"retries": float("nan")},
                    "retries: expected a whole number, 0 or more, got nan",
                ),
            ):
                with self.subTest(name, **options):
                    failure = self.failureResultOf(self.ask(client, **options), ValueError)
                    self.assertEqual(failure.getErrorMessage(), text)

    def test_window(self) -> None:
        """No more than window requests are in flight; a waiting one's time-out has not begun."""
        quiet = self.quiet()
        for client in (
            self.anyone(window=2),
            self.connected(window=2),
            self.matching(window=2),
        ):
            with self.subTest(client.__class__.__name__):
                quiet.heard.clear()
                asked = [self.ask(client, data, retries=0) for data in (b"1", b"2", b"3", b"4")]
                asked[2].cancel()
                self.net.advance(0.5)
                self.assertEqual([data for data, _ in quiet.heard], [b"1", b"2"])
                quiet.say(b"1", quiet.heard[0][1])
                self.net.advance(0.5)
                self.assertEqual([data for data, _ in quiet.heard], [b"1", b"2", b"4"])
                self.failureResultOf(asked[1], ReplyTimeout)
                self.assertNoResult(asked[3])
                self.net.advance(0.5)
                self.failureResultOf(asked[3], ReplyTimeout)
                self.failureResultOf(asked[2], CancelledError)

    def test_long_chain_of_failures(self) -> None:
        """Thousands of waiting requests that can't be sent end without recursion."""
        client = self.matching(window=1)
        self.host.fail_sends(errno.EPERM, times=5000)
        asked = [client.request(b"%d" % i, SERVER) for i in range(5000)]
        self.net.advance(0)
        for deferred in asked:
            self.failureResultOf(deferred, SendFailed)

    def test_ipv6(self) -> None:
        """An address is compared in canonical form, in whatever form it was given."""
        self.serve(interface="::")
        spelled = "2001:0DB8:0:0::0001"
        for client in (self.anyone(), self.matching()):
            with self.subTest(client.__class__.__name__):
                asked = client.request(b"six", (spelled, 1060))
                self.assertEqual(self.reply_to(asked).peer, SERVER6)
        client6 = self.connected(spelled)
        self.assertEqual(self.reply_to(client6.request(b"six")).peer, SERVER6)

    def test_names(self) -> None:
        """Host names are resolved through the reactor."""
        self.serve()
        for client in (self.anyone(), self.matching()):
            with self.subTest(client.__class__.__name__):
                self.assertEqual(
                    self.reply_to(client.request(b"x", ("echo.example", 1060))).peer, SERVER
                )
                missing = client.request(b"x", ("no.example", 1060))
                self.net.advance(0)
                failure = self.failureResultOf(missing, ResolveFailed)
                self.assertIn("no.example", failure.getErrorMessage())
        self.assertEqual(self.reply_to(self.connected("echo.example").request(b"x")).peer, SERVER)

    def test_a_resolver_that_never_answers(self) -> None:
        """To open, and to reconnect, ends in time; a late answer goes nowhere, the peer stays."""
        self.serve()
        client = self.connected()
        silent = mock.Mock()
        with mock.patch.object(self.host, "nameResolver", silent):
            for make in (
                lambda: ConnectedEchoClient.open(self.host, "never.example", 7, timeout=2.5),
                lambda: client.reconnect("never.example", 7, timeout=2.5),
            ):
                waiting: Deferred[Any] = Deferred.fromCoroutine(make())
                self.net.advance(2.4)
                self.assertNoResult(waiting)
                self.net.advance(0.2)
                failure = self.failureResultOf(waiting, ResolveFailed)
                text = "no answer about 'never.example' within 2.5 s"
                self.assertEqual(failure.getErrorMessage(), text)
                silent.resolveHostName.call_args[0][0].resolutionComplete()
            usual = Deferred.fromCoroutine(ConnectedEchoClient.open(self.host, "never.example", 7))
            self.net.advance(7.1)
            self.failureResultOf(usual, ResolveFailed)
        self.assertEqual(self.reply_to(client.request(b"x")).peer, SERVER)

    def test_what_no_address_can_be(self) -> None:
        """One line that says what was expected, and what came."""
        client: Any = self.matching()
        of_any_type: Any
        for of_any_type in ((), ("127.0.0.1",)):
            failure = self.failureResultOf(client.request(b"", of_any_type), BadAddress)
            text = f"expected a host and a port, got {of_any_type!r}"
            self.assertEqual(failure.getErrorMessage(), text)
        for of_any_type in (None, 7, b"127.0.0.1"):
            opening = Deferred.fromCoroutine(MatchingEchoClient.open(self.host, of_any_type))
            failure = self.failureResultOf(opening, TypeError)
            text = f"interface: expected an IP address, got {of_any_type!r}"
            self.assertEqual(failure.getErrorMessage(), text)
        of_any_type = None
        connecting = Deferred.fromCoroutine(ConnectedEchoClient.open(self.host, of_any_type, 7))
        failure = self.failureResultOf(connecting, TypeError)
        self.assertEqual(failure.getErrorMessage(), "host: expected a name or an address, got None")
        for timeout in (0, -1.0, float("nan"), float("inf")):
            waiting = Deferred.fromCoroutine(
                ConnectedEchoClient.open(self.host, "echo.example", 7, timeout=timeout)
            )
            failure = self.failureResultOf(waiting, ValueError)
            self.assertIn("timeout: expected seconds above 0", failure.getErrorMessage())

    def test_ended_while_resolving(self) -> None:
        """A request can be cancelled, or its client closed, before its host is known."""
        client = self.matching()
        cancelled = client.request(b"x", ("echo.example", 1060))
        cancelled.cancel()
        closed = client.request(b"x", ("echo.example", 1060))
        self.now(client.close())
        self.failureResultOf(cancelled, CancelledError)
        self.failureResultOf(closed, ClientClosed)
        self.assertEqual(len(self.net.record), 0)


class Believing(ClientCase):
    """Each client while a stranger answers in the server's place."""

    def test_echo_client_believes_anyone(self) -> None:
        """EchoClient takes a forger's word, and the reply's peer is all that shows it."""
        self.quiet()
        client = self.anyone()
        asked = client.request(b"truth", SERVER)
        self.net.advance(0)
        self.net.forge(b"a lie", source=FORGER, to=("192.0.2.2", client.local_addresses[0][1]))
        reply = self.reply_to(asked)
        self.assertEqual((reply.data, reply.peer), (b"a lie", FORGER))

    def test_echo_client_answers_the_oldest_first(self) -> None:
        """With two requests outstanding, order alone tells the replies apart."""
        self.quiet()
        client = self.anyone()
        first, second = client.request(b"1", SERVER), client.request(b"2", SERVER)
        to = ("192.0.2.2", client.local_addresses[0][1])
        for data in (b"2", b"1"):
            self.net.forge(data, source=SERVER, to=to)
        self.assertEqual(self.reply_to(first).data, b"2")
        self.assertEqual(self.reply_to(second).data, b"1")

    def test_connected_client_never_hears_a_stranger(self) -> None:
        """The kernel drops what comes from anyone but the peer."""
        quiet = self.quiet()
        client = self.connected()
        asked = client.request(b"truth")
        self.net.advance(0)
        self.net.forge(b"truth", source=FORGER, to=client.local_addresses[0])
        self.net.advance(0)
        self.assertNoResult(asked)
        quiet.say(b"truth", quiet.heard[0][1])
        self.assertEqual(self.reply_to(asked).peer, SERVER)

    def test_connected_client_ignores_what_was_queued_before_the_connect(self) -> None:
        """The kernel delivers that; the client does not believe it."""
        self.quiet()
        strangers: list[Peer] = []

        class ConnectsLate(ConnectedEchoClient):
            def startProtocol(inner) -> None:  # noqa: N805
                self.net.forge(b"truth", source=FORGER, to=("192.0.2.2", 40001))
                self.net.advance(0)
                super().startProtocol()

        client = ConnectsLate(
            self.host, *SERVER, on_stranger=lambda data, peer, why: strangers.append(peer)
        )
        self.host.listenUDP(40001, client)
        asked = client.request(b"truth", retries=0)
        self.net.advance(0.5)
        self.assertNoResult(asked)
        self.assertEqual(strangers, [FORGER])
        self.net.advance(0.5)
        self.failureResultOf(asked, ReplyTimeout)

    def test_matching_client_names_strangers(self) -> None:
        """MatchingEchoClient believes who owes, and only with the bytes that were sent."""
        quiet = self.quiet()
        strangers: list[tuple[bytes, Peer, Stranger]] = []
        client = self.matching(on_stranger=lambda *stranger: strangers.append(stranger))
        asked = client.request(b"truth", SERVER)
        self.net.advance(0)
        to = ("192.0.2.2", client.local_addresses[0][1])
        self.net.forge(b"truth", source=FORGER, to=to)
        self.net.forge(b"a lie", source=SERVER, to=to)
        self.net.forge(b"truth", source=(SERVER[0], 7), to=to)
        self.net.advance(0)
        self.assertNoResult(asked)
        self.assertEqual(client.pending_peers(), [SERVER])
        quiet.say(b"truth", quiet.heard[0][1])
        self.assertEqual(self.reply_to(asked).peer, SERVER)
        self.assertEqual(
            strangers,
            [
                (b"truth", FORGER, Stranger.NOT_ASKED),
                (b"a lie", SERVER, Stranger.WRONG_BYTES),
                (b"truth", (SERVER[0], 7), Stranger.NOT_ASKED),
            ],
        )
        self.assertEqual(client.counters().strangers, 3)
        self.assertEqual(client.pending_peers(), [])


class Matching(ClientCase):
    """MatchingEchoClient: one socket, any number of servers."""

    def test_an_address_out_of_a_file(self) -> None:
        """JSON has no tuples: a list will do."""
        self.serve()
        client = self.now(MatchingEchoClient.open(self.host))
        address: Any = list(SERVER)
        request = client.request(b"hello", address)
        self.net.advance(0)
        self.assertEqual(self.successResultOf(request).peer, SERVER)
        self.now(client.close())

    def test_many_servers(self) -> None:
        """Each server's reply reaches its own request, in whatever order they come."""
        self.serve()
        self.serve(self.second)
        self.net.link(self.host, self.server, delay=0.2)
        self.net.link(self.host, self.second, delay=0.1)
        client = self.matching()
        slow, fast = client.request(b"x", SERVER), client.request(b"x", SECOND)
        self.assertEqual(client.pending_peers(), [SERVER, SECOND])
        self.net.advance(0.2)
        self.assertEqual(self.successResultOf(fast).peer, SECOND)
        self.assertEqual(client.pending_peers(), [SERVER])
        self.net.advance(0.2)
        self.assertEqual(self.successResultOf(slow).peer, SERVER)

    def test_several_requests_to_one_peer(self) -> None:
        """Their replies may come in any order; those with equal bytes count in order."""
        quiet = self.quiet()
        client = self.matching()
        asked = [client.request(data, SERVER) for data in (b"a", b"b", b"b", b"c")]
        self.net.advance(0)
        peer = quiet.heard[0][1]
        for data in (b"c", b"b", b"a", b"b"):
            quiet.say(data, peer)
        self.net.advance(0)
        self.assertEqual(
            [self.successResultOf(each).data for each in asked], [b"a", b"b", b"b", b"c"]
        )

    def test_without_verify_echo(self) -> None:
        """verify_echo=False takes the oldest request of the peer that answers."""
        self.server.listenUDP(1060, Shouting())
        client = self.matching(verify_echo=False)
        asked = [client.request(data, SERVER) for data in (b"a", b"b")]
        self.net.advance(0)
        self.assertEqual([self.successResultOf(each).data for each in asked], [b"A", b"B"])

    def test_both_families_by_one_client(self) -> None:
        """Without an interface, a socket of the other family is opened when it is needed."""
        self.serve()
        self.serve(interface="2001:db8::1")
        client = self.matching()
        self.assertEqual(len(client.local_addresses), 1)
        four, six = client.request(b"x", SERVER), client.request(b"x", SERVER6)
        self.assertEqual(self.reply_to(four).peer, SERVER)
        self.assertEqual(self.reply_to(six).peer, SERVER6)
        self.assertEqual(len(client.local_addresses), 2)
        self.now(client.close())

    def test_wrong_family(self) -> None:
        """A client bound to one family says so when it is asked for the other."""
        client = self.matching(interface="192.0.2.2")
        failure = self.failureResultOf(client.request(b"x", SERVER6), WrongFamily)
        self.assertEqual(
            failure.getErrorMessage(), "expected an IPv4 address for this socket, got 2001:db8::1"
        )
        six = client.request(b"x", ("echo.example", 1060))
        self.assertEqual(client.pending_peers(), [])
        self.net.advance(0)
        self.assertEqual(
            self.failureResultOf(six, Refused).getErrorMessage(), "192.0.2.1:1060 refused"
        )

    def test_a_dead_server_is_refused_at_once(self) -> None:
        """A server that nobody is, among others that are; over either family, by name, too."""
        self.serve(self.second)
        client = self.matching()
        alive = client.request(b"alive", SECOND)
        dead = [client.request(b"dead", peer) for peer in (SERVER, SERVER6, ("echo.example", 9))]
        self.net.advance(0)
        self.assertEqual(self.successResultOf(alive).data, b"alive")
        for each in dead:
            self.failureResultOf(each, Refused)
        self.assertEqual(client.counters().refused, 3)

    def test_interface_that_is_not_ours(self) -> None:
        """Opening raises CannotListenError, as listenUDP does."""
        opened = Deferred.fromCoroutine(MatchingEchoClient.open(self.host, "198.51.100.1"))
        self.failureResultOf(opened, CannotListenError)

    def test_bad_addresses(self) -> None:
        """Ports that can't be asked fail the Deferred."""
        client = self.matching()
        for port in (0, 65536, -1):
            failure = self.failureResultOf(client.request(b"x", ("192.0.2.1", port)), BadAddress)
            self.assertIn("expected a port from 1 to 65535", failure.getErrorMessage())

    @pytest.mark.slow
    def test_ten_thousand_peers(self) -> None:
        """All at once, a tenth of them silent: every Deferred fires once, nothing is left."""
        peers = [(f"10.1.{i // 256}.{i % 256}", 1060) for i in range(10_000)]
        server = self.net.host(*(host for host, _ in peers))
        guard = Guard()
        for i, (host, port) in enumerate(peers):
            protocol = EchoServer(self.host.seconds, guard=guard) if i % 10 else Quiet()
            server.listenUDP(port, protocol, host)
        client = self.matching()
        fired: list[list[object]] = [[] for _ in peers]
        for results, peer in zip(fired, peers, strict=True):
            client.request(b"%d" % peer[1], peer, timeout=0.5, retries=1).addBoth(results.append)
        self.assertEqual(client.pending_peers(), peers[:256])
        for _ in range(100):
            self.net.advance(0.5)
        self.assertEqual({len(results) for results in fired}, {1})
        self.assertEqual(sum(isinstance(result, Reply) for (result,) in fired), 9000)
        counters = client.counters()
        self.assertEqual((counters.replied, counters.timed_out), (9000, 1000))
        self.assertEqual((counters.outstanding, client.pending_peers()), (0, []))
        self.assertEqual(self.host.getDelayedCalls(), ())


class RefusedByName(ClientCase):
    """What our own port adds: a refusal that names its peer and quotes the datagram."""

    def test_only_that_peer(self) -> None:
        """A refusal fails what it quotes, and of that peer alone; one that quotes nothing, none."""
        self.quiet()
        client = self.matching()
        asked = []
        for data in (b"1", b"2", b"3"):
            asked.append(client.request(data, SERVER))
            self.net.advance(0.01)
        other = client.request(b"1", SECOND)
        client.peerRefused(refusal(SERVER, b"2"))
        self.failureResultOf(asked.pop(1), Refused)
        self.assertNoResult(asked[0])
        self.assertNoResult(asked[1])
        self.assertNoResult(other)
        client.peerRefused(refusal(SECOND, b"2"))  # quotes what was never asked, or long ago
        self.assertNoResult(other)
        client.peerRefused(refusal(SECOND, b""))  # an old router's, or a forger's
        self.assertNoResult(other)
        self.now(client.close())
        for each in (*asked, other):
            self.failureResultOf(each, ClientClosed)

    def test_a_refusal_of_whoever_need_not_echo(self) -> None:
        """Who is believed by his address alone is refused by that, too, if nothing is quoted."""
        self.quiet()
        client = self.matching(verify_echo=False)
        asked = [client.request(data, SERVER) for data in (b"1", b"2", b"2")]
        client.peerRefused(refusal(SERVER, b"2"))
        self.assertNoResult(asked[0])
        self.failureResultOf(asked.pop(1), Refused)
        client.peerRefused(refusal(SERVER, b""))
        for each in asked:
            self.failureResultOf(each, Refused)
        self.now(client.close())

    def test_of_many_that_begin_alike_each_has_its_refusal(self) -> None:
        """One quote ends one request, the oldest it may be of, as one reply answers one."""
        self.quiet()
        client = self.matching(window=10_000)
        alike = [client.request(bytes(900) + b"%d" % n, SERVER) for n in range(1000)]
        same = [client.request(b"x", SERVER) for _ in range(3)]
        for _ in range(2):
            client.peerRefused(refusal(SERVER, bytes(548)))
            client.peerRefused(refusal(SERVER, b"x"))
        for each in (*alike[:2], *same[:2]):
            self.failureResultOf(each, Refused)
        self.now(client.close())
        for each in (*alike[2:], same[2]):
            self.failureResultOf(each, ClientClosed)

    def test_quote_cut_short(self) -> None:
        """ICMP may quote the beginning only."""
        self.quiet()
        for verify in (True, False):
            with self.subTest(verify_echo=verify):
                client = self.matching(verify_echo=verify)
                first, second = (client.request(data * 900, SERVER) for data in (b"a", b"b"))
                client.peerRefused(refusal(SERVER, b"b" * 548))
                self.failureResultOf(second, Refused)
                first.cancel()
                self.failureResultOf(first, CancelledError)

    def test_echo_client_takes_no_notice(self) -> None:
        """It asks for nothing but datagrams."""
        self.quiet()
        client = self.anyone()
        asked = client.request(b"1", SERVER, retries=0)
        client.peerRefused(refusal(SERVER, b"1"))
        self.net.advance(1)
        self.failureResultOf(asked, ReplyTimeout)

    def test_not_sent(self) -> None:
        """A send error that comes later than the write fails the request that it is of."""
        self.quiet()
        for name, client in (
            ("any", self.anyone()),
            ("matching", self.matching()),
            ("connected", self.connected()),
        ):
            with self.subTest(name):
                if isinstance(client, ConnectedEchoClient):
                    first, second = client.request(b"1"), client.request(b"2")
                    client.datagramNotSent(b"2", None, OSError(errno.EHOSTUNREACH, "said so"))
                else:
                    first, second = client.request(b"1", SERVER), client.request(b"2", SERVER)
                    client.datagramNotSent(b"2", SERVER, OSError(errno.EHOSTUNREACH, "said so"))
                    client.datagramNotSent(
                        b"1", SERVER, OSError(errno.ENOBUFS, "said so")
                    )  # the time-out sends again
                self.failureResultOf(second, SendFailed)
                self.assertNoResult(first)
                first.cancel()
                self.failureResultOf(first, CancelledError)


class Connected(ClientCase):
    """ConnectedEchoClient, over our own port."""

    def test_refused_then_served(self) -> None:
        """A dead server is an error at once; the next request works once it is there."""
        client = self.connected()
        asked = [client.request(b"1"), client.request(b"2")]
        self.net.advance(0)
        for each in asked:
            failure = self.failureResultOf(each, Refused)
            self.assertIsInstance(failure.value, ConnectionRefusedError)
            self.assertEqual(failure.getErrorMessage(), "192.0.2.1:1060 refused")
        again = client.request(b"3")
        self.net.advance(0)
        self.failureResultOf(again, Refused)
        self.serve()
        self.assertEqual(self.reply_to(client.request(b"4")).data, b"4")
        self.assertEqual(client.counters().refused, 3)
        self.now(client.close())

    def test_refusal_told_in_the_next_write(self) -> None:
        """The kernel tells of a refusal in a later write's place; that datagram is sent anyway."""
        self.net.link(self.host, self.server, delay=0.125)
        client = self.connected()
        first = client.request(b"first")
        second: list[Deferred[Reply]] = []

        def write_before_the_reactor_looks() -> None:
            self.serve()
            second.append(client.request(b"second"))

        self.net.advance(0.1875)  # the refusal is on its way back
        self.host.callLater(0.0625, write_before_the_reactor_looks)
        self.net.advance(0.0625)
        self.failureResultOf(first, Refused)
        self.net.advance(0.25)
        self.assertEqual(self.successResultOf(second[0]).attempts, 1)
        self.assertEqual(client.counters().sent, 2)

    def test_refusal_of_its_own_first_attempt_told_in_a_retry(self) -> None:
        """A request that writes again and hears of its own refusal is refused."""
        self.net.link(self.host, self.server, delay=0.125)
        client = self.connected()
        asked = client.request(b"x", timeout=0.25)
        self.net.advance(0.25)
        self.failureResultOf(asked, Refused)

    def test_refused_with_requests_waiting(self) -> None:
        """Those in flight fail, those waiting are sent from the new socket and fail in turn."""
        client = self.connected(window=1)
        asked = [client.request(data) for data in (b"1", b"2", b"3")]
        for _ in range(5):
            self.net.advance(0)
        for each in asked:
            self.failureResultOf(each, Refused)

    def test_reconnect(self) -> None:
        """It wipes out the first peer: what is pending fails, and no one hears it again."""
        quiet = self.quiet()
        self.serve(self.second)
        client = self.connected()
        pending = client.request(b"x")
        self.net.advance(0)
        self.now(client.reconnect(*SECOND))
        failure = self.failureResultOf(pending, PeerReplaced)
        self.assertEqual(failure.getErrorMessage(), "192.0.2.1:1060 was replaced by 192.0.2.3:1060")
        asked = client.request(b"x")
        quiet.say(b"x", quiet.heard[0][1])
        self.net.forge(b"x", source=SERVER, to=client.local_addresses[0])
        self.assertEqual(self.reply_to(asked).peer, SECOND)
        self.assertEqual(client.counters().strangers, 0)

    def test_reconnect_with_requests_waiting(self) -> None:
        """None of the first peer's requests is sent to the second."""
        self.quiet()
        client = self.connected(window=1)
        asked = [client.request(data) for data in (b"1", b"2", b"3")]
        self.now(client.reconnect(*SECOND))
        for each in asked:
            self.failureResultOf(each, PeerReplaced)
        self.assertEqual([d for d in self.net.record if d.destination == SECOND], [])

    def test_reconnect_to_the_other_family(self) -> None:
        """The second peer may be of the other family."""
        self.serve(interface="2001:db8::1")
        client = self.connected()
        self.now(client.reconnect(*SERVER6))
        self.assertEqual(self.reply_to(client.request(b"x")).peer, SERVER6)

    def test_failed_reconnect_keeps_the_first_peer(self) -> None:
        """A name that has no address changes nothing."""
        self.serve()
        client = self.connected()
        failed = Deferred.fromCoroutine(client.reconnect("no.example", 1060))
        self.net.advance(0)
        self.failureResultOf(failed, ResolveFailed)
        self.assertEqual(self.reply_to(client.request(b"x")).peer, SERVER)

    def test_reconnect_a_closed_client(self) -> None:
        """It stays closed."""
        client = self.connected()
        self.now(client.close())
        failed = Deferred.fromCoroutine(client.reconnect(*SECOND))
        self.failureResultOf(failed, ClientClosed)

    def test_constructor_wants_an_address(self) -> None:
        """The class takes an address; open() takes names."""
        with self.assertRaises(BadAddress) as caught:
            ConnectedEchoClient(self.host, "echo.example", 1060)
        self.assertEqual(
            str(caught.exception), "expected an IPv4 or IPv6 address, got 'echo.example'"
        )


class ConnectedClosed(Connected):
    """Over Twisted's port, on a reactor that closes it at a refusal, as epoll does."""

    stock = True


class ConnectedCalled(Connected):
    """Over Twisted's port, on a reactor that calls connectionRefused, as select and asyncio do."""

    stock = True
    refusals = "called"


@pytest.mark.parametrize("error", [ValueError, CancelledError, asyncio.CancelledError, SystemExit])
def test_whatever_on_stranger_raises_costs_no_reply(
    error: type[BaseException], no_leaks: list[LogEvent]
) -> None:
    """Replies that came together with a stranger's datagrams are heard; the error is logged."""

    def fail(*stranger: object) -> None:
        raise error

    net, quiet = MemoryNetwork(), Quiet()
    net.host(SERVER[0]).listenUDP(1060, quiet)
    opening = Deferred.fromCoroutine(
        MatchingEchoClient.open(net.host("192.0.2.2"), on_stranger=fail)
    )
    client = net.run_until(opening)
    asked = [client.request(b"%d" % number, SERVER) for number in range(10)]
    net.advance(0)
    for number in range(10):
        quiet.say(b"a lie", quiet.heard[0][1])
        quiet.say(b"%d" % number, quiet.heard[0][1])
    assert [net.run_until(each).attempts for each in asked] == [1] * 10
    assert client.counters().strangers == 10
    assert [event["log_failure"].type for event in no_leaks] == [error] * 10
    no_leaks.clear()
    net.run_until(Deferred.fromCoroutine(client.close()))
