"""listen_udp on a network in memory, which has no descriptors: the host's own listenUDP."""

from __future__ import annotations

from twisted.internet.error import CannotListenError
from twisted.trial.unittest import SynchronousTestCase

from tests.test_server import Notebook
from udpecho.port import listen_udp
from udpecho.testing import MemoryNetwork, MemoryPort


class InMemory(SynchronousTestCase):
    """What our own port does not serve, the reactor does."""

    def setUp(self) -> None:
        self.net = MemoryNetwork()
        self.host = self.net.host("192.0.2.1", "2001:db8::1")

    def test_the_longest_datagram_is_whole(self) -> None:
        """Unlike listenUDP's, the default takes every datagram whole."""
        notebook = Notebook()
        port = listen_udp(self.host, 7, notebook)
        self.assertIsInstance(port, MemoryPort)
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

    def test_taken(self) -> None:
        """An address that can't be had is CannotListenError, as with listenUDP."""
        listen_udp(self.host, 7, Notebook())
        for port, interface in ((7, ""), (8, "192.0.2.9")):
            with self.assertRaises(CannotListenError):
                listen_udp(self.host, port, Notebook(), interface)
