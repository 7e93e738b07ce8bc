"""The clients and the server over loopback on whichever reactor trial installs.

test_reactors.py runs this module under each of them, over our own port and over Twisted's:
python -m twisted.trial --reactor=NAME tests.live.clients_on_reactor. It is not called test_*,
for pytest can't run its asynchronous tests.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Awaitable, Callable
from functools import partial
from os import environ, geteuid
from statistics import median
from threading import Event, Thread
from typing import Any, TypeVar, cast

from twisted.internet import defer, reactor
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import SkipTest, TestCase

from udpecho.client.asking import AskingClient, Stranger
from udpecho.client.client import ConnectedEchoClient, EchoClient, MatchingEchoClient
from udpecho.client.request import Reply
from udpecho.errors import ClientClosed, PeerReplaced, Refused, ReplyTimeout, SendFailed
from udpecho.peer import Peer
from udpecho.port.listen import STOCK_PORT, adopt_udp, listen_udp
from udpecho.port.port import UdpPort
from udpecho.reactors import IDatagramReactor
from udpecho.server.addresses import UdpAddress
from udpecho.server.server import EchoServer
from udpecho.server.service import EchoService

Client = TypeVar("Client", bound=AskingClient)

REACTOR = cast(IDatagramReactor, reactor)
HERE = "127.0.0.1"
LENGTHS = (0, 1, 1472, 9000, 65507)
STOCK = environ.get(STOCK_PORT) == "1"
"""Whether Twisted's own port serves."""

SOON = 0.1
"""Seconds within which a refusal on loopback must have come."""

HAS_IPV6 = socket.has_ipv6
if HAS_IPV6:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            HAS_IPV6 = False


def bound_socket() -> socket.socket:
    skt = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    skt.bind((HERE, 0))
    return skt


def contents(length: int) -> bytes:
    return bytes(i % 251 for i in range(length))


def pause(seconds: float = 0.05) -> Awaitable[None]:
    """Let what is on its way arrive."""
    return deferLater(REACTOR, seconds)


def forge_unreachable(code: int, source: Peer, to: Peer, data: bytes = b"", times: int = 1) -> None:
    """Send the ICMP message that a datagram from source to another peer would be refused with."""
    addresses = socket.inet_aton(source[0]) + socket.inet_aton(to[0])
    length = 8 + len(data)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 1, 0, 64, socket.IPPROTO_UDP, 0) + addresses
    udp = struct.pack("!HHHH", source[1], to[1], length, 0) + data
    icmp = struct.pack("!BBHI", 3, code, 0, 0) + ip + udp
    padded = icmp + b"\0" * (len(icmp) % 2)
    words = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    words = (words & 0xFFFF) + (words >> 16)
    checksum = struct.pack("!H", ~(words + (words >> 16)) & 0xFFFF)
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        for _ in range(times):
            raw.sendto(icmp[:2] + checksum + icmp[4:], (source[0], 0))


class Silent(DatagramProtocol):
    """Hears, and says only what the test tells it to."""

    noisy = False

    def __init__(self) -> None:
        self.heard: list[tuple[bytes, Peer]] = []

    def datagramReceived(self, datagram: bytes, addr: Peer) -> None:
        self.heard.append((datagram, addr))

    def say(self, data: bytes, to: Peer) -> None:
        assert self.transport is not None
        self.transport.write(data, to)


class LoopbackCase(TestCase):
    """Sockets on loopback that are closed again; trial looks for what a test leaves behind."""

    timeout = 30

    def port_of(self, listening: UdpPort) -> int:
        self.addCleanup(lambda: defer.maybeDeferred(listening.stopListening))
        host = listening.getHost()
        assert isinstance(host, IPv4Address | IPv6Address)
        return host.port

    def listen(self, protocol: DatagramProtocol, port: int = 0, interface: str = HERE) -> Peer:
        return interface, self.port_of(listen_udp(REACTOR, port, protocol, interface))

    def serve(self, interface: str = HERE) -> Peer:
        return self.listen(EchoServer(), interface=interface)

    def silent(self) -> tuple[Silent, Peer]:
        silent = Silent()
        return silent, self.listen(silent)

    def free_port(self) -> int:
        with bound_socket() as skt:
            port: int = skt.getsockname()[1]
            return port

    async def anyone(self, **options: Any) -> EchoClient:
        return self.closing(await EchoClient.open(REACTOR, **options))

    async def matching(self, **options: Any) -> MatchingEchoClient:
        return self.closing(await MatchingEchoClient.open(REACTOR, **options))

    async def connected(self, peer: Peer, **options: Any) -> ConnectedEchoClient:
        return self.closing(await ConnectedEchoClient.open(REACTOR, *peer, **options))

    def closing(self, client: Client) -> Client:
        self.addCleanup(lambda: defer.Deferred.fromCoroutine(client.close()))
        return client

    async def fails(self, asked: defer.Deferred[Reply], error: type[Exception]) -> None:
        await self.assertFailure(asked, error)


