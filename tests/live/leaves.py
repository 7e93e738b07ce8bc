"""Two leaves with hosts behind each, joined by four spines, and a host beside that sees all.

Each router hashes the five-tuple with a seed of its own, as those of ecmp do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.live.ecmp import FIELDS, MEMBERS, SEEDS
from tests.live.netns import Namespace, namespace

LEFT, RIGHT = "r1", "r3"
_SIDES = {LEFT: "10.20", RIGHT: "10.21"}
BESIDE = "beside"


@dataclass(frozen=True, slots=True)
class Leaves:
    """The namespaces by their place, and the hosts' addresses by name."""

    at: dict[str, Namespace]
    hosts: dict[str, str]

    def lose(self, place: str, what: str) -> None:
        """Have a router lose a tenth of what it forwards and what is like this, as nft has it."""
        rule = f"{what} numgen random mod 10 == 0 drop;"
        hook = "type filter hook forward priority 0;"
        self.at[place].run("nft", f"table ip loss {{ chain forward {{ {hook} {rule} }}; }}")

    def mend(self, place: str) -> None:
        """Have it lose nothing any more."""
        self.at[place].run("nft", "delete table ip loss")


@contextmanager
def leaves(names: Sequence[str]) -> Iterator[Leaves]:
    """Make them: every other host is on the left."""
    with ExitStack() as stack:
        places = (LEFT, RIGHT, *MEMBERS, BESIDE, *names)
        at = {place: stack.enter_context(namespace("", "")) for place in places}
        for place in (LEFT, RIGHT, *MEMBERS):
            at[place].set("net/ipv4/ip_forward", "1")
            at[place].set("net/ipv4/fib_multipath_hash_policy", "3")
            at[place].set("net/ipv4/fib_multipath_hash_fields", FIELDS)
            if place in SEEDS:
                at[place].set("net/ipv4/fib_multipath_hash_seed", str(SEEDS[place]))
        for number, spine in enumerate(MEMBERS):
            _join(at, spine, LEFT, f"10.9.{number}")
            _join(at, spine, RIGHT, f"10.9.{number + 10}")
            for leaf, link in ((LEFT, number), (RIGHT, number + 10)):
                at[spine].ip("route", "add", f"{_SIDES[leaf]}.0.0/16", "via", f"10.9.{link}.2")
        for leaf, other, first in ((LEFT, RIGHT, 0), (RIGHT, LEFT, 10)):
            ways = [f"nexthop via 10.9.{first + number}.1".split() for number in range(4)]
            words = [word for way in ways for word in way]
            at[leaf].ip("route", "add", f"{_SIDES[other]}.0.0/16", *words)
        hosts = {}
        for number, name in enumerate((BESIDE, *names)):
            leaf = (LEFT, RIGHT)[number % 2]
            network = f"{_SIDES[leaf]}.{number}"
            _join(at, leaf, name, network)
            at[name].ip("route", "add", "default", "via", f"{network}.1")
            hosts[name] = f"{network}.2"
        yield Leaves(at, hosts)


def _join(at: dict[str, Namespace], one: str, other: str, network: str) -> None:
    """Join two by a link of its own /30."""
    peer = ["peer", "name", f"to-{one}", "netns", at[other].name]
    at[one].ip("link", "add", "name", f"to-{other}", "type", "veth", *peer)
    for here, there, last in ((one, f"to-{other}", 1), (other, f"to-{one}", 2)):
        at[here].ip("address", "add", f"{network}.{last}/30", "dev", there)
        at[here].ip("link", "set", there, "up")
        for rule in ("all", there):
            at[here].set(f"net/ipv4/conf/{rule}/rp_filter", "0")
