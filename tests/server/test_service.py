"""EchoService on a network in memory: start, stop, start again, and what can go wrong."""

from __future__ import annotations

import gc
import os
import socket
import weakref
from errno import EAGAIN
from typing import Any, cast

from twisted.application.service import MultiService
from twisted.internet.error import CannotListenError, ConnectionLost
from twisted.logger import LogEvent, Logger, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.server.test_server import Notebook
from udpecho.guard.policy import Policy
from udpecho.guard.reasons import Reason
from udpecho.port.port import DRAIN
from udpecho.reactors import IDatagramReactor
from udpecho.server.addresses import LOOPBACK, InheritedSocket, UdpAddress, everywhere
from udpecho.server.server import EchoServer
from udpecho.server.service import EchoService
from udpecho.testing.network import MemoryNetwork
from udpecho.testing.record import Fate

HERE = UdpAddress(1060, "192.0.2.1")
HERE6 = UdpAddress(1060, "2001:db8::1")
SERVER = ("192.0.2.1", 1060)


class ServiceCase(SynchronousTestCase):
    """A host that serves, and one that asks."""

    def setUp(self) -> None:
        self.net = MemoryNetwork()
        self.host = self.net.host("192.0.2.1", "2001:db8::1")
        self.events: list[LogEvent] = []
        self.notebook = Notebook()
        self.net.host("192.0.2.2").listenUDP(50000, self.notebook)

    def service(self, *listens: Any, **options: Any) -> EchoService:
        log: Any = Logger(namespace="test", observer=self.events.append)  # type: ignore[arg-type]
        return EchoService(self.host, listens or (HERE, HERE6), log=log, **options)

    def started(self, *listens: Any) -> EchoService:
        service = self.service(*listens)
        service.startService()
        return service

    def ask(self, data: bytes = b"hello") -> None:
        assert self.notebook.transport is not None
        self.notebook.transport.write(data, SERVER)

    def answers(self, data: bytes = b"hello") -> bool:
        self.notebook.heard.clear()
        self.ask(data)
        self.net.advance(0)
        return self.notebook.heard == [(data, SERVER)]

    def stop(self, service: EchoService) -> None:
        stopped = service.stopService()
        self.net.advance(0)
        self.successResultOf(stopped)

    def check_closed(self) -> None:
        self.assertEqual((self.host.getReaders(), self.host.getDelayedCalls()), ([], ()))

    def lines(self) -> list[str]:
        return [formatEvent(event) for event in self.events]


