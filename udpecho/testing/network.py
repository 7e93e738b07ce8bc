"""MemoryNetwork: hosts, the links between them, forgers, and time moved by hand."""

from __future__ import annotations

import errno
from collections.abc import Collection, Coroutine, Sequence
from dataclasses import replace
from ipaddress import ip_address

from twisted.internet.defer import Deferred

from udpecho.datagrams import DEFAULT_TTL
from udpecho.errors import BadAddress, DatagramTooLong, WrongFamily
from udpecho.extensions import Label
from udpecho.peer import Peer, is_ipv6, is_loopback
from udpecho.sizes import MAX_IPV4_DATA, MAX_IPV6_DATA
from udpecho.testing.awaiting import LIMIT, Awaited, Awaiting, T
from udpecho.testing.faults import HOLD, QUEUE, Bursts, Faults
from udpecho.testing.forwarding import Hashes, Quotes, Router
from udpecho.testing.groups import IPV4_BROADCAST
from udpecho.testing.host import MemoryHost, MemoryPort, Refusals
from udpecho.testing.icmp import refused
from udpecho.testing.joints import Joints
from udpecho.testing.limits import (
    BURST,
    MESSAGES_BURST,
    MESSAGES_PER_SECOND,
    PER_SECOND,
    IcmpLimits,
)
from udpecho.testing.link import MemoryLink
from udpecho.testing.packet import Packet, checked
from udpecho.testing.passage import Datagram, Fate, Fault
from udpecho.testing.record import Record
from udpecho.testing.router import MemoryRouter, node_of
from udpecho.testing.routes import is_mapped
from udpecho.testing.stack import RECEIVE_BUFFER, Stack, canonical_peer
from udpecho.testing.way import Way
from udpecho.testing.wire import Wire

__all__ = ["Datagram", "Fate", "Fault", "MemoryHost", "MemoryNetwork", "MemoryPort", "Record"]


