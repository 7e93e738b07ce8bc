"""What the three clients share: a network that does its worst, and callers that do theirs."""

from __future__ import annotations

from typing import Any, Literal

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.client.test_client import SERVER, SERVER6, ClientCase
from tests.examples import given, st
from udpecho.client.asking import AskingClient
from udpecho.client.client import ConnectedEchoClient, EchoClient, MatchingEchoClient
from udpecho.client.request import Reply
from udpecho.errors import BadAddress, ClientClosed, Refused, ReplyTimeout, SendFailed
from udpecho.server.server import EchoServer
from udpecho.testing.host import MemoryHost
from udpecho.testing.network import MemoryNetwork
from udpecho.testing.record import Fate, Fault

Kind = type[EchoClient] | type[ConnectedEchoClient] | type[MatchingEchoClient]

PEERS = [(f"192.0.2.{i}", 7) for i in range(1, 4)]

CHANCES = st.sampled_from([0.0, 0.1, 0.5, 1.0])
LINKS = st.fixed_dictionaries(
    {
        "delay": st.sampled_from([0.0, 0.01, 0.3]),
        "jitter": st.sampled_from([0.0, 0.2]),
        "loss": CHANCES,
        "duplicate": CHANCES,
        "reorder": CHANCES,
        "corrupt": CHANCES,
    }
)