class Starting(ServiceCase):
    """The ways to start."""

    def test_start(self) -> None:
        """A start opens all addresses, and says in one line which."""
        service = self.started()
        self.assertTrue(self.answers())
        self.assertEqual(service.addresses(), [SERVER, ("2001:db8::1", 1060)])
        self.assertEqual(self.lines(), ["udpecho answers at 192.0.2.1:1060, [2001:db8::1]:1060"])

    def test_loopback_by_default(self) -> None:
        """Without addresses it serves this machine alone, and says how to serve the network."""
        self.started(*LOOPBACK)
        self.assertFalse(self.answers())
        (line,) = self.lines()
        self.assertEqual(
            line,
            "udpecho answers at 127.0.0.1:1060, [::1]:1060, this machine only; "
            "to serve the network: --listen=udp:1060",
        )

    def test_everywhere(self) -> None:
        """All addresses of both families, by one socket of each."""
        service = self.started(*everywhere(1060))
        self.assertTrue(self.answers())
        self.net.forge(b"x", source=("2001:db8::2", 40000), to=("2001:db8::1", 1060))
        self.net.advance(0)
        self.assertEqual(service.addresses(), [("0.0.0.0", 1060), ("::", 1060)])
        self.assertEqual(service.counters().echoed, 2)

    def test_each_stop_ends_when_all_is_closed(self) -> None:
        """A second one, too, that comes while the first closes."""
        self.check_two_stops(restarts=False)

    def test_a_stop_after_a_restart_ends_when_all_is_closed(self) -> None:
        """Though the stop before it does what is to be done."""
        self.check_two_stops(restarts=True)

    def check_two_stops(self, restarts: bool) -> None:
        service = self.started()
        for number in range(300):
            self.net.forge(b"%d" % number, source=("192.0.2.2", 40000), to=SERVER)
        ports: list[Any] = list(service._ports)
        first = service.stopService()
        if restarts:
            service.startService()
        when: list[list[bool]] = []
        for stop in (first, service.stopService()):
            stop.addCallback(lambda _: when.append([each.connected for each in ports]))
        self.net.advance(1)
        self.assertEqual(when, [[False, False]] * 2)
        self.assertEqual(service.addresses(), [])

    def test_privileged_start(self) -> None:
        """Twistd starts it twice, first with its privileges: it opens once, at the first."""
        service = self.service()
        service.privilegedStartService()
        self.assertTrue(self.answers())
        ports = self.host.getReaders()
        service.startService()
        self.assertEqual(self.host.getReaders(), ports)
        self.assertEqual(len(self.events), 1)
        self.stop(service)
        self.check_closed()

    def test_in_a_multi_service(self) -> None:
        """It starts and stops with its parent, beside another of its kind."""
        parent = MultiService()
        service = self.service()
        service.setServiceParent(parent)
        self.service(UdpAddress(1061, "192.0.2.1")).setServiceParent(parent)
        parent.privilegedStartService()
        parent.startService()
        self.assertTrue(self.answers())
        stopped = parent.stopService()
        self.assertNoResult(stopped)
        self.net.advance(0)
        self.successResultOf(stopped)
        self.check_closed()

    def test_joins_a_parent_that_runs(self) -> None:
        """It starts when it is given a running parent, and stops when it is taken away."""
        parent = MultiService()
        parent.startService()
        service = self.service()
        service.setServiceParent(parent)
        self.assertTrue(self.answers())
        left = service.disownServiceParent()
        self.net.advance(0)
        self.successResultOf(left)
        self.check_closed()

    def test_policy(self) -> None:
        """Its policy holds at all its addresses together."""
        service = self.service(HERE, HERE6, policy=Policy(rate=1, burst=2, slip=0))
        service.startService()
        for number in range(3):
            self.ask(b"%d" % number)
        self.net.advance(0)
        self.assertEqual(service.counters().echoed, 2)
        self.assertEqual(service.counters().unanswered, {Reason.OVER_RATE: 1})


class Failing(ServiceCase):
    """Addresses that can't be had."""

    def test_taken(self) -> None:
        """A port that is taken fails the start, and leaves none of the others open."""
        other = self.host.listenUDP(1060, Notebook(), "2001:db8::1")
        for start in ("startService", "privilegedStartService"):
            with self.subTest(start):
                service = self.service()
                with self.assertRaises(CannotListenError) as caught:
                    getattr(service, start)()
                self.assertEqual((caught.exception.interface, caught.exception.port), HERE6_AT)
                self.net.advance(0)
                self.assertEqual(self.host.getReaders(), [other])
                self.assertEqual(service.addresses(), [])
        other.stopListening()
        self.net.advance(0)
        service.startService()
        self.assertTrue(self.answers())

    def test_an_optional_address(self) -> None:
        """A machine without the address does without, if it may."""
        missing = UdpAddress(1060, "2001:db8::9", optional=True)
        service = self.started(HERE, missing)
        self.assertEqual(service.addresses(), [SERVER])
        with self.assertRaises(CannotListenError):
            self.started(UdpAddress(1061, "2001:db8::9"))

    def test_optional_is_not_whatever_happens(self) -> None:
        """An optional address that another program has taken is an error all the same."""
        self.host.listenUDP(1060, Notebook(), "2001:db8::1")
        with self.assertRaises(CannotListenError):
            self.started(HERE, UdpAddress(1060, "2001:db8::1", optional=True))


HERE6_AT = (HERE6.interface, HERE6.port)


