"""Four equal ways between two hosts, in namespaces: source - r1 - {a, b, c, d} - r3 - target.

Each router hashes the five-tuple with a seed of its own, so that out and back choose apart, and
every run is the same for the same source ports (ip-sysctl.rst: fib_multipath_hash_policy, _fields
and _seed).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count

from tests.live.netns import Namespace, namespace

MEMBERS = ("a", "b", "c", "d")
LINKS = [
    ("source", "r1"),
    *(("r1", member) for member in MEMBERS),
    *((member, "r3") for member in MEMBERS),
    ("r3", "target"),
]
SEEDS = {"r1": 1, "r3": 7932}
FIELDS = "55"
"""The five-tuple: 0x37."""

TARGET, TARGET6 = "10.9.9.2", "fd09:9::2"


@dataclass(frozen=True, slots=True)
class Ecmp:
    """The namespaces, by their place."""

    at: dict[str, Namespace]

    def drop(self, member: str, how: str, *, back: bool = False) -> None:
        """Have a member drop what goes to the target's port 7: "drop", or with a chance before.

        Or what comes back from there.
        """
        end = "saddr {} udp sport 7" if back else "daddr {} udp dport 7"
        rules = "\n".join(
            (
                "table inet loss { chain forward { type filter hook forward priority 0;",
                f"ip {end.format(TARGET)} {how};",
                f"ip6 {end.format(TARGET6)} {how};",
                "}; }",
            )
        )
        self.at[member].run("nft", rules)

    def narrow(self, member: str, mtu: int, *, silent: bool = False) -> None:
        """Have the link from r1 to a member take less; silent: r1 does not say so."""
        for here, there in (
            ("r1", member),
            (member, "r1"),
        ):  # a veth drops what is longer than its own
            self.at[here].ip("link", "set", f"to-{there}", "mtu", str(mtu))
        if silent:
            rules = "icmp type destination-unreachable icmp code 4 drop; "
            rules += "icmpv6 type packet-too-big drop;"
            output = "type filter hook output priority 0;"
            self.at["r1"].run("nft", f"table inet mute {{ chain output {{ {output} {rules} }}; }}")

    def bleach(self, member: str) -> None:
        """Have a member clear the DSCP of what goes to the target."""
        rules = f"ip daddr {TARGET} ip dscp set cs0; ip6 daddr {TARGET6} ip6 dscp set cs0;"
        forward = "type filter hook forward priority 0;"
        self.at[member].run("nft", f"table inet dscp {{ chain forward {{ {forward} {rules} }}; }}")


@contextmanager
def ecmp(icmp_ratelimit: int = 0) -> Iterator[Ecmp]:
    """Make it; icmp_ratelimit is in ms, as Linux has it."""
    with ExitStack() as made:
        at = {
            place: made.enter_context(namespace("", ""))
            for place in ("source", "r1", *MEMBERS, "r3", "target")
        }
        for place, here in at.items():
            here.set("net/ipv4/ip_forward", "1")
            here.set("net/ipv6/conf/all/forwarding", "1")
            here.set("net/ipv4/icmp_ratelimit", str(icmp_ratelimit))
            here.set("net/ipv6/icmp/ratelimit", str(icmp_ratelimit))
            for family in ("ipv4", "ipv6"):
                here.set(f"net/{family}/fib_multipath_hash_policy", "3")
                here.set(f"net/{family}/fib_multipath_hash_fields", FIELDS)
            if place in SEEDS:
                here.set("net/ipv4/fib_multipath_hash_seed", str(SEEDS[place]))
        for number, (one, other) in zip(count(), LINKS, strict=False):
            _join(at, one, other, number)
        _route(at)
        yield Ecmp(at)


def _join(at: dict[str, Namespace], one: str, other: str, number: int) -> None:
    """Join two by a link of its own network: 10.9.N.0/30 and fd09:N::/64."""
    peer = ["peer", "name", f"to-{one}", "netns", at[other].name]
    at[one].ip("link", "add", "name", f"to-{other}", "type", "veth", *peer)
    for here, there, last in ((one, f"to-{other}", 1), (other, f"to-{one}", 2)):
        at[here].ip("address", "add", f"10.9.{number}.{last}/30", "dev", there)
        at[here].ip("address", "add", f"fd09:{number}::{last}/64", "dev", there, "nodad")
        at[here].ip("link", "set", there, "up")
        for rule in ("all", there):
            at[here].set(f"net/ipv4/conf/{rule}/rp_filter", "0")


def _route(at: dict[str, Namespace]) -> None:
    last = len(LINKS) - 1
    for family, network, there, back in (
        ("-4", "10.9.{}.{}", f"10.9.{last}.0/30", "10.9.0.0/30"),
        ("-6", "fd09:{}::{}", f"fd09:{last}::/64", "fd09:0::/64"),
    ):

        def via(number: int, end: int, network: str = network) -> list[str]:
            return ["via", network.format(number, end)]

        up, down = range(1, 5), range(5, 9)
        at["source"].ip(family, "route", "add", "default", *via(0, 2))
        at["target"].ip(family, "route", "add", "default", *via(last, 1))
        ways = [word for number in up for word in ("nexthop", *via(number, 2))]
        at["r1"].ip(family, "route", "add", there, *ways)
        ways = [word for number in down for word in ("nexthop", *via(number, 1))]
        at["r3"].ip(family, "route", "add", back, *ways)
        for member, first, second in zip(MEMBERS, up, down, strict=True):
            at[member].ip(family, "route", "add", there, *via(second, 2))
            at[member].ip(family, "route", "add", back, *via(first, 1))
