"""How often the routers at one TTL may be asked: as often as they seem to answer. Told the time."""

from __future__ import annotations

from dataclasses import dataclass, field

AT_ONCE = 5.0
"""Questions that a router is asked at once: one less than Linux answers (icmp_ratelimit)."""

A_SECOND = 1.0
"""And then in a second."""

SILENT_A_SECOND = 5.0
"""And where none was answered of more than are asked at once: no limit hides a router there."""

AGAIN_NS = 2_000_000_000
"""How long after a question anew of a TTL the next may follow: half of what Linux answers."""

ENOUGH_ASKED = 10
"""Questions after which the share that is answered tells something."""


MOST_ROUTERS = 128
"""Addresses that are remembered at one TTL: they may be made up."""


@dataclass(slots=True)
class Allowance:
    """How often a TTL may be asked: tokens, and when they were counted.

    Each address that answers there may be a router with limits of its own, or one of many that a
    single router answers from: then it answers fewer, and that share counts.
    """

    tokens: float = AT_ONCE
    at_ns: int | None = None
    asked: int = 0
    answered: int = 0
    replied: bool = False
    """Whether the target itself answered there, by a reply."""

    routers: set[str] = field(default_factory=set)

    def fill(self, now_ns: int) -> None:
        """Count the tokens."""
        before_ns = now_ns if self.at_ns is None else self.at_ns
        self.tokens = min(AT_ONCE, self.tokens + (now_ns - before_ns) / 1e9 * self._rate())
        self.at_ns = now_ns

    def take(self) -> None:
        """Note that a question is asked."""
        self.tokens -= 1
        self.asked += 1

    def heard(self, address: str) -> None:
        """Note who answered one."""
        self.answered += 1
        if len(self.routers) < MOST_ROUTERS:
            self.routers.add(address)

    def give_back(self) -> None:
        """Note that the target answered itself, whose replies are no router's messages."""
        self.tokens = min(AT_ONCE, self.tokens + 1)
        self.replied = True

    def next_ns(self, now_ns: int) -> int:
        """Tell when there is a token."""
        return now_ns + max(0, round((1.0 - self.tokens) / self._rate() * 1e9))

    def _rate(self) -> float:
        if self.asked > AT_ONCE and not self.answered and not self.replied:
            return SILENT_A_SECOND
        share = min(1.0, self.answered / self.asked) if self.asked > ENOUGH_ASKED else 1.0
        return A_SECOND * max(1.0, len(self.routers) * share)


@dataclass(slots=True)
class Common:
    """What holds for all targets of one host: a router's limit is to us, whoever we ask about."""

    by_ttl: dict[int, Allowance] = field(default_factory=dict)
    farthest: int = 0
    """The farthest TTL at which a router answered."""

    anew_ns: dict[int, int] = field(default_factory=dict)
    """From when on a TTL may be asked anew."""

    first: dict[str, int] = field(default_factory=dict)
    """How many flows met a first router, by its address."""

    def allowance(self, ttl: int) -> Allowance:
        """Give that of a TTL."""
        return self.by_ttl.setdefault(ttl, Allowance())

    def met_one(self, ttl: int) -> None:
        """Note that a router answered at this TTL."""
        self.farthest = max(self.farthest, ttl)

    def may_ask_anew(self, ttl: int, now_ns: int) -> bool:
        """Tell whether a TTL may be asked what was answered before."""
        allowance = self.allowance(ttl)
        allowance.fill(now_ns)
        return now_ns >= self.anew_ns.get(ttl, 0) and allowance.tokens > AT_ONCE - 1

    def asked_anew(self, ttl: int, now_ns: int) -> None:
        """Note that it was."""
        self.allowance(ttl).take()
        self.anew_ns[ttl] = now_ns + AGAIN_NS

    def met_first(self, address: str) -> None:
        """Note that a flow met this first router."""
        self.first[address] = self.first.get(address, 0) + 1

    def has_one_first(self, flows: int) -> bool:
        """Tell whether all flows seem to begin with one router, as so many do: who need not ask."""
        return len(self.first) == 1 and max(self.first.values()) >= flows
