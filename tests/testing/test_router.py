"""Routers in memory: where datagrams go, where they end, and what ICMP says of it."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

import pytest

from tests.routers import SOURCE, TARGET, TARGET6, FourWays, line
from udpecho import BadAddress
from udpecho.datagrams import ToSend
from udpecho.refusal import Refusal
from udpecho.testing import (
    Datagram,
    Fate,
    Fault,
    MemoryHost,
    MemoryNetwork,
    MemoryRouter,
    joints,
    reply,
)

FAMILIES = {4: ("0.0.0.0", TARGET), 6: ("::", TARGET6)}


class Sender:
    """A socket of a host's, with what ICMP told it."""

    def __init__(
        self, net: MemoryNetwork, host: MemoryHost, port: int = 0, family: int = 4
    ) -> None:
        self.net = net
        wildcard, self.to = FAMILIES[family]
        self.socket = host.open_datagram_socket(wildcard, port)
        self.socket.queue_errors()
        self._told: list[Refusal] = []

    def transmit(self, data: bytes, to: str | None = None, ttl: int | None = None,
                 tos: int = 0) -> None:  # fmt: skip
        """Send a datagram, and take first what is pending."""
        self._told += self.socket.take_errors(1000)
        self.socket.transmit(ToSend(data, (to or self.to, 7), None, ttl, tos))

    def send(self, ttl: int | None = None, data: bytes = b"?" * 100, tos: int = 0,
             to: str | None = None) -> Datagram:  # fmt: skip
        """Send a datagram, and give what became of it a second later."""
        number = len(self.net.record)
        self.transmit(data, to, ttl, tos)
        self.net.advance(1)
        return self.net.record[number]

    def told(self) -> list[Refusal]:
        """Take what ICMP told since."""
        told, self._told = [*self._told, *self.socket.take_errors(1000)], []
        return told


def hops(sender: Sender, most: int = 8) -> list[str | None]:
    """Tell who answers each TTL, as far as somebody does."""
    found = []
    for ttl in range(1, most):
        fate = sender.send(ttl)
        told = sender.told()
        if fate.fate is not Fate.EXPIRED:
            break
        found.append(told[0].by[0] if told and told[0].by else None)
    return found


