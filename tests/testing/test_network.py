"""The network in memory, and what only it can do; Linux's rules are in test_rules."""

from __future__ import annotations

import doctest
import errno
from socket import AF_INET, AF_INET6
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHostnameResolver,
    IHostResolution,
    IListeningPort,
    IReactorPluggableNameResolver,
    IReactorTime,
    IReactorUDP,
    IResolutionReceiver,
    ISystemHandle,
    IUDPTransport,
)
from twisted.internet.udp import Port
from twisted.logger import LogEvent
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tests.rules import ROUTES, V4, Echo, Notebook
from udpecho import testing
from udpecho.errors import BadAddress, DatagramTooLong, WrongFamily
from udpecho.peer import Peer
from udpecho.testing import timeline
from udpecho.testing.network import MemoryNetwork
from udpecho.testing.record import Fate, Fault
from udpecho.testing.sockets import MemorySocket

SERVER = "192.0.2.1"
SERVER_SECOND = "192.0.2.10"
SERVER6 = "2001:db8::1"
CLIENT = "192.0.2.2"
CLIENT6 = "2001:db8::2"
FORGER = ("203.0.113.66", 1060)


class Pair:
    """A server on every address of one host, and a client on another."""

    def __init__(self, seed: int = 0, **link: Any) -> None:
        self.net = MemoryNetwork(seed)
        self.far = self.net.host(SERVER, SERVER_SECOND, SERVER6, names=["Echo.example"])
        self.near = self.net.host(CLIENT, CLIENT6)
        self.net.link(self.near, self.far, one_way=False, **link)
        self.server = Echo()
        self.far.listenUDP(7, self.server)
        self.client = Notebook()
        self.near.listenUDP(50000, self.client)

    def ask(self, *data: bytes, wait: float = 10.0) -> list[bytes]:
        """Send, wait, and return all that was heard so far."""
        for each in data:
            self.client.send(each, (SERVER, 7))
        self.net.advance(wait)
        return self.client.heard

    def fates(self) -> list[Fate]:
        return [datagram.fate for datagram in self.net.record]


@pytest.fixture
def pair() -> Pair:
    return Pair()


def test_the_example_in_the_docstring() -> None:
    """The page of the module shows what happens."""
    results = doctest.testmod(testing)
    assert (results.attempted > 5, results.failed) == (True, 0)


# Interfaces


@implementer(IResolutionReceiver)
class Receiver:
    """Remembers what a resolver told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        self.told.append("began")

    def addressResolved(self, address: IAddress) -> None:
        self.told.append(address)

    def resolutionComplete(self) -> None:
        self.told.append("complete")


def test_interfaces(pair: Pair) -> None:
    """Each part is what Twisted's protocols take it for."""
    assert verifyObject(IReactorUDP, pair.near)
    assert verifyObject(IReactorTime, pair.near)
    assert verifyObject(IReactorPluggableNameResolver, pair.near)
    assert verifyObject(IListeningPort, pair.client.port)
    assert verifyObject(IUDPTransport, pair.client.port)
    assert verifyObject(ISystemHandle, pair.client.port)
    assert verifyObject(IHostnameResolver, pair.near.nameResolver)
    resolution = pair.near.nameResolver.resolveHostName(Receiver(), "echo.example")
    assert verifyObject(IHostResolution, resolution)
    assert verifyObject(IDelayedCall, pair.near.callLater(1, list))


# Hosts


@pytest.mark.parametrize(
    ("own", "asked", "answered"),
    [
        ("", SERVER, SERVER),
        (CLIENT, SERVER, SERVER),
        (CLIENT, SERVER_SECOND, SERVER),  # a wildcard socket answers from the first address
        (CLIENT6, SERVER6, SERVER6),
        ("::", SERVER6, SERVER6),
        ("::", f"::ffff:{SERVER}", f"::ffff:{SERVER}"),
    ],
)
def test_asking_another_host(pair: Pair, own: str, asked: str, answered: str) -> None:
    """A datagram goes to the host that has the address, and the reply comes back."""
    pair.far.listenUDP(7, Echo(), SERVER6)
    client = Notebook()
    pair.near.listenUDP(0, client, own)
    client.send(b"hello", (asked, 7))
    pair.net.advance()
    assert (client.heard, client.peers) == ([b"hello"], [(answered, 7)])


def test_an_address_is_compared_in_canonical_form(pair: Pair) -> None:
    """However an IPv6 address is written, it is the same host."""
    pair.far.listenUDP(7, Echo(), SERVER6)
    client = Notebook()
    pair.near.listenUDP(0, client, CLIENT6)
    client.send(b"hello", ("2001:0DB8:0:0::1", 7))
    pair.net.advance()
    assert client.peers == [(SERVER6, 7)]


