"""What is known of a peer's paths: which each flow takes, since when, and where they lose. Pure.

A path is another only if that was made sure: a hop that is silent, or was, is no change, nor is a
router that answers from several addresses. Who is at another address has other paths, which is no
change, either. Times are ns by the monotonic clock.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import zip_longest

from udpecho.path.hops import Hop, Path, PathMtu, Paths
from udpecho.path.verdicts import Segment
from udpecho.peer import Peer

MOST_ADDRESSES = 64
"""Addresses of a hop that are kept: a router could answer from another each time."""


@dataclass(frozen=True, slots=True)
class KnownPath:
    """The path of one flow."""

    path: Path
    """As it was seen last; a hop that kept silent then is as it was before, if the peer answers."""

    hops: tuple[tuple[str, ...], ...]
    """The addresses of each hop, whoever of them answered last: none is one that never did."""

    id: str
    """Eight hex digits of the hops' addresses: the same for all flows that take this path."""

    since_ns: int
    """When it was found first, or found to be another than before."""


@dataclass(frozen=True, slots=True)
class PeerVerdict:
    """Where flows to a peer lose."""

    direction: str
    """As path.verdicts' Direction has it: out, back or unknown."""

    segment: str
    """Behind or through whom flows die, or between whom, in a few words."""

    why: str
    """What it rests on, in words: how many flows lose, and who passes the segment."""

    flows: tuple[int, ...]
    """The peer's flows that lose there, by number."""

    segments: tuple[Segment, ...]
    """The segment, or those of which it is one."""

    since_ns: int


@dataclass(slots=True, eq=False)
class PeerPaths:
    """The paths of a peer's flows, as far as they are known, and its verdict."""

    known: dict[int, KnownPath] = field(default_factory=dict)
    """By the flows' numbers."""

    verdict: PeerVerdict | None = None
    changes: int = 0
    """How often a flow's path was found to be another than before."""

    mtu: PathMtu | None = None
    """How long a packet of the first flow may be."""

    tells: bool | None = None
    """Whether the peer tells of the way back; None if nobody asked."""

    looked_ns: int | None = None
    """When a look ended last."""

    def note(
        self, found: Paths, changed: Collection[int], now_ns: int
    ) -> list[tuple[int, str, str]]:
        """Take what a look found; tell which flows' paths are others, and the ids before and now.

        changed are the flows of which the look found so.
        """
        self.looked_ns, self.tells = now_ns, found.tells
        others = []
        for path in found.paths:
            before = self.known.get(path.flow)
            is_other = before is not None and path.flow in changed
            now = _known(path, None if is_other else before, now_ns)
            self.known[path.flow] = now
            if before is not None and is_other:
                self.changes += 1
                others.append((path.flow, before.id, now.id))
        return others

    def measured(self, mtu: PathMtu | None) -> None:
        """Take the path MTU that was found; None leaves it as it was."""
        self.mtu = mtu or self.mtu

    def paths(self, name: str, peer: Peer, changed: tuple[int, ...] = ()) -> Paths:
        """Give the paths that are known of the peer with this name and address."""
        flows = sorted(self.known)
        return Paths(
            name, peer, tuple(self.known[flow].path for flow in flows), changed, tells=self.tells
        )

    def before(self, flow: int) -> dict[int, tuple[str, ...]]:
        """Give who answered, by TTL, when a flow was looked at last."""
        known = self.known.get(flow)
        hops = () if known is None else known.hops
        return {ttl: addresses for ttl, addresses in enumerate(hops, 1) if addresses}

    def first(self, alike: int) -> dict[str, int]:
        """Give the first router of all flows, as so many that met it; nothing if it isn't one."""
        found = {known.hops[0] if known.hops else () for known in self.known.values()}
        [addresses] = found if len(found) == 1 else [()]
        return {addresses[0]: alike} if len(addresses) == 1 else {}

    def routers(self) -> frozenset[str]:
        """Give all addresses of hops."""
        return frozenset(
            each for known in self.known.values() for hop in known.hops for each in hop
        )

    def by_id(self) -> dict[str, list[int]]:
        """Give the flows that take each path."""
        found: dict[str, list[int]] = {}
        for flow, known in sorted(self.known.items()):
            found.setdefault(known.id, []).append(flow)
        return found

    @property
    def hops(self) -> int | None:
        """How many hops answered on the way out, of the flow that passes most; None: not known."""
        return max((len(known.hops) for known in self.known.values()), default=None)

    @property
    def since_ns(self) -> int | None:
        """Since when no path is another; None while none is known."""
        return max((known.since_ns for known in self.known.values()), default=None)

    def begin_again(self) -> None:
        """Forget the paths: the flows are others, or the peer is elsewhere."""
        self.known.clear()
        self.verdict = self.mtu = self.tells = self.looked_ns = None


def _known(path: Path, before: KnownPath | None, now_ns: int) -> KnownPath:
    """Add what was seen of a path to what was known of it before, if it is the same."""
    old = () if before is None else before.hops
    new = (hop.addresses for hop in path.hops)
    hops = tuple(
        tuple(dict.fromkeys((*then, *now)))[:MOST_ADDRESSES]
        for then, now in zip_longest(old, new, fillvalue=())
    )
    if before is not None and path.reached:
        path = replace(path, hops=_filled(path, before.path))
    since_ns = now_ns if before is None else before.since_ns
    return KnownPath(path, hops, _id(hops), since_ns)


def _filled(path: Path, before: Path) -> tuple[Hop, ...]:
    """Have a hop that was silent this time be as it was; what is known of the end stays so."""
    ends = path.distance or path.at_most or len(before.hops) + 1
    longer = before.hops[len(path.hops) : ends - 1]
    shown = [
        hop if hop.addresses or at >= len(before.hops) else before.hops[at]
        for at, hop in enumerate(path.hops)
    ]
    return (*shown, *longer)


def _id(hops: Collection[tuple[str, ...]]) -> str:
    """Make an id of the address that each hop was first heard from."""
    first = "|".join(hop[0] if hop else "*" for hop in hops)
    return blake2b(first.encode(), digest_size=4).hexdigest()