class Asked:
    """Requests, with what each of them fired."""

    def __init__(self, net: MemoryNetwork, host: MemoryHost, kind: Kind, window: int) -> None:
        self.net = net
        where = PEERS[0] if kind is ConnectedEchoClient else ()
        opening = Deferred.fromCoroutine(kind.open(host, *where, window=window))
        net.advance(0)
        self.client: AskingClient = opening.result  # type: ignore[assignment]
        self.requests: list[tuple[tuple[str, int], bytes, Deferred[Reply]]] = []
        self.fired: list[list[Reply | Failure]] = []

    def ask(self, number: int) -> None:
        """Ask one of the peers; of every three requests to a peer, two carry the same bytes."""
        client, data = self.client, b"%d" % (number // 2)
        if isinstance(client, ConnectedEchoClient):
            peer = client.peer
            asked = client.request(data, timeout=0.25, retries=1)
        else:
            assert isinstance(client, EchoClient | MatchingEchoClient)
            peer = PEERS[number % 3]
            asked = client.request(data, peer, timeout=0.25, retries=1)
        self.requests.append((peer, data, asked))
        self.fired.append([])
        asked.addBoth(self.fired[-1].append)

    def close(self) -> None:
        Deferred.fromCoroutine(self.client.close())
        self.net.advance(0)


class AnyNetwork(SynchronousTestCase):
    """The three clients over links that lose, repeat, reorder and corrupt."""

    @given(
        kind=st.sampled_from([EchoClient, ConnectedEchoClient, MatchingEchoClient]),
        seed=st.integers(0, 2**32),
        link=LINKS,
        window=st.integers(1, 20),
        servers=st.integers(0, 3),
        refusals=st.sampled_from(["called", "closed"]),
        cancelled=st.sets(st.integers(0, 29)),
        close_after=st.sampled_from([0.0, 0.4, 2.0, 60.0]),
    )
    def test_each_request_ends_once(
        self,
        kind: Kind,
        seed: int,
        link: dict[str, Any],
        window: int,
        servers: int,
        refusals: Literal["called", "closed"],
        cancelled: set[int],
        close_after: float,
    ) -> None:
        """Each Deferred fires once, nothing is left, and the counters agree with the network."""
        net = MemoryNetwork(seed)
        host = net.host("192.0.2.200", refusals=refusals)
        for number, (address, port) in enumerate(PEERS):
            there = net.host(address)
            net.link(host, there, **link)
            if number < servers:
                there.listenUDP(port, EchoServer(host.seconds), maxPacketSize=65536)
        asked = Asked(net, host, kind, window)
        for number in range(30):
            asked.ask(number)
        net.advance(0.1)
        for number in cancelled:
            asked.requests[number][2].cancel()
        net.advance(close_after)
        asked.close()
        net.advance(10)
        self.check_fired(asked)
        self.check_counters(asked)
        self.assertEqual((host.getDelayedCalls(), host.getReaders()), ((), []))

    def check_fired(self, asked: Asked) -> None:
        self.assertEqual([len(fired) for fired in asked.fired], [1] * 30)
        for (peer, data, _), (result,) in zip(asked.requests, asked.fired, strict=True):
            if isinstance(result, Failure):
                ways = (ReplyTimeout, Refused, ClientClosed, CancelledError)
                self.assertIsNotNone(result.check(*ways), result)
            elif not isinstance(asked.client, EchoClient):
                self.assertEqual((result.data, result.peer), (data, peer))

    def check_counters(self, asked: Asked) -> None:
        counters = asked.client.counters()
        results = [result for (result,) in asked.fired]
        failed = [result.type for result in results if isinstance(result, Failure)]
        self.assertEqual((counters.requests, counters.outstanding), (30, 0))
        self.assertEqual(counters.replied, 30 - len(failed))
        self.assertEqual(counters.timed_out, failed.count(ReplyTimeout))
        self.assertEqual(counters.refused, failed.count(Refused))
        self.assertEqual(counters.cancelled, failed.count(CancelledError))
        self.assertEqual(counters.failed, failed.count(ClientClosed))
        ours = [each for each in asked.net.record if each.source[0] == "192.0.2.200"]
        left = [e for e in ours if e.fate is not Fate.UNSENT and Fault.DUPLICATE not in e.faults]
        self.assertEqual(counters.sent, len(left))
        heard = sum(
            each.fate is Fate.DELIVERED and each.destination[0] == "192.0.2.200"
            for each in asked.net.record
        )
        unclaimed = counters.late + counters.duplicates + counters.strangers
        self.assertEqual(heard, counters.replied + unclaimed)


class Misused(ClientCase):
    """What a caller does wrong costs that caller an error, and the client nothing."""

    def test_what_is_no_address(self) -> None:
        """A host or port of the wrong type, or a name that can't be one, leaves nothing behind."""
        client = self.matching()
        for host, port, text in (
            ("192.0.2.1", 7.5, "expected a port from 1 to 65535, got 7.5"),
            ("192.0.2.1", "7", "expected a port from 1 to 65535, got '7'"),
            ("192.0.2.1", None, "expected a port from 1 to 65535, got None"),
            ("x..example", 7, "expected a host's name or address, got 'x..example'"),
        ):
            with self.subTest(host=host, port=port):
                wrong: Any = (host, port)
                failure = self.failureResultOf(client.request(b"x", wrong), BadAddress)
                self.assertEqual(failure.getErrorMessage(), text)
                self.assertEqual(client.counters().outstanding, 0)

    def test_data_may_change_afterwards(self) -> None:
        """A bytearray is copied: what its owner does with it later changes no attempt."""
        self.serve()
        client = self.matching()
        data: Any = bytearray(b"before")
        asked = client.request(data, SERVER)
        data[:] = b"after!"
        self.assertEqual(self.reply_to(asked).data, b"before")

    def test_no_window(self) -> None:
        """A window that lets nothing through is refused when the client is made."""
        window: Any
        for window in (0, -1, 1.5, float("nan"), "9", None):
            with self.assertRaises(ValueError) as caught:
                MatchingEchoClient(self.host, window=window)
            expected = f"window: expected a whole number, 1 or more, got {window!r}"
            self.assertEqual(str(caught.exception), expected)

    def test_what_is_of_no_right_type(self) -> None:
        """A TypeError at once names the argument, and nothing is left behind."""
        client = self.matching()
        good: dict[str, Any] = {"data": b"x", "address": SERVER, "timeout": 1.0}
        for wrong, text in (
            ({"timeout": "1"}, "timeout: expected seconds, got '1'"),
            ({"timeout": None}, "timeout: expected seconds, got None"),
            ({"data": "x"}, "data: expected bytes, got 'x'"),
            ({"data": None}, "data: expected bytes, got None"),
            ({"address": None}, "address: expected a host and a port, got None"),
            ({"address": (None, 7)}, "address: expected a host and a port, got (None, 7)"),
            ({"address": (b"::1", 7)}, "address: expected a host and a port, got (b'::1', 7)"),
        ):
            with self.subTest(text):
                with self.assertRaises(TypeError) as caught:
                    client.request(**good | wrong)
                self.assertEqual(str(caught.exception), text)
        self.assertEqual(client.counters().requests, 0)


class Sockets(ClientCase):
    """A client's sockets, opened and closed under it."""

    def test_a_failed_reconnect_after_a_refusal(self) -> None:
        """A socket that could not be connected is closed, and the client is not."""
        only4 = self.net.host("192.0.2.9")
        client = self.now(ConnectedEchoClient.open(only4, *SERVER))
        self.failureResultOf(self.turn(client.request(b"1")), Refused)
        failed = Deferred.fromCoroutine(client.reconnect(*SERVER6))
        self.failureResultOf(failed, SendFailed)
        self.net.advance(0)
        self.serve()
        self.assertEqual(self.reply_to(client.request(b"2")).peer, SERVER)

    def turn(self, asked: Deferred[Reply]) -> Deferred[Reply]:
        self.net.advance(0)
        return asked

    def test_no_route_for_the_apps_socket(self) -> None:
        """An app's listenUDP says that the peer can't be reached; the client stays closed."""
        only4 = self.net.host("192.0.2.9")
        client = ConnectedEchoClient(only4, *SERVER6)
        with self.assertRaises(SendFailed):
            only4.listenUDP(0, client, "::")
        self.failureResultOf(client.request(b"x"), ClientClosed)

    def test_both_families(self) -> None:
        """Without an interface the client has a socket of each family, opened when needed."""
        self.serve()
        self.serve(interface="2001:db8::1")
        client = self.matching()
        self.assertEqual([host for host, _ in client.local_addresses], ["0.0.0.0"])
        for peer in (SERVER, SERVER6):
            self.assertEqual(self.reply_to(client.request(b"x", peer)).peer, peer)
        self.assertEqual([host for host, _ in client.local_addresses], ["0.0.0.0", "::"])
        self.now(client.close())
        self.assertEqual(self.host.getReaders(), [])

    def test_a_stranger_to_the_other_socket(self) -> None:
        """A reply is a reply whichever of the client's sockets it reaches; so is a stranger."""
        client = self.matching()
        client.request(b"x", SERVER6).addErrback(lambda _: None)
        to = ("192.0.2.2", client.local_addresses[0][1])
        self.net.forge(b"y", source=SERVER, to=to)
        self.net.advance(0)
        self.assertEqual(client.counters().strangers, 1)
        self.now(client.close())


class RefusedMeanwhile(ClientCase):
    """A refusal of anything that is there when an attempt is over, while callbacks write more."""

    stock = True

    def test_sent_counts_what_was_sent(self) -> None:
        """It is heard before another attempt is made, whatever its callback sends next."""
        self.net.link(self.host, self.server, delay=0.125)
        client = self.connected()
        client.request(b"first").addErrback(lambda _: None)
        self.net.advance(0.1875)  # its refusal is on its way back
        again: list[Deferred[Reply]] = []
        asked = client.request(b"second", timeout=0.0625)
        asked.addErrback(lambda _: again.append(client.request(b"third", retries=0)))
        self.net.advance(0.0625)  # the refusal is there, and the attempt over
        sent = [each.data for each in self.net.record if each.fate is not Fate.UNSENT]
        self.assertEqual(sent, [b"first", b"second", b"third"])
        self.assertEqual((client.counters().sent, client.counters().unsent), (3, 0))
        self.net.advance(0.25)
        self.failureResultOf(again[0], Refused)