@pytest.mark.parametrize(
    ("own", "to", "expected"),
    [
        ("", CLIENT6, errno.ENETUNREACH),  # mapped or not, IPv4 has no way there
        ("127.0.0.1", SERVER, errno.EINVAL),  # so Linux says of leaving loopback
        ("::1", SERVER6, None),  # it leaves, and arrives nowhere
    ],
)
def test_no_way_there(own: str, to: str, expected: int | None) -> None:
    """What can't leave the host fails in write; IPv6 loopback's fails in silence."""
    net = MemoryNetwork()
    net.host(SERVER, SERVER6)
    host = net.host(CLIENT)
    client = Notebook()
    host.listenUDP(0, client, "::" if to == CLIENT6 else own)
    if expected is None:
        client.send(b"x", (to, 7))
    else:
        with pytest.raises(OSError) as raised:  # noqa: PT011 (the errno is looked at)
            client.send(b"x", (to, 7))
        assert raised.value.errno == expected
    (datagram,) = net.record
    assert datagram.fate == (Fate.UNSENT if expected else Fate.UNREACHABLE)


def test_loopback_stays_in_its_host(pair: Pair) -> None:
    """127.0.0.1 is another host for everyone."""
    pair.client.send(b"x", (V4, 7))
    pair.net.advance()
    assert pair.server.heard == []
    assert pair.fates() == [Fate.REFUSED]


def test_an_unknown_address_is_silent(pair: Pair) -> None:
    """A connected socket hears nothing from where no host is."""
    pair.client.port.connect("198.51.100.1", 7)
    pair.client.send(b"x")
    pair.net.advance(10)
    assert (pair.client.refusals, pair.client.stops) == (0, 0)
    assert pair.fates() == [Fate.UNREACHABLE]


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("echo.example", "expected"),
        ("192.0.2", "expected"),
        ("127.0.0.5", "is taken"),  # every host's
        ("::1", "is taken"),
        (SERVER, "is taken"),  # another host's
        ("2001:DB8::0:1", "is taken"),  # likewise, however it is written
        ("0.0.0.0", "stands for all addresses"),
        ("::", "stands for all addresses"),
        ("224.0.0.1", "belongs to no host"),
        ("ff02::1", "belongs to no host"),
        ("255.255.255.255", "belongs to no host"),
        ("::ffff:192.0.2.9", "write it as one"),
        ("fe80::1%lo", "give no scope"),
        (None, "expected, not None"),
        (b"192.0.2.9", "expected, not b'192.0.2.9'"),
    ],
)
def test_bad_host(pair: Pair, address: Any, why: str) -> None:
    """A host's address is an IP address and its own."""
    with pytest.raises(BadAddress, match=why):
        pair.net.host("192.0.2.77", address)
    pair.net.host("192.0.2.77")  # nothing is left of the failure


def test_one_name_is_not_its_letters(pair: Pair) -> None:
    """A text is a sequence of texts, too."""
    with pytest.raises(TypeError, match=r"names are several, as \('ab',\), not 'ab'"):
        pair.net.host("192.0.2.77", names="ab")


def test_bad_refusals(pair: Pair) -> None:
    """There are two ways of telling a refusal."""
    with pytest.raises(ValueError, match='"called" or "closed", not \'ignored\''):
        pair.net.host(refusals="ignored")  # type: ignore[arg-type]


def test_a_link_of_another_network(pair: Pair) -> None:
    """A network links its own hosts."""
    wrong: Any = "192.0.2.1"
    with pytest.raises(TypeError, match=r"a link joins hosts and routers, not '192\.0\.2\.1'"):
        pair.net.link(pair.near, wrong)
    other = MemoryNetwork().host("192.0.2.77")
    for a, b in ((pair.near, other), (other, pair.near)):
        with pytest.raises(ValueError, match=r"the host \('192.0.2.77',\) is of another network"):
            pair.net.link(a, b)


@pytest.mark.parametrize(
    ("length", "kept"),
    [(0, 256), (64, 256), (512, 166), (65507, 3)],  # as seen on Linux 6.18
)
def test_how_much_the_receive_buffer_holds(length: int, kept: int) -> None:
    """The default buffer is Linux's; what does not fit is in the record as overflowed."""
    pair = Pair()
    for _ in range(300):
        pair.client.send(bytes(length), (SERVER, 7))
    fates = pair.fates()
    assert fates.count(Fate.QUEUED) == kept
    assert fates[kept:] == [Fate.OVERFLOWED] * (300 - kept)


def test_a_smaller_receive_buffer() -> None:
    """Its size is the host's."""
    net = MemoryNetwork()
    host = net.host(receive_buffer=2000)
    client = Notebook()
    host.listenUDP(9, client)
    for number in range(4):
        client.send(b"%d" % number, (V4, 9))
    net.advance()
    assert client.heard == [b"0", b"1"]


