"""From the hosts that a user names to the targets that a plan needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from twisted.internet.defer import DeferredList

from udpecho.errors import UdpEchoError
from udpecho.peer import Peer, resolve
from udpecho.plan import Target
from udpecho.reactors import IDatagramReactor

LOOKUPS = 64
"""Names looked up at a time: a resolver that is asked for 10,000 at once drops most."""


async def resolve_targets(
    reactor: IDatagramReactor, hosts: Sequence[tuple[str, int]], *, ipv6: bool | None = None
) -> tuple[list[Target], list[UdpEchoError]]:
    """Find the hosts' addresses, in order, and what is wrong with those that have none."""
    found: list[Target] = []
    failures: list[UdpEchoError] = []
    for start in range(0, len(hosts), LOOKUPS):
        some = hosts[start : start + LOOKUPS]
        lookups = [resolve(reactor, host, port, ipv6=ipv6) for host, port in some]
        results: list[tuple[bool, Peer]] = await DeferredList(lookups, consumeErrors=True)
        for (name, _), (resolved, result) in zip(some, results, strict=True):
            if resolved:
                found.append(Target(name, result))
            else:
                failures.append(result.value)  # type: ignore[attr-defined] # a Failure
    return found, failures


def target_names(lines: Iterable[str]) -> list[str]:
    """Read a file of hosts: one a line, empty lines and what follows a # left out."""
    bare = (line.partition("#")[0].strip() for line in lines)
    return [name for name in bare if name]
