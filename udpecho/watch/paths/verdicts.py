"""Verdicts that are held: given once, and withdrawn when nothing bears them out for a minute.

A verdict is borne out by each loss of its flows for as long as it is found again. Another that is
found meanwhile waits until then, so that none flaps. Pure; times are ns by the monotonic clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from udpecho.path.verdicts import Place, Segment
from udpecho.watch.events.event import Event, VerdictGiven, VerdictWithdrawn
from udpecho.watch.paths.traced import PeerPaths, PeerVerdict

HELD_NS = 60_000_000_000
"""How long a verdict holds after the last loss that bears it out."""


@dataclass(slots=True)
class _Held:
    verdict: PeerVerdict
    paths: PeerPaths
    borne_out_ns: int


class Verdicts:
    """The verdicts of all peers, one a peer."""

    def __init__(self, tell: Callable[[Event], None]) -> None:
        """Hold none yet; tell hears of each that is given or withdrawn."""
        self._tell = tell
        self._held: dict[str, _Held] = {}

    def found(self, name: str, paths: PeerPaths, verdict: PeerVerdict, lost_ns: int) -> None:
        """Give a verdict on a peer, or bear out the one that is held; lost_ns is the last loss."""
        held = self._held.get(name)
        if held is None:
            self._held[name] = _Held(verdict, paths, lost_ns)
            paths.verdict = verdict
            said = verdict.direction, verdict.segment, verdict.flows, verdict.why
            self._tell(VerdictGiven(name, *said))
        elif is_same(held.verdict, verdict):
            before = held.verdict
            held.borne_out_ns = max(held.borne_out_ns, lost_ns)
            held.verdict = paths.verdict = replace(
                verdict,
                direction=before.direction,
                segment=before.segment,
                since_ns=before.since_ns,
            )

    def settle(self, now_ns: int, paths_of: Callable[[str], PeerPaths | None]) -> None:
        """Withdraw what holds no more; paths_of gives those of a peer that is probed."""
        for name, held in list(self._held.items()):
            is_theirs = held.paths is paths_of(name) and held.paths.verdict is held.verdict
            if is_theirs and now_ns - held.borne_out_ns < HELD_NS:
                continue
            del self._held[name]
            if held.paths.verdict is held.verdict:
                held.paths.verdict = None
            self._tell(VerdictWithdrawn(name, held.verdict.direction, held.verdict.segment))


def is_same(one: PeerVerdict, other: PeerVerdict) -> bool:
    """Tell whether two verdicts name one place: a router may answer from several addresses."""
    if one.direction != other.direction:
        return False
    return one.segment == other.segment or bool(_where(one) & _where(other))


def _where(verdict: PeerVerdict) -> frozenset[str]:
    """Give the addresses within the segments; where none are known, those of one end."""
    return frozenset(
        address
        for segment in verdict.segments
        for place in _places(segment)
        for address in place.addresses
    )


def _places(segment: Segment) -> list[Place]:
    inner = [place for place in (*segment.within, segment.behind) if place is not None]
    ends = [place for place in (segment.before, segment.after) if place is not None]
    return inner or ends[:1]