class Stopping(ServiceCase):
    """The stop, and what comes after it."""

    def test_answers_what_is_queued(self) -> None:
        """What has reached the queue before the stop is answered before the close."""
        service = self.started()
        for number in range(20):
            self.ask(b"%d" % number)
        stopped = service.stopService()
        self.net.advance(0)
        self.successResultOf(stopped)
        self.assertEqual(len(self.notebook.heard), 20)
        self.assertEqual(
            {each.fate for each in self.net.record}, {Fate.DELIVERED}, "none was left unread"
        )
        self.check_closed()

    def test_is_bounded(self) -> None:
        """A flood does not keep it from closing for longer than a quarter of a second."""
        service = self.started()

        def flood() -> None:
            self.ask()
            flooding.append(self.host.callLater(0.001, flood))

        flooding = [self.host.callLater(0, flood)]
        self.net.advance(0.1)
        stopped = service.stopService()
        self.net.advance(DRAIN + 0.01)
        self.successResultOf(stopped)
        self.assertEqual(self.host.getReaders(), [])
        flooding[-1].cancel()

    def test_start_again(self) -> None:
        """It starts and stops as often as one likes, and its counters go on."""
        service = self.service()
        for times in range(1, 4):
            service.startService()
            self.assertTrue(self.answers())
            self.assertEqual(service.counters().echoed, times)
            self.stop(service)
            self.check_closed()
            self.assertFalse(self.answers())

    def test_says_what_it_did(self) -> None:
        """A stop ends in one line with all the counts: those that no line has told yet, too."""
        self.net.host("192.0.2.3")
        service = self.started()
        for source, times in ((0, 5), (53, 2), (40000, 4)):
            for _ in range(times):
                self.net.forge(b"x", source=("192.0.2.3", source), to=SERVER)
        self.net.advance(0)
        self.host.fail_sends(EAGAIN, times=3)
        for _ in range(3):
            self.ask()
        self.net.advance(0)
        self.events.clear()
        self.stop(service)
        counts = "14 received, 4 echoed, 7 unanswered (source port 0: 5, from a service's port: 2)"
        self.assertEqual(self.lines(), [f"udpecho has stopped: {counts}, 3 not sent (EAGAIN: 3)"])
        self.stop(service)
        self.assertEqual(len(self.events), 1, "once")

    def test_keeps_nothing_of_what_has_ended(self) -> None:
        """However often it is started again, it holds no servers but those that run."""
        service = self.service()
        servers: set[weakref.ref[EchoServer]] = set()
        for _ in range(3):
            service.startService()
            servers |= {weakref.ref(server) for server in service._servers.values()}
            self.ask()
            self.stop(service)
        gc.collect()
        self.assertEqual(len(servers), 6, "one for each family, at each start")
        self.assertEqual({server() for server in servers}, {None})
        self.assertEqual(service.counters().echoed, 3)

    def test_start_while_stopping(self) -> None:
        """Started again before it has closed, it goes on."""
        service = self.started()
        stopped = service.stopService()
        service.startService()
        self.net.advance(0)
        self.successResultOf(stopped)
        self.assertTrue(service.running)
        self.assertTrue(self.answers())
        self.stop(service)
        self.check_closed()

    def test_stop_without_start(self) -> None:
        """What never ran stops at once."""
        self.successResultOf(self.service().stopService())


class Losing(ServiceCase):
    """Sockets that are gone though nobody stopped the service."""

    def lose(self, service: EchoService, address: tuple[str, int]) -> None:
        """Have a port's socket closed from outside."""
        ports = [port for port in service._ports if address[0] == port.getHost().host]
        for port in ports:
            transport: Any = service._servers[port].transport
            transport.connectionLost(Failure(ConnectionLost()))
        self.assertEqual(len(ports), 1)

    def test_the_last_one_is_told(self) -> None:
        """Without one of two it goes on, and says so; without the last it tells its owner."""
        service = self.started()
        self.assertTrue(self.answers())
        self.events.clear()
        self.lose(service, ("2001:db8::1", 1060))
        self.net.advance(0)
        self.assertNoResult(service.lost)
        self.assertTrue(self.answers())
        self.lose(service, SERVER)
        self.assertNoResult(service.lost)
        self.net.advance(0)
        self.successResultOf(service.lost)
        start = "udpecho has lost its socket at"
        one, other = self.lines()
        self.assertEqual(one, f"{start} [2001:db8::1]:1060, and still answers at 192.0.2.1:1060")
        self.assertEqual(other, f"{start} 192.0.2.1:1060, and answers no more")
        self.assertEqual((service.addresses(), service.counters().echoed), ([], 2))
        self.stop(service)
        self.check_closed()

    def test_its_owner_may_start_it_again(self) -> None:
        """At the same address; the next loss is told as well."""
        service = self.started(HERE)
        for _ in range(2):
            lost = service.lost
            lost.addCallback(lambda _: service.startService())
            self.lose(service, SERVER)
            self.net.advance(0)
            self.successResultOf(lost)
            self.assertTrue(self.answers())
        self.assertEqual(service.counters().echoed, 2)
        self.stop(service)
        self.check_closed()

    def test_a_stop_is_no_loss(self) -> None:
        """Nor is one that comes while it stops."""
        service = self.started()
        self.stop(service)
        self.assertNoResult(service.lost)
        service.startService()
        stopped = service.stopService()
        self.lose(service, SERVER)
        self.net.advance(0)
        self.successResultOf(stopped)
        self.assertNoResult(service.lost)
        self.check_closed()

    def test_a_stop_in_the_same_turn_comes_first(self) -> None:
        """What nobody misses is not told."""
        service = self.started(HERE)
        self.lose(service, SERVER)
        self.stop(service)
        self.assertNoResult(service.lost)