class TestWays:
    def test_it_comes_over_routers_each_of_which_takes_one_from_the_ttl(self) -> None:
        net, source, target, _ = line(count=3)
        peer = target.peer(7, [])
        seen = Sender(net, source).send(64)
        assert [data for data, _ in peer.heard] == [b"?" * 100]
        assert (seen.fate, seen.ttl, seen.where) == (Fate.DELIVERED, 61, None)
        assert seen.ended == pytest.approx(0.002)

    @pytest.mark.parametrize("family", [4, 6])
    def test_equal_ways_are_chosen_by_the_flow_and_the_seed(self, family: int) -> None:
        members = []
        for seed in (1, 1, 2):
            four = FourWays(seed, icmp_per_second=None)
            flows = [hops(Sender(four.net, four.source, 40000 + n, family))[1] for n in range(32)]
            members.append(flows)
        assert members[0] == members[1] != members[2]
        counts = Counter(members[0])
        assert len(counts) == 4
        assert min(counts.values()) >= 2

    @pytest.mark.parametrize("family", [4, 6])
    def test_a_router_may_go_by_the_flow_label(self, family: int) -> None:
        """Over IPv4 there is none, and it goes by the ports."""
        members = []
        for hashes in ("ports", "label"):
            four = FourWays(1, hashes=hashes, icmp_per_second=None)
            flows = [hops(Sender(four.net, four.source, 40000 + n, family))[1] for n in range(32)]
            assert len(set(flows)) == 4
            members.append(flows)
        assert (members[0] == members[1]) is (family == 4)

    def test_routers_choose_apart_from_one_another(self) -> None:
        """What one router tells apart, another with the same two ways does not choose by."""
        net = MemoryNetwork(seed=1)
        source, target = net.host(SOURCE), net.host(TARGET)
        routers = [net.router(name=name, icmp_per_second=None) for name in "sabtcdu"]
        s, a, b, t, c, d, u = routers
        for one, other in ((source, s), (s, a), (s, b), (a, t), (b, t), (t, c), (t, d), (c, u),
                           (d, u), (u, target)):  # fmt: skip
            net.link(one, other)
        met: Counter[tuple[str | None, str | None]] = Counter()
        for port in range(40000, 40064):
            ways = hops(Sender(net, source, port))
            met[ways[1], ways[3]] += 1
        assert len(met) == 4
        assert min(met.values()) >= 6

    def test_what_a_router_was_told_goes_before_the_shortest_way(self) -> None:
        four = FourWays(icmp_per_second=None)
        four.r1.route("10.9.20.0/24", via=[four.members[2]])
        four.r1.route("10.9.0.0/16", via=[four.members[1]])
        ways = {hops(Sender(four.net, four.source, 40000 + n))[1] for n in range(8)}
        assert ways == {"10.9.3.2"}

    def test_a_loop_ends_with_the_ttl(self) -> None:
        net, source, target, routers = line(count=3)
        target.peer(7, [])
        routers[1].route(TARGET, via=[routers[0]])
        seen = Sender(net, source).send(255)
        assert (seen.fate, seen.where) == (Fate.EXPIRED, "r1")

    @pytest.mark.parametrize("family", [4, 6])
    def test_without_a_route_it_says_so(self, family: int) -> None:
        net, source, _, routers = line(count=2)
        for prefix in (TARGET, TARGET6):
            routers[0].route(prefix, via=[])
        sender = Sender(net, source, family=family)
        seen = sender.send()
        assert (seen.fate, seen.where) == (Fate.UNREACHABLE, "r1")
        [told] = sender.told()
        assert (told.icmp_type, told.icmp_code) == ((3, 0), (1, 0))[family == 6]

    def test_nobody_has_the_address(self) -> None:
        net, source, _, _ = line()
        sender = Sender(net, source)
        assert sender.send(to="192.0.2.99").fate is Fate.UNREACHABLE
        assert [told.is_unreachable for told in sender.told()] == [True]

    @pytest.mark.parametrize("family", [4, 6])
    def test_a_refusal_comes_back_over_routers(self, family: int) -> None:
        net, source, _, _ = line()
        sender = Sender(net, source, family=family)
        assert sender.send().fate is Fate.REFUSED
        [told] = sender.told()
        assert told.is_port_unreachable
        assert told.by == (sender.to, 0)
        assert told.data == b"?" * 100

    def test_a_router_itself_listens_nowhere(self) -> None:
        net, source, _, _ = line()
        sender = Sender(net, source)
        assert sender.send(to="10.9.1.2").fate is Fate.REFUSED
        assert sender.told()[0].is_port_unreachable


