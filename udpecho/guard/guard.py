"""May this datagram be answered, and if not, why: policy, and nothing that touches a socket.

Guard.judge decides for a batch, be it of one. A batch comes as columns, packed as the kernel
wrote them. Each check first asks of a whole column, in one step, whether there is anything to
look at; only a batch with something wrong in it is looked at datagram by datagram.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import compress
from os import urandom
from types import MappingProxyType
from typing import TypeAlias

from udpecho.columns import Columns, Sources, every_byte_but, split_addresses, split_ports
from udpecho.guard.peers import Limiter, PeerLimits
from udpecho.guard.policy import Policy
from udpecho.guard.prefixes import Prefixes, pack_host
from udpecho.guard.ratelimit import PAID, RateLimiter, cost
from udpecho.guard.reasons import (
    BAD_DESTINATIONS,
    BAD_SOURCES,
    REFLECTOR_PORTS,
    RESERVED_PORTS,
    Reason,
)

_HOST_FIRST_BYTES = {4: every_byte_but(range(224, 256)), 16: every_byte_but([0xFF])}
"""First bytes, by an address's width, of addresses that are one host's."""

_NOTHING_AGAINST: Mapping[int, Reason] = MappingProxyType({})
_EMPTY = Columns(b"", b"")
_JUDGED = Columns._fields.index("sizes")  # what stands from there on matters for the limit alone
_EXEMPT = -1  # in place of a bucket: no limit
_ALL_EXEMPT = {_EXEMPT}
_KNOWN_SOURCES = 4096  # standings kept: many more than a busy server's sources, under 1 MB


Standing: TypeAlias = Reason | int
"""What is known of a source address alone: why it is not answered, or its bucket, or _EXEMPT."""


class Guard:
    """Decides by a policy, and by how much each source prefix has had answered before.

    key seeds the limiter; two guards with one key and one policy decide alike.
    """

    def __init__(self, policy: Policy | None = None, *, key: bytes = b"") -> None:
        policy = policy or Policy()
        self.policy = policy
        self._access = Prefixes(
            dict.fromkeys(policy.allow, True) | dict.fromkeys(policy.deny, False)
        )
        self._exempt = Prefixes(dict.fromkeys(policy.exempt, True))
        self._key = key or urandom(16)
        self._world: Limiter = RateLimiter(
            policy.rate,
            policy.burst,
            self._key,
            ipv4_prefix=policy.ipv4_prefix,
            ipv6_prefix=policy.ipv6_prefix,
            slip=policy.slip,
        )
        self._limiter: Limiter = self._world
        # Most of the world is in no network that anyone has a rule for: told by the first byte.
        ruled = (BAD_SOURCES, self._access, self._exempt)
        limited = range(256 if policy.rate and not policy.allow else 0)
        self._unruled = {
            width: set(limited).difference(*(rule.first_bytes(width) for rule in ruled))
            for width in (4, 16)
        }
        services = REFLECTOR_PORTS.union(RESERVED_PORTS) - policy.allow_source_ports
        self._ports = dict.fromkeys(services, Reason.SERVICE_PORT) | {0: Reason.PORT_ZERO}
        self._plain_high_bytes = every_byte_but(port >> 8 for port in self._ports)
        # Nothing can be sent with 0 hops, and without keep_ttl 1 leaves none for a reply.
        self._ttls_with_hops_left = every_byte_but([0] if policy.keep_ttl else [0, 1])
        self._known: dict[bytes, Standing] = {}
        self._peers: tuple[frozenset[bytes], int] = frozenset(), 0
        # The last batch that is answered in full however often it comes: a client that asks,
        # is answered and asks again, is seen so by its first request alone.
        self._blameless = _EMPTY
        self._priced, self._costs = _EMPTY, _costs(_EMPTY)
        self._now = 0

    def add_own_port(self, port: int) -> None:
        """Answer nothing from a port that we answer on: it is our own reply, or made up."""
        self._ports[port] = Reason.OWN_PORT
        self._blameless = _EMPTY
        self._plain_high_bytes = every_byte_but(port >> 8 for port in self._ports)

    def set_peers(self, addresses: Iterable[str], rate: int) -> None:
        """Give each of these addresses a rate of its own, in tokens a second, from now on.

        What else the policy says holds for them, too. To give others in their place forgets what
        any of them had; with the same nothing changes.
        """
        peers = frozenset(map(pack_host, addresses)), rate
        if peers == self._peers:
            return
        self._peers = peers
        self._limiter = PeerLimits(self._world, *peers, self._key) if peers[0] else self._world
        self._known.clear()
        self._blameless = _EMPTY

    def judge(self, batch: Columns, now: float) -> Mapping[int, Reason]:
        """Say which datagrams of a batch must not be answered, by index, and charge the others.

        The same as for a batch of each of them, in order; now is in seconds of a monotonic clock.
        """
        blameless = self._blameless
        if batch is blameless or batch[:_JUDGED] == blameless[:_JUDGED]:
            return _NOTHING_AGAINST
        size = len(batch.ports) // 2
        if not size:
            return _NOTHING_AGAINST
        sources = Sources(batch.sources, size)
        standings = {source: self._standing(source) for source in sources.distinct}
        kinds = set(standings.values())
        unanswered = {}
        if self._is_doubtful(batch, kinds):
            unanswered = self._reasons(batch, sources.each)
        if self.policy.discard:
            return dict.fromkeys(range(size), Reason.DISCARDED) | unanswered
        if len(unanswered) == size:
            return unanswered
        if kinds != _ALL_EXEMPT:
            self._limit(batch, sources, standings, unanswered, self._nanoseconds(now))
        elif not unanswered:
            self._blameless = batch
        return unanswered

    def _nanoseconds(self, now: float) -> int:
        self._now = max(self._now, int(now * 1e9))
        return self._now

    def _standing(self, source: bytes) -> Standing:
        standing = self._known.get(source)
        if standing is None:
            if len(self._known) >= _KNOWN_SOURCES:
                self._known.clear()
            standing = self._known[source] = self._examine(source)
        return standing

    def _examine(self, source: bytes) -> Standing:
        if source[0] in self._unruled[len(source)]:
            return self._limiter.bucket(source)
        reason = BAD_SOURCES.lookup(source)
        if reason is not None:
            return reason
        allowed = self._access.lookup(source)
        if not (allowed if allowed is not None else not self.policy.allow):
            return Reason.DENIED
        if not self.policy.rate or self._exempt.lookup(source):
            return _EXEMPT
        return self._limiter.bucket(source)

    def _reason(
        self, port: int, source: bytes, asked: bytes, local: bytes, ttl: int | None
    ) -> Reason | None:
        reason = self._ports.get(port)
        if reason is not None:
            return reason
        standing = self._standing(source)
        if isinstance(standing, Reason):
            return standing
        reason = BAD_DESTINATIONS.lookup(asked) if asked else None
        if reason is not None:
            return reason
        # Nothing is known of local if the datagram came before the socket was ours (systemd's).
        if asked and any(local) and asked != local:
            return Reason.BROADCAST
        if ttl is not None and ttl not in self._ttls_with_hops_left:
            return Reason.TTL_SPENT
        return None

    def _is_doubtful(self, batch: Columns, standings: Collection[Standing]) -> bool:
        """Ask of whole columns, in a step each, whether any datagram may be one not to answer."""
        ports, sources, asked, local, ttls, *_ = batch
        width = 2 * len(sources) // len(ports)
        return bool(
            (
                ports[::2].translate(None, self._plain_high_bytes)
                and not self._ports.keys().isdisjoint(split_ports(ports))
            )
            or Reason in map(type, standings)
            or (asked and asked[::width].translate(None, _HOST_FIRST_BYTES[width]))
            or (asked and local and asked != local)
            or ttls.translate(None, self._ttls_with_hops_left)
        )

    def _reasons(self, batch: Columns, sources: Sequence[bytes]) -> dict[int, Reason]:
        """Look at each datagram of a batch, for all but the rate."""
        size = len(sources)
        nothing = (b"",) * size
        reasons = map(
            self._reason,
            split_ports(batch.ports),
            sources,
            split_addresses(batch.asked, size) if batch.asked else nothing,
            split_addresses(batch.local, size) if batch.local else nothing,
            batch.ttls or (None,) * size,
        )
        return {index: reason for index, reason in enumerate(reasons) if reason is not None}

    def _limit(
        self,
        batch: Columns,
        sources: Sources,
        standings: Mapping[bytes, Standing],
        unanswered: dict[int, Reason],
        now: int,
    ) -> None:
        """Charge what may be answered so far, and name what is over the limit.

        Only a bucket that can't take all that the batch has for it is looked at closer.
        """
        if batch is not self._priced:  # as the last: see columns
            self._priced, self._costs = batch, _costs(batch)
        costs = self._costs
        charges: dict[int, int] = {}
        for source, tokens in sources.tally(costs, unanswered).items():
            bucket = standings[source]
            if isinstance(bucket, int) and bucket != _EXEMPT:
                charges[bucket] = charges.get(bucket, 0) + tokens
        over: dict[Standing, list[int]] = {b: [] for b in self._limiter.charge(charges, now)}
        if not over:
            return
        for index, source in enumerate(sources.each):
            if standings[source] in over and index not in unanswered:
                over[standings[source]].append(index)
        for bucket, indexes in over.items():
            assert isinstance(bucket, int)
            if costs:
                each = [costs[index] for index in indexes]
                long = {at for at, index in enumerate(indexes) if batch.longest(index) > PAID}
                flags = self._limiter.take(bucket, each, now, long)
            else:
                flags = self._limiter.take(bucket, (1,) * len(indexes), now)
            unanswered.update(dict.fromkeys(compress(indexes, flags), Reason.OVER_RATE))


def _costs(batch: Columns) -> Sequence[int]:
    """Say how many tokens each of a batch costs, a train for each datagram in it.

    Empty if each costs one, as where sizes are not known.
    """
    if max(batch.sizes, default=0) <= PAID and not batch.trains:
        return ()
    costs = list(map(cost, batch.sizes))
    for index, segment in batch.trains.items():
        whole, rest = divmod(batch.sizes[index], segment)
        costs[index] = whole * cost(segment) + (cost(rest) if rest else 0)
    return costs
