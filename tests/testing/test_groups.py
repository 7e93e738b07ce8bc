"""Broadcast and multicast in memory: who hears what, as on Linux."""

from __future__ import annotations

import errno
import socket
import struct
from typing import Any

import pytest
from twisted.internet.error import DNSLookupError, MulticastJoinError
from twisted.internet.interfaces import IMulticastTransport, IReactorMulticast
from zope.interface.verify import verifyObject

from tests.rules import MANY, Notebook
from udpecho.datagrams import ToSend
from udpecho.testing import Fate, Fault, MemoryHost, MemoryNetwork
from udpecho.testing.groups import group_of, is_group

A, B, C = "192.0.2.1", "192.0.2.2", "192.0.2.3"
A6, B6 = "2001:db8::1", "2001:db8::2"
GROUP, GROUP6 = "239.1.2.3", "ff05::1234"
ALL = "255.255.255.255"
PORT = 7777


@pytest.mark.parametrize(
    ("host", "many"),
    [
        ("223.255.255.255", False),
        ("224.0.0.0", True),
        ("239.255.255.255", True),
        ("240.0.0.1", False),
        (ALL, True),
        ("ff02::1", True),
        ("ff02::1%eth0", True),
        ("fe80::1", False),
        ("2001:db8::ff", False),
    ],
)
def test_what_goes_to_many(host: str, many: bool) -> None:
    assert is_group(host) is many


def test_a_group_without_its_scope() -> None:
    assert group_of("ff02::1%eth0") == group_of("ff02::1") == "ff02::1"


class Three:
    """Three hosts, of which the first sends."""

    def __init__(self) -> None:
        self.net = MemoryNetwork()
        self.hosts = [self.net.host(A, A6), self.net.host(B, B6), self.net.host(C)]
        self.sender = Notebook()
        self.hosts[0].listenUDP(0, self.sender)
        self.sender.port.setBroadcastAllowed(True)

    def listen(self, host: MemoryHost, interface: str = "", group: str = "") -> Notebook:
        heard = Notebook()
        host.listenUDP(PORT, heard, interface)
        if group:
            join(heard, group)
        return heard

    def send(self, to: str, data: bytes = b"x") -> None:
        self.sender.send(data, (to, PORT))
        self.net.advance()


def join(protocol: Notebook, group: str, leave: bool = False) -> None:
    """Join a group as socket.socket lets one."""
    handle = protocol.port.getHandle()
    if ":" in group:
        option = socket.IPV6_LEAVE_GROUP if leave else socket.IPV6_JOIN_GROUP
        value = socket.inet_pton(socket.AF_INET6, group) + struct.pack("=i", 0)
        handle.setsockopt(socket.IPPROTO_IPV6, option, value)
    else:
        option = socket.IP_DROP_MEMBERSHIP if leave else socket.IP_ADD_MEMBERSHIP
        value = socket.inet_aton(group) + socket.inet_aton("0.0.0.0")
        handle.setsockopt(socket.IPPROTO_IP, option, value)


@pytest.fixture
def three() -> Three:
    return Three()


def test_broadcast_reaches_every_host_with_ipv4(three: Three) -> None:
    """The sender's own, too; and of their sockets those that are bound to all, or to it."""
    only6 = three.net.host("2001:db8::9")
    heard = [
        three.listen(three.hosts[0]),
        three.listen(three.hosts[1], "::"),
        three.listen(three.hosts[2], ALL),
    ]
    deaf = three.listen(only6, "::")
    three.send(ALL)
    assert [each.heard for each in heard] == [[b"x"]] * 3
    assert [each.peers[0][0] for each in heard] == [A, f"::ffff:{A}", A]
    assert deaf.heard == []
    assert three.net.record.count(Fate.DELIVERED, to=ALL) == 3


def test_who_is_bound_to_an_address_hears_no_broadcast(three: Three) -> None:
    """Nor does who is connected to another; and nobody refuses it."""
    one = three.listen(three.hosts[1], B)
    other = three.listen(three.hosts[2])
    other.port.connect(B, 9)
    three.send(ALL)
    assert (one.heard, other.heard) == ([], [])
    assert three.net.record.count(Fate.UNHEARD, to=ALL) == 3
    assert three.sender.refusals == 0


@pytest.mark.parametrize(("bound", "joined", "to", "own", "other"), MANY)
def test_who_hears(
    three: Three, bound: str, joined: str | None, to: str, own: bool, other: bool
) -> None:
    """As the kernel has it (tests/live/test_reality_of_links.py)."""
    heard = []
    for host, address in zip(three.hosts[:2], (A, B), strict=True):
        heard.append(three.listen(host, address if bound == "own" else bound, joined or ""))
    three.send(to)
    assert [bool(each.heard) for each in heard] == [own, other]