class TestIcmp:
    @pytest.mark.parametrize("family", [4, 6])
    def test_a_ttl_that_ends_is_told_by_the_router(self, family: int) -> None:
        net, source, _, routers = line(icmp_per_second=None)
        sender = Sender(net, source, family=family)
        ipv6 = family == 6
        entered: list[MemoryHost | MemoryRouter] = [source, *routers]
        expected = [routers[n].address(entered[n], ipv6=ipv6) for n in range(3)]
        assert hops(sender) == expected

    @pytest.mark.parametrize(("quotes", "length"), [(8, 0), (28, 20), ("all", 520), (10_000, 520)])
    def test_it_quotes_so_much(self, quotes: Any, length: int) -> None:
        net, source, _, _ = line(quotes=quotes)
        sender = Sender(net, source)
        sender.send(1, data=bytes(range(256)) * 5)
        [told] = sender.told()
        assert told.data == (bytes(range(256)) * 5)[:length]
        assert told.is_time_exceeded

    def test_of_ipv6_it_quotes_more(self) -> None:
        net, source, _, _ = line()
        sender = Sender(net, source, family=6)
        sender.send(1, data=bytes(1300))
        assert [len(told.data) for told in sender.told()] == [1184]

    def test_it_speaks_from_the_interface_that_the_message_leaves_by(self) -> None:
        """Which is that of a hash of its own: the flow does not tell."""
        four = FourWays(icmp_per_second=None)
        by = {hops(Sender(four.net, four.source, 40000 + n))[2] for n in range(32)}
        assert by == {f"10.9.1{n}.2" for n in (1, 2, 3, 4)}

    def test_a_router_with_an_address_of_its_own_speaks_from_that(self) -> None:
        net = MemoryNetwork()
        source = net.host(SOURCE)
        router = net.router("10.255.0.1", "fd09:ffff::1")
        net.link(source, router)
        sender = Sender(net, source)
        sender.send(1)
        assert [told.by for told in sender.told()] == [("10.255.0.1", 0)]

    def test_six_at_once_and_one_a_second_to_each_destination(self) -> None:
        net, source, target, _ = line(count=1)
        senders = Sender(net, source), Sender(net, target)
        senders[1].to = SOURCE
        for _ in range(20):
            for sender in senders:
                sender.transmit(b"?", ttl=1)
        net.advance(0)
        assert [len(sender.told()) for sender in senders] == [6, 6]
        net.advance(1)
        for _ in range(5):
            senders[0].send(1)
            assert len(senders[0].told()) == 1

    def test_all_together_have_a_limit_too(self) -> None:
        net, source, _, _ = line(icmp_per_second=None, icmp_msgs_per_second=10, icmp_msgs_burst=5)
        sender = Sender(net, source)
        for _ in range(30):
            sender.transmit(b"?", ttl=1)
        net.advance(1)
        assert len(sender.told()) == 5

    @pytest.mark.parametrize("silent", [True, [Fate.EXPIRED]])
    def test_a_silent_router_says_nothing(self, silent: Any) -> None:
        net, source, _, _ = line(silent=silent)
        sender = Sender(net, source)
        assert sender.send(1).fate is Fate.EXPIRED
        assert sender.told() == []

    def test_a_message_may_be_lost_on_its_way(self) -> None:
        net, source, _, routers = line(icmp_per_second=None)
        net.link(routers[0], source, one_way=True, loss=1.0)
        assert hops(Sender(net, source))[:3] == [None, None, None]