def test_every_ephemeral_port_taken() -> None:
    """The 28,232 ports of Linux's range are given once each."""
    net = MemoryNetwork()
    host = net.host()
    sockets = [MemorySocket(host.stack, AF_INET) for _ in range(28_233)]
    for sock in sockets[:-1]:
        sock.bind((V4, 0))
    with pytest.raises(OSError, match="in use"):
        sockets[-1].bind((V4, 0))
    assert {sock.local[1] for sock in sockets[:-1]} == set(range(32768, 61000))
    sockets[99].close()
    sockets[-1].bind((V4, 0))
    assert sockets[-1].local == (V4, 32768 + 99)


@pytest.mark.parametrize(("addresses", "bound", "to", "expected"), ROUTES)
def test_routes(addresses: list[str], bound: str, to: str, expected: str | int) -> None:
    """A socket sends from where Linux's would (tests/live/test_reality.py asks a kernel)."""
    host = MemoryNetwork().host(*addresses)
    sock = MemorySocket(host.stack, AF_INET6 if ":" in bound else AF_INET)
    sock.bind((bound, 0))
    answer: object
    try:
        sock.connect((to, 9))
        answer = sock.getsockname()[0]
    except OSError as error:
        answer = error.errno
    assert answer == expected


# Time


def test_things_happen_at_their_own_time(pair: Pair) -> None:
    """One long step is many small ones: each event sees its own time."""
    seen: list[tuple[str, float]] = []
    pair.near.callLater(2, lambda: seen.append(("two", pair.near.seconds())))
    pair.far.callLater(1.5, lambda: seen.append(("one and a half", pair.far.seconds())))
    pair.near.callLater(0, lambda: seen.append(("now", pair.near.seconds())))
    assert seen == []
    pair.net.advance(1.75)
    assert (seen, pair.near.seconds()) == ([("now", 0.0), ("one and a half", 1.5)], 1.75)
    pair.net.advance(0.25)
    assert seen[2:] == [("two", 2.0)]


def test_small_steps_lead_to_the_same_end() -> None:
    """It makes no difference in how many steps time is moved."""
    ends = []
    for steps in (1, 8, 64):
        pair = Pair(seed=7, delay=0.0625, jitter=0.25, loss=0.25, duplicate=0.25, reorder=0.25)
        for number in range(20):
            pair.near.callLater(number / 16, pair.client.send, b"%d" % number, (SERVER, 7))
        for _ in range(steps):
            pair.net.advance(4 / steps)
        ends.append((pair.client.heard, list(pair.net.record)))
    assert ends[0] == ends[1] == ends[2]


def test_calls_are_each_hosts_own(pair: Pair) -> None:
    """GetDelayedCalls tells a host's own calls, the soonest first."""
    later, sooner = pair.near.callLater(2, list), pair.near.callLater(1, list)
    assert pair.near.getDelayedCalls() == (sooner, later)
    assert pair.far.getDelayedCalls() == ()
    pair.net.advance(1)
    assert pair.near.getDelayedCalls() == (later,)
    later.cancel()
    assert pair.near.getDelayedCalls() == ()
    with pytest.raises(AlreadyCancelled):
        later.cancel()
    with pytest.raises(AlreadyCalled):
        sooner.cancel()


@pytest.mark.parametrize(
    ("moves", "due"),
    [
        ([], 4.0),
        ([("reset", 6)], 6.0),
        ([("reset", 1)], 1.0),
        ([("delay", 3)], 7.0),
        ([("delay", -3)], 1.0),
        ([("reset", 1), ("reset", 5)], 5.0),
        ([("reset", 1), ("delay", 3)], 4.0),  # back to where it was at first
        ([("reset", 6), ("reset", 2), ("delay", 1)], 3.0),
    ],
)
def test_a_call_that_is_moved(moves: list[tuple[str, float]], due: float) -> None:
    """A call is made once, when it is due after all."""
    net = MemoryNetwork()
    host = net.host()
    made: list[float] = []
    call = host.callLater(4, lambda: made.append(host.seconds()))
    for how, seconds in moves:
        getattr(call, how)(seconds)
    assert call.getTime() == due
    net.advance(10)
    assert made == [due]
    assert host.getDelayedCalls() == ()


def test_a_call_moved_into_the_past(pair: Pair) -> None:
    """It is made at once, and time does not go back for it."""
    pair.net.advance(5)
    made: list[float] = []
    pair.near.callLater(1, lambda: made.append(pair.near.seconds())).delay(-3)
    pair.net.advance()
    assert made == [5.0]


