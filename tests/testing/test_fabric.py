"""Fabrics in memory: leaves, spines, hosts; and one with a fault, for a demonstration."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from udpecho import EchoServer, listen_udp
from udpecho.testing import Fate, MemoryHost, MemoryNetwork, demo_fabric, leaf_and_spine


def answer(host: MemoryHost, port: int) -> object:
    return listen_udp(host, port, EchoServer())


@pytest.mark.parametrize("ipv6", [False, True])
def test_hosts_of_leaves_reach_each_other_by_any_spine(ipv6: bool) -> None:
    net = MemoryNetwork(seed=1)
    fabric = leaf_and_spine(net, leaves=5, spines=4, hosts=3)
    source, target = fabric.hosts[0][2], fabric.hosts[4][1]
    assert (source.addresses, target.addresses) == (
        ("10.0.2.1", "fd00:0:2::1"),
        ("10.4.1.1", "fd00:4:1::1"),
    )
    target.peer(7, [])
    fabric.spines[2].drop()
    local = source.addresses[ipv6]
    for _ in range(64):
        sock = source.open_datagram_socket(local, 0)
        sock.sendto(b"?", (target.addresses[ipv6], 7))
    net.advance(1)
    dropped = net.record.select(Fate.FILTERED)
    assert 4 <= len(dropped) <= 32
    assert {seen.where for seen in dropped} == {"spine2"}
    assert net.record.count(Fate.DELIVERED) == 64 - len(dropped)
    assert {seen.ttl for seen in net.record.delivered()} == {61}


def test_hosts_of_one_leaf_meet_there() -> None:
    net = MemoryNetwork(seed=1)
    fabric = leaf_and_spine(net, leaves=2, spines=2, hosts=2)
    one, other = fabric.hosts[1]
    other.peer(7, [])
    one.open_datagram_socket("", 0).sendto(b"?", (other.addresses[0], 7))
    net.advance(1)
    assert [seen.ttl for seen in net.record.delivered()] == [63]


def test_each_end_of_each_link_has_an_address() -> None:
    net = MemoryNetwork()
    fabric = leaf_and_spine(net, leaves=64, spines=16, hosts=1)
    chosen = [spine.address(leaf) for spine in fabric.spines for leaf in fabric.leaves]
    assert len(set(chosen)) == 64 * 16
    assert all(ip_address(each or "").version == 4 for each in chosen)
    with pytest.raises(ValueError, match="1 to 250 leaves, not 257"):
        leaf_and_spine(net, leaves=257, spines=1)


def test_a_demonstration_has_one_fault_and_the_seed_says_which() -> None:
    where = []
    for seed in (1, 1, 2, 3):
        net, source, targets, fault = demo_fabric(seed, answer=answer)
        assert len(targets) == 7
        net.advance(fault.begins)
        for target in targets:
            for _ in range(32):
                source.open_datagram_socket("", 0).sendto(b"?", target)
        net.advance(1)
        lost = {seen.where for seen in net.record.select(Fate.LOST)}
        assert lost == {f"{fault.above.name} > {fault.below.name}"}
        spine = fault.above.name.removeprefix("spine")
        assert fault.above.addresses[0] == f"10.255.{spine}.0"
        where.append(lost)
    assert where[0] == where[1]
    assert len({str(each) for each in where}) > 1