class TestFaults:
    def test_a_share_is_dropped_silently(self) -> None:
        net, source, target, routers = line()
        target.peer(7, [])
        routers[1].drop(0.5)
        sender = Sender(net, source)
        fates = Counter((seen := sender.send()).fate and seen.where for _ in range(100))
        assert set(fates) == {None, "r2"}
        assert 30 < fates["r2"] < 70
        assert sender.told() == []

    def test_some_flows_are_prohibited(self) -> None:
        net, source, _, routers = line()
        no_more = routers[1].prohibit(source_ports=range(40000, 40002), towards=routers[2])
        fates = [Sender(net, source, port).send() for port in (40000, 40001, 40002)]
        assert [seen.fate for seen in fates] == [Fate.PROHIBITED, Fate.PROHIBITED, Fate.REFUSED]
        no_more()
        sender = Sender(net, source, 40003)
        assert sender.send().fate is Fate.REFUSED

    def test_prohibited_is_told_by_the_router(self) -> None:
        net, source, _, routers = line()
        routers[1].prohibit(to="10.9.20.0/24")
        sender = Sender(net, source)
        sender.send()
        [told] = sender.told()
        assert (told.icmp_type, told.icmp_code, told.by) == (3, 13, ("10.9.1.2", 0))

    def test_a_link_between_routers_has_its_faults_one_way(self) -> None:
        net, source, target, routers = line()
        target.peer(7, [])
        link = net.link(routers[0], routers[1], one_way=True)
        link.at(1.0, loss=1.0)
        sender = Sender(net, source)
        fates = [sender.send(), sender.send()]
        assert [seen.fate for seen in fates] == [Fate.DELIVERED, Fate.LOST]
        assert fates[1].where == "r1 > r2"
        assert "lost by r1 > r2" in str(fates[1])

    def test_copies_and_flipped_bits_are_told(self) -> None:
        net, source, target, routers = line()
        peer = target.peer(7, [])
        net.link(routers[0], routers[1], duplicate=1.0, corrupt=1.0)
        Sender(net, source).send()
        assert len(peer.heard) == 2
        assert all(Fault.CORRUPTED in seen.faults for seen in net.record)
        assert net.record.count(fault=Fault.DUPLICATE) == 1
        assert [seen.data for seen in net.record.delivered()] == [data for data, _ in peer.heard]

    @pytest.mark.parametrize("family", [4, 6])
    def test_what_is_too_long_for_a_link_is_told_by_the_router_before_it(self, family: int) -> None:
        net, source, target, routers = line()
        target.peer(7, [])
        net.link(routers[1], routers[2], mtu=1400, delay=0.001)
        sender = Sender(net, source, family=family)
        sender.socket.let_fragment(False)
        seen = sender.send(data=bytes(1400))
        assert (seen.fate, seen.where) == (Fate.TOO_LONG, "r2 > r3")
        [told] = sender.told()
        assert told.mtu == 1400
        assert told.by == (routers[1].address(routers[0], ipv6=family == 6), 0)

    @pytest.mark.parametrize(("heeds", "fate"), [(True, Fate.UNSENT), (False, Fate.TOO_LONG)])
    def test_what_was_told_is_heeded_unless_it_is_to_be_tried_again(
        self, heeds: bool, fate: Fate
    ) -> None:
        net, source, target, routers = line()
        target.peer(7, [])
        net.link(routers[1], routers[2], mtu=1400, delay=0.001)
        sender = Sender(net, source)
        sender.socket.let_fragment(False, heeds=heeds)
        sender.send(data=bytes(1400))
        sender.told()
        with suppress(OSError):
            sender.transmit(bytes(1400))
        net.advance(0.5)
        assert net.record[-1].fate is fate

    def test_what_tells_an_mtu_is_not_limited_but_may_be_silent(self) -> None:
        for silent, count in ((False, 20), ([Fate.TOO_LONG], 0)):
            net, source, _, routers = line(silent=silent)
            net.link(routers[1], routers[2], mtu=1400, delay=0.001)
            many = [Sender(net, source) for _ in range(20)]
            for sender in many:
                sender.socket.setsockopt(0, 10, 3)  # IP_MTU_DISCOVER, PROBE
                sender.transmit(bytes(1400))
            net.advance(0.5)
            assert sum(len(sender.told()) for sender in many) == count

    def test_dscp_is_rewritten_and_ecn_is_not(self) -> None:
        net, source, target, _ = line(dscp=0)
        target.peer(7, [])
        assert Sender(net, source).send(tos=46 << 2 | 2).tos == 2


class TestTranslation:
    OUTSIDE = "203.0.113.7"

    def test_a_target_behind_another_address_answers_from_that(self) -> None:
        net, source, target, routers = line()
        routers[1].translate(self.OUTSIDE, TARGET)
        target.peer(7, [reply(b"here")])
        sender = Sender(net, source)
        sender.send(to=self.OUTSIDE)
        [heard] = sender.socket.receive(10)
        assert heard.source == (self.OUTSIDE, 7)

    @pytest.mark.parametrize(
        ("hides", "told"),
        [
            (True, ["10.9.0.2", OUTSIDE, OUTSIDE, OUTSIDE]),
            (False, ["10.9.0.2", "10.9.1.2", "10.9.2.2", TARGET]),
        ],
    )
    def test_what_icmp_says_from_inside(self, hides: bool, told: list[str]) -> None:
        """It names the address that was asked, and comes from there if the router hides it."""
        net, source, _, routers = line()
        routers[1].translate(self.OUTSIDE, TARGET, hides=hides)
        sender = Sender(net, source)
        for ttl in (1, 2, 3, 4):
            sender.send(ttl, to=self.OUTSIDE)
        heard = sender.told()
        assert [each.by and each.by[0] for each in heard] == told
        assert {each.to for each in heard} == {(self.OUTSIDE, 7)}
        assert [each.is_port_unreachable for each in heard] == [False, False, False, True]

    def test_what_icmp_says_outside_of_a_reply_comes_in(self) -> None:
        net, _, target, routers = line()
        routers[1].translate(self.OUTSIDE, TARGET)
        replying = Sender(net, target)
        replying.to = SOURCE
        replying.send(3)
        [told] = replying.told()
        assert (told.by, told.to) == (("10.9.1.1", 0), (SOURCE, 7))