def test_many_things_at_many_times(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what happens at one instant can be a loop without delay."""
    monkeypatch.setattr(timeline, "MAX_EVENTS_AT_ONCE", 10)
    made: list[int] = []
    for number in range(100):
        pair.near.callLater(number / 10, made.append, number)
        pair.near.callLater(number / 10, made.append, number)
    pair.net.advance(10)
    assert made == [number // 2 for number in range(200)]


def test_a_call_that_raises(pair: Pair) -> None:
    """What a call raises leaves advance; the rest happens when time is moved again."""
    made: list[float] = []

    def fail() -> None:
        raise KeyError("broken")

    pair.near.callLater(1, fail)
    pair.near.callLater(2, lambda: made.append(pair.near.seconds()))
    with pytest.raises(KeyError):
        pair.net.advance(3)
    assert pair.near.seconds() == 1
    pair.net.advance(3)
    assert (made, pair.near.seconds()) == ([2.0], 4.0)


def test_moving_time_within_time(pair: Pair) -> None:
    """A call that moves time on does so for everybody, and time never goes back."""
    pair.near.callLater(1, pair.net.advance, 5)
    pair.net.advance(2)
    assert pair.far.seconds() == 6


@pytest.mark.parametrize("seconds", ["1", None, b"1"])
def test_time_is_a_number(pair: Pair, seconds: Any) -> None:
    with pytest.raises(ValueError, match="time moves forward, by 0 seconds or more, not"):
        pair.net.advance(seconds)


@pytest.mark.parametrize("seconds", [-1, -1e-9, float("nan"), float("inf")])
def test_time_moves_forward_only(pair: Pair, seconds: float) -> None:
    """Time is moved by 0 seconds or more."""
    with pytest.raises(ValueError, match="seconds"):
        pair.net.advance(seconds)
    with pytest.raises(AssertionError):
        pair.near.callLater(seconds if seconds < 0 else -1, list)
    with pytest.raises(AssertionError, match="a call is due in 0 seconds or more, not '1'"):
        pair.near.callLater("1", list)  # type: ignore[arg-type]


def test_many_things_at_one_time_are_no_loop(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many: datagrams that come together, and are answered."""
    monkeypatch.setattr(timeline, "MAX_EVENTS_AT_ONCE", 10)
    pair.far.listenUDP(8, Echo())
    pair.net.link(pair.near, pair.far, delay=0.1)
    pair.near.callLater(1, lambda: [pair.client.send(b"x", (SERVER, 8)) for _ in range(100)])
    pair.net.advance(2)
    assert pair.client.heard == [b"x"] * 100


def test_a_loop_that_doubles_ends(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though there are few turns in which it grows."""
    monkeypatch.setattr(timeline, "MAX_EVENTS_AT_ONCE", 1000)

    def double() -> None:
        for _ in range(2):
            pair.near.callLater(0, double)

    double()
    with pytest.raises(RuntimeError, match="a loop without delay"):
        pair.net.advance(1)
    for call in pair.near.getDelayedCalls():
        call.cancel()


@pytest.mark.parametrize(
    ("data", "source"),
    [
        (b"ping", (CLIENT, 7)),  # two servers answer each other for ever
        (b"", (SERVER, 7)),  # one server answers itself: this freezes a real reactor
    ],
)
def test_a_loop_without_delay_ends(
    pair: Pair, data: bytes, source: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loop that would never let time move on is an error, not a test that hangs."""
    monkeypatch.setattr(timeline, "MAX_EVENTS_AT_ONCE", 1000)  # to spare seconds
    pair.near.listenUDP(7, Echo())
    pair.net.forge(data, source=source, to=(SERVER, 7))
    with pytest.raises(RuntimeError, match="a loop without delay"):
        pair.net.advance(1)


# Links


def test_delay() -> None:
    """A datagram arrives after the link's delay, to the instant."""
    pair = Pair(delay=0.25)
    assert pair.ask(b"x", wait=0.4999) == []
    assert pair.ask(wait=0.0001) == [b"x"]
    assert [(d.sent, d.ended) for d in pair.net.record] == [(0.0, 0.25), (0.25, 0.5)]


def test_jitter() -> None:
    """Each delay is drawn from delay to delay plus jitter, and they differ."""
    pair = Pair(delay=0.5, jitter=0.25)
    pair.ask(*[b"x"] * 100)
    delays = [d.ended - d.sent for d in pair.net.record if d.ended is not None]
    assert len(delays) == 200
    assert 0.5 <= min(delays) < 0.52 < 0.73 < max(delays) <= 0.75


@pytest.mark.parametrize(("loss", "low", "high"), [(0.0, 0, 0), (0.3, 240, 360), (1.0, 1000, 1000)])
def test_loss(loss: float, low: int, high: int) -> None:
    """Datagrams are lost with the probability that was set."""
    pair = Pair()
    pair.net.link(pair.near, pair.far, one_way=True, loss=loss)
    for _ in range(1000):
        pair.ask(b"x", wait=0.0)
    fates = [d.fate for d in pair.net.record if d.destination == (SERVER, 7)]
    assert low <= fates.count(Fate.LOST) <= high
    assert len(pair.client.heard) == 1000 - fates.count(Fate.LOST)


def test_duplicates() -> None:
    """A duplicate arrives beside its original, and is in the record as what it is."""
    pair = Pair(duplicate=1.0)
    assert pair.ask(b"x") == [b"x"] * 4
    faults = [d.faults for d in pair.net.record if d.destination == (SERVER, 7)]
    assert faults == [frozenset(), frozenset({Fault.DUPLICATE})]
    assert set(pair.fates()) == {Fate.DELIVERED}


def test_reordering() -> None:
    """What is held back is overtaken by what is sent meanwhile, and by nothing else."""
    pair = Pair()
    pair.net.link(pair.near, pair.far, delay=0.01, reorder=1.0, hold=0.5)
    pair.client.send(b"held", (SERVER, 7))
    pair.net.link(pair.near, pair.far, delay=0.01)
    pair.ask(b"overtakes", wait=0.5)
    assert pair.ask(b"does not", wait=1) == [b"overtakes", b"held", b"does not"]
    assert pair.net.record[0].faults == {Fault.REORDERED}


@pytest.mark.parametrize("data", [b"x", b"two words", bytes(65507)])
def test_corruption(data: bytes) -> None:
    """One bit of a corrupted datagram is another."""
    pair = Pair()
    pair.net.link(pair.near, pair.far, one_way=True, corrupt=1.0)
    server = Notebook()
    pair.far.listenUDP(8, server, maxPacketSize=65536)
    pair.client.send(data, (SERVER, 8))
    pair.net.advance()
    (heard,) = server.heard
    flipped = int.from_bytes(heard, "big") ^ int.from_bytes(data, "big")
    assert (len(heard), flipped.bit_count()) == (len(data), 1)
    assert (pair.net.record[0].data, pair.net.record[0].faults) == (
        heard,
        frozenset({Fault.CORRUPTED}),
    )


def test_nothing_to_corrupt() -> None:
    """An empty datagram has no bits to flip."""
    pair = Pair(corrupt=1.0)
    assert pair.ask(b"") == [b""]
    assert pair.net.record[0].faults == frozenset()


def test_a_seed_decides() -> None:
    """The same seed does the same, another one something else."""
    faults = {"jitter": 0.1, "loss": 0.3, "duplicate": 0.3, "reorder": 0.3, "corrupt": 0.3}
    first, same, other = (Pair(seed, **faults) for seed in (1, 1, 2))
    for pair in (first, same, other):
        pair.ask(*[b"data"] * 50)
    assert list(first.net.record) == list(same.net.record)
    assert list(first.net.record) != list(other.net.record)


def test_loopback_has_a_link_too(pair: Pair) -> None:
    """A host is linked to itself like to any other."""
    pair.net.link(pair.near, pair.near, delay=1)
    pair.client.send(b"x", (CLIENT, 50000))
    pair.client.send(b"y", (V4, 50000))
    pair.net.advance(0.5)
    assert pair.client.heard == []
    pair.net.advance(0.5)
    assert pair.client.heard == [b"x", b"y"]


@pytest.mark.parametrize(
    ("fault", "value", "expected"),
    [
        ("delay", -0.1, "0 seconds or more"),
        ("jitter", -0.1, "0 seconds or more"),
        ("hold", float("nan"), "0 seconds or more"),
        ("loss", 1.1, "a probability from 0 to 1"),
        ("duplicate", -0.1, "a probability from 0 to 1"),
        ("reorder", 50, "a probability from 0 to 1"),
        ("corrupt", float("nan"), "a probability from 0 to 1"),
        ("delay", float("inf"), "0 seconds or more"),
        ("delay", "1", "0 seconds or more"),
        ("loss", None, "a probability from 0 to 1"),
        ("mtu", 67, "a whole number of bytes from 68, or None"),
        ("mtu", 1400.0, "a whole number of bytes from 68, or None"),
        ("hops", 255, "a whole number of routers from 0 to 254"),
        ("hops", -1, "a whole number of routers from 0 to 254"),
        ("rate", 0, "a number of bytes a second above 0, or None"),
        ("rate", float("nan"), "a number of bytes a second above 0, or None"),
        ("queue", -1, "a whole number of datagrams from 0"),
        ("queue", None, "a whole number of datagrams from 0"),
        ("queue_bytes", 1.5, "a whole number of bytes from 0, or None"),
        ("bursts", 0.5, "Bursts(...) or None"),
    ],
)
def test_bad_link(pair: Pair, fault: str, value: Any, expected: str) -> None:
    """A link's figures are checked when they are set, and the error says which one is wrong."""
    with pytest.raises(ValueError, match=f"a link's {fault} (is|are) ") as raised:
        pair.net.link(pair.near, pair.far, **{fault: value})
    assert str(raised.value).endswith(f"{expected}, not {value!r}")
    link = pair.net.link(pair.near, pair.far)
    with pytest.raises(ValueError, match=f"a link's {fault} (is|are) "):
        link.at(1.0, **{fault: value})


@given(
    seed=st.integers(0, 1000),
    chance=st.fixed_dictionaries(
        {name: st.sampled_from([0.0, 0.3, 1.0]) for name in ("loss", "duplicate", "reorder")}
    ),
    corrupt=st.sampled_from([0.0, 0.3]),
    data=st.lists(st.binary(max_size=20), max_size=20),
)
def test_every_datagram_has_a_fate(
    seed: int, chance: dict[str, float], corrupt: float, data: list[bytes]
) -> None:
    """Whatever links do, each entry of the record is final, and what was read is what arrived."""
    pair = Pair(seed, delay=0.1, jitter=0.1, corrupt=corrupt, **chance)
    heard = pair.ask(*data)
    asked = [d for d in pair.net.record if d.destination == (SERVER, 7)]
    arrived = sorted(d.data for d in asked if d.fate is Fate.DELIVERED)
    assert set(pair.fates()) <= {Fate.DELIVERED, Fate.LOST}
    assert arrived == sorted(pair.server.heard)
    assert sum(Fault.DUPLICATE not in d.faults for d in asked) == len(data)
    answers = [d for d in pair.net.record if d.source == (SERVER, 7)]
    assert sorted(heard) == sorted(d.data for d in answers if d.fate is Fate.DELIVERED)
    assert [d.number for d in pair.net.record] == list(range(len(pair.net.record)))


# Refusals


@pytest.mark.parametrize(("loss_back", "refused"), [(0.0, True), (1.0, False)])
def test_a_refusal_takes_the_link_back(loss_back: float, refused: bool) -> None:
    """A refusal comes after the delay of both directions, or is lost like a datagram."""
    pair = Pair()
    pair.near.refusals = "called"
    pair.net.link(pair.near, pair.far, one_way=True, delay=0.25)
    pair.net.link(pair.far, pair.near, one_way=True, delay=0.5, loss=loss_back)
    pair.client.port.connect(SERVER, 9)
    pair.client.send(b"x")
    pair.net.advance(0.7499)
    assert pair.client.refusals == 0
    pair.net.advance(0.0001)
    assert pair.client.refusals == refused
    assert pair.fates() == [Fate.REFUSED]


def test_a_refusal_is_for_who_asked(pair: Pair) -> None:
    """A refusal from another port of the peer does not concern a connected socket."""
    other = Notebook()
    pair.near.listenUDP(50001, other)
    other.port.connect(SERVER, 7)
    pair.client.port.connect(SERVER, 9)
    pair.client.send(b"x")
    pair.net.advance()
    assert (pair.client.stops, other.stops) == (1, 0)


@pytest.mark.parametrize("refusals", ["called", "closed"])
@pytest.mark.parametrize(
    ("error", "stops"),
    [
        (errno.ECONNREFUSED, None),  # as the host's reactor has it
        (errno.EHOSTUNREACH, 1),  # a prohibition closes the port on every reactor
    ],
)
def test_a_forged_refusal(
    pair: Pair,
    refusals: Literal["called", "closed"],
    error: int,
    stops: int | None,
    no_leaks: list[LogEvent],
) -> None:
    """A forged ICMP error does what a true one does, if it names the connected peer."""
    pair.near.refusals = refusals
    pair.client.port.connect(SERVER, 7)
    for wrong in ((SERVER, 8), (SERVER_SECOND, 7), FORGER):
        pair.net.forge_refusal(source=wrong, to=(CLIENT, 50000), error=error)
    pair.net.forge_refusal(source=(SERVER, 7), to=("198.51.100.1", 50000), error=error)
    pair.net.advance()
    assert (pair.client.refusals, pair.client.stops) == (0, 0)
    pair.net.forge_refusal(source=(SERVER, 7), to=(CLIENT, 50000), error=error, delay=1)
    pair.net.advance(1)
    closed = refusals == "closed" if stops is None else bool(stops)
    assert (pair.client.refusals, pair.client.stops) == (not closed, closed)
    raised = [event["log_failure"].value.errno for event in no_leaks]
    no_leaks.clear()
    # Where the port reads the error itself, the stock port raises it into the log.
    assert raised == ([error] if stops and refusals == "called" else [])


# Forgery


def test_a_forged_datagram(pair: Pair) -> None:
    """An unconnected socket believes anyone, a connected one whoever claims to be its peer."""
    pair.net.forge(b"from anywhere", source=FORGER, to=(CLIENT, 50000))
    pair.net.advance()
    pair.client.port.connect(SERVER, 7)
    pair.net.forge(b"from a stranger", source=FORGER, to=(CLIENT, 50000))
    pair.net.forge(b"from the peer?", source=(SERVER, 7), to=(CLIENT, 50000), delay=1)
    pair.net.advance(0.5)
    assert pair.client.heard == [b"from anywhere"]
    pair.net.advance(0.5)
    assert pair.client.heard == [b"from anywhere", b"from the peer?"]
    assert pair.fates() == [Fate.DELIVERED, Fate.STRANGER, Fate.DELIVERED]
    assert {datagram.faults for datagram in pair.net.record} == {frozenset({Fault.FORGED})}


def test_forged_to_loopback(pair: Pair) -> None:
    """A loopback address is every host's: the host has to be named."""
    local = Notebook()
    pair.near.listenUDP(50001, local, V4)
    pair.net.forge(b"lie", source=FORGER, to=(V4, 50001))
    pair.net.forge(b"lie", source=FORGER, to=(V4, 50001), on=pair.near)
    pair.net.advance()
    assert local.heard == [b"lie"]
    assert pair.fates() == [Fate.UNREACHABLE, Fate.DELIVERED]


def test_forged_in_anothers_name(pair: Pair) -> None:
    """The refusal of a forged datagram goes to the host in whose name it was sent."""
    pair.client.port.connect(SERVER, 9)
    pair.net.forge(b"x", source=(CLIENT, 50000), to=(SERVER, 9))
    pair.net.advance()
    assert pair.client.stops == 1


def test_a_mapped_source_leads_into_loopback(pair: Pair) -> None:
    """A dual-stack server answers an IPv6 datagram from ::ffff:127.0.0.1 to its own loopback."""
    local = Notebook()
    pair.far.listenUDP(8, local, V4)
    pair.far.listenUDP(9, Echo(), "::")
    pair.net.forge(b"reflected", source=(f"::ffff:{V4}", 8), to=(SERVER6, 9))
    pair.net.advance()
    assert local.heard == [b"reflected"]


@pytest.mark.parametrize(
    ("data", "source", "to", "on", "expected"),
    [
        (b"", ("forger.example", 1), (CLIENT, 1), False, BadAddress),
        (b"", FORGER, (CLIENT, 65536), False, BadAddress),
        (b"", FORGER, ("client", 1), False, BadAddress),
        (b"", ("fe80::1%lo", 1), (CLIENT6, 1), False, BadAddress),
        (b"", FORGER, (SERVER, 1), True, BadAddress),  # not this host's
        (b"", FORGER, (CLIENT6, 1), False, WrongFamily),
        (bytes(65508), FORGER, (CLIENT, 1), False, DatagramTooLong),
    ],
)
def test_bad_forgery(
    pair: Pair, data: bytes, source: Peer, to: Peer, on: bool, expected: type[Exception]
) -> None:
    """Not even a forger can send what no packet can hold."""
    with pytest.raises(expected):
        pair.net.forge(data, source=source, to=to, on=pair.near if on else None)


LABELS = ("ttl", "tos")

NEITHER = [
    # What neither a datagram nor a refusal can be.
    ({"data": "text"}, "data is bytes, not 'text'"),
    ({"data": None}, "data is bytes, not None"),
    ({"delay": -1}, "delay is 0 seconds or more, not -1"),
    ({"delay": float("nan")}, "delay is 0 seconds or more, not nan"),
    ({"source": (SERVER, 7.0)}, "a port from 0 to 65535 was expected, not 7.0"),
]


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        *NEITHER,
        *[({name: 256}, f"{name} is a whole number from 0 to 255, not 256") for name in LABELS],
        *[({name: -1}, f"{name} is a whole number from 0 to 255, not -1") for name in LABELS],
        ({"ttl": 1.5}, "ttl is a whole number from 0 to 255, not 1.5"),
    ],
)
def test_what_no_packet_can_be_is_not_forged(pair: Pair, wrong: dict[str, Any], line: str) -> None:
    """It is said to the forger, and never reaches who listens: with what came beside it."""
    ours = pair.far.listenUDP(9, Notebook())
    forged: dict[str, Any] = {"data": b"x", "source": FORGER, "to": (SERVER, 9)}
    with pytest.raises((TypeError, ValueError), match=line):
        pair.net.forge(**forged | wrong)
    pair.net.forge(**forged | {"data": bytearray(b"y")})
    pair.net.advance()
    assert ours.protocol.heard == [b"y"]
    assert type(ours.protocol.heard[0]) is bytes


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        *NEITHER,
        ({"error": 9999}, "error is an errno, not 9999"),
        ({"error": 0}, "error is an errno, not 0"),
        ({"error": "EPERM"}, "error is an errno, not 'EPERM'"),
        ({"mtu": -1}, "mtu is a whole number of bytes, or None, not -1"),
        ({"mtu": "1500"}, "mtu is a whole number of bytes, or None, not '1500'"),
    ],
)
def test_what_no_message_can_say_is_not_forged(
    pair: Pair, wrong: dict[str, Any], line: str
) -> None:
    """Likewise of ICMP."""
    forged: dict[str, Any] = {"source": (SERVER, 7), "to": (CLIENT, 1)}
    with pytest.raises((TypeError, ValueError), match=line):
        pair.net.forge_refusal(**forged | wrong)


