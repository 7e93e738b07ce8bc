"""Networks of routers in memory, as the tests of more than one wing have them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from udpecho import EchoServer, listen_udp
from udpecho.testing import MemoryHost, MemoryNetwork, MemoryRouter

SOURCE, TARGET = "10.9.0.1", "10.9.20.2"
SOURCE6, TARGET6 = "fd09::1", "fd09:20::2"
MEMBERS = "abcd"


def linked(net: MemoryNetwork, a: Any, b: Any, number: int, **options: Any) -> None:
    """Link two, with addresses of both families by the link's number."""
    four = (f"10.9.{number}.1", f"10.9.{number}.2")
    six = (f"fd09:{number}::1", f"fd09:{number}::2")
    net.link(a, b, addresses=(*four, *six), **options)


class FourWays:
    """A source, r1, four members of equal ways, r3 and a target, 1 ms on each inner link."""

    def __init__(self, seed: int = 1, *, answers: bool = True, tells: bool = False,
                 delay: float = 0.001, **options: Any) -> None:  # fmt: skip
        """Give all routers the same options; the target answers on port 7, or nobody does.

        It tells of the way back, or echoes everything.
        """
        net = self.net = MemoryNetwork(seed=seed)
        self.source = net.host(SOURCE, "fd09:0::1")
        self.target = net.host(TARGET, TARGET6)
        self.r1, self.r3 = net.router(name="r1", **options), net.router(name="r3", **options)
        linked(net, self.source, self.r1, 0)
        linked(net, self.r3, self.target, 20)
        self.members: list[MemoryRouter] = []
        for number, name in enumerate(MEMBERS, 1):
            member = net.router(name=name, **options)
            linked(net, self.r1, member, number, delay=delay)
            linked(net, member, self.r3, 10 + number, delay=delay)
            self.members.append(member)
        if answers:
            for wildcard in ("0.0.0.0", "::"):  # whose rate is by the network's time
                server = EchoServer(self.target.seconds, tell_paths=tells)
                listen_udp(self.target, 7, server, wildcard)


def line(
    seed: int = 1, count: int = 3, *, delay: float = 0.001, **options: Any
) -> tuple[MemoryNetwork, MemoryHost, MemoryHost, list[MemoryRouter]]:
    """Put so many routers between two hosts, one behind the other."""
    net = MemoryNetwork(seed=seed)
    source, target = net.host(SOURCE, SOURCE6), net.host(TARGET, TARGET6)
    routers = [net.router(**options) for _ in range(count)]
    linked(net, source, routers[0], 0)
    for number, (one, other) in enumerate(pairwise(routers), 1):
        linked(net, one, other, number, delay=delay)
    linked(net, routers[-1], target, 20)
    return net, source, target, routers