class MemoryNetwork:
    """A network without anything between its hosts but links; seed decides what those do."""

    def __init__(self, seed: int = 0) -> None:
        self._wire = Wire(seed)
        self._seed = seed
        self._made: Joints | None = None  # once there are routers

    @property
    def record(self) -> Record:
        """Every datagram in the order of sending, with what became of it."""
        return self._wire.record

    def host(
        self,
        *addresses: str,
        names: Sequence[str] = (),
        refusals: Refusals = "closed",
        receive_buffer: int = RECEIVE_BUFFER,
    ) -> MemoryHost:
        """Add a host with addresses of either family, and names that resolve to them.

        refusals says how a connected port there hears that its peer does not listen: its
        protocol's connectionRefused is "called" (as on Twisted's select and asyncio reactors),
        or the port is "closed" (as on epoll, the default on Linux, and on poll). A socket's
        receive buffer takes 212,992 bytes, as Linux counts them: 256 small datagrams.
        """
        if refusals not in ("called", "closed"):
            raise ValueError(f'refusals are "called" or "closed", not {refusals!r}')
        hosts = tuple(canonical_peer((address, 0))[0] for address in addresses)
        for host in hosts:
            _check_own(host)
            routers = self._wire.transit
            taken = routers is not None and routers.topology.is_taken(host)
            if taken or is_loopback(host) or host in self._wire.stacks:
                raise BadAddress(host, f"{host} is taken: an address belongs to one host")
        made = MemoryHost(self._wire, hosts, refusals, receive_buffer)
        self._wire.stacks.update(dict.fromkeys(hosts, made.stack))
        if isinstance(names, str):
            raise TypeError(f"names are several, as ({names!r},), not {names!r}")
        for name in map(str.lower, names):
            self._wire.names[name] = self._wire.names.get(name, ()) + hosts
        return made

    def router(
        self,
        *addresses: str,
        name: str | None = None,
        seed: int | None = None,
        hashes: Hashes = "ports",
        quotes: Quotes = "all",
        icmp_per_second: float | None = PER_SECOND,
        icmp_burst: int = BURST,
        icmp_msgs_per_second: float | None = MESSAGES_PER_SECOND,
        icmp_msgs_burst: int = MESSAGES_BURST,
        silent: bool | Collection[Fate] = False,
        dscp: int | None = None,
        labels: Sequence[Label] = (),
    ) -> MemoryRouter:
        """Add a router, which is to be linked to hosts and other routers.

        It knows the shortest ways to every host; of equal ones a flow takes the one that a hash
        of its addresses and ports chooses, or of IPv6's flow label, with a seed of the router's
        own. It speaks ICMP from the interface that the message leaves by, or from its addresses.
        quotes: so many bytes of a UDP datagram are quoted; 8, its header; "all", as many as Linux.
        It says icmp_burst things to a destination at once, then so many a second, None being at
        will; those of icmp_msgs to all together; if silent nothing, or not of these fates (EXPIRED,
        TOO_LONG, PROHIBITED, UNREACHABLE, REFUSED). dscp is what all bears from there on; labels
        are what it tells of MPLS (RFC 4950). Raises BadAddress and ValueError.
        """
        icmp = IcmpLimits(icmp_per_second, icmp_burst, icmp_msgs_per_second, icmp_msgs_burst)
        return self._joints().add(addresses, name, seed, hashes, quotes, icmp, silent, dscp, labels)

    def link(
        self,
        a: MemoryHost | MemoryRouter,
        b: MemoryHost | MemoryRouter,
        *,
        addresses: Sequence[str] = (),
        one_way: bool = False,
        delay: float = 0.0,
        jitter: float = 0.0,
        loss: float = 0.0,
        duplicate: float = 0.0,
        reorder: float = 0.0,
        hold: float = HOLD,
        corrupt: float = 0.0,
        bursts: Bursts | None = None,
        mtu: int | None = None,
        hops: int = 0,
        rate: float | None = None,
        queue: int = QUEUE,
        queue_bytes: int | None = None,
    ) -> MemoryLink:
        """Set what happens to datagrams from a to b and back, or only from a to b.

        delay is in seconds, and up to jitter seconds are added to it at random. loss,
        duplicate, reorder and corrupt are probabilities from 0 to 1: of being lost, of arriving
        twice, of being held back by hold seconds while others overtake it, of arriving with one
        bit flipped (and no checksum to notice). bursts lose several in a row: see Bursts.

        What is longer than mtu bytes, with its IP and UDP headers, passes in fragments, of which
        each may be lost. If it may not be fragmented, and over IPv6, it is lost, and ICMP tells
        the sender's host, which sends the next ones in fragments. IPv6 has 1,280 bytes at least.
        hops routers take one each from the TTL; what is left without any is lost, and ICMP says
        so. The routers are 198.18.0.1 and on, and 2001:2::1 and on.

        At a rate, in bytes of IP packets a second, datagrams leave one after the other. The
        others wait: queue of them at most, and queue_bytes together. What finds no room is lost.

        A refusal is delayed and lost like a datagram. Raises ValueError for what can't be.

        Where a or b is a router, addresses are those of the two ends, a's and b's, and then those
        of the other family, if it has both; without any they are chosen. A host with such a link
        has its default route there: it reaches directly only whom it is linked to.
        """
        end, other = self._end(a), self._end(b)
        faults = Faults(
            delay,
            jitter,
            loss,
            duplicate,
            reorder,
            hold,
            corrupt,
            bursts,
            mtu,
            hops,
            rate,
            queue,
            queue_bytes,
        )
        ways = [Way(faults)] if one_way or a is b else [Way(faults), Way(faults)]
        if isinstance(end, Router) or isinstance(other, Router):
            self._joints().join(end, other, ways, addresses)
        elif addresses:
            raise ValueError("hosts have their addresses: a link that has some joins a router")
        else:
            self._wire.ways.update(zip(((end, other), (other, end)), ways, strict=False))
        return MemoryLink(self._wire.timeline, faults, ways)

    def _joints(self) -> Joints:
        if self._made is None:
            self._made = Joints(self._wire.routed().topology, self._wire.stacks, self._seed)
        return self._made

    def _end(self, end: MemoryHost | MemoryRouter) -> Router | Stack:
        """Give the end of a link, or raise what link() does."""
        node = node_of(end)
        if isinstance(node, Stack) and node.wire is not self._wire:
            raise ValueError(f"the host {(*node.addresses,)} is of another network")
        if isinstance(node, Router) and not self._joints().has(node):
            raise ValueError(f"the router {node.name} is of another network")
        return node

    def forge(
        self,
        data: bytes,
        *,
        source: Peer,
        to: Peer,
        delay: float = 0.0,
        on: MemoryHost | None = None,
        ttl: int = DEFAULT_TTL,
        tos: int = 0,
    ) -> None:
        """Send a datagram that claims to be from source; it arrives like any other.

        on is the host, needed only if to is one of its loopback addresses. No link delays or
        loses it; delay is in seconds. ttl and tos are what it arrives with.
        """
        data = checked(data, ttl, tos, delay)
        source, to = canonical_peer(source), canonical_peer(to)
        limit = MAX_IPV6_DATA if is_ipv6(to[0]) else MAX_IPV4_DATA
        if is_ipv6(source[0]) != is_ipv6(to[0]):
            raise WrongFamily(source[0], f"{source[0]} and {to[0]} are of different families")
        if len(data) > limit:
            raise DatagramTooLong(len(data), limit)
        self._wire.forge(Packet(source, to, data, ttl, tos), delay, self._target(to[0], on))

    def forge_refusal(
        self,
        *,
        source: Peer,
        to: Peer,
        error: int = errno.ECONNREFUSED,
        data: bytes = b"",
        delay: float = 0.0,
        on: MemoryHost | None = None,
        mtu: int | None = None,
    ) -> None:
        """Send an ICMP error that claims that source refused a datagram from to, quoting data.

        On Twisted's port it counts if the socket at to is connected to source; udpecho's own
        tells whoever listens there, if it has peerRefused. error is the errno that Linux makes
        of it: ECONNREFUSED of port unreachable, EHOSTUNREACH of communication
        administratively prohibited (ICMP 3/13), EMSGSIZE of fragmentation needed (ICMP 3/4), which
        tells an mtu, in bytes.
        """
        if error not in errno.errorcode:
            raise ValueError(f"error is an errno, not {error!r}")
        if not (mtu is None or (isinstance(mtu, int) and mtu >= 0)):
            raise ValueError(f"mtu is a whole number of bytes, or None, not {mtu!r}")
        data = checked(data, delay=delay)
        source, to = canonical_peer(source), canonical_peer(to)
        target = self._target(to[0], on)
        if target is not None:
            self._wire.tell(target, to, replace(refused(source, data, error), mtu=mtu), delay)

    def advance(self, seconds: float = 0.0) -> None:
        """Move time on by seconds, and let everything due until then happen at its own time.

        advance(0) lets happen what is due now. Raises RuntimeError if that never ends, as when
        two servers answer each other over a link without delay.
        """
        self._wire.timeline.advance(seconds)

    def run_until(self, awaited: Awaited[T], *, limit: float = LIMIT) -> T:
        """Move time on until a Deferred, or a coroutine that awaits some, has its result.

        Returns the result, or raises what it failed with. What else is due at that instant
        happens when time is moved again. Raises TimeoutError after limit seconds of the network.
        """
        if not isinstance(limit, (int, float)) or not 0 <= limit < float("inf"):
            raise ValueError(f"limit is 0 seconds or more, not {limit!r}")
        if isinstance(awaited, Coroutine):
            awaited = Deferred.fromCoroutine(awaited)
        if not isinstance(awaited, Deferred):
            raise TypeError(f"expected a Deferred or a coroutine, got {awaited!r}")
        waiting = Awaiting[T]()
        awaited.addCallbacks(waiting.succeed, waiting.fail)
        self._wire.timeline.run(self._wire.timeline.now + limit, waiting.is_known)
        if not waiting.is_known():
            raise TimeoutError(f"{awaited} has no result after {limit} s, the limit")
        return waiting.take()

    def _target(self, host: str, on: MemoryHost | None) -> Stack | None:
        if on is None:
            return self._wire.stacks.get(host)
        if not on.stack.owns(host):
            raise BadAddress(host, f"{host} is no address of the host {on.addresses}")
        return on.stack


def _check_own(host: str) -> None:
    """Raise BadAddress for what can't be one host's own address."""
    address = ip_address(host)
    wrong = (
        (address.is_unspecified, "it stands for all addresses of a host"),
        (address.is_multicast, "a group's address belongs to no host"),
        (host == IPV4_BROADCAST, "the broadcast address belongs to no host"),
        (is_mapped(host), "it is an IPv4 address: write it as one"),
    )
    for applies, why in wrong:
        if applies:
            raise BadAddress(host, f"{host} can't be a host's address: {why}")