# Sends that fail


@pytest.mark.parametrize(
    "number", [errno.EPERM, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EAGAIN, errno.ENOBUFS]
)
def test_sends_fail_on_demand(pair: Pair, number: int) -> None:
    """As many sends as asked for raise, to that peer alone; then they work again."""
    pair.near.fail_sends(number, times=2, to=(SERVER, 7))
    pair.client.send(b"elsewhere", (SERVER, 8))
    for _ in range(2):
        with pytest.raises(OSError) as raised:  # noqa: PT011 (the errno is looked at)
            pair.client.send(b"x", (SERVER, 7))
        assert raised.value.errno == number
    assert pair.ask(b"y") == [b"y"]
    unsent = [d for d in pair.net.record if d.fate is Fate.UNSENT]
    assert [(d.data, d.destination) for d in unsent] == [(b"x", (SERVER, 7))] * 2
    assert pair.far.stack.take_failure((SERVER, 7)) == 0


def test_failures_in_turn(pair: Pair) -> None:
    """What is to fail to anybody takes its turn with what is to fail to one."""
    pair.near.fail_sends(errno.EPERM)
    pair.near.fail_sends(errno.ENOBUFS, to=(SERVER, 7))
    raised = []
    for port in (8, 8, 7, 7):
        try:
            pair.client.send(b"x", (SERVER, port))
        except OSError as error:
            raised.append((port, error.errno))
    assert raised == [(8, errno.EPERM), (7, errno.ENOBUFS)]
    with pytest.raises(ValueError, match="times is 1 or more, not 0"):
        pair.near.fail_sends(errno.EPERM, times=0)


