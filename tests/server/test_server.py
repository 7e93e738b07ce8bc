"""EchoServer on a network in memory: what it answers, what it does not, and what it counts."""

from __future__ import annotations

import dataclasses
import errno
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.testing import FakeDatagramTransport
from twisted.logger import LogEvent, Logger, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from tests.examples import given, st
from udpecho.guard.guard import Guard
from udpecho.guard.policy import Policy
from udpecho.guard.reasons import Reason
from udpecho.peer import Peer
from udpecho.port import listen_udp
from udpecho.server.server import EchoServer, ServerCounters
from udpecho.testing.host import MemoryHost
from udpecho.testing.network import MemoryNetwork
from udpecho.testing.record import Fate

SERVER = ("192.0.2.1", 7)
ASKER = ("192.0.2.2", 50000)


class Notebook(DatagramProtocol):
    """Writes down what it hears."""

    noisy = False

    def __init__(self) -> None:
        self.heard: list[tuple[bytes, Peer]] = []

    def datagramReceived(self, datagram: bytes, addr: Peer) -> None:
        self.heard.append((datagram, addr))


class ServerCase(SynchronousTestCase):
    """A server, and whoever asks it."""

    def setUp(self) -> None:
        self.begin()

    def begin(self) -> None:
        self.net = MemoryNetwork()
        self.host = self.net.host(SERVER[0], "2001:db8::1")
        self.events: list[LogEvent] = []
        log: Any = Logger(namespace="test", observer=self.events.append)  # type: ignore[arg-type]
        self.server = EchoServer(self.host.seconds, log)
        self.host.listenUDP(SERVER[1], self.server, maxPacketSize=65536)
        self.notebook = Notebook()
        self.net.host(ASKER[0]).listenUDP(ASKER[1], self.notebook, maxPacketSize=65536)

    def ask(self, data: bytes = b"hello") -> None:
        assert self.notebook.transport is not None
        self.notebook.transport.write(data, SERVER)
        self.net.advance(0)

    def forge(self, source: Peer, data: bytes = b"forged") -> None:
        self.net.forge(data, source=source, to=SERVER)
        self.net.advance(0)

    def lines(self) -> list[str]:
        return [formatEvent(event) for event in self.events]

    def check_sum(self) -> None:
        """Every datagram received is in one place, and the record agrees."""
        counters = self.server.counters()
        elsewhere = sum(counters.unanswered.values()) + sum(counters.send_errors.values())
        self.assertEqual(counters.received, counters.echoed + elsewhere)
        heard = [each for each in self.net.record if each.destination == SERVER]
        left = [
            each
            for each in self.net.record
            if each.source == SERVER and each.destination != SERVER and each.fate is not Fate.UNSENT
        ]
        self.assertEqual(counters.received, len(heard))
        self.assertEqual(counters.bytes_received, sum(len(each.data) for each in heard))
        self.assertEqual(counters.echoed, len(left))
        self.assertEqual(counters.bytes_echoed, sum(len(each.data) for each in left))