def test_broadcast_needs_leave(three: Three) -> None:
    three.sender.port.setBroadcastAllowed(False)
    with pytest.raises(PermissionError):
        three.send(ALL)
    with pytest.raises(PermissionError):
        three.send("<broadcast>")
    three.sender.port.setBroadcastAllowed(True)
    three.send("<broadcast>")
    three.sender.port.setBroadcastAllowed(False)
    with pytest.raises(PermissionError):
        three.send(ALL)


@pytest.mark.parametrize(("group", "bound"), [(GROUP, ""), (GROUP, GROUP), (GROUP6, "::")])
def test_multicast_reaches_who_has_joined(three: Three, group: str, bound: str) -> None:
    """A host hears a group while one of its sockets is in it."""
    if ":" in group:
        three.sender = Notebook()
        three.hosts[0].listenUDP(0, three.sender, "::")
    joined = three.listen(three.hosts[1], bound, group)
    three.listen(three.hosts[0], bound)  # has not joined
    three.send(group, b"one")
    join(joined, group, leave=True)
    three.send(group, b"two")
    join(joined, group)
    three.send(group, b"three")
    joined.port.stopListening()
    three.net.advance()
    three.send(group, b"four")
    assert joined.heard == [b"one", b"three"]
    fates = [each.fate for each in three.net.record.select(to=group)]
    assert fates == [Fate.DELIVERED, Fate.UNREACHABLE, Fate.DELIVERED, Fate.UNREACHABLE]


def test_who_has_not_joined_hears_beside_who_has(three: Three) -> None:
    """So Linux has it (IP_MULTICAST_ALL): what the host hears, any of its wildcard sockets may."""
    member = Notebook()
    three.hosts[1].listenUDP(1, member)
    join(member, GROUP)
    beside = three.listen(three.hosts[1])
    three.send(GROUP)
    assert beside.heard == [b"x"]


def test_a_port_of_twisted_s_joins(three: Three) -> None:
    """As a protocol does that listens with listenMulticast: by joinGroup, and leaves again."""
    heard = Notebook()
    port = three.hosts[1].listenMulticast(PORT, heard)
    assert verifyObject(IReactorMulticast, three.hosts[1])
    assert verifyObject(IMulticastTransport, port)
    three.net.run_until(port.joinGroup(GROUP), limit=0)
    three.send(GROUP, b"one")
    three.net.run_until(port.leaveGroup(GROUP), limit=0)
    three.send(GROUP, b"two")
    assert heard.heard == [b"one"]
    with pytest.raises(MulticastJoinError):
        three.net.run_until(port.joinGroup(A), limit=0)


def test_what_a_port_of_twisted_s_sets(three: Three) -> None:
    port = three.hosts[0].listenMulticast(PORT, Notebook())
    assert (port.getTTL(), bool(port.getLoopbackMode())) == (1, True)
    port.setTTL(9)
    port.setLoopbackMode(0)
    assert (port.getTTL(), bool(port.getLoopbackMode())) == (9, False)
    assert port.getOutgoingInterface() == "0.0.0.0"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.example", A),
        ("192.0.2.99", "192.0.2.99"),
        ("localhost", "127.0.0.1"),
        ("", "0.0.0.0"),
        ("six", None),
    ],
)
def test_a_name_resolves_to_ipv4(name: str, found: str | None) -> None:
    net = MemoryNetwork()
    host = net.host(A6, A, names=["A.example"])
    net.host(B6, names=["six"])
    if found is None:
        with pytest.raises(DNSLookupError, match="no host in memory has the name 'six'"):
            net.run_until(host.resolve(name))
    else:
        assert net.run_until(host.resolve(name)) == found


def test_a_membership_outlives_connect(three: Three) -> None:
    joined = three.listen(three.hosts[1], "", GROUP)
    joined.port.connect(A, three.sender.peer[1])
    three.send(GROUP)
    assert (joined.heard, three.net.record.count(Fate.UNHEARD)) == ([], 1)  # it is bound to B now
    three.net.advance()
    with pytest.raises(OSError, match="in use"):
        join(joined, GROUP)


@pytest.mark.parametrize(("loop", "heard"), [(1, [b"x"]), (0, [])])
def test_the_sender_s_own_host(three: Three, loop: int, heard: list[bytes]) -> None:
    """IP_MULTICAST_LOOP decides whether it hears what it sends."""
    own = three.listen(three.hosts[0], "", GROUP)
    handle = three.sender.port.getHandle()
    handle.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, loop)
    three.send(GROUP)
    assert own.heard == heard


def test_each_copy_has_its_link(three: Three) -> None:
    """One is lost, one comes late, and each is in the record."""
    near, far = (three.listen(host, "", GROUP) for host in three.hosts[1:])
    three.net.link(three.hosts[0], three.hosts[1], delay=1)
    three.net.link(three.hosts[0], three.hosts[2], loss=1.0)
    three.send(GROUP)
    three.net.advance(1)
    assert (near.heard, far.heard) == ([b"x"], [])
    assert [each.fate for each in three.net.record] == [Fate.DELIVERED, Fate.LOST]