# The record


def test_the_record(pair: Pair) -> None:
    """Each datagram has its times, its ends, its data, and in the end its fate."""
    pair.net.link(pair.near, pair.far, delay=0.5)
    pair.net.advance(1)
    pair.client.send(b"hello", (SERVER, 7))
    (sent,) = pair.net.record
    assert (sent.sent, sent.source, sent.destination) == (1.0, (CLIENT, 50000), (SERVER, 7))
    assert (sent.data, sent.fate, sent.ended) == (b"hello", Fate.IN_FLIGHT, None)
    pair.net.advance(0.5)
    asked, answer = pair.net.record
    assert (asked.fate, asked.ended, answer.fate) == (Fate.DELIVERED, 1.5, Fate.IN_FLIGHT)
    assert (sent.fate, sent.number, asked.number, answer.number) == (Fate.IN_FLIGHT, 0, 0, 1)


def test_truncated_and_unread(pair: Pair) -> None:
    """The record tells what nothing else does: a datagram cut, and one that nobody read."""
    server = Notebook()
    port: Port = pair.far.listenUDP(8, server, maxPacketSize=4)
    pair.client.send(b"too long", (SERVER, 8))
    pair.net.advance()
    pair.client.send(b"late", (SERVER, 8))
    assert pair.fates() == [Fate.TRUNCATED, Fate.QUEUED]
    port.stopListening()
    pair.net.advance()
    assert (pair.fates(), server.heard) == ([Fate.TRUNCATED, Fate.UNREAD], [b"too "])