class Answers(ServerCase):
    """What is sent back."""

    def test_every_length(self) -> None:
        """Datagrams of 0 to 65507 bytes come back whole, byte for byte."""
        for length in (0, 1, 2, 511, 1472, 8192, 8193, 9000, 32768, 65506, 65507):
            with self.subTest(length=length):
                data = bytes(i % 251 for i in range(length))
                self.notebook.heard.clear()
                self.ask(data)
                self.assertEqual(self.notebook.heard, [(data, SERVER)])
        self.check_sum()

    def test_twice_is_twice(self) -> None:
        """Equal datagrams are not one: each has its reply."""
        for _ in range(3):
            self.ask(b"same")
        self.assertEqual(len(self.notebook.heard), 3)
        self.assertEqual(
            self.server.counters(),
            ServerCounters(received=3, echoed=3, bytes_received=12, bytes_echoed=12),
        )

    def test_never_answered(self) -> None:
        """A reply to nowhere, and one that might never end, are not sent but counted."""
        rows: list[tuple[Peer, Reason, str]] = [
            (("192.0.2.2", 0), Reason.PORT_ZERO, "port 0 means that there is no sender"),
            (("192.0.2.2", 7), Reason.OWN_PORT, "it may be an echo server too"),
            (SERVER, Reason.OWN_PORT, "it is this server"),
            (("127.0.0.1", 7), Reason.OWN_PORT, "it is this server, by another address"),
        ]
        for source, reason, why in rows:
            with self.subTest(why):
                self.begin()
                self.forge(source)
                self.assertEqual([each.source for each in self.net.record], [source])
                self.assertEqual(self.server.counters().unanswered, {reason: 1})
                self.check_sum()

    def test_own_port_is_the_one_it_has(self) -> None:
        """On a port that the kernel chose, that port is the server's own."""
        server = EchoServer(self.host.seconds)
        port = self.host.listenUDP(0, server).getHost().port
        for source_port in (port + 1, port):
            self.net.forge(b"", source=("192.0.2.2", source_port), to=(SERVER[0], port))
        self.net.advance(0)
        counters = server.counters()
        self.assertEqual((counters.echoed, dict(counters.unanswered)), (1, {Reason.OWN_PORT: 1}))

    def test_two_servers_do_not_talk_for_ever(self) -> None:
        """One forged datagram between two echo servers ends there."""
        other = EchoServer(self.host.seconds)
        self.net.host("192.0.2.3").listenUDP(7, other)
        self.forge(("192.0.2.3", 7))
        self.net.advance(1)
        self.assertEqual(len(self.net.record), 1)


class SendErrors(ServerCase):
    """Replies that the kernel would not send."""

    NAMES: ClassVar = ("EPERM", "EHOSTUNREACH", "EAGAIN", "ENOBUFS", "EINVAL", "EMSGSIZE", "EACCES")

    def test_each_costs_one_reply(self) -> None:
        """An error is counted by its errno's name; the next datagram is answered."""
        for times, name in enumerate(self.NAMES, 1):
            with self.subTest(name):
                self.begin()
                self.host.fail_sends(getattr(errno, name), times=times)
                for _ in range(times + 1):
                    self.ask()
                self.assertEqual(self.notebook.heard, [(b"hello", SERVER)])
                self.assertEqual(self.server.counters().send_errors, {name: times})
                self.check_sum()

    def test_an_errno_without_a_name(self) -> None:
        """An errno that Python has no name for is counted by its number."""
        self.host.fail_sends(4095)
        self.ask()
        self.assertEqual(self.server.counters().send_errors, {"4095": 1})

    def test_one_line_for_each_errno_in_30_s(self) -> None:
        """The first is logged at once; those of the next 30 s are summed up in one line."""
        for name in ("EPERM", "ENOBUFS"):
            for _ in range(100):
                self.host.fail_sends(getattr(errno, name))
                self.ask()
        first = "could not send 1 of the replies: {}; the next line in 30 s"
        self.assertEqual(self.lines(), [first.format("EPERM"), first.format("ENOBUFS")])
        for wait, lines in ((29.0, 2), (1.0, 3), (29.0, 3)):
            self.net.advance(wait)
            self.host.fail_sends(errno.EPERM)
            self.ask()
            self.assertEqual(len(self.events), lines)
        self.assertIn("could not send 101 of the replies: EPERM", self.lines()[-1])
        self.assertEqual(self.server.counters().send_errors, {"EPERM": 103, "ENOBUFS": 100})

    def test_no_traceback(self) -> None:
        """Lines are warnings without a traceback."""
        self.host.fail_sends(errno.EPERM)
        self.ask()
        (event,) = self.events
        self.assertEqual(event["log_level"].name, "warn")
        self.assertNotIn("log_failure", event)