class TestMistakes:
    def test_chosen_addresses_are_each_links_own_and_come_to_an_end(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        net = MemoryNetwork()
        last = net.router()
        for _ in range(200):
            last, before = net.router(), last
            net.link(before, last)
        routers = [last, before]
        assert len({*last.addresses, *before.addresses}) == 6
        assert all(ip_address(host) for router in routers for host in router.addresses)
        monkeypatch.setattr(joints, "MOST_CHOSEN", 200)
        with pytest.raises(ValueError, match="give this one its own"):
            net.link(last, net.router())

    def test_what_cannot_be(self) -> None:
        net = MemoryNetwork()
        host, router = net.host(SOURCE), net.router("10.0.0.1")
        for wrong in ({"quotes": 7}, {"quotes": "some"}, {"hashes": "any"}, {"dscp": 64},
                      {"icmp_per_second": 0}, {"silent": ["never"]}):  # fmt: skip
            with pytest.raises(ValueError, match=r"8|ports|63|above 0|never"):
                net.router(**wrong)
        with pytest.raises(ValueError, match="no link to 10"):
            router.route("10.0.0.0/8", via=[host])
        with pytest.raises(ValueError, match="expected a network such as"):
            router.route("ten", via=[])
        with pytest.raises(ValueError, match="share is a probability"):
            router.drop(1.5)

    def test_addresses_are_pairs_and_belong_to_one(self) -> None:
        net = MemoryNetwork()
        host, router, other = net.host(SOURCE), net.router("10.0.0.1"), net.router()
        with pytest.raises(ValueError, match="pairs"):
            net.link(host, router, addresses=(SOURCE,))
        with pytest.raises(BadAddress, match="no address of the host"):
            net.link(host, router, addresses=("10.9.0.7", "10.9.0.2"))
        with pytest.raises(BadAddress, match="taken"):
            net.link(router, other, addresses=("10.0.0.1", "10.0.0.2"))
        with pytest.raises(BadAddress, match="taken"):
            net.host("10.0.0.1")
        with pytest.raises(ValueError, match="joins a router"):
            net.link(host, net.host("10.9.0.9"), addresses=(SOURCE, "10.9.0.9"))
        net.link(host, router)
        with pytest.raises(ValueError, match="addresses already"):
            net.link(host, router, addresses=(SOURCE, "10.9.0.2"))

    def test_another_network_has_other_routers(self) -> None:
        with pytest.raises(ValueError, match="another network"):
            MemoryNetwork().link(MemoryNetwork().router(), MemoryNetwork().router())
        with pytest.raises(TypeError, match="hosts and routers"):
            MemoryNetwork().link("r1", "r2")  # type: ignore[arg-type]

    def test_hosts_without_a_router_are_as_before(self) -> None:
        net, source, _, _ = line()
        other = net.host("192.0.2.9")
        other.peer(7, [])
        assert Sender(net, source).send(to="192.0.2.9").fate is Fate.UNREACHABLE
        net.link(source, other)
        assert Sender(net, source).send(to="192.0.2.9").fate is Fate.DELIVERED
