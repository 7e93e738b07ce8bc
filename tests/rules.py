"""The rules of UDP on Linux under Twisted, which MemoryNetwork keeps and real sockets made.

Each test here runs in a World: in memory (tests/testing/test_rules.py), and on loopback with each
of Twisted's reactors (tests/live/test_reality.py). A rule that reality breaks is no rule. Rules
are of any port, StockRules of Twisted's own alone, OurRules of the one that listen_udp gives.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from functools import partial
from socket import SO_RCVBUF, SO_REUSEADDR, SO_SNDBUF, SOL_SOCKET
from typing import Any, Literal

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError, InvalidAddressError, MessageLengthError
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.udp import Port
from twisted.logger import LogEvent

from udpecho.errors import BadAddress, DatagramTooLong, PortClosed, WrongFamily
from udpecho.peer import Peer
from udpecho.port import Batch, UdpPort, listen_udp
from udpecho.port.ownport import OwnPort
from udpecho.refusal import Refusal
from udpecho.server import EchoServer

V4 = "127.0.0.1"
V4_SECOND = "127.0.0.2"
V6 = "::1"
ANY = "0.0.0.0"
V6_ANY = "::"

ROUTES = [
    # The addresses of a host, what a socket there is bound to, where it connects, and from
    # which address it sends then, or with which errno the connect fails.
    (["192.0.2.1", "192.0.2.5"], ANY, "127.0.0.9", "127.0.0.1"),
    (["192.0.2.1", "192.0.2.5"], ANY, "192.0.2.1", "192.0.2.1"),
    (["192.0.2.1", "192.0.2.5"], ANY, "192.0.2.5", "192.0.2.1"),
    (["192.0.2.1", "192.0.2.5"], ANY, "192.0.2.77", "192.0.2.1"),
    (["192.0.2.1", "192.0.2.5"], "192.0.2.5", "192.0.2.77", "192.0.2.5"),
    (["192.0.2.1"], "192.0.2.1", "127.0.0.1", "192.0.2.1"),
    (["192.0.2.1"], "127.0.0.1", "192.0.2.1", "127.0.0.1"),
    (["192.0.2.1"], "127.0.0.1", "192.0.2.77", errno.EINVAL),
    (["192.0.2.1"], "::", "2001:db8::77", errno.ENETUNREACH),
    (["192.0.2.1"], "::", "::ffff:192.0.2.77", "::ffff:192.0.2.1"),
    (["192.0.2.1", "2001:db8::1"], "::", "2001:db8::77", "2001:db8::1"),
    (["192.0.2.1", "2001:db8::1"], "::", "2001:db8::1", "2001:db8::1"),
    (["192.0.2.1", "2001:db8::1"], "2001:db8::1", "::1", "2001:db8::1"),
    (["192.0.2.1", "2001:db8::1"], "::1", "2001:db8::77", "::1"),
    (["192.0.2.1", "2001:db8::1"], "2001:db8::1", "::ffff:192.0.2.1", errno.ENETUNREACH),
    (["2001:db8::1", "2001:db8::5"], "::", "2001:db8::5", "2001:db8::5"),
    (["2001:db8::1", "2001:db8::5"], "::", "2001:db8::1", "2001:db8::1"),
    ([], ANY, "192.0.2.77", errno.ENETUNREACH),
    ([], ANY, "127.0.0.1", "127.0.0.1"),
]


MANY = [
    # What a receiver is bound to ("own" is its host's address), which group it has joined, where
    # a datagram is sent, and whether such a receiver on the sender's own host hears it, and one
    # on another.
    ("0.0.0.0", None, "255.255.255.255", True, True),
    ("::", None, "255.255.255.255", True, True),
    ("own", None, "255.255.255.255", False, False),
    ("255.255.255.255", None, "255.255.255.255", True, True),
    ("0.0.0.0", None, "239.1.2.3", False, False),
    ("0.0.0.0", "239.1.2.3", "239.1.2.3", True, True),
    ("::", None, "239.1.2.3", False, False),
    ("239.1.2.3", "239.1.2.3", "239.1.2.3", True, True),
    ("239.1.2.3", "239.1.2.4", "239.1.2.3", False, False),
    ("239.1.2.3", None, "239.1.2.3", False, False),
    ("own", "239.1.2.3", "239.1.2.3", False, False),
    ("239.1.2.4", "239.1.2.4", "239.1.2.3", False, False),
    ("0.0.0.0", "239.1.2.4", "239.1.2.3", False, False),
]

ARRIVES, IS_LOST, IS_REFUSED = "arrives", "is lost", "is refused by write"
TOO_LONG = 1400
NARROW = 1300
PATH_MTU = [
    # IP's version, IP_MTU_DISCOVER (ip(7); None: nothing is set), and what becomes of two
    # datagrams of TOO_LONG bytes behind a router whose next link takes NARROW.
    (4, None, (IS_LOST, ARRIVES)),
    (4, 0, (ARRIVES, ARRIVES)),  # IP_PMTUDISC_DONT
    (4, 1, (IS_LOST, ARRIVES)),  # WANT
    (4, 2, (IS_LOST, IS_REFUSED)),  # DO
    (4, 3, (IS_LOST, IS_LOST)),  # PROBE
    (4, 5, (ARRIVES, ARRIVES)),  # OMIT
    (6, None, (IS_LOST, ARRIVES)),
    (6, 0, (IS_LOST, ARRIVES)),
    (6, 2, (IS_LOST, IS_REFUSED)),
    (6, 3, (IS_LOST, IS_LOST)),
    (6, 5, (IS_LOST, IS_LOST)),
]


class World:
    """One host with a reactor, and a way to let happen what is due."""

    calls_first = True
    """Whether a turn makes the calls that are due before it reads."""

    def __init__(self, reactor: Any, refusals: Literal["called", "closed"], ours: bool) -> None:
        """Listen by Twisted's own port, or by ours, where a refusal is always called.

        refusals is how a connected port hears that nobody listens.
        """
        self.reactor = reactor
        self.refusals = refusals
        self.ports: list[Any] = []
        self._listen = partial(listen_udp, reactor) if ours else reactor.listenUDP

    def listen(
        self,
        protocol: DatagramProtocol,
        interface: str = V4,
        port: int = 0,
        max_packet_size: int = 65536,
        **options: Any,
    ) -> Any:
        """Give a protocol a port, Twisted's or ours; only ours has options."""
        self.ports.append(self._listen(port, protocol, interface, max_packet_size, **options))
        return self.ports[-1]

    def turn(self) -> None:
        """Let the reactor do what is due, until nothing is."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop all that listens."""
        for port in self.ports:
            port.stopListening()
        self.turn()