class Counting(ServerCase):
    """The snapshot, and its sums."""

    def test_a_snapshot_does_not_change(self) -> None:
        """What was read stays as it was read, and nobody can change it."""
        self.forge(("192.0.2.2", 0))
        self.host.fail_sends(errno.EPERM)
        self.ask()
        before = self.server.counters()
        for _ in range(2):
            self.forge(("192.0.2.2", 0))
            self.host.fail_sends(errno.EPERM)
            self.ask()
        self.assertEqual(before.received, 2)
        self.assertEqual(before.unanswered, {Reason.PORT_ZERO: 1})
        self.assertEqual(before.send_errors, {"EPERM": 1})
        with self.assertRaises(dataclasses.FrozenInstanceError):
            before.received = 0  # type: ignore[misc]
        for snapshot in (before, before + before, ServerCounters()):
            for mapping in (snapshot.unanswered, snapshot.send_errors):
                with self.assertRaises(TypeError):
                    mapping["x"] = 1  # type: ignore[index]

    def test_a_snapshot_keeps_its_own_mappings(self) -> None:
        """Changing the mapping that one was made of changes nothing."""
        errors = {"EPERM": 1}
        counters = ServerCounters(send_errors=errors)
        errors["EPERM"] = 2
        self.assertEqual(counters.send_errors, {"EPERM": 1})

    def test_sum(self) -> None:
        """Two servers' counters add up, reason by reason and errno by errno."""
        one = ServerCounters(1, 1, 10, 10, {Reason.PORT_ZERO: 1}, {"EPERM": 2})
        two = ServerCounters(2, 3, 20, 30, {Reason.OWN_PORT: 4}, {"EPERM": 5, "EAGAIN": 6})
        both = ServerCounters(
            3,
            4,
            30,
            40,
            {Reason.PORT_ZERO: 1, Reason.OWN_PORT: 4},
            {"EPERM": 7, "EAGAIN": 6},
        )
        self.assertEqual(one + two, both)
        self.assertEqual(two + one, both)
        self.assertEqual(one + ServerCounters(), one)

    @given(
        st.lists(
            st.tuples(
                st.integers(0, 300),
                st.sampled_from([0, 7, 8, 50000]),
                st.sampled_from([0, *(getattr(errno, name) for name in SendErrors.NAMES)]),
            ),
            max_size=30,
        )
    )
    def test_whatever_comes(self, datagrams: list[tuple[int, int, int]]) -> None:
        """Each datagram received is echoed, not answered, or a send error; bytes too."""
        self.begin()
        for length, port, error in datagrams:
            if error:
                self.host.fail_sends(error)
            self.forge((ASKER[0], port), bytes(length))
        self.check_sum()


@pytest.mark.parametrize("listen", [listen_udp, MemoryHost.listenUDP])
def test_the_rate_is_by_the_clock_of_what_it_listens_on(listen: Callable[..., Any]) -> None:
    """A server that is told no clock takes the network's, which is moved by hand."""
    net = MemoryNetwork()
    server = EchoServer(guard=Guard(Policy(rate=10, burst=10, slip=0), key=b"key"))
    listen(net.host(SERVER[0]), SERVER[1], server)
    for echoed in (10, 20, 25):
        for _ in range(50):
            net.forge(b"", source=ASKER, to=SERVER)
        net.advance(0)
        assert server.counters().echoed == echoed
        net.advance(1.0 if echoed == 10 else 0.5)


def test_without_a_reactor_the_clock_is_the_systems() -> None:
    """As of a transport of twisted.test.proto_helpers."""
    server, transport = EchoServer(), FakeDatagramTransport()
    transport.getHost = lambda: IPv4Address("UDP", *SERVER)  # type: ignore[attr-defined]
    server.makeConnection(transport)
    server.datagramReceived(b"x", ASKER)
    assert transport.written == [(b"x", ASKER)]