class Echo(LoopbackCase):
    """Every length comes back to each client, over each family."""

    async def check(self, peer: Peer) -> None:
        anyone, matching = await self.anyone(), await self.matching()
        connected = await self.connected(peer)
        asks: list[Callable[[bytes], defer.Deferred[Reply]]] = [
            lambda data: anyone.request(data, peer),
            lambda data: matching.request(data, peer),
            connected.request,
        ]
        for ask in asks:
            for length in LENGTHS:
                reply = await ask(contents(length))
                self.assertEqual(reply.data, contents(length))
                self.assertEqual(reply.peer, peer)
                self.assertLess(0, reply.rtt)
        for client in (anyone, matching, connected):
            self.assertEqual(client.counters().replied, len(LENGTHS))

    async def test_ipv4(self) -> None:
        await self.check(self.serve())

    async def test_ipv6(self) -> None:
        await self.check(self.serve("::1"))

    if not HAS_IPV6:
        test_ipv6.skip = "no IPv6 on loopback here"  # type: ignore[attr-defined]

    async def test_name(self) -> None:
        """A host given by name is resolved by the reactor, and the reply says its address."""
        peer = self.serve()
        matching = await self.matching(interface=HERE)
        reply = await matching.request(b"by name", ("localhost", peer[1]))
        self.assertEqual(reply.peer, peer)

    async def test_many_in_flight(self) -> None:
        """Ten servers, a hundred requests each, one socket: every one is answered by its own."""
        peers = [self.serve() for _ in range(10)]
        matching = await self.matching(window=100)
        asked = [
            (peer, b"%d" % i, matching.request(b"%d" % i, peer))
            for i in range(100)
            for peer in peers
        ]
        for peer, data, deferred in asked:
            reply = await deferred
            self.assertEqual((reply.peer, reply.data), (peer, data))
        self.assertEqual(matching.pending_peers(), [])

    async def test_service(self) -> None:
        """The service answers on each of its addresses, and can be started again."""
        service = EchoService(REACTOR, [UdpAddress(0, HERE), UdpAddress(0, HERE)])
        matching = await self.matching()
        for _ in range(2):
            service.startService()
            for address in service.addresses():
                self.assertEqual((await matching.request(b"x", address)).peer, address)
            await service.stopService()
        self.assertEqual(service.counters().echoed, 4)


class Strangers(LoopbackCase):
    """Someone who was not asked sends to the client's port while the server is silent."""

    async def test_anyone_is_believed(self) -> None:
        _, peer = self.silent()
        stranger, address = self.silent()
        client = await self.anyone(interface=HERE)
        asked = client.request(b"hello", peer)
        stranger.say(b"lie", client.local_addresses[0])
        reply = await asked
        self.assertEqual((reply.data, reply.peer), (b"lie", address))

    async def test_connected_does_not_hear(self) -> None:
        server, peer = self.silent()
        stranger, _ = self.silent()
        client = await self.connected(peer, verify_echo=False)
        asked = client.request(b"hello")
        stranger.say(b"hello", (HERE, client.local_addresses[0][1]))
        await pause()
        self.assertFalse(asked.called)
        server.say(b"truth", server.heard[0][1])
        self.assertEqual((await asked).data, b"truth")
        self.assertEqual(client.counters().strangers, 0)  # the kernel dropped it

    async def test_connected_ignores_what_was_queued_before(self) -> None:
        """The kernel delivers what came before connect(); it is a stranger's all the same."""
        server, peer = self.silent()
        client = ConnectedEchoClient(REACTOR, *peer, verify_echo=False)
        with bound_socket() as skt, bound_socket() as stranger:
            for _ in range(50):
                stranger.sendto(b"hello", skt.getsockname())
            self.port_of(adopt_udp(REACTOR, skt.fileno(), client))
        asked = client.request(b"hello")
        await pause()
        if STOCK:  # ours drops them itself
            self.assertEqual(client.counters().strangers, 50)
        self.assertFalse(asked.called)
        server.say(b"truth", server.heard[0][1])
        self.assertEqual((await asked).data, b"truth")

    async def test_matching_names_the_stranger(self) -> None:
        server, peer = self.silent()
        stranger, address = self.silent()
        heard: list[tuple[bytes, Peer, Stranger]] = []
        client = await self.matching(interface=HERE, on_stranger=lambda *what: heard.append(what))
        asked = client.request(b"hello", peer)
        stranger.say(b"hello", client.local_addresses[0])
        await pause()
        server.say(b"wrong", client.local_addresses[0])
        await pause()
        self.assertEqual(
            heard,
            [(b"hello", address, Stranger.NOT_ASKED), (b"wrong", peer, Stranger.WRONG_BYTES)],
        )
        self.assertEqual(client.pending_peers(), [peer])
        server.say(b"hello", client.local_addresses[0])
        self.assertEqual((await asked).peer, peer)