class Notebook(DatagramProtocol):
    """Writes down everything that happens to it, in order."""

    port: Any

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.peers: list[Any] = []
        self.refusals = 0
        self.stops = 0
        self.error_at_stop = 0

    def startProtocol(self) -> None:
        assert isinstance(self.transport, Port | OwnPort)
        self.port = self.transport

    def datagramReceived(self, datagram: bytes, addr: Peer) -> None:
        self.heard.append(datagram)
        self.peers.append(addr)

    def connectionRefused(self) -> None:
        self.refusals += 1

    def stopProtocol(self) -> None:
        self.stops += 1
        handle = self.port.getHandle()
        self.error_at_stop = handle.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    @property
    def peer(self) -> Peer:
        """Where this protocol can be reached."""
        return address_of(self.port)

    def send(self, data: bytes, to: Peer | None = None) -> object:
        """Write, and return what write returns."""
        result: object = self.port.write(data, to)
        return result


class Echo(Notebook):
    """A server that answers whoever asks."""

    def datagramReceived(self, datagram: bytes, addr: Peer) -> None:
        super().datagramReceived(datagram, addr)
        self.send(datagram, addr)


def address_of(port: Any) -> Peer:
    """Return a port's own address."""
    host = port.getHost()
    return host.host, host.port


def notebook(world: World, interface: str = V4, **options: Any) -> Notebook:
    """Listen with a protocol that writes down what happens to it."""
    protocol = Notebook()
    world.listen(protocol, interface, **options)
    return protocol


def options_of(interface: str) -> tuple[int, int, int]:
    """Name the options of an address's family: the level, the TTL and the traffic class."""
    if ":" in interface:
        return socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, socket.IPV6_TCLASS
    return socket.IPPROTO_IP, socket.IP_TTL, socket.IP_TOS


def echo(world: World, interface: str = V4) -> Echo:
    """Listen with a server."""
    protocol = Echo()
    world.listen(protocol, interface)
    return protocol


def free_port(world: World, interface: str = V4) -> int:
    """Return a port where nobody listens."""
    protocol = notebook(world, interface)
    port = protocol.peer[1]
    protocol.port.stopListening()
    world.turn()
    return port


BINDINGS = [
    (V4, V4, False),
    (V4, V4_SECOND, True),  # two addresses, each its own ports
    (ANY, V4, False),  # the wildcard is every address, whichever comes first
    (V4, ANY, False),
    ("", V4, False),  # "" is IPv4's wildcard
    ("", ANY, False),
    (V6, V4, True),  # two families, each its own ports
    (V6, ANY, True),
    (ANY, V6, True),
    (V6_ANY, V6, False),
    (V6, V6_ANY, False),
]


def check_binding(world: World, first: str, second: str, free: bool) -> None:
    """Listen on two addresses at one port, which is free for the second or not."""
    port = notebook(world, first).peer[1]
    if free:
        assert notebook(world, second, port=port).peer == (second, port)
    else:
        with pytest.raises(CannotListenError) as raised:
            notebook(world, second, port=port)
        assert raised.value.socketError.errno == errno.EADDRINUSE


