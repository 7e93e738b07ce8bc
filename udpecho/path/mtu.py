"""The search for a flow's path MTU: which size is to be asked next, and what the answers come to.

Told the time; sends nothing. A probe must not be cut (RFC 8899). What our own link takes is tried
first, and mostly passes. If it does not, the router before the narrow link may say by ICMP how
much passes there, and that is tried next; else the size is searched between what came back and
what did not. Sizes are those of packets, headers included.

That nothing came back may be the flow's own loss. So a small probe goes with each: a size is too
long once it was asked three times in vain while small ones came back; and the limit that is found
so is asked three times again.
"""

from __future__ import annotations

from collections import deque

from udpecho.path.hops import PathMtu

LARGEST = 65535
"""Bytes of the longest packet (RFC 791); our own kernel says what its link takes."""

LEAST, LEAST6 = 68, 1280
"""Bytes that each link takes (RFC 791, RFC 8200): less that ICMP tells is not believed."""

ASKED = 3
"""How often a size is asked in vain before it counts as too long."""

MOST_ASKED = 8
"""How often it is asked at most, when the small probes are lost, too."""

FIRST_WAIT_NS, LEAST_WAIT_NS, MOST_WAIT_NS = 1_000_000_000, 200_000_000, 3_000_000_000
"""After this an answer is missing: before any came; then three of the longest round trip lately."""

RECENT = 2
"""Round trips of late: the first of a flow may be long, for neighbours are looked up."""

USUAL = (
    576, 1280, 1320, 1360, 1380, 1400, 1420, 1430, 1440, 1450, 1454, 1460, 1472, 1476, 1480, 1492,
    1500, 4352, 8900, 9000, 9216,
)  # fmt: skip
"""What links take, with and without tunnels: these sizes are searched first."""


class Search:
    """The search for one flow's."""

    def __init__(self, *, small: int, ipv6: bool, most: int = LARGEST) -> None:
        """Begin with nothing known; small is the size of the probe that goes with each.

        Nothing longer than most is asked, which is what is found of a path that takes more.
        """
        self._small, self._least = small, max(small, LEAST6 if ipv6 else LEAST)
        self._passed = 0
        self._too_long = {most + 1}
        self._silent: set[int] = set()
        self._sure: set[int] = set()
        self._offered = {most}
        self._said: dict[int, str] = {}
        self._size: int | None = most
        self._asked = self._missed = 0
        self._asked_ns: int | None = None
        self._took_ns: deque[int] = deque(maxlen=RECENT)
        self._echoes = self._small_came = self._loses = False

    @property
    def done(self) -> bool:
        """Whether there is nothing left to ask."""
        return self._size is None

    def take(self, now_ns: int) -> tuple[int, ...]:
        """Give the sizes that are to be sent now, none if none are; they count as sent."""
        if self._asked_ns is not None and now_ns >= self._missing_ns(self._asked_ns):
            self._miss()
        if self._size is None or self._asked_ns is not None:
            return ()
        self._asked, self._asked_ns, self._small_came = self._asked + 1, now_ns, False
        return self._size, self._small

    def next_ns(self, now_ns: int) -> int | None:
        """Tell when something is to be sent, or an answer is missing; None once it is done."""
        if self._size is None:
            return None
        return now_ns if self._asked_ns is None else self._missing_ns(self._asked_ns)

    def came_back(self, size: int, rtt_ns: int) -> None:
        """Note that a probe came back whole, at any time: that is a fact."""
        self._echoes = True
        self._took_ns.append(rtt_ns)
        self._passes(size)

    def arrived(self, size: int, by: str) -> None:
        """Note that someone said that a probe got to its host, where nobody listens."""
        if size != self._small:
            self._said.setdefault(size, by)
        self._passes(size)

    def refused(self, size: int, by: str, mtu: int | None) -> None:
        """Note that a router said that a size was too long, and perhaps what is not.

        It has one word for each size: what it says afterwards is not heeded.
        """
        if size != self._size:
            return
        self._too_long.add(size)
        if mtu is not None and self._least <= mtu < size:
            self._offer(mtu)
            self._said[mtu] = by
        self._move()

    def unsent(self, size: int, mtu: int | None) -> None:
        """Note that our own link does not take a size, and perhaps what it takes."""
        self._too_long.add(size)
        if mtu is not None and mtu < size:
            self._offer(mtu)
        self._move()

    def result(self) -> PathMtu:
        """Tell what is found; uncertain while it is not done."""
        told = [mtu for mtu in self._said if mtu < self._limit]
        if not self._passed_big:
            return PathMtu(max(told), self._said[max(told)], True) if told else PathMtu(None)
        by = self._said.get(self._passed)
        sure = by is not None or not (self._loses and self._limit in self._silent)
        found = self._limit == self._passed + 1
        return PathMtu(self._passed, by, not (sure and found))

    @property
    def _passed_big(self) -> bool:
        """Whether anything is known but that small probes pass."""
        return self._passed > self._small or (self._echoes and bool(self._silent))

    @property
    def _limit(self) -> int:
        """The least size that is known to be too long, unless one as long has passed."""
        return min(size for size in self._too_long if size > self._passed)

    def _missing_ns(self, asked_ns: int) -> int:
        if not self._took_ns:
            return asked_ns + FIRST_WAIT_NS
        return asked_ns + min(max(3 * max(self._took_ns), LEAST_WAIT_NS), MOST_WAIT_NS)

    def _passes(self, size: int) -> None:
        if size == self._small:
            self._small_came = True
        else:
            self._loses |= size in self._silent or (size == self._size and self._asked > 1)
        self._passed = max(size, self._passed)
        if size != self._small:
            self._move()

    def _offer(self, mtu: int) -> None:
        """Take someone's word for what passes, and for that no more does."""
        self._offered.add(mtu)
        self._too_long.add(mtu + 1)

    def _miss(self) -> None:
        """Note that an answer is missing."""
        self._asked_ns = None
        if self._small_came and self._echoes:
            self._missed += 1
        elif self._echoes:
            self._loses = True
        if self._size is not None and self._missed == ASKED:
            (self._sure if self._size in self._silent else self._silent).add(self._size)
            self._missed = 0
            self._too_long.add(self._size)
            self._move()
        elif self._asked >= (MOST_ASKED if self._echoes else ASKED):
            self._size = None

    def _move(self) -> None:
        """Go on to another size, unless the one asked is still to be known."""
        size = self._next()
        if size != self._size and self._size is not None:
            self._size, self._asked, self._missed, self._asked_ns = size, 0, 0, None

    def _next(self) -> int | None:
        """Choose the next size: between what passes and what does not; None if that is known."""
        low, limit = self._passed, self._limit
        if limit <= max(low, self._small) + 1:
            return limit if limit in self._silent - self._sure else None
        if limit - 1 in self._offered:
            return limit - 1
        usual = [size for size in USUAL if low < size < limit]
        if usual:
            return usual[len(usual) // 2]
        return low + 1 if low in USUAL else (low + limit) // 2
