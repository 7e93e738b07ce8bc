"""Who is linked to whom where there are routers, and the shortest ways; knows no time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from udpecho.testing.forwarding import Interface, Key, Router, picked
from udpecho.testing.stack import Stack

Node: TypeAlias = Router | Stack


class Topology:
    """The links of routers. Each router knows the shortest ways to every host."""

    def __init__(self, stacks: dict[str, Stack]) -> None:
        """Take the hosts by their addresses, which may grow."""
        self._stacks = stacks
        self._routers: dict[Router, None] = {}
        self._owners: dict[str, Router] = {}
        self._uplinks: dict[Stack, list[Interface]] = {}
        self._outside: dict[str, Router] = {}
        self._distances: dict[tuple[int, tuple[Router, ...]], dict[Router, int]] = {}

    def add(self, router: Router) -> None:
        """Have another router."""
        self._routers[router] = None
        self._owners.update(dict.fromkeys(router.addresses.values(), router))

    def has(self, router: Router) -> bool:
        """Tell whether it is one of these routers."""
        return router in self._routers

    def translate(self, outside: str, router: Router) -> None:
        """Have what is for an address come to a router that translates it."""
        self._outside[outside] = router
        self.forget()

    def join(self, node: Node, interface: Interface) -> None:
        """Give a node a link."""
        if isinstance(node, Router):
            node.interfaces[interface.neighbour] = interface
            self._owners.update(dict.fromkeys(interface.addresses.values(), node))
        else:
            self._uplinks.setdefault(node, []).append(interface)
        self.forget()

    def link(self, node: Node, neighbour: Node) -> Interface | None:
        """Give a node's link to another, if it has one."""
        if isinstance(node, Router):
            return node.interfaces.get(neighbour)
        ups = self._uplinks.get(node, ())
        return next((each for each in ups if each.neighbour is neighbour), None)

    def forget(self) -> None:
        """Find all ways anew."""
        self._distances.clear()
        for router in self._routers:
            router.chosen.clear()

    def owner(self, host: str) -> Router | None:
        """Give the router that has an address."""
        return self._owners.get(host)

    def is_taken(self, host: str) -> bool:
        """Tell whether an address is a router's, or stands for another."""
        return host in self._owners or host in self._outside

    def has_uplink(self, stack: Stack) -> bool:
        """Tell whether a host has a link to a router."""
        return stack in self._uplinks

    def uplink(self, stack: Stack, key: Key) -> Interface | None:
        """Give the link by which a host's datagrams leave: its default route."""
        ups = self._uplinks.get(stack)
        return ups[picked(0, key, len(ups))] if ups else None

    def ways(self, router: Router, host: str) -> Sequence[Interface]:
        """Give the equal ways to an address: first its own links, then what it was told."""
        target: Node | None = self._stacks.get(host) or self._outside.get(host)
        target = target or self._owners.get(host)
        if isinstance(target, Stack) and target in router.interfaces:
            return [router.interfaces[target]]
        routed = router.routed(host)
        if routed is not None:
            return routed
        if target is None:
            return ()
        return self._shortest(router, target)

    def _shortest(self, router: Router, target: Node) -> list[Interface]:
        distances = self._from(target)
        nearer = distances.get(router, 0) - 1
        return [
            each
            for neighbour, each in router.interfaces.items()
            if neighbour is target
            or (isinstance(neighbour, Router) and distances.get(neighbour) == nearer)
        ]

    def _from(self, target: Node) -> dict[Router, int]:
        """Count the links from each router to a node: to hosts of one router once for all."""
        near = (target,) if isinstance(target, Router) else tuple(self._above(target))
        begin = int(isinstance(target, Stack))
        key = begin, near
        found = self._distances.get(key)
        if found is None:
            found = self._distances[key] = _measured(near, begin)
        return found

    def _above(self, stack: Stack) -> Iterator[Router]:
        for each in self._uplinks.get(stack, ()):
            if isinstance(each.neighbour, Router):
                yield each.neighbour


def _measured(near: Iterable[Router], begin: int) -> dict[Router, int]:
    """Count the links to each router from these, which are at the distance begin."""
    found = dict.fromkeys(near, begin)
    last = list(found)
    while last:
        nexts = []
        for router in last:
            for neighbour in router.interfaces:
                if isinstance(neighbour, Router) and neighbour not in found:
                    found[neighbour] = found[router] + 1
                    nexts.append(neighbour)
        last = nexts
    return found