class Rules:
    """What each world must do, whichever port serves."""

    # Sending and receiving

    @pytest.mark.parametrize(
        ("interface", "size"),
        [(V4, 0), (V4, 1), (V4, 1472), (V4, 65507), (V6, 0), (V6, 1), (V6, 65507), (V6, 65527)],
    )
    def test_any_size_is_echoed_whole(self, world: World, interface: str, size: int) -> None:
        """Datagrams from empty to the longest arrive as they were sent; write tells the length."""
        server, client = echo(world, interface), notebook(world, interface)
        data = os.urandom(size)
        assert client.send(data, server.peer) == size
        world.turn()
        assert (client.heard, client.peers) == ([data], [server.peer])

    def test_write_delivers_nothing(self, world: World) -> None:
        """No datagram is delivered inside write, not even to the writer itself."""
        client = notebook(world)
        client.send(b"to myself", client.peer)
        assert client.heard == []
        world.turn()
        assert client.heard == [b"to myself"]

    def test_order_is_kept(self, world: World) -> None:
        """Of one sender's datagrams, the first sent is the first read."""
        server, client = notebook(world), notebook(world)
        data = [b"%d" % number for number in range(100)]
        for each in data:
            client.send(each, server.peer)
        world.turn()
        assert server.heard == data

    def test_the_receive_buffer_has_an_end(self, world: World) -> None:
        """What comes when the buffer is full is dropped in silence; what was there is kept."""
        server, client = notebook(world), notebook(world)
        for number in range(5000):
            client.send(b"%d" % number, server.peer)
        world.turn()
        heard = list(map(int, server.heard))
        assert 0 < len(heard) < 1000
        assert heard[:200] == list(range(200))
        assert heard == sorted(heard)
        client.send(b"room again", server.peer)
        world.turn()
        assert server.heard[-1] == b"room again"

    def test_an_exception_is_logged_and_reading_goes_on(
        self, world: World, no_leaks: list[LogEvent]
    ) -> None:
        """A protocol that raises keeps its port, and hears the next datagram."""

        class Clumsy(Notebook):
            def datagramReceived(self, datagram: bytes, addr: Peer) -> None:
                super().datagramReceived(datagram, addr)
                raise ValueError("clumsy")

        server, client = Clumsy(), notebook(world)
        world.listen(server)
        client.send(b"one", server.peer)
        client.send(b"two", server.peer)
        world.turn()
        assert server.heard == [b"one", b"two"]
        raised = [(event.get("log_failure") or event["failure"]).type for event in no_leaks]
        no_leaks.clear()
        assert raised == [ValueError, ValueError]

    def test_only_bytes_are_data(self, world: World) -> None:
        """A text is no datagram."""
        client = notebook(world)
        with pytest.raises(TypeError):
            client.send("text", client.peer)  # type: ignore[arg-type]

    def test_nobody_there_is_no_error_unconnected(self, world: World) -> None:
        """An unconnected socket never hears that a datagram was refused."""
        client, nobody = notebook(world), free_port(world)
        for _ in range(3):
            assert client.send(b"x", (V4, nobody)) == 1
            world.turn()
        assert (client.refusals, client.stops) == (0, 0)

    def test_ephemeral_ports_differ(self, world: World) -> None:
        """Port 0 asks for any free port; each socket gets another one."""
        ports = {notebook(world).peer[1] for _ in range(20)}
        assert len(ports) == 20
        assert min(ports) >= 1024

    @pytest.mark.parametrize(("first", "second", "free"), BINDINGS)
    def test_two_sockets_on_one_port(
        self, world: World, first: str, second: str, free: bool
    ) -> None:
        """A second socket gets a port only if no address is wanted by both."""
        check_binding(world, first, second, free)

    @pytest.mark.parametrize("interface", ["", V4, V6, V6_ANY])
    def test_the_address_of_a_port(self, world: World, interface: str) -> None:
        """A port's getHost tells the address that was asked for, "" being IPv4's wildcard."""
        assert notebook(world, interface).peer[0] == (interface or ANY)

    # Connecting

    def test_connect(self, world: World) -> None:
        """A connected socket has a specific address, and needs no address to write."""
        server, client = echo(world), notebook(world, ANY)
        client.port.connect(*server.peer)
        assert client.peer[0] == V4
        assert client.send(b"one") == 3
        assert client.send(b"two", server.peer) == 3
        world.turn()
        assert client.heard == [b"one", b"two"]

    # Options

    @pytest.mark.parametrize("interface", [V4, V6])
    def test_options_are_remembered(self, world: World, interface: str) -> None:
        """What protocols set on their socket is there when they look; buffers are doubled."""
        handle = notebook(world, interface).port.getHandle()
        level, ttl, tos = options_of(interface)
        for option in ((SOL_SOCKET, SO_REUSEADDR, 1), (level, ttl, 5), (level, tos, 0xB8)):
            assert handle.getsockopt(*option[:2]) == (64 if option[:2] == (level, ttl) else 0)
            handle.setsockopt(*option)
            assert handle.getsockopt(*option[:2]) == option[2]
        handle.setsockopt(level, ttl, -1)  # the default again
        assert handle.getsockopt(level, ttl) == 64
        for buffer in (SO_RCVBUF, SO_SNDBUF):
            handle.setsockopt(SOL_SOCKET, buffer, 50_000)
            assert handle.getsockopt(SOL_SOCKET, buffer) == 100_000
        handle.setsockopt(SOL_SOCKET, SO_RCVBUF, 1)
        assert handle.getsockopt(SOL_SOCKET, SO_RCVBUF) == 2304
        assert handle.getsockopt(SOL_SOCKET, socket.SO_TYPE) == socket.SOCK_DGRAM

    @pytest.mark.parametrize(
        ("interface", "option", "expected"),
        [
            (V4, (socket.IPPROTO_IP, socket.IP_TTL, 256), errno.EINVAL),
            (V4, (socket.IPPROTO_IP, socket.IP_TTL, 0), errno.EINVAL),
            (V6, (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 256), errno.EINVAL),
            (V6, (socket.IPPROTO_IPV6, socket.IPV6_TCLASS, 256), errno.EINVAL),
            (V4, (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 9), errno.ENOPROTOOPT),
            (V4, (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), errno.ENOPROTOOPT),
        ],
    )
    def test_options_that_there_are_not(
        self, world: World, interface: str, option: tuple[int, int, int], expected: int
    ) -> None:
        """What can't be set is refused by an errno."""
        handle = notebook(world, interface).port.getHandle()
        with pytest.raises(OSError) as raised:  # noqa: PT011 (the errno is looked at)
            handle.setsockopt(*option)
        assert raised.value.errno == expected

    def test_a_small_receive_buffer(self, world: World) -> None:
        """It holds as much as Linux lets it, and one datagram at least."""
        server, client = notebook(world), notebook(world)
        server.port.getHandle().setsockopt(SOL_SOCKET, SO_RCVBUF, 1)
        for number in range(5):
            client.send(b"%d" % number, server.peer)
        world.turn()
        assert 2 <= len(server.heard) < 5, "the second may leave when the first has been read"

    @pytest.mark.parametrize("port", [9.0, "9", None])
    def test_what_only_equals_a_port_is_none(self, world: World, port: Any) -> None:
        """Though that one is known: a float raises, be it to listen or to write."""
        client, server = notebook(world), notebook(world)
        to: Any = server.peer
        client.send(b"known", to)
        for each in (port, float(server.peer[1])):
            to = V4, each
            with pytest.raises((TypeError, BadAddress)):
                client.send(b"", to)
            with pytest.raises(TypeError):
                notebook(world, port=each)

    def test_a_host_may_be_bytes(self, world: World) -> None:
        """As Python's sockets take it."""
        client, server = notebook(world), notebook(world)
        client.send(b"x", (V4.encode(), server.peer[1]))  # type: ignore[arg-type]
        world.turn()
        assert server.heard == [b"x"]

    # Refusals

    def assert_refused_once(self, world: World, client: Notebook) -> None:
        if world.refusals == "called":
            assert (client.refusals, client.stops) == (1, 0)
            assert client.transport is client.port
        else:
            assert (client.refusals, client.stops) == (0, 1)
            assert client.transport is None
            assert client.error_at_stop == errno.ECONNREFUSED

    @pytest.mark.parametrize("interface", [V4, V6])
    def test_a_refusal(self, world: World, interface: str) -> None:
        """A connected protocol is told that nobody listens, or its port closes."""
        client = notebook(world, interface)
        client.port.connect(interface, free_port(world, interface))
        assert client.send(b"anybody?") == 8
        assert client.refusals == 0
        world.turn()
        self.assert_refused_once(world, client)

    def test_a_strangers_refusal(self, world: World) -> None:
        """A stranger who is connected to a connected socket is refused like by nobody at all."""
        server, client, stranger = echo(world), notebook(world), notebook(world)
        client.port.connect(*server.peer)
        stranger.port.connect(*client.peer)
        stranger.send(b"let me in")
        world.turn()
        self.assert_refused_once(world, stranger)

    def test_a_refusal_with_data_waiting(self, world: World) -> None:
        """With a datagram to read, every reactor calls connectionRefused, and first."""
        server, client = notebook(world), notebook(world)
        client.port.connect(*server.peer)
        server.send(b"last words", client.peer)
        stopped = server.port.stopListening()
        assert stopped is not None
        stopped.addCallback(lambda _: client.send(b"too late"))
        world.turn()
        assert (client.refusals, client.stops, client.heard) == (1, 0, [b"last words"])

    def test_a_call_that_is_due_comes_before_reading(self, world: World) -> None:
        """What is called in a turn finds the turn's datagrams unread."""
        if not world.calls_first:
            pytest.skip("this reactor reads first")
        client = notebook(world)
        heard: list[int] = []
        client.send(b"x", client.peer)
        world.reactor.callLater(0, lambda: heard.append(len(client.heard)))
        world.turn()
        assert (heard, client.heard) == ([0], [b"x"])

    def test_a_call_made_by_a_call_comes_after_reading(self, world: World) -> None:
        """What a call adds is called in the next turn, when this one's datagrams are read."""
        client = notebook(world)
        heard: list[int] = []
        client.send(b"x", client.peer)
        call = world.reactor.callLater
        call(0, lambda: call(0, lambda: heard.append(len(client.heard))))
        world.turn()
        assert heard == [1]

    def test_too_long_while_refused(self, world: World) -> None:
        """A datagram's length is looked at before the pending refusal."""
        client = notebook(world)
        client.port.connect(V4, free_port(world))
        client.send(b"x")
        with pytest.raises(MessageLengthError):
            client.send(bytes(65508))
        assert client.refusals == 0

    def test_broadcast_allowed(self, world: World) -> None:
        """What setBroadcastAllowed sets is remembered, and off at first."""
        port = notebook(world).port
        assert port.getBroadcastAllowed() is False
        port.setBroadcastAllowed(True)
        assert port.getBroadcastAllowed() is True


