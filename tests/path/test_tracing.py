"""A look at paths, over links in memory with routers on them."""

from __future__ import annotations

import pytest

from udpecho import EchoServer, listen_udp
from udpecho.path import trace
from udpecho.testing import MemoryNetwork


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
