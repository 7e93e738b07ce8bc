"""How often a router speaks: ICMP's limits as Linux has them. Pure, and told the time.

What tells an MTU is not limited (icmp(7), icmp_ratelimit; ip-sysctl, icmp_msgs_per_sec).
"""

from __future__ import annotations

from math import inf

PER_SECOND, BURST = 1.0, 6
"""Messages to one destination: icmp_ratelimit is 1,000 ms, and six are saved up at most."""

MESSAGES_PER_SECOND, MESSAGES_BURST = 1000.0, 50
"""Messages to all together (icmp_msgs_per_sec, icmp_msgs_burst)."""


class Bucket:
    """Tokens that come back with time."""

    def __init__(self, per_second: float, burst: float) -> None:
        self._per_second, self._burst = per_second, burst
        self._tokens, self._at = burst, 0.0

    def has(self, now: float) -> bool:
        """Tell whether there is one."""
        more = max(0.0, now - self._at) * self._per_second
        self._tokens, self._at = min(self._burst, self._tokens + more), max(now, self._at)
        return self._tokens >= 1

    def take(self) -> None:
        """Use one."""
        self._tokens -= 1


class IcmpLimits:
    """The limits of one router."""

    def __init__(
        self,
        per_second: float | None = PER_SECOND,
        burst: int = BURST,
        messages_per_second: float | None = MESSAGES_PER_SECOND,
        messages_burst: int = MESSAGES_BURST,
    ) -> None:
        """Speak so often to each destination, and to all together; None: at will."""
        for rate in (per_second, burst, messages_per_second, messages_burst):
            if rate is not None and not rate > 0:
                raise ValueError(f"rates and bursts of ICMP are above 0, or None, not {rate!r}")
        self._each = per_second, burst
        self._buckets: dict[str, Bucket] = {}
        every = inf if messages_per_second is None else messages_per_second
        self._all = None if every == inf else Bucket(every, messages_burst)

    def allow(self, host: str, now: float) -> bool:
        """Tell whether a message may go to a host now, and count it."""
        per_second, burst = self._each
        buckets = [] if self._all is None else [self._all]
        if per_second is not None:
            if host not in self._buckets:
                self._buckets[host] = Bucket(per_second, burst)
            buckets.append(self._buckets[host])
        if not all(bucket.has(now) for bucket in buckets):
            return False
        for bucket in buckets:
            bucket.take()
        return True