class Endings(LoopbackCase):
    """Each other way for a request to end."""

    async def test_timeout(self) -> None:
        server, peer = self.silent()
        for client in (await self.anyone(), await self.matching()):
            await self.fails(client.request(b"x", peer, timeout=0.02), ReplyTimeout)
        connected = await self.connected(peer)
        await self.fails(connected.request(b"x", timeout=0.02), ReplyTimeout)
        self.assertEqual(len(server.heard), 9)  # three attempts each

    async def test_close(self) -> None:
        _, peer = self.silent()
        for client in (await self.anyone(), await self.matching()):
            asked = client.request(b"x", peer)
            await client.close()
            await self.fails(asked, ClientClosed)
            await self.fails(client.request(b"x", peer), ClientClosed)
        connected = await self.connected(peer)
        asked = connected.request(b"x")
        await connected.close()
        await self.fails(asked, ClientClosed)
        await self.fails(connected.request(b"x"), ClientClosed)

    async def test_cancel(self) -> None:
        server, peer = self.silent()
        client = await self.matching(interface=HERE)
        asked = client.request(b"x", peer)
        asked.cancel()
        await self.fails(asked, defer.CancelledError)
        server.say(b"x", client.local_addresses[0])
        await pause()
        self.assertEqual(client.counters().late, 1)

    async def test_no_route(self) -> None:
        """An address that nothing can be sent to is an error at once."""
        client = await self.anyone(interface=HERE)
        asked = client.request(b"x", ("255.255.255.255", 9))
        error = await self.assertFailure(asked, SendFailed)
        self.assertEqual(str(error), "can't send to 255.255.255.255:9: Permission denied")


class InTime(LoopbackCase):
    """What came in time is a reply, however late the program looks."""

    async def test_what_came_while_the_reactor_was_blocked(self) -> None:
        """The replies lay in the socket, or could come only when the requests had left."""
        ready = Event()
        with bound_socket() as server:
            peer: Peer = server.getsockname()
            server.settimeout(20)

            def echo() -> None:
                for _ in range(40):
                    data, sender = server.recvfrom(100)
                    server.sendto(data, sender)
                ready.set()

            thread = Thread(target=echo)
            thread.start()
            matching, connected = await self.matching(), await self.connected(peer)
            limits: Any = {"timeout": 2.0, "retries": 0}
            for turn in range(2):
                asked = [
                    matching.request(b"%d" % n, peer, timeout=1.5, retries=0) for n in range(10)
                ]
                asked += [connected.request(b"%d" % n, **limits) for n in range(10)]
                if turn:
                    await pause(0)  # all have left
                time.sleep(2.1)
                for each in asked:
                    await each
            self.assertTrue(ready.wait(20))
            thread.join(20)

    async def test_what_came_too_late_while_the_reactor_was_blocked(self) -> None:
        """The kernel's stamp tells: the program has read it at the first look there was."""
        if STOCK:
            raise SkipTest("Twisted's port has no stamps")
        with bound_socket() as server:
            server.settimeout(20)
            peer: Peer = server.getsockname()
            for client, ask in await self.three(peer):
                await self.warm_up(server, ask)
                asked = ask(b"late", timeout=0.5, retries=0)
                data, sender = server.recvfrom(100)  # a lone datagram leaves at once
                time.sleep(0.6)
                server.sendto(data, sender)
                time.sleep(0.05)
                await self.fails(asked, ReplyTimeout)
                await pause()
                self.assertEqual(client.counters().late, 1)
                asked = ask(b"in time", timeout=0.5, retries=0)
                server.sendto(*server.recvfrom(100))
                time.sleep(0.6)
                self.assertEqual((await asked).data, b"in time")

    async def test_no_reply_is_older_than_its_request(self) -> None:
        """What lies in the socket when a request is made was not sent for it."""
        if STOCK:
            raise SkipTest("Twisted's port has no stamps")
        with bound_socket() as server:
            server.settimeout(20)
            peer: Peer = server.getsockname()
            for client, ask in await self.three(peer):
                here = await self.warm_up(server, ask)
                server.sendto(b"x", here)
                time.sleep(0.01)  # it has come, and the reactor has not looked
                asked = ask(b"x", timeout=20.0, retries=0)
                await pause(0)
                await pause()
                self.assertFalse(asked.called)
                self.assertEqual(client.counters().replied, 1)
                server.sendto(*server.recvfrom(100))
                self.assertEqual((await asked).attempts, 1)

    async def three(self, peer: Peer) -> list[tuple[AskingClient, Callable[..., Any]]]:
        """Make a client of each kind, and what asks the peer by it."""
        matching, anyone = await self.matching(), await self.anyone()
        connected = await self.connected(peer)
        return [
            (matching, partial(_ask_of, matching, peer)),
            (anyone, partial(_ask_of, anyone, peer)),
            (connected, connected.request),
        ]

    async def warm_up(self, server: socket.socket, ask: Callable[..., Any]) -> Peer:
        """Have a request answered, so that the kernel stamps; tell who asked."""
        asked = ask(b"first", timeout=5.0)
        data, sender = server.recvfrom(100)
        server.sendto(data, sender)
        await asked
        await pause()
        return cast(Peer, sender)