def test_multicast_goes_no_further_than_its_ttl(three: Three) -> None:
    """It is 1 if nobody says otherwise, and no router tells that it ended."""
    far = three.listen(three.hosts[1], "", GROUP)
    three.net.link(three.hosts[0], three.hosts[1], hops=2)
    three.send(GROUP, b"short")
    handle = three.sender.port.getHandle()
    handle.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, struct.pack("B", 3))
    three.send(GROUP, b"long")
    assert far.heard == [b"long"]
    assert [(each.fate, each.ttl) for each in three.net.record] == [
        (Fate.EXPIRED, 1),
        (Fate.DELIVERED, 1),
    ]


def test_no_router_speaks_of_multicast(three: Three) -> None:
    """Nobody would know which of its hearers a message was about (RFC 1122, section 3.2.2)."""
    three.listen(three.hosts[1], "", GROUP)
    three.net.link(three.hosts[0], three.hosts[1], hops=1, mtu=100)
    sender = three.hosts[0].open_datagram_socket("", 0)
    sender.queue_errors()
    sender.transmit(ToSend(b"short", (GROUP, PORT)))
    sender.transmit(ToSend(bytes(100), (GROUP, PORT), ttl=9))
    three.net.advance()
    assert [each.fate for each in three.net.record] == [Fate.EXPIRED, Fate.TOO_LONG]
    assert sender.take_errors(9) == []


def test_but_of_what_is_too_long_over_ipv6(three: Three) -> None:
    """So that who sends to a group can learn how long its datagrams may be (RFC 4443)."""
    three.listen(three.hosts[1], "::", GROUP6)
    three.net.link(three.hosts[0], three.hosts[1], mtu=1280)
    sender = three.hosts[0].open_datagram_socket("::", 0)
    sender.queue_errors()
    sender.transmit(ToSend(bytes(1300), (GROUP6, PORT)))
    three.net.advance()
    [refusal] = sender.take_errors(9)
    assert (refusal.to, refusal.mtu) == ((GROUP6, PORT), 1280)
    sender.transmit(ToSend(bytes(1300), (GROUP6, PORT)))
    three.net.advance()
    assert [each.fate for each in three.net.record] == [Fate.TOO_LONG, Fate.DELIVERED]


def test_a_ttl_of_0_keeps_it_in_the_host(three: Three) -> None:
    own, far = (three.listen(host, "", GROUP) for host in three.hosts[:2])
    three.sender.port.getHandle().setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 0)
    three.send(GROUP)
    assert (own.heard, far.heard) == ([b"x"], [])


def test_from_loopback_it_stays_in_the_host(three: Three) -> None:
    sender = Notebook()
    three.hosts[0].listenUDP(0, sender, "127.0.0.1")
    own, far = (three.listen(host, "", GROUP) for host in three.hosts[:2])
    sender.send(b"x", (GROUP, PORT))
    three.net.advance()
    assert (own.heard, far.heard) == ([b"x"], [])


def test_forged_to_many(three: Three) -> None:
    heard = [three.listen(host, "", GROUP) for host in three.hosts]
    three.net.forge(b"lie", source=("203.0.113.66", 1), to=(GROUP, PORT))
    three.net.forge(b"to all", source=("203.0.113.66", 1), to=(ALL, PORT))
    three.net.forge(b"to none", source=("203.0.113.66", 1), to=("239.9.9.9", PORT))
    three.net.advance()
    assert [each.heard for each in heard] == [[b"lie", b"to all"]] * 3
    assert three.net.record.count(Fate.UNREACHABLE) == 1
    assert three.net.record.count(fault=Fault.FORGED) == 7


@pytest.mark.parametrize(
    ("option", "value", "number"),
    [
        (socket.IP_ADD_MEMBERSHIP, socket.inet_aton(A) + bytes(4), errno.EINVAL),  # no group
        (socket.IP_ADD_MEMBERSHIP, socket.inet_aton(ALL) + bytes(4), errno.EINVAL),
        (socket.IP_ADD_MEMBERSHIP, b"\xef", errno.EINVAL),
        (socket.IP_ADD_MEMBERSHIP, 7, errno.EINVAL),
        (socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP) + bytes(4), errno.EADDRINUSE),
        (socket.IP_DROP_MEMBERSHIP, socket.inet_aton("239.9.9.9") + bytes(4), errno.EADDRNOTAVAIL),
        (socket.IP_MULTICAST_TTL, 256, errno.EINVAL),
    ],
)
def test_what_linux_refuses(three: Three, option: int, value: Any, number: int) -> None:
    """Seen on Linux 6.18."""
    joined = three.listen(three.hosts[1], "", GROUP)
    with pytest.raises(OSError) as raised:  # noqa: PT011 (the errno is looked at)
        joined.port.getHandle().setsockopt(socket.IPPROTO_IP, option, value)
    assert raised.value.errno == number