class StockRules(Rules):
    """What is peculiar to Twisted's own port."""

    @pytest.mark.parametrize(
        ("length", "limit", "heard"), [(8192, 8192, 8192), (8193, 8192, 8192), (9, 5, 5)]
    )
    def test_a_long_datagram_is_cut_in_silence(
        self, world: World, length: int, limit: int, heard: int
    ) -> None:
        """What is longer than maxPacketSize loses its end, and nobody is told."""
        server, client = notebook(world, max_packet_size=limit), notebook(world)
        assert client.send(bytes(length), server.peer) == length
        world.turn()
        assert server.heard == [bytes(heard)]

    # What write refuses

    @pytest.mark.parametrize(
        ("interface", "to", "length", "expected"),
        [
            (V4, (V4, 9), 65508, MessageLengthError),  # 65535, less 20 of IPv4 and 8 of UDP
            (V6, (V6, 9), 65528, MessageLengthError),  # 65535, less 8 of UDP
            (V6_ANY, (f"::ffff:{V4}", 9), 65508, MessageLengthError),  # IPv4, for all its looks
            (V4, ("localhost", 9), 1, InvalidAddressError),  # names are not resolved here
            (V4, ("", 9), 1, InvalidAddressError),
            (V4, (V6, 9), 1, InvalidAddressError),  # wrong family
            (V6, (V4, 9), 1, InvalidAddressError),
            (V4, (V4, 65536), 1, OverflowError),
            (V4, (V4, -1), 1, OverflowError),
            (V4, (V4, 0), 1, errno.EINVAL),  # port 0 is nowhere
            (V6, (V6, 0), 1, errno.EINVAL),
            (V4, ("<broadcast>", 9), 1, errno.EACCES),  # not without setBroadcastAllowed
            (V6, (f"::ffff:{V4}", 9), 1, errno.ENETUNREACH),  # from ::1 there is no way to IPv4
        ],
    )
    def test_write_raises(
        self,
        world: World,
        interface: str,
        to: Peer,
        length: int,
        expected: type[Exception] | int,
    ) -> None:
        """What can't be sent leaves write as the exception that the stock port raises."""
        client = notebook(world, interface)
        with pytest.raises(OSError if isinstance(expected, int) else expected) as raised:
            client.send(bytes(length), to)
        if isinstance(expected, int):
            assert getattr(raised.value, "errno", None) == expected
        world.turn()
        assert client.stops == 0

    # Binding

    @pytest.mark.parametrize(
        ("first", "second", "free"),
        [
            (V6_ANY, V4, False),  # IPv6's wildcard takes IPv4's port as well
            (V6_ANY, ANY, False),
            (ANY, V6_ANY, False),
            (V4, V6_ANY, False),
            (f"::ffff:{V4}", V4, False),  # an IPv4 address, for all its looks
        ],
    )
    def test_a_socket_for_both_families(
        self, world: World, first: str, second: str, free: bool
    ) -> None:
        """An IPv6 socket stands in the way of IPv4's."""
        check_binding(world, first, second, free)

    @pytest.mark.parametrize(
        ("interface", "port", "expected"),
        [
            ("203.0.113.9", 0, CannotListenError),  # another host's (RFC 5737)
            ("2001:db8:9::9", 0, CannotListenError),  # another host's (RFC 3849)
            ("localhost", 0, InvalidAddressError),
            (V4, 65536, OverflowError),
        ],
    )
    def test_listening_fails(
        self, world: World, interface: str, port: int, expected: type[Exception]
    ) -> None:
        """An address must be the host's own, and a port a port."""
        with pytest.raises(expected):
            notebook(world, interface, port=port)

    @pytest.mark.parametrize(
        ("interface", "asked", "answered"),
        [
            (ANY, V4_SECOND, V4),  # from the first address, not the one that was asked
            (ANY, V4, V4),
            (V4_SECOND, V4_SECOND, V4_SECOND),  # a socket bound to it answers from it
            (V6_ANY, V6, V6),
            (ANY, ANY, V4),  # what is sent to the wildcard goes to the host itself
        ],
    )
    def test_the_address_that_answers(
        self, world: World, interface: str, asked: str, answered: str
    ) -> None:
        """A wildcard socket answers from its host's first address, whichever was asked."""
        server = echo(world, interface)
        port = server.peer[1]
        client = notebook(world, V6_ANY if ":" in asked else ANY)
        client.send(b"who are you?", (asked, port))
        world.turn()
        assert client.peers == [(answered, port)]

    def test_the_ipv6_wildcard_takes_ipv4_too(self, world: World) -> None:
        """To a socket on "::" an IPv4 peer has a mapped address, by which it is answered."""
        server, client = echo(world, V6_ANY), notebook(world)
        port = server.peer[1]
        client.send(b"four", (V4, port))
        world.turn()
        assert server.peers == [(f"::ffff:{V4}", client.peer[1])]
        assert client.peers == [(V4, port)]

    def test_connected_to_port_0(self, world: World) -> None:
        """A connected socket may send to port 0, as an unconnected one may not."""
        client = notebook(world)
        client.port.connect(V4, 0)
        assert client.send(b"x") == 1

    @pytest.mark.parametrize(
        ("to", "expected"),
        [
            (("localhost", 9), InvalidAddressError),  # names are not resolved here
            ((V6, 9), socket.gaierror),  # wrong family
            ((V4, 65536), OverflowError),
        ],
    )
    def test_connect_raises(self, world: World, to: Peer, expected: type[Exception]) -> None:
        """A peer is an address of the socket's family, and a port."""
        client = notebook(world)
        with pytest.raises(expected):
            client.port.connect(*to)

    def test_a_failed_connect_can_not_be_made_good(self, world: World) -> None:
        """After a connect that failed, another one is taken for a second one."""
        server, client = echo(world), notebook(world)
        with pytest.raises(socket.gaierror):
            client.port.connect(V6, 9)
        with pytest.raises(RuntimeError):
            client.port.connect(*server.peer)

    def test_a_second_connect_raises(self, world: World) -> None:
        """A port is connected once."""
        server, client = echo(world), notebook(world)
        client.port.connect(*server.peer)
        with pytest.raises(RuntimeError):
            client.port.connect(*server.peer)

    def test_strangers_are_kept_out_but_those_already_queued(self, world: World) -> None:
        """The kernel drops what strangers send after a connect, not what is queued before it."""
        server, client, stranger = echo(world), notebook(world), notebook(world)
        stranger.send(b"early", client.peer)
        client.port.connect(*server.peer)
        stranger.send(b"late", client.peer)
        client.send(b"asked")
        world.turn()
        assert client.heard == [b"early", b"asked"]
        assert client.peers == [stranger.peer, server.peer]

    def test_a_second_address_of_the_peer_is_a_stranger(self, world: World) -> None:
        """Asked at its second address, a wildcard server answers a connected client in vain."""
        server, client = echo(world, ANY), notebook(world)
        client.port.connect(V4_SECOND, server.peer[1])
        client.send(b"x")
        world.turn()
        assert (server.heard, client.heard) == ([b"x"], [])

    def test_a_refusal_inside_the_next_write(self, world: World) -> None:
        """Of writes in a row, every second one is told of the one before, and sends nothing."""
        client, nobody = notebook(world), free_port(world)
        client.port.connect(V4, nobody)
        told = [(client.send(b"x"), client.refusals) for _ in range(4)]
        assert told == [(1, 0), (None, 1), (1, 1), (None, 2)]
        late = notebook(world, port=nobody)
        client.send(b"now")
        world.turn()
        assert (late.heard, client.stops) == ([b"now"], 0)

    def test_so_error_tells_once(self, world: World) -> None:
        """SO_ERROR tells the refusal and clears it: nothing happens then."""
        client = notebook(world)
        client.port.connect(V4, free_port(world))
        client.send(b"x")
        handle = client.port.getHandle()
        errors = [handle.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) for _ in range(2)]
        assert errors == [errno.ECONNREFUSED, 0]
        world.turn()
        assert (client.refusals, client.stops) == (0, 0)

    # Stopping

    def test_stop_listening(self, world: World) -> None:
        """A port stops at the next turn: the protocol is told, the port is free, write fails."""
        server, client = notebook(world), notebook(world)
        peer = server.peer
        fired: list[object] = []
        stopped = server.port.stopListening()
        assert isinstance(stopped, Deferred)
        stopped.addCallback(fired.append)
        assert (server.stops, fired) == (0, [])
        assert server.send(b"still here", client.peer) == 10
        world.turn()
        assert (server.stops, fired, server.transport) == (1, [None], None)
        assert client.heard == [b"still here"]
        with pytest.raises(AttributeError):
            server.send(b"gone", client.peer)
        assert notebook(world, port=peer[1]).peer == peer
        assert server.port.stopListening() is None

    def test_what_is_queued_when_stopped_is_lost(self, world: World) -> None:
        """Nothing is read any more after stopListening."""
        server, client = notebook(world), notebook(world)
        client.send(b"unread", server.peer)
        server.port.stopListening()
        world.turn()
        assert server.heard == []


