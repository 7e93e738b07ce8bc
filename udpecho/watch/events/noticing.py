"""Who begins to lose and who falls silent, noticed as time goes by: told the time, does no I/O.

A peer is silent that sent no whole reply for three intervals, nor to ten probes, nor for as long as
a probe takes to be lost. It is back when it has answered for as long, without a gap of a third of
that; twice as long if it was back within ten minutes before, and so on: who answers now and then is
not told of again and again. What counts is time in which this node looked: if it is held up itself,
replies wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from udpecho.watch.configuring.settings import ProbeSettings
from udpecho.watch.events.event import (
    Event,
    FlowLosing,
    FlowRecovered,
    PeerBack,
    PeerGone,
    PeerSilent,
)

INTERVALS = 3
PROBES = 10
GAP = 3
"""A gap of so many parts of the patience has who was silent wait anew."""

CALM_NS = 600_000_000_000
"""Who was not silent for so long has no need to show it for longer than others; nor has anybody
for longer than that."""

LONGEST_LOOK_NS = 2_000_000_000
"""Of the time between two looks so much counts: they are a second apart unless we are held up."""


def patience_ns(probe: ProbeSettings, lost_ns: int) -> int:
    """Tell how long nothing may come from a peer until it is silent.

    lost_ns after its timeout a probe is lost.
    """
    interval_ns = round(probe.interval * 1e9)
    lost_ns += round(probe.timeout * 1e9)
    return max(INTERVALS * interval_ns, PROBES * interval_ns // probe.flows, lost_ns)


@dataclass(frozen=True, slots=True)
class PeerNow:
    """What is to be seen of a peer now. Times are ns."""

    heard_ns: int | None
    """When a whole reply came last."""

    losing: Sequence[int]
    """The flows that lose more than the others."""

    is_asked: bool = True
    """False while it is not known whether it has an address."""

    why: str = ""
    """Why nothing comes from it, if that is known."""


@dataclass(slots=True)
class Noticed:
    """What was noticed of a peer. Times are ns."""

    looked_ns: int
    heard_ns: int | None
    since_ns: int
    """When it was last heard, or first looked at."""

    unheard_ns: int = 0
    is_silent: bool = False
    hold: int = 1
    """For how many times the patience it must answer until it is back."""

    back_ns: int | None = None
    """Since when it answers again, if it does, and is still told as silent."""

    calm_ns: int = -CALM_NS
    """When it was told as back."""

    losing: set[int] = field(default_factory=set)


class Noticing:
    """Looks at peers, and tells what has become other."""

    def __init__(self, tell: Callable[[Event], None]) -> None:
        """Tell nothing yet."""
        self._tell = tell
        self._seen: dict[str, Noticed] = {}

    def look(self, name: str, at: PeerNow, patience: int, now_ns: int) -> None:
        """See what a peer does now; patience is that of patience_ns."""
        seen = self._seen.get(name)
        if seen is None:
            seen = self._seen[name] = Noticed(now_ns, at.heard_ns, now_ns)
        self._compare(name, seen, at.losing)
        if at.is_asked:
            self._listen(seen, at.heard_ns, now_ns)
            if not seen.is_silent:
                self._miss(name, seen, at.why, patience, now_ns)
            else:
                self._await(name, seen, patience, now_ns)
        seen.looked_ns = now_ns

    def gone(self, name: str) -> None:
        """Hear that a peer is probed no more: what was told of it ends."""
        seen = self._seen.pop(name, None)
        if seen is not None:
            self._compare(name, seen, ())
            if seen.is_silent:
                self._tell(PeerGone(name))

    def is_silent(self, name: str) -> bool:
        """Tell whether a peer was told as silent, and not as back."""
        seen = self._seen.get(name)
        return seen is not None and seen.is_silent

    def _compare(self, name: str, seen: Noticed, losing: Sequence[int]) -> None:
        """Tell which flows begin to lose, or end."""
        if seen.losing or losing:
            now = set(losing)
            for flow in sorted(seen.losing - now):
                self._tell(FlowRecovered(name, flow))
            for flow in sorted(now - seen.losing):
                self._tell(FlowLosing(name, flow))
            seen.losing = now

    def _listen(self, seen: Noticed, heard_ns: int | None, now_ns: int) -> None:
        """Note whether something came since the last look."""
        looked_ns = min(now_ns - seen.looked_ns, LONGEST_LOOK_NS)
        if heard_ns is None or heard_ns == seen.heard_ns:
            seen.unheard_ns += looked_ns
            return
        seen.heard_ns = heard_ns
        seen.unheard_ns = max(0, min(now_ns - heard_ns, looked_ns))
        if not seen.is_silent:
            seen.since_ns = heard_ns
        elif seen.back_ns is None:
            seen.back_ns = heard_ns

    def _miss(self, name: str, seen: Noticed, why: str, patience: int, now_ns: int) -> None:
        """Tell that it is silent, if it has been for long enough."""
        if seen.unheard_ns >= patience:
            seen.hold = 1 if now_ns - seen.calm_ns >= CALM_NS else 2 * seen.hold
            seen.is_silent, seen.back_ns = True, None
            self._tell(PeerSilent(name, _seconds(now_ns - seen.since_ns), why))

    def _await(self, name: str, seen: Noticed, patience: int, now_ns: int) -> None:
        """Tell that it is back, if it has been for long enough."""
        if seen.unheard_ns * GAP >= patience:
            seen.back_ns = None
        elif seen.back_ns is not None and now_ns - seen.back_ns >= min(
            seen.hold * patience, max(patience, CALM_NS)
        ):
            self._tell(PeerBack(name, _seconds(seen.back_ns - seen.since_ns)))
            seen.is_silent, seen.since_ns = False, seen.heard_ns or now_ns
            seen.calm_ns = now_ns


def _seconds(ns: int) -> float:
    return round(ns / 1e9, 3)
