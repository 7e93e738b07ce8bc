"""The rules of UDP on Linux under Twisted, which MemoryNetwork keeps and real sockets made.

Each test here runs in a World: in memory (tests/test_testing.py), and on loopback with each of
Twisted's reactors (tests/live/test_reality.py). A rule that reality breaks is no rule.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import Literal, Protocol

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError, InvalidAddressError, MessageLengthError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.udp import Port
from twisted.logger import LogEvent

from udpecho.peer import Peer

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


class World(Protocol):
    """One host with a reactor, and a way to let happen what is due."""

    refusals: Literal["called", "closed"]
    reactor: IReactorTime
    calls_first: bool
    """Whether a turn makes the calls that are due before it reads."""

    def listen(
        self,
        protocol: DatagramProtocol,
        interface: str = V4,
        port: int = 0,
        max_packet_size: int = 65536,
    ) -> Port:
        """Give a protocol a port."""

    def turn(self) -> None:
        """Let the reactor do what is due, until nothing is."""


class Notebook(DatagramProtocol):
    """Writes down everything that happens to it, in order."""

    port: Port

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.peers: list[Peer] = []
        self.refusals = 0
        self.stops = 0
        self.error_at_stop = 0

    def startProtocol(self) -> None:
        assert isinstance(self.transport, Port)
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
        """Write, and return what write returns, which its type denies."""
        result: object = self.port.write(data, to)  # type: ignore[func-returns-value]
        return result


class Echo(Notebook):
    """A server that answers whoever asks."""

    def datagramReceived(self, datagram: bytes, addr: Peer) -> None:
        super().datagramReceived(datagram, addr)
        self.send(datagram, addr)


def address_of(port: Port) -> Peer:
    """Return a port's own address."""
    host = port.getHost()
    return host.host, host.port


def notebook(world: World, interface: str = V4, **options: int) -> Notebook:
    """Listen with a protocol that writes down what happens to it."""
    protocol = Notebook()
    world.listen(protocol, interface, **options)
    return protocol


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


class Rules:
    """What each world must do."""

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

    def test_the_receive_buffer_has_an_end(self, world: World) -> None:
        """What comes when the buffer is full is dropped in silence; what was there is kept."""
        server, client = notebook(world), notebook(world)
        data = [b"%d" % number for number in range(5000)]
        for each in data:
            client.send(each, server.peer)
        world.turn()
        assert 0 < len(server.heard) < len(data)
        assert server.heard == data[: len(server.heard)]
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
        raised = [event["failure"].type for event in no_leaks]
        no_leaks.clear()
        assert raised == [ValueError, ValueError]

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

    # Binding

    @pytest.mark.parametrize(
        ("first", "second", "free"),
        [
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
            (V6_ANY, V4, False),  # but IPv6's wildcard takes IPv4's port as well
            (V6_ANY, ANY, False),
            (ANY, V6_ANY, False),
            (V4, V6_ANY, False),
            (f"::ffff:{V4}", V4, False),  # an IPv4 address, for all its looks
        ],
    )
    def test_two_sockets_on_one_port(
        self, world: World, first: str, second: str, free: bool
    ) -> None:
        """A second socket gets a port only if no address is wanted by both."""
        port = notebook(world, first).peer[1]
        if free:
            assert notebook(world, second, port=port).peer == (second, port)
        else:
            with pytest.raises(CannotListenError) as raised:
                notebook(world, second, port=port)
            assert raised.value.socketError.errno == errno.EADDRINUSE

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

    def test_ephemeral_ports_differ(self, world: World) -> None:
        """Port 0 asks for any free port; each socket gets another one."""
        ports = {notebook(world).peer[1] for _ in range(20)}
        assert len(ports) == 20
        assert min(ports) >= 1024

    @pytest.mark.parametrize("interface", ["", V4, V6, V6_ANY])
    def test_the_address_of_a_port(self, world: World, interface: str) -> None:
        """A port's getHost tells the address that was asked for, "" being IPv4's wildcard."""
        assert notebook(world, interface).peer[0] == (interface or ANY)

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

    def test_too_long_while_refused(self, world: World) -> None:
        """A datagram's length is looked at before the pending refusal."""
        client = notebook(world)
        client.port.connect(V4, free_port(world))
        client.send(b"x")
        with pytest.raises(MessageLengthError):
            client.send(bytes(65508))
        assert client.refusals == 0

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

    def test_broadcast_allowed(self, world: World) -> None:
        """What setBroadcastAllowed sets is remembered, and off at first."""
        port = notebook(world).port
        assert port.getBroadcastAllowed() is False
        port.setBroadcastAllowed(True)
        assert port.getBroadcastAllowed() is True
