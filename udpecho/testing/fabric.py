"""A data centre's fabric in memory: leaves, spines that join them all, and hosts on the leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from udpecho.peer import Peer
from udpecho.testing.host import MemoryHost
from udpecho.testing.limits import PER_SECOND
from udpecho.testing.network import MemoryNetwork
from udpecho.testing.router import MemoryRouter

MOST_LEAVES, MOST_SPINES, MOST_HOSTS = 250, 250, 250
"""Leaves and spines of a fabric, and hosts of a leaf: each has a byte in the addresses."""

LINK_DELAY = 0.000_05
"""Seconds on each link: some metres of fibre, and a switch."""

ECHO = 7


@dataclass(frozen=True)
class LeafAndSpine:
    """The routers and hosts of a fabric."""

    leaves: tuple[MemoryRouter, ...]
    spines: tuple[MemoryRouter, ...]
    hosts: tuple[tuple[MemoryHost, ...], ...]
    """By leaf: the first host of leaf 3 is 10.3.0.1, and fd00:3::1. The leaf's address towards it
    is 10.3.0.254, towards spine 5 10.3.255.5; that of spine 5 towards the leaf is 10.255.5.3."""


def leaf_and_spine(
    net: MemoryNetwork,
    *,
    leaves: int,
    spines: int,
    hosts: int = 1,
    delay: float = LINK_DELAY,
    icmp_per_second: float | None = PER_SECOND,
) -> LeafAndSpine:
    """Build a fabric: each leaf has so many hosts, and a link to each spine.

    Its routers are leaf0, leaf1, …, spine0, …, and say so many things a second to a destination
    (see MemoryNetwork.router); delay, in seconds, is each link's. Raises ValueError for more
    than 250 leaves or spines, or hosts on one leaf.
    """
    for what, number, most in (
        ("leaves", leaves, MOST_LEAVES),
        ("spines", spines, MOST_SPINES),
        ("hosts on each leaf", hosts, MOST_HOSTS),
    ):
        if not 1 <= number <= most:
            raise ValueError(f"a fabric has 1 to {most} {what}, not {number!r}")
    above = [
        net.router(name=f"spine{number}", icmp_per_second=icmp_per_second)
        for number in range(spines)
    ]
    below, all_hosts = [], []
    for number in range(leaves):
        leaf = net.router(name=f"leaf{number}", icmp_per_second=icmp_per_second)
        for up, spine in enumerate(above):
            net.link(leaf, spine, addresses=_between(number, up), delay=delay)
        on_leaf = []
        for each in range(hosts):
            four, six = f"10.{number}.{each}", f"fd00:{number:x}:{each:x}::"
            host = net.host(f"{four}.1", f"{six}1")
            ends = (f"{four}.1", f"{four}.254", f"{six}1", f"{six}fe")
            net.link(host, leaf, addresses=ends, delay=delay)
            on_leaf.append(host)
        below.append(leaf)
        all_hosts.append(tuple(on_leaf))
    return LeafAndSpine(tuple(below), tuple(above), tuple(all_hosts))


def _between(leaf: int, spine: int) -> tuple[str, ...]:
    """Give the addresses of the link between two, of both families, the leaf's end first."""
    four = f"10.{leaf}.255.{spine}", f"10.255.{spine}.{leaf}"
    return *four, f"fd00:{leaf:x}:ffff:{spine:x}::1", f"fd00:ffff:{spine:x}:{leaf:x}::1"


@dataclass(frozen=True)
class DemoFault:
    """What is wrong in a demonstration's fabric: a link drops what goes one way over it."""

    above: MemoryRouter
    below: MemoryRouter
    share: float
    """The part that is lost, from 0 to 1."""

    begins: float
    """From when on, in seconds since the network was made."""

    def address(self) -> str:
        """Give the address of the lower router on the link."""
        found = self.below.address(self.above)
        assert found is not None
        return found


def demo_fabric(
    seed: int = 1,
    *,
    answer: Callable[[MemoryHost, int], object],
    leaves: int = 8,
    spines: int = 4,
    share: float = 1.0,
    begins: float = 2.0,
) -> tuple[MemoryNetwork, MemoryHost, list[Peer], DemoFault]:
    """Give a fabric in which the link from one spine to one leaf loses a share from then on.

    answer is called with each host but the first and a port, and puts an echo server there (one
    that keeps a rate is to be told the host's seconds()).
    Returned are the network, the host to look from (the first), the others' addresses and
    ports, and what is wrong. The seed decides that and all else.
    """
    net = MemoryNetwork(seed)
    fabric = leaf_and_spine(net, leaves=leaves, spines=spines)
    (source,), *others = fabric.hosts
    for (host,) in others:
        answer(host, ECHO)
    random = Random(seed)
    fault = DemoFault(random.choice(fabric.spines), random.choice(fabric.leaves[1:]), share, begins)
    link = net.link(fault.above, fault.below, one_way=True, delay=LINK_DELAY)
    link.at(begins, loss=share)
    return net, source, [(host.addresses[0], ECHO) for (host,) in others], fault