def test_a_port_that_does_not_read(pair: Pair) -> None:
    """What arrives meanwhile waits in the receive queue."""
    pair.client.port.stopReading()
    assert pair.ask(b"x") == []
    assert pair.fates() == [Fate.DELIVERED, Fate.QUEUED]
    pair.client.port.startReading()
    assert pair.ask() == [b"x"]


# Names


@pytest.mark.parametrize(
    ("name", "types", "addresses"),
    [
        ("echo.example", None, [SERVER, SERVER_SECOND, SERVER6]),
        ("ECHO.Example", None, [SERVER, SERVER_SECOND, SERVER6]),
        ("echo.example", [IPv4Address], [SERVER, SERVER_SECOND]),
        ("echo.example", [IPv6Address], [SERVER6]),
        ("echo.example", [], []),
        ("localhost", None, ["127.0.0.1", "::1"]),
        ("203.0.113.9", None, ["203.0.113.9"]),
        ("2001:DB8:0::9", [IPv6Address], ["2001:db8::9"]),
        ("2001:db8::9", [IPv4Address], []),
        ("unknown.example", None, []),
        ("", None, []),
    ],
)
def test_names(
    pair: Pair, name: str, types: list[type[IAddress]] | None, addresses: list[str]
) -> None:
    """A name resolves at the next turn to its host's addresses, in order; no name, to none."""
    receiver = Receiver()
    pair.near.nameResolver.resolveHostName(receiver, name, 7, types, "UDP")
    assert receiver.told == ["began"]
    pair.net.advance()
    expected = [
        IPv6Address("UDP", host, 7) if ":" in host else IPv4Address("UDP", host, 7)
        for host in addresses
    ]
    assert receiver.told == ["began", *expected, "complete"]


def test_a_resolution_that_is_cancelled(pair: Pair) -> None:
    """Nothing more is told; it may be cancelled twice, and when it is over."""
    receiver = Receiver()
    resolution = pair.near.nameResolver.resolveHostName(receiver, "localhost")
    resolution.cancel()
    resolution.cancel()
    pair.net.advance()
    assert receiver.told == ["began"]
    assert pair.near.getDelayedCalls() == ()


def test_another_resolver(pair: Pair) -> None:
    """A host's resolver can be replaced, as a reactor's can."""
    before, other = pair.near.nameResolver, pair.far.nameResolver
    assert pair.near.installNameResolver(other) is before
    assert pair.near.nameResolver is other