class Attentive(Notebook):
    """Has our port's own hooks, but for batches."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: list[Refusal] = []
        self.unsent: list[tuple[bytes, Peer | None, int | None]] = []

    def peerRefused(self, refusal: Refusal) -> None:
        self.refused.append(refusal)

    def datagramNotSent(self, data: bytes, addr: Peer | None, error: OSError) -> None:
        self.unsent.append((data, addr, error.errno))


class Batches(Notebook):
    """Takes what arrived together, and sends it back."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def batchReceived(self, batch: Batch) -> None:
        self.sizes.append(batch.datagrams)
        for data, peer in batch:
            self.datagramReceived(data, peer)
        batch.echo()


def attentive(world: World, interface: str = V4, **options: Any) -> Attentive:
    """Listen with a protocol that has our port's hooks."""
    protocol = Attentive()
    world.listen(protocol, interface, **options)
    return protocol


class OurRules(Rules):
    """What listen_udp's port does, wherever it is."""

    # What is told of a datagram

    @pytest.mark.parametrize(
        ("interface", "asked"),
        [(V4, V4), (ANY, V4_SECOND), (ANY, V4), (V4_SECOND, V4_SECOND), (V6, V6), (V6_ANY, V6)],
    )
    def test_an_address_knows_how_a_datagram_came(
        self, world: World, interface: str, asked: str
    ) -> None:
        """Where it was sent, through which interface, with which TTL, DSCP and ECN."""
        server = notebook(world, interface)
        client = notebook(world, V6 if ":" in asked else V4)
        client.send(b"plain", (asked, server.peer[1]))
        world.turn()
        level, ttl, tos = options_of(asked)
        handle = client.port.getHandle()
        handle.setsockopt(level, ttl, 9)
        handle.setsockopt(level, tos, 46 << 2 | 1)
        client.send(b"marked", (asked, server.peer[1]))
        world.turn()
        plain, marked = server.peers
        assert plain == marked == client.peer
        assert (plain.ttl, plain.dscp, plain.ecn) == (64, 0, 0)
        assert (marked.ttl, marked.dscp, marked.ecn) == (9, 46, 1)
        assert (plain.asked, plain.local, plain.interface) == (asked, asked, "lo")
        assert plain.timestamp_ns is None

    def test_with_timestamps_it_knows_when(self, world: World) -> None:
        """The time of arrival is told where it is asked for, and does not go back."""
        server, client = notebook(world, timestamps=True), notebook(world)
        for _ in range(3):
            client.send(b"x", server.peer)
            world.turn()
        times = [peer.timestamp_ns for peer in server.peers]
        assert times == sorted(times)
        assert None not in times

    @pytest.mark.parametrize(
        ("interface", "asked"), [(ANY, V4_SECOND), (ANY, V4), (V6_ANY, V6), (ANY, ANY)]
    )
    def test_it_answers_from_the_address_that_was_asked(
        self, world: World, interface: str, asked: str
    ) -> None:
        """Whoever writes to an address that he was given answers from there, at any time."""
        server = notebook(world, interface)
        client = notebook(world, V6_ANY if ":" in asked else ANY)
        client.send(b"who are you?", (asked, server.peer[1]))
        world.turn()
        server.send(b"later", server.peers[0])
        world.turn()
        from_ = {ANY: V4}.get(asked, asked)
        assert client.peers == [(from_, server.peer[1])]

    # Batches

    def test_what_arrived_together_is_a_batch(self, world: World) -> None:
        """Batches keep the order, and their echo goes back to each sender."""
        server = Batches()
        world.listen(server)
        clients = [notebook(world) for _ in range(3)]
        for number in range(10):
            for client in clients:
                client.send(b"%d" % number, server.peer)
        world.turn()
        assert sum(server.sizes) == 30
        assert max(server.sizes) > 1
        for client in clients:
            assert client.heard == [b"%d" % number for number in range(10)]
            assert set(client.peers) == {server.peer}

    @pytest.mark.parametrize(
        ("interface", "told"), [(V4, ""), (ANY, "lo"), (V6, ""), (V6_ANY, "lo")]
    )
    def test_a_batch_tells_the_interface_if_there_may_be_others(
        self, world: World, interface: str, told: str
    ) -> None:
        """A socket bound to one address is not told; all else is."""
        server = Batches()
        world.listen(server, interface)
        client = notebook(world, V6 if ":" in interface else V4)
        client.send(b"x", (client.peer[0], server.peer[1]))
        world.turn()
        [peer] = server.peers
        assert (peer.interface, peer.asked, peer.ttl) == (told, client.peer[0], 64)

    @pytest.mark.parametrize(
        ("interface", "asked"), [(V4, V4), (ANY, V4_SECOND), (V6, V6), (V6_ANY, V6)]
    )
    def test_the_echo_server_answers_with_one_hop_fewer(
        self, world: World, interface: str, asked: str
    ) -> None:
        """From the address asked, with the class of service but not the congestion."""
        server = EchoServer()
        port = world.listen(server, interface)
        client = notebook(world, V6 if ":" in asked else V4)
        level, ttl, tos = options_of(asked)
        client.send(b"usual", (asked, port.getHost().port))
        world.turn()
        client.port.getHandle().setsockopt(level, tos, 46 << 2 | 3)
        client.port.getHandle().setsockopt(level, ttl, 2)
        client.send(b"near its end", (asked, port.getHost().port))
        world.turn()
        client.port.getHandle().setsockopt(level, ttl, 1)
        client.send(b"at its end", (asked, port.getHost().port))
        world.turn()
        assert client.heard == [b"usual", b"near its end"]
        assert [(p.ttl, p.dscp, p.ecn) for p in client.peers] == [(63, 0, 0), (1, 46, 0)]
        assert set(client.peers) == {(asked, port.getHost().port)}
        counters = server.counters()
        assert (counters.received, counters.echoed) == (3, 2)
        assert sum(counters.unanswered.values()) == 1

    # Sending

    @pytest.mark.parametrize(
        ("interface", "to", "length", "expected"),
        [
            (V4, (V4, 9), 65508, DatagramTooLong),
            (V6, (V6, 9), 65528, DatagramTooLong),
            (V4, ("localhost", 9), 1, BadAddress),
            (V4, ("", 9), 1, BadAddress),
            (V4, (V6, 9), 1, WrongFamily),
            (V6, (V4, 9), 1, WrongFamily),
            (V4, (V4, 65536), 1, BadAddress),
            (V4, (V4, -1), 1, BadAddress),
            (V4, None, 1, BadAddress),
        ],
    )
    def test_misuse_is_raised(
        self, world: World, interface: str, to: Peer, length: int, expected: type[Exception]
    ) -> None:
        """What can't be sent by anyone leaves write by its own name."""
        client = attentive(world, interface)
        with pytest.raises(expected):
            client.send(bytes(length), to)
        world.turn()
        assert (client.stops, client.unsent) == (0, [])

    @pytest.mark.parametrize(
        ("interface", "to", "number"),
        [
            (V4, (V4, 0), errno.EINVAL),  # port 0 is nowhere
            (V6, (V6, 0), errno.EINVAL),
            (V4, ("<broadcast>", 9), errno.EACCES),  # not without setBroadcastAllowed
            (V4, ("255.255.255.255", 9), errno.EACCES),
            (V6, (f"::ffff:{V4}", 9), errno.ENETUNREACH),
            (V6_ANY, (f"::ffff:{V4}", 9), errno.ENETUNREACH),  # it takes IPv6 alone
        ],
    )
    def test_what_the_kernel_will_not_send_is_told(
        self, world: World, interface: str, to: Peer, number: int
    ) -> None:
        """An error is counted and told, and costs that datagram alone."""
        client, server = attentive(world, interface), notebook(world, interface)
        here = (V6 if ":" in interface else V4, server.peer[1])
        for data, address in ((b"before", here), (b"in vain", to), (b"after", here)):
            assert client.send(data, address) == len(data)
        world.turn()
        assert client.unsent == [(b"in vain", to, number)]
        assert client.port.counters().not_sent == {errno.errorcode[number]: 1}
        assert server.heard == [b"before", b"after"]

    # Receiving

    @pytest.mark.parametrize(("length", "limit", "heard"), [(9, 5, []), (5, 5, [5]), (0, 5, [0])])
    def test_nothing_is_cut(self, world: World, length: int, limit: int, heard: list[int]) -> None:
        """What is longer than maxPacketSize is dropped and counted."""
        server, client = notebook(world, max_packet_size=limit), notebook(world)
        client.send(bytes(length), server.peer)
        world.turn()
        assert list(map(len, server.heard)) == heard
        assert server.port.counters().too_long == 1 - len(heard)

    def test_what_finds_no_room_is_counted(self, world: World) -> None:
        """Each datagram was heard, or is in the count of those dropped."""
        server, client = notebook(world), notebook(world)
        for number in range(2000):
            client.send(b"%d" % number, server.peer)
        world.turn()
        dropped = server.port.counters().dropped
        assert dropped > 0
        assert len(server.heard) + dropped == 2000

    def test_a_receive_buffer_that_is_asked_for(self, world: World) -> None:
        """It holds what the usual one does not; it is counted as it is set."""
        server, client = notebook(world, receive_buffer=200_000), notebook(world)
        assert server.port.getHandle().getsockopt(SOL_SOCKET, SO_RCVBUF) == 400_000
        for number in range(400):
            client.send(b"%d" % number, server.peer)
        world.turn()
        assert (len(server.heard), server.port.counters().dropped) == (400, 0)

    @pytest.mark.parametrize("error", [asyncio.CancelledError, SystemExit, ValueError])
    def test_whatever_a_hook_raises_is_logged(
        self, world: World, error: type[BaseException], no_leaks: list[LogEvent]
    ) -> None:
        """Each of our hooks may fail; the port reads on."""

        class Clumsy(Attentive):
            def datagramReceived(self, datagram: bytes, addr: Peer) -> None:
                super().datagramReceived(datagram, addr)
                raise error

            def peerRefused(self, refusal: Refusal) -> None:
                super().peerRefused(refusal)
                raise error

            def datagramNotSent(self, data: bytes, addr: Peer | None, error_: OSError) -> None:
                super().datagramNotSent(data, addr, error_)
                raise error

        clumsy, client = Clumsy(), notebook(world)
        world.listen(clumsy)
        nobody = free_port(world)
        for _ in range(2):
            clumsy.send(b"to nobody", (V4, nobody))
            clumsy.send(b"nowhere", (V4, 0))
            client.send(b"hello", clumsy.peer)
            world.turn()
        assert clumsy.heard == [b"hello"] * 2
        assert (len(clumsy.refused), len(clumsy.unsent), clumsy.stops) == (2, 2, 0)
        raised = [event["log_failure"].type for event in no_leaks]
        no_leaks.clear()
        assert raised == [error] * 6

    # Refusals

    @pytest.mark.parametrize(
        ("interface", "kind"), [(V4, (3, 3)), (V6, (1, 4)), (ANY, (3, 3)), (V6_ANY, (1, 4))]
    )
    @pytest.mark.parametrize("connected", [False, True])
    def test_a_refusal_tells_who_and_what(
        self, world: World, interface: str, kind: tuple[int, int], connected: bool
    ) -> None:
        """Connected or not: which datagram, by whom, ICMP's type and code; once for each."""
        client = attentive(world, interface)
        host = V6 if ":" in interface else V4
        nobody = host, free_port(world, host)
        if connected:
            client.port.connect(*nobody)
        for data in (b"one", b"two", b""):
            assert client.send(data, None if connected else nobody) == len(data)
            assert client.refused == [] or data != b"one", "never from within write"
        world.turn()
        world.turn()
        assert [each.data for each in client.refused] == [b"one", b"two", b""]
        assert {(each.to, each.by, each.errno) for each in client.refused} == {
            (nobody, (host, 0), errno.ECONNREFUSED)
        }
        assert {(each.icmp_type, each.icmp_code) for each in client.refused} == {kind}
        assert {(each.when, each.mtu) for each in client.refused} == {(None, None)}
        assert client.port.counters().refused == 3
        assert (client.refusals, client.stops, client.unsent) == (0, 0, [])

    @pytest.mark.parametrize(("interface", "quoted"), [(V4, 520), (V6, 1184)])
    def test_a_refusal_quotes_so_much(self, world: World, interface: str, quoted: int) -> None:
        """The start of the datagram, as far as it fits in the message."""
        client = attentive(world, interface)
        data = os.urandom(quoted + 8)
        client.send(data, (interface, free_port(world, interface)))
        world.turn()
        assert [each.data for each in client.refused] == [data[:quoted]]

    def test_a_refusal_keeps_nobody_else_waiting(self, world: World) -> None:
        """What goes to others goes, and their answers come."""
        client, server = attentive(world), echo(world)
        nobody = V4, free_port(world)
        for number in range(10):
            client.send(b"%d" % number, nobody)
            client.send(b"%d" % number, server.peer)
        world.turn()
        world.turn()
        assert client.heard == [b"%d" % number for number in range(10)]
        assert [each.data for each in client.refused] == client.heard
        assert client.unsent == []

    @pytest.mark.parametrize("pauses", ["datagramReceived", "peerRefused"])
    def test_while_it_is_paused_no_refusal_is_told(self, world: World, pauses: str) -> None:
        """Each waits, as datagrams do, whichever hook has paused."""

        class Shy(Attentive):
            def datagramReceived(self, datagram: bytes, addr: Peer) -> None:
                super().datagramReceived(datagram, addr)
                self.port.pauseProducing()

            def peerRefused(self, refusal: Refusal) -> None:
                super().peerRefused(refusal)
                if pauses == "peerRefused":
                    self.port.pauseProducing()

        shy, other = Shy(), notebook(world)
        world.listen(shy)
        nobody = V4, free_port(world)
        for number in range(3):
            shy.send(b"%d" % number, nobody)
        if pauses == "datagramReceived":
            other.send(b"x", shy.peer)
        told = []
        for _ in range(5):
            world.turn()
            told.append(len(shy.refused))
            shy.port.resumeProducing()
        assert told == ([0, 3, 3, 3, 3] if pauses == "datagramReceived" else [1, 2, 3, 3, 3])
        assert [each.data for each in shy.refused] == [b"0", b"1", b"2"]
        assert (shy.port.counters().refused, shy.unsent) == (3, [])

    def test_who_waits_for_the_end_of_a_failed_start_is_told(self, world: World) -> None:
        """Of a protocol that stops its port in startProtocol, and raises."""
        told: list[None] = []

        class Unwilling(DatagramProtocol):
            def startProtocol(self) -> None:
                assert isinstance(self.transport, OwnPort)
                self.transport.stopListening().addCallback(told.append)
                raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            world.listen(Unwilling())
        assert told == [None]
        world.turn()
        assert told == [None]

    def test_without_a_hook_only_a_connected_port_is_told(self, world: World) -> None:
        """By connectionRefused, once for each datagram, whose write sends it all the same."""
        client, nobody = notebook(world), free_port(world)
        client.send(b"x", (V4, nobody))
        world.turn()
        assert client.refusals == 0
        client.port.connect(V4, nobody)
        assert [client.send(b"x") for _ in range(4)] == [1] * 4
        world.turn()
        world.turn()
        assert (client.refusals, client.stops) == (4, 0)

    # Connecting

    @pytest.mark.parametrize("interface", [V4, ANY])
    def test_it_can_be_connected_again(self, world: World, interface: str) -> None:
        """To another peer, and it hears that one alone; its own port stays."""
        first, second, client = echo(world), echo(world, V4_SECOND), notebook(world, interface)
        port = client.peer[1]
        for server in (first, second, first):
            client.port.connect(*server.peer)
            client.send(b"hello")
            world.turn()
            assert client.peer[1] == port
        first.send(b"from the one", client.peer)
        second.send(b"from the other", client.peer)
        world.turn()
        assert client.heard == [b"hello"] * 3 + [b"from the one"]
        assert client.peers == [first.peer, second.peer, first.peer, first.peer]

    @pytest.mark.parametrize(
        ("to", "expected"),
        [
            (("localhost", 9), BadAddress),
            ((V6, 9), WrongFamily),
            ((V4, 65536), BadAddress),
            ((V4, 0), BadAddress),
        ],
    )
    def test_a_connect_that_fails_changes_nothing(
        self, world: World, to: Peer, expected: type[Exception]
    ) -> None:
        """The port stays as it was: unconnected, or with the peer that it had."""
        server, other, client = echo(world), echo(world), notebook(world)
        with pytest.raises(expected):
            client.port.connect(*to)
        client.send(b"unconnected", server.peer)
        world.turn()
        client.port.connect(*other.peer)
        with pytest.raises(expected):
            client.port.connect(*to)
        client.send(b"connected")
        world.turn()
        assert client.peers == [server.peer, other.peer]

    def test_strangers_are_kept_out_and_counted(self, world: World) -> None:
        """Those too who came before the connect: the port drops them, the kernel what follows."""
        server, client, stranger = echo(world), notebook(world), notebook(world)
        stranger.send(b"early", client.peer)
        client.port.connect(*server.peer)
        stranger.send(b"late", client.peer)
        client.send(b"asked")
        world.turn()
        assert (client.heard, client.peers) == ([b"asked"], [server.peer])
        assert client.port.counters().strangers == 1
        with pytest.raises(BadAddress):
            client.send(b"x", stranger.peer)

    # Binding

    def test_an_ipv6_port_takes_ipv6_alone(self, world: World) -> None:
        """Both wildcards have the same port, in whichever order they take it."""
        for first, second in ((ANY, V6_ANY), (V6_ANY, ANY)):
            one = notebook(world, first)
            other = notebook(world, second, port=one.peer[1])
            for host in (V4, V6):
                notebook(world, host).send(host.encode(), (host, one.peer[1]))
            world.turn()
            assert {one.peer[0]: one.heard, other.peer[0]: other.heard} == {
                ANY: [V4.encode()],
                V6_ANY: [V6.encode()],
            }

    @pytest.mark.parametrize(
        ("interface", "port", "expected"),
        [
            ("203.0.113.9", 0, errno.EADDRNOTAVAIL),  # another host's (RFC 5737)
            ("2001:db8:9::9", 0, errno.EADDRNOTAVAIL),  # another host's (RFC 3849)
            (f"::ffff:{V4}", 0, errno.EINVAL),  # IPv4, for all its looks
            ("localhost", 0, BadAddress),
            (V4, 65536, OverflowError),
        ],
    )
    def test_listening_fails(
        self, world: World, interface: str, port: int, expected: type[Exception] | int
    ) -> None:
        """An address must be the host's own, and a port a port."""
        with pytest.raises((CannotListenError, BadAddress)) as raised:
            notebook(world, interface, port=port)
        if isinstance(raised.value, CannotListenError):
            error = raised.value.socketError
            assert expected in (type(error), getattr(error, "errno", None))
        else:
            assert expected is BadAddress

    # Back-pressure

    def test_a_port_that_is_paused(self, world: World) -> None:
        """What comes waits, in order, until it goes on; if it is stopped, nothing is delivered."""
        server, client = notebook(world), notebook(world)
        server.port.pauseProducing()
        for data in (b"one", b"two"):
            client.send(data, server.peer)
            world.turn()
        assert server.heard == []
        server.port.resumeProducing()
        world.turn()
        assert server.heard == [b"one", b"two"]
        server.port.pauseProducing()
        client.send(b"three", server.peer)
        world.turn()
        server.port.stopListening()
        world.turn()
        assert (server.heard, server.stops) == ([b"one", b"two"], 1)

    # Stopping

    def test_what_is_queued_when_it_stops_is_delivered(self, world: World) -> None:
        """And answered; then the protocol is told, and the port is free."""
        server, client = echo(world), notebook(world)
        port: UdpPort = server.port
        peer = server.peer
        fired: list[object] = []
        for number in range(200):
            client.send(b"%d" % number, peer)
        for _ in range(2):  # who stops it twice hears twice
            port.stopListening().addCallback(fired.append)
        assert (server.stops, fired) == (0, [])
        assert server.send(b"still here", client.peer) == 10
        world.turn()
        world.turn()
        assert (server.stops, fired, server.transport) == (1, [None, None], None)
        assert sorted(client.heard) == sorted([*server.heard, b"still here"])
        assert len(server.heard) == 200
        assert port.getHost().port == peer[1]
        with pytest.raises(PortClosed):
            server.send(b"gone", client.peer)
        with pytest.raises(PortClosed):
            port.connect(*client.peer)
        assert notebook(world, port=peer[1]).peer == peer
        port.stopListening().addCallback(fired.append)
        assert fired == [None] * 3

    def test_it_listens_again(self, world: World) -> None:
        """At the port that it was given, with nothing of what it knew."""
        number = free_port(world)
        server, client = echo(world), notebook(world)
        again = Echo()
        port: Any = world.listen(again, V4, number)
        port.connect(*server.peer)
        port.stopListening()
        world.turn()
        port.startListening()
        client.send(b"hello", (V4, number))
        world.turn()
        assert (client.heard, again.stops) == ([b"hello"], 1)