def _ask_of(client: Any, peer: Peer, data: bytes, **options: Any) -> Any:
    return client.request(data, peer, **options)


class Refusals(LoopbackCase):
    """Nobody listens: ICMP says so, and each reactor tells it in its own way."""

    async def test_down_then_up(self) -> None:
        """Refused within 100 ms while the server is down, answered as soon as it is up."""
        port = self.free_port()
        client = await self.connected((HERE, port))
        took = []
        for round_ in range(5):
            for _ in range(2):
                began = time.monotonic()
                await self.fails(client.request(b"anyone there?"), Refused)
                took.append(time.monotonic() - began)
            server = listen_udp(REACTOR, port, EchoServer(), HERE)
            self.assertEqual((await client.request(b"now?")).attempts, 1)
            await defer.maybeDeferred(server.stopListening)
            self.assertEqual(client.counters().refused, 2 * round_ + 2)
        self.assertLess(median(took), SOON)  # one may be late on a busy machine,
        self.assertLess(max(took), 1.0)  # but none waits for a time-out

    async def test_while_several_are_pending(self) -> None:
        """Each fails once, and what is asked right after is not refused by what is left of it."""
        for matching in (False,) if STOCK else (False, True):
            port = self.free_port()
            client: Any
            if matching:
                client = await self.matching()
                ask = partial(client.request, address=(HERE, port))
            else:
                client = await self.connected((HERE, port))
                ask = client.request
            for _ in range(3):
                for asked in [ask(b"%d" % (i // 2)) for i in range(10)]:
                    await self.fails(asked, Refused)
            server = listen_udp(REACTOR, port, EchoServer(), HERE)
            for i, asked in enumerate([ask(b"%d" % (i // 2)) for i in range(10)]):
                self.assertEqual((await asked).data, b"%d" % (i // 2))
            await defer.maybeDeferred(server.stopListening)
            count = client.counters()
            self.assertEqual((count.refused, count.replied, count.outstanding), (30, 10, 0))

    async def test_server_dies_with_a_request_pending(self) -> None:
        """The refusal of a retry ends the request before its time is up."""
        port = self.free_port()
        silent = listen_udp(REACTOR, port, Silent(), HERE)
        client = await self.connected((HERE, port))
        asked = client.request(b"x", timeout=0.2, retries=9)
        await defer.maybeDeferred(silent.stopListening)
        await self.fails(asked, Refused)

    async def test_close_right_after(self) -> None:
        """A refusal that comes while the client closes is nobody's."""
        client = await self.connected((HERE, self.free_port()))
        asked = client.request(b"x")
        closing = defer.Deferred.fromCoroutine(client.close())
        await self.fails(asked, ClientClosed)
        await closing
        await pause()

    async def test_every_code_of_unreachable(self) -> None:
        """A router's or a firewall's refusal ends a request as the host's own does.

        Host unreachable comes to a UDP socket as an error only when it is of the hard kind
        (udp(7) and RFC 1122, 4.1.3.3): protocol and port unreachable, and those that forbid.
        """
        server, peer = self.silent()
        for code in (2, 3, 9, 10, 13):
            client = await self.connected(peer)
            asked = [client.request(b"%d" % i) for i in range(3)]
            await pause(0.01)
            here = client.local_addresses[0]
            for i, each in enumerate(asked):
                if not each.called:  # Twisted's own port is told of none in particular
                    forge_unreachable(code, here, peer, b"%d" % i)
                await self.fails(each, Refused)
            again = client.request(b"still there?")
            await pause(0.01)
            server.say(b"still there?", server.heard[-1][1])
            self.assertEqual((await again).data, b"still there?", f"code {code}")
        if STOCK:
            self.flushLoggedErrors(OSError)  # it logs some, on select and asyncio

    if geteuid() != 0:
        test_every_code_of_unreachable.skip = "raw sockets need root"  # type: ignore[attr-defined]

    async def test_a_refusal_that_quotes_nothing_is_of_nobody(self) -> None:
        """Who knows the ports alone can forge it; Twisted's own port can't tell it from others."""
        _, peer = self.silent()
        for client in (await self.matching(interface=HERE), await self.connected(peer)):
            limits = {"timeout": 0.2, "retries": 0}
            where = () if isinstance(client, ConnectedEchoClient) else (peer,)
            asked: Any = cast(Any, client).request(b"x", *where, **limits)
            await pause(0.01)
            port = client.local_addresses[0][1]
            for data in (b"", b"y"):
                forge_unreachable(3, (HERE, port), peer, data)
            told = STOCK and isinstance(client, ConnectedEchoClient)
            await self.fails(asked, Refused if told else ReplyTimeout)

    async def test_what_is_refused_costs_no_other_request(self) -> None:
        """ICMP that comes while requests are sent is not taken for their own send errors.

        It may cost a reply its room in the receive buffer: then the request is sent again.
        """
        peer = self.serve()
        client = await self.matching(interface=HERE)
        here = client.local_addresses[0]
        asked = []
        for n in range(2000):
            if n % 20 == 0:
                forge_unreachable(3, here, (HERE, 9), b"?", times=20)
            asked.append(client.request(b"%d" % n, peer, timeout=0.5, retries=5))
            if n % 100 == 0:
                await pause(0)
        for each in asked:
            await each
        self.assertEqual(client.counters().failed, 0)

    for needs_root in (
        test_a_refusal_that_quotes_nothing_is_of_nobody,
        test_what_is_refused_costs_no_other_request,
    ):
        if geteuid() != 0:
            needs_root.skip = "raw sockets need root"  # type: ignore[attr-defined]

    async def test_unconnected_clients(self) -> None:
        """Only our own port tells a socket that asks many who refused, and only if it matches."""
        peer = (HERE, self.free_port())
        matching = await self.matching()
        asked = matching.request(b"x", peer, timeout=0.05, retries=0)
        other = matching.request(b"x", self.serve())
        await self.fails(asked, ReplyTimeout if STOCK else Refused)
        self.assertEqual((await other).data, b"x")
        anyone = await self.anyone()
        await self.fails(anyone.request(b"x", peer, timeout=0.05, retries=0), ReplyTimeout)


class Reconnecting(LoopbackCase):
    """connect() done a second time wipes out the first peer."""

    async def test_first_peer_is_wiped_out(self) -> None:
        first, first_peer = self.silent()
        second_peer = self.serve()
        client = await self.connected(first_peer, verify_echo=False)
        asked = client.request(b"x")
        await pause()
        await client.reconnect(*second_peer)
        await self.fails(asked, PeerReplaced)
        for to in {first.heard[0][1], (HERE, client.local_addresses[0][1])}:
            first.say(b"from the first", to)
        reply = await client.request(b"to the second")
        self.assertEqual((reply.data, reply.peer), (b"to the second", second_peer))
        await pause()
        self.assertEqual(client.counters().replied, 1)

    async def test_back_and_forth(self) -> None:
        peers = [self.serve(), self.serve()]
        client = await self.connected(peers[1])
        for i in range(10):
            await client.reconnect(*peers[i % 2])
            self.assertEqual((await client.request(b"%d" % i)).peer, peers[i % 2])

    async def test_away_from_a_dead_peer(self) -> None:
        client = await self.connected((HERE, self.free_port()))
        await self.fails(client.request(b"x"), Refused)
        await client.reconnect(*self.serve())
        self.assertEqual((await client.request(b"x")).data, b"x")
