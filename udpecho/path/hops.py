"""What a trace finds: hops, the path of each flow, the paths to a target. Values; times are ns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from udpecho.extensions import Label as Label
from udpecho.peer import Peer


@dataclass(frozen=True, slots=True)
class Hop:
    """What is known of the place where one TTL of one flow ends."""

    ttl: int
    """The TTL that ends here: 1 is the first router."""

    addresses: tuple[str, ...] = ()
    """Who said so, first heard first. None is a hop that stays silent; several need not be several
    routers, for a router answers from the address that its message leaves by."""

    rtt_ns: int | None = None
    """The least round trip, None if no answer told one."""

    asked: int = 0
    answered: int = 0
    icmp_type: int | None = None
    icmp_code: int | None = None
    labels: tuple[Label, ...] = ()
    by_time: bool = False
    """Whether it is known by the time alone: what was quoted is too short to be known as ours."""


@dataclass(frozen=True, slots=True)
class PathMtu:
    """How long a packet of a flow may be, headers included (RFC 8899)."""

    bytes: int | None
    """None: nobody told, and it can't be searched, for nothing comes back."""

    told_by: str | None = None
    """Who said so by ICMP, so that it is that of the way out. None: found by search, so that it is
    the round trip's."""

    uncertain: bool = False
    """Whether it may be more or less: the flow loses, or nothing of that length came back."""


@dataclass(frozen=True, slots=True)
class Path:
    """The hops of one flow, one after the other, and what is known of its way back."""

    flow: int
    """Its number, from 0."""

    source_port: int
    hops: tuple[Hop, ...] = ()
    """The routers by their TTL, from 1: neither the target nor a TTL that nothing can answer."""

    reached: bool = False
    """Whether the target answered, or said that nobody listens there."""

    distance: int | None = None
    """The TTL that takes a datagram to the target, where that is known."""

    at_most: int | None = None
    """Else how far the target is at most."""

    ended: tuple[str, int, int] | None = None
    """Who said "unreachable", if anyone did, with ICMP's type and code."""

    back: tuple[Hop, ...] | None = None
    """The hops of the replies, nearest the target first; None if nobody told."""

    asked_about: int = 0
    """How many lost probes the target told of."""

    arrived: int = 0
    """How many of those had reached it."""

    mtu: PathMtu | None = None
    """None: not asked."""

    rtt_ns: int | None = None
    """The least round trip to the target, None if no answer told one."""

    dscp_back: tuple[int, ...] = ()
    """The DSCP (RFC 2474) with which the target's answers came back, first come first."""


@dataclass(frozen=True, slots=True)
class Paths:
    """The paths of all flows to one target."""

    target: str
    peer: Peer
    paths: tuple[Path, ...]
    changed: tuple[int, ...] = ()
    """The flows whose path was another at the end of the look than at its beginning."""

    names: Mapping[str, str] = field(default_factory=dict, hash=False)
    """The names of hops' addresses, of those that were found to have one."""

    dscp: int | None = None
    """The DSCP with which all was sent, if one was asked for."""

    tells: bool | None = None
    """Whether the target tells of the way back; None if nobody asked it."""
