"""A look at paths, over links in memory with routers on them."""

from __future__ import annotations

import pytest

from tests.routers import TARGET, line
from udpecho import EchoServer, listen_udp
from udpecho.path import Label, trace
from udpecho.testing import Fate, MemoryNetwork


@pytest.mark.parametrize(
    ("server", "client"), [("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2")]
)
class TestTrace:
    def test_a_stock_echo_answers_at_its_own_distance(self, server: str, client: str) -> None:
        net = MemoryNetwork(seed=1)
        far, near = net.host(server), net.host(client)
        net.link(near, far, delay=0.01, hops=3)
        far.listenUDP(7, EchoServer())
        found = net.run_until(trace(near, (server, 7), flows=2))
        for path in found.paths:
            assert path.reached
            assert path.distance == 4
            assert [hop.ttl for hop in path.hops] == [1, 2, 3]
            assert all(hop.addresses for hop in path.hops)
            assert all(hop.rtt_ns for hop in path.hops)

    def test_our_own_server_is_silent_up_to_twice_its_distance(
        self, server: str, client: str
    ) -> None:
        net = MemoryNetwork(seed=1)
        far, near = net.host(server), net.host(client)
        net.link(near, far, delay=0.01, hops=2)
        listen_udp(far, 7, EchoServer(), server)
        [path] = net.run_until(trace(near, (server, 7), flows=1)).paths
        assert path.reached
        assert [hop.ttl for hop in path.hops] == [1, 2]
        assert (path.distance, path.at_most) == (None, 6)

    def test_a_closed_port_ends_it(self, server: str, client: str) -> None:
        net = MemoryNetwork(seed=1)
        far, near = net.host(server), net.host(client)
        net.link(near, far, delay=0.01, hops=2)
        [path] = net.run_until(trace(near, (server, 7), flows=1)).paths
        assert (path.reached, path.distance, len(path.hops)) == (True, 3, 2)

    def test_who_is_not_there_is_not_reached(self, server: str, client: str) -> None:
        net = MemoryNetwork(seed=1)
        far, near = net.host(server), net.host(client)
        net.link(near, far, delay=0.01, hops=2, loss=1.0)
        [path] = net.run_until(trace(near, (server, 7), flows=1)).paths
        assert not path.reached


def test_labels_that_routers_tell_are_known() -> None:
    labels = (Label(256000, 0, False, 1), Label(17, 5, True, 254))
    net, source, _, _ = line(count=2, labels=labels)
    [path] = net.run_until(trace(source, (TARGET, 7), flows=1)).paths
    assert [hop.labels for hop in path.hops] == [labels, labels]


class TestHowLong:
    """Of the network's time, with routers that answer six at once and then one a second."""

    @staticmethod
    def took(server: str, flows: int, count: int = 2, quiet: int | None = None) -> float:
        """Look at paths over so many routers, and tell the seconds."""
        net, source, target, routers = line(count=count)
        if quiet is not None:
            routers[quiet].core.silent = tuple(Fate)
        if server == "ours":
            listen_udp(target, 7, EchoServer(target.seconds), TARGET)
        elif server == "stock":
            target.listenUDP(7, EchoServer())
        ports = range(40000, 40000 + flows)
        found = net.run_until(trace(source, (TARGET, 7), source_ports=ports), limit=100)
        assert all(path.reached for path in found.paths)
        shown = [bool(hop.addresses) for path in found.paths for hop in path.hops]
        assert len(shown) == flows * count
        assert shown.count(False) == (0 if quiet is None else flows)
        return source.seconds()

    @pytest.mark.parametrize("server", ["stock", "closed"])
    def test_a_flow_takes_no_longer_than_its_answers(self, server: str) -> None:
        assert self.took(server, flows=1) < 0.1

    @pytest.mark.parametrize(("flows", "most"), [(1, 0.7), (8, 3.1), (16, 11.1)])
    def test_our_own_server_takes_no_longer_than_its_last_router(
        self, flows: int, most: float
    ) -> None:
        """The TTLs that it is silent for are asked of a few flows, and soon again."""
        assert self.took("ours", flows) <= most

    def test_a_silent_router_is_not_asked_as_slowly_as_one_that_may_have_said_too_much(
        self,
    ) -> None:
        assert self.took("stock", flows=16, count=4, quiet=1) < 20

    def test_replies_of_the_target_are_no_routers_messages(self) -> None:
        assert self.took("stock", flows=5, count=1) < 0.1
        net = MemoryNetwork(seed=1)
        near, far = net.host("192.0.2.1"), net.host("192.0.2.2")
        far.listenUDP(7, EchoServer())
        found = net.run_until(trace(near, ("192.0.2.2", 7), flows=64))
        assert {path.distance for path in found.paths} == {1}
        assert near.seconds() < 0.1
