"""listen_udp on a network in memory: our own port, over sockets that no descriptor stands for."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.server.test_server import Notebook
from udpecho.port.listen import adopt_udp, listen_udp
from udpecho.testing.network import MemoryNetwork
from udpecho.testing.record import Fate


class InMemory(SynchronousTestCase):
    """Who listens where, and for which family."""

    def setUp(self) -> None:
        self.net = MemoryNetwork()
        self.host = self.net.host("192.0.2.1", "2001:db8::1")

    def test_the_longest_datagram_is_whole(self) -> None:
        """Unlike listenUDP's, the default takes every datagram whole."""
        notebook = Notebook()
        port = listen_udp(self.host, 7, notebook)
        self.assertEqual(port.getHost().port, 7)
        self.net.forge(bytes(65507), source=("192.0.2.2", 7), to=("192.0.2.1", 7))
        self.net.advance(0)
        self.assertEqual([len(data) for data, _ in notebook.heard], [65507])

    def test_one_address(self) -> None:
        """On an interface it hears what is sent there, and nothing else."""
        notebook = Notebook()
        listen_udp(self.host, 7, notebook, "2001:db8::1")
        self.net.forge(b"4", source=("192.0.2.2", 7), to=("192.0.2.1", 7))
        self.net.forge(b"6", source=("2001:db8::2", 7), to=("2001:db8::1", 7))
        self.net.advance(0)
        self.assertEqual(notebook.heard, [(b"6", ("2001:db8::2", 7))])

    def test_an_ipv6_port_takes_ipv6_only(self) -> None:
        """So both families' wildcards have the same port, in whichever order they take it."""
        for port, wildcards in ((7, ("0.0.0.0", "::")), (8, ("::", "0.0.0.0"))):
            heard = {interface: Notebook() for interface in wildcards}
            for interface, notebook in heard.items():
                listen_udp(self.host, port, notebook, interface)
            self.net.forge(b"4", source=("192.0.2.2", 7), to=("192.0.2.1", port))
            self.net.forge(b"6", source=("2001:db8::2", 7), to=("2001:db8::1", port))
            self.net.advance(0)
            self.assertEqual(heard["0.0.0.0"].heard, [(b"4", ("192.0.2.2", 7))])
            self.assertEqual(heard["::"].heard, [(b"6", ("2001:db8::2", 7))])
            for interface in wildcards:
                with self.assertRaises(CannotListenError):
                    listen_udp(self.host, port, Notebook(), interface)

    def test_an_ipv6_port_sends_over_ipv6_only(self) -> None:
        """A mapped address is of a network that it can't reach, as on Linux."""
        port = listen_udp(self.host, 7, Notebook(), "::")
        port.write(b"x", ("::ffff:192.0.2.2", 7))
        self.assertEqual(port.counters().not_sent, {"ENETUNREACH": 1})

    def test_ipv4_is_refused_where_ipv6_alone_listens(self) -> None:
        """Nobody hears what comes over IPv4 for the port."""
        listen_udp(self.host, 7, Notebook(), "::")
        self.net.forge(b"4", source=("192.0.2.2", 7), to=("192.0.2.1", 7))
        self.net.advance(0)
        self.assertEqual([each.fate for each in self.net.record], [Fate.REFUSED])

    def test_a_descriptor_is_not_adopted(self) -> None:
        """There are none in memory: one line says so, before anything is copied."""
        with self.assertRaisesRegex(TypeError, "expected a reactor that watches descriptors, got"):
            adopt_udp(self.host, 0, Notebook())

    def test_what_comes_over_ipv6_from_ipv4_is_not_delivered(self) -> None:
        """An IPv4 address in disguise is counted, in memory as on a wire."""
        notebook = Notebook()
        port = listen_udp(self.host, 7, notebook, "::")
        for source in ("::ffff:127.0.0.1", "2001:db8::2"):
            self.net.forge(b"6", source=(source, 7), to=("2001:db8::1", 7))
        self.net.advance(0)
        self.assertEqual(notebook.heard, [(b"6", ("2001:db8::2", 7))])
        self.assertEqual(port.counters().mapped, 1)

    def test_taken(self) -> None:
        """An address that can't be had is CannotListenError, as with listenUDP."""
        listen_udp(self.host, 7, Notebook())
        for port, interface in ((7, ""), (8, "192.0.2.9")):
            with self.assertRaises(CannotListenError):
                listen_udp(self.host, port, Notebook(), interface)

    def test_a_size_that_cannot_be_is_named(self) -> None:
        """Before anything is opened."""
        for name, size, error in (
            ("maxPacketSize", -1, ValueError),
            ("maxPacketSize", 2**31, ValueError),
            ("maxPacketSize", None, TypeError),
            ("receive_buffer", 0, ValueError),
            ("receive_buffer", 2**31, ValueError),
            ("receive_buffer", "4 MiB", TypeError),
        ):
            sizes: Any = {name: size}
            for listen in (
                lambda sizes: listen_udp(self.host, 7, Notebook(), **sizes),
                lambda sizes: listen_udp(Clock(), 7, Notebook(), **sizes),
                lambda sizes: adopt_udp(self.host, 0, Notebook(), **sizes),
            ):
                expected = (
                    rf"^{name}: expected a whole number from [01] to 2147483647, got {size!r}$"
                )
                with self.assertRaisesRegex(error, expected):
                    listen(sizes)
        listen_udp(self.host, 7, Notebook(), maxPacketSize=0, receive_buffer=2**31 - 1)
