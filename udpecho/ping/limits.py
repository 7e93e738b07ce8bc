"""Loss that looks like a rate limit: none at first, then so much that a steady rate is answered.

A token bucket lets a burst through, and then as many a second as it is filled with. So of probes
at one rate it takes none in a first stretch, and then in each stretch as many as in any other:
chance would not, nor would a busy link. It does not care whose they are: all flows of all hosts
behind it lose alike.

Does no I/O, and knows no time but what it is told, in nanoseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from math import ceil, sqrt

from udpecho.ping.figures import RateLimit

BINS = 128
"""Stretches of a run in which losses are counted: beyond that, two become one."""

FEWEST_BINS = 16
"""Stretches since the first loss that tell how steady it is."""

BY_CHANCE = 1e-4
"""The chance that so long a first stretch has no loss, at most, if it loses as the rest does."""

STEADY = -3.1
"""How far, in standard deviations, the losses must vary less than chance would have them."""

EVEN = 3.5
"""And how far flows may differ."""

LEAST_VARIANCE = 4
"""Of the losses of a stretch, by chance: with less, that of a token more or less hides it."""


def prefix_of(address: str) -> str:
    """Name what shares a rate limit with an address: its /24, or its /64 of IPv6."""
    bare = address.partition("%")[0]
    return str(ip_network((bare, 64 if ":" in bare else 24), strict=False))


@dataclass(slots=True)
class Loss:
    """What was lost to a prefix, by turns of its hosts: the first probe of each is turn 1."""

    width: int = 1
    bins: list[int] = field(default_factory=list)
    count: int = 0
    first: tuple[int, int] | None = None
    last: tuple[int, int] = (0, 0)

    def add(self, turn: int, sent_ns: int) -> None:
        """Count a loss."""
        self.count += 1
        if self.first is None or turn < self.first[0]:
            self.first = turn, sent_ns
        self.last = max(self.last, (turn, sent_ns))
        while (place := turn // self.width) >= BINS:
            self.bins = [sum(self.bins[at : at + 2]) for at in range(0, len(self.bins), 2)]
            self.width *= 2
        if place >= len(self.bins):
            self.bins += [0] * (place + 1 - len(self.bins))
        self.bins[place] += 1

    def may_be_late(self) -> bool:
        """Tell whether the first stretch may be long enough; quick, and right where it is not."""
        if self.first is None or self.count < FEWEST_BINS * LEAST_VARIANCE:
            return False
        turns = self.last[0] - self.first[0] + 1
        share = min(self.count / turns, 1.0)  # at least: there may be several hosts
        return (1 - share) ** (self.first[0] - 1) <= BY_CHANCE

    def steady(self, known: int, probes: int) -> float | None:
        """Return the share that is lost, if none was at first and then as much all the time.

        known is how many turns there were all of whose fates are known, probes how many each has.
        """
        if self.first is None:
            return None
        begin, end = ceil(self.first[0] / self.width), (known + 1) // self.width
        together = (end - begin) // FEWEST_BINS
        if together < 1:
            return None
        bins = self.bins[begin:end] + [0] * (end - max(begin, len(self.bins)))
        counts = [
            sum(bins[at : at + together]) for at in range(0, len(bins) - together + 1, together)
        ]
        each = together * self.width * probes
        share = sum(counts) / (each * len(counts))
        variance = each * share * (1 - share)
        if variance < LEAST_VARIANCE:
            return None
        if (1 - share) ** (probes * (self.first[0] - 1)) > BY_CHANCE:
            return None
        return share if _deviation(counts, each * share, variance) < STEADY else None

    def rate(self) -> float:
        """Return how many turns there were in a second."""
        assert self.first is not None
        (first, first_ns), (last, last_ns) = self.first, self.last
        return (last - first) * 1e9 / max(last_ns - first_ns, 1)


class Limits:
    """The losses of a run by prefix, and which of them look like a rate limit's."""

    def __init__(self) -> None:
        self._prefixes: dict[str, str] = {}
        self._losses: dict[str, Loss] = {}

    def lost(self, address: str, turn: int, sent_ns: int) -> None:
        """Count a probe that was lost to an address: which of its host's it was, and when sent."""
        self._losses.setdefault(self._prefix(address), Loss()).add(turn, sent_ns)

    def found(
        self, hosts: Callable[[], Iterable[tuple[str, Sequence[int], int]]]
    ) -> tuple[RateLimit, ...]:
        """Tell what looks like a rate limit.

        Each host is given by its address, what each of its flows lost, and how many of its turns
        there were all of whose fates are known; they are asked for only where it matters.
        """
        likely = [prefix for prefix, loss in self._losses.items() if loss.may_be_late()]
        if not likely:
            return ()
        behind: dict[str, list[tuple[Sequence[int], int]]] = {}
        for address, lost, known in hosts():
            behind.setdefault(self._prefix(address), []).append((lost, known))
        found = (self._limit(prefix, behind.get(prefix, [])) for prefix in likely)
        return tuple(limit for limit in found if limit is not None)

    def _prefix(self, address: str) -> str:
        prefix = self._prefixes.get(address)
        if prefix is None:
            prefix = self._prefixes[address] = prefix_of(address)
        return prefix

    def _limit(self, prefix: str, hosts: Sequence[tuple[Sequence[int], int]]) -> RateLimit | None:
        loss = self._losses[prefix]
        known = min((known for _, known in hosts), default=0)
        share = loss.steady(known, len(hosts))
        if share is None or loss.first is None:
            return None
        flows = [lost for each, _ in hosts for lost in each]
        mean = sum(flows) / len(flows)
        if len(flows) > 1 and _deviation(flows, mean, mean * (1 - share)) > EVEN:
            return None
        passed = loss.rate() * len(hosts) * (1 - share)
        return RateLimit(prefix, len(hosts), (loss.first[0] - 1) * len(hosts), share, passed)


def _deviation(counts: Sequence[int], mean: float, variance: float) -> float:
    """Tell in standard deviations how much more counts vary than by chance; below 0 it is less.

    That is how far chi square is from its mean, by Wilson and Hilferty's cube root.
    """
    freedom = len(counts) - 1
    chi_square = sum((count - mean) ** 2 for count in counts) / variance
    spread = 2 / (9 * freedom)
    return (float((chi_square / freedom) ** (1 / 3)) - (1 - spread)) / sqrt(spread)
