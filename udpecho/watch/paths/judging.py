"""What a peer's losses come to: its flows and their paths weighed beside those of a few others.

Where all flows of a peer lose alike, only peers that lose nothing tell where: those with the most
routers in common are compared. What looks like a rate limit is no verdict. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from heapq import nlargest
from itertools import islice, takewhile
from math import exp, lgamma, log

from udpecho.path.hops import Paths
from udpecho.path.judge import Losses, judge
from udpecho.path.verdicts import Direction, Place, Segment, State, Verdict
from udpecho.show.path_text import verdict_text
from udpecho.show.sheet import ENDLESS
from udpecho.watch.paths.suspects import Suspect, Suspects
from udpecho.watch.paths.traced import PeerVerdict
from udpecho.watch.probed import Probed

BY_CHANCE = 1e-8
"""The chance that flows which lose a part are named although all of the peer's fare alike: in one
judgement, of which there are many. Three of 16 flows are named after 11 losses of theirs, one when
it is known by itself to lose more than the others. Several segments are told only after twice as
many: mostly one is found by then."""

COMPARED = 4
"""Other peers that are weighed beside one that loses."""

MOST_FLOWS = 4
"""Flows of each of these."""

_GIVEN = (State.NAMED, State.CANDIDATES)

MOST_LOOKED_THROUGH = 2000
"""Peers among which those are searched."""


def judged(
    name: str,
    roll: Mapping[str, Probed],
    suspects: Suspects,
    beside: Collection[str],
    now_ns: int,
) -> PeerVerdict | None:
    """Judge where flows to a peer that loses die, beside other peers; None if that can't be told.

    Flows that are not as they were seen last count for nothing until they are looked at again.
    """
    probed, suspect = roll[name], suspects.get(name)
    if suspect is None or suspect.looked_ns is None or probed.address is None:
        return None
    here = probed.paths.paths(name, probed.address, suspect.changed())
    outdated = set(outdated_flows(probed, suspect))
    here = replace(here, paths=tuple(path for path in here.paths if path.flow not in outdated))
    losses = _losses(here, suspect)
    usual = max((sent for sent, _ in losses.values()), default=0)
    looked_at = [here]
    for other in beside:
        each = roll.get(other)
        if each is not None and each.address is not None and each.address != probed.address:
            paths = _few(each.paths.paths(other, each.address))
            looked_at.append(paths)
            losses |= _losses(paths, suspects.get(other), usual)
    ports = {path.source_port: path for path in here.paths}
    found = judge(looked_at, losses)
    theirs = [ports[port] for target, port in found.losing if target == name and port in ports]
    flows = sorted(path.flow for path in theirs)
    if not flows or found.state not in _GIVEN:
        return None
    if found.state is State.NAMED:
        is_sure = not all(path.reached for path in theirs)
        is_sure = is_sure or set(flows).issubset(probed.losing.losing(now_ns))
        is_sure = is_sure or by_chance(suspect, flows) <= BY_CHANCE
    else:
        is_sure = by_chance(suspect, flows) <= BY_CHANCE**2
    if not is_sure:
        return None
    return _given(name, found, flows, now_ns)


def by_chance(suspect: Suspect, flows: Collection[int]) -> float:
    """Tell how likely it is that so much of what a peer loses is lost by some of its flows.

    That is if all fare alike: each loss is then any probe's.
    """
    tolls = [suspect.toll(number) for number in range(len(suspect.flows))]
    sent, lost = (sum(each) for each in zip(*tolls, strict=True))
    theirs = sum(tolls[flow][0] for flow in flows), sum(tolls[flow][1] for flow in flows)
    share = theirs[0] / max(1, sent)
    if not 0 < share < 1 or theirs[1] <= share * lost:
        return 1.0
    chance = 0.0
    for count in range(theirs[1], lost + 1):
        ways = lgamma(lost + 1) - lgamma(count + 1) - lgamma(lost - count + 1)
        term = exp(ways + count * log(share) + (lost - count) * log(1 - share))
        chance += term
        if term < chance * 1e-6:
            break
    return chance


def most_alike(name: str, roll: Mapping[str, Probed]) -> list[str]:
    """Name the few other peers whose known paths have the most routers in common with one's.

    They are of its class of traffic: what a router does to one it need not do to another.
    """
    theirs, dscp = roll[name].paths.routers(), roll[name].wanted.dscp
    others = (
        (len(theirs & each.paths.routers()), other)
        for other, each in islice(roll.items(), MOST_LOOKED_THROUGH)
        if other != name and each.paths.known and each.wanted.dscp == dscp
    )
    return [other for _, other in nlargest(COMPARED, others)]


def outdated_flows(probed: Probed, suspect: Suspect) -> list[int]:
    """List the flows that died, or live again, since their path was seen."""
    return [
        flow
        for flow, known in probed.paths.known.items()
        if suspect.is_dead(flow) is known.path.reached
    ]


def _losses(paths: Paths, suspect: Suspect | None, usual: int = 0) -> Losses:
    """Give what was sent and lost of some flows; of who loses nothing, as much as is usual."""
    return {
        (*paths.peer, path.source_port): list(
            (usual, 0) if suspect is None else suspect.toll(path.flow)
        )
        for path in paths.paths
    }


def _few(paths: Paths) -> Paths:
    """Leave out all but a few flows; what was seen of those that don't arrive tells nothing."""
    return replace(paths, paths=tuple(path for path in paths.paths if path.reached)[:MOST_FLOWS])


def segment_name(segment: Segment, target: str, direction: Direction) -> str:
    """Say in a few words where flows die: behind or through whom, else between whom."""
    if segment.behind is not None:
        return f"behind {_place(segment.behind, '')}"
    if segment.within:
        return f"through {', '.join(_place(each, '') for each in segment.within)}"
    first, last = "this host", target
    if direction is Direction.BACK:
        first, last = last, first
    return f"between {_place(segment.after, first)} and {_place(segment.before, last)}"


def _place(place: Place | None, end: str) -> str:
    """Name a router by two of its addresses at most, or the end where there is none."""
    return end if place is None else " or ".join(sorted(place.addresses)[:2])


def _given(name: str, found: Verdict, flows: list[int], now_ns: int) -> PeerVerdict:
    """Put a verdict into words."""
    segments = [segment_name(each, name, found.direction) for each in found.segments]
    said = takewhile(bool, verdict_text(found, ENDLESS))
    return PeerVerdict(
        found.direction.value,
        " or ".join(segments),
        " ".join(each.strip() for each in said),
        tuple(flows),
        found.segments,
        now_ns,
    )