class Serving(ServiceCase):
    """What its servers have in common."""

    def test_counters_of_all(self) -> None:
        """The service's counters are the sums of its servers'."""
        service = self.started(HERE, UdpAddress(1061, "192.0.2.1"))
        for to, source in ((1060, 0), (1061, 0), (1061, 50000)):
            self.net.forge(b"12345", source=("192.0.2.2", source), to=("192.0.2.1", to))
        self.net.advance(0)
        counters = service.counters()
        self.assertEqual((counters.received, counters.echoed), (3, 1))
        self.assertEqual((counters.bytes_received, counters.bytes_echoed), (15, 5))
        self.assertEqual(counters.unanswered, {Reason.PORT_ZERO: 2})

    def test_its_ports_do_not_answer_each_other(self) -> None:
        """A forged datagram from one of its ports to another is not answered."""
        service = self.started(HERE, UdpAddress(1061, "192.0.2.1"))
        for to, source in ((1060, 1061), (1061, 1060)):
            self.net.forge(b"", source=("192.0.2.1", source), to=("192.0.2.1", to))
        self.net.advance(0)
        self.assertEqual(service.counters().unanswered, {Reason.OWN_PORT: 2})
        self.assertEqual(len(self.net.record), 2)


class Inherited(SynchronousTestCase):
    """Descriptors that a parent process left; what can be told without listening on one."""

    def test_what_is_no_udp_socket(self) -> None:
        """Each wrong descriptor is a CannotListenError that says so, and stays open."""
        from twisted.internet import reactor

        reading, writing = os.pipe()
        tcp = socket.socket()
        unix = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        closed = os.dup(reading)
        os.close(closed)
        rows = [
            ("a pipe", reading, "Socket operation on non-socket"),
            ("closed", closed, "Bad file descriptor"),
            ("TCP", tcp.fileno(), "not a UDP socket"),
            ("Unix", unix.fileno(), "not a UDP socket"),
        ]
        for what, fd, text in rows:
            with self.subTest(what):
                service = EchoService(cast(IDatagramReactor, reactor), [InheritedSocket(fd)])
                with self.assertRaises(CannotListenError) as caught:
                    service.bind()
                self.assertIn(f"inherited descriptor:{fd}: ", str(caught.exception))
                self.assertIn(text, str(caught.exception))
                if what != "closed":
                    os.fstat(fd)
        for end in (reading, writing):
            os.close(end)
        tcp.close()
        unix.close()

    def test_stays_for_another_start(self) -> None:
        """The service takes a copy; the descriptor that it was given stays open."""
        from twisted.internet import reactor

        parents = socket.socket(type=socket.SOCK_DGRAM)
        self.addCleanup(parents.close)
        parents.bind(("127.0.0.1", 0))
        service = EchoService(cast(IDatagramReactor, reactor), [InheritedSocket(parents.fileno())])
        for _ in range(2):
            service.bind()
            self.successResultOf(service.stopService())
            self.assertNotEqual(parents.getsockname()[1], 0)
