"""Where losing flows die: which segment explains best who loses and who does not.

A segment is known by the flows that pass it. It is named if it has nearly all of the probability
among all segments, if its flows lose alike and no others beside them, and if that some lose more
than others is past doubt. That an ICMP message is missing is no evidence: a router says what it
likes. Where all of a flow is lost, the last hop that answered narrows it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from dataclasses import replace
from typing import TypeAlias

from udpecho.path.explanations import DOUBT, SURE, Explanation, ways_of, weighed
from udpecho.path.hops import Path, Paths
from udpecho.path.likelihood import Toll, differ
from udpecho.path.verdicts import Direction, Evidence, Place, Segment, State, Verdict
from udpecho.ping.outcome import Outcome, ProbeFate

AT_MOST = 3
"""Candidates that are told: of more it is said that they can't be told apart."""

ENOUGH = 10
"""Losses from which on it is said that flows lose alike, rather than that it is too early."""

NONE_LOSES = "no flow loses"
TOO_EARLY = "too early to tell"
ALL_ALIKE = "every flow loses alike: this host, the target, or what all of them pass"
NO_SEGMENT = "the flows that lose have no segment to themselves"
TOO_MANY = "too many segments explain it as well"
NOT_OUT = "hops answer behind what the losing flows have in common: not on the way out"
NOT_SEEN = "on a way back of which nothing is known yet"
NO_HOP = "no router is known that only the flows that lose pass"
CHANGED = "the paths of flows that lose changed while they were looked at"

Losses: TypeAlias = dict[tuple[str, int, int], list[int]]
"""By the target's address and port and the source port: how many probes were sent, and lost."""


def verdict(paths: Paths | Sequence[Paths], outcomes: Iterable[Outcome]) -> Verdict:
    """Judge where the flows whose paths are known lose, from what became of their probes."""
    losses: Losses = defaultdict(lambda: [0, 0])
    for outcome in outcomes:
        flow = outcome.flow
        if flow is not None and isinstance(outcome.kind, ProbeFate):
            counted = losses[(*flow.peer, flow.port)]
            counted[0] += 1
            counted[1] += outcome.kind not in (ProbeFate.REPLIED, ProbeFate.LATE)
    return judge([paths] if isinstance(paths, Paths) else paths, losses)


def judge(
    looked_at: Sequence[Paths],
    losses: Losses,
    standing_out: Container[tuple[str, int, int]] | None = None,
) -> Verdict:
    """Judge by how many probes of each flow were sent, and how many of those died.

    standing_out are the flows that a test of significance names: where a part is lost, nothing is
    told before it names one of those that would be. Who has no such test gives None.
    """
    flows = [(paths, path) for paths in looked_at for path in paths.paths]
    targets = {id(paths): number for number, paths in enumerate(looked_at)}
    fates = [
        Toll(targets[id(paths)], *losses.get((*paths.peer, path.source_port), (0, 0)))
        for paths, path in flows
    ]
    reason, told = _told(weighed(ways_of(looked_at, fates)), fates)
    losing = sorted({flow for each in told for flow in each.flows if fates[flow].lost})
    if any(each.way.direction is Direction.BACK and not each.is_seen() for each in told):
        reason = NOT_SEEN
    if losing and all(_is_untold(*flows[flow]) for flow in losing):
        reason = reason or TOO_EARLY
    if standing_out is not None and not any(
        not path.reached or (*paths.peer, path.source_port) in standing_out
        for paths, path in (flows[flow] for flow in losing)
    ):
        reason, losing = reason or TOO_EARLY, []
    changed = {n for n, (paths, path) in enumerate(flows) if path.flow in paths.changed}
    if changed.intersection(losing) or (reason and changed):
        found = _verdict(State.CHANGED, CHANGED, [], losing or sorted(changed), flows, fates)
    elif reason:
        found = _verdict(State.UNDECIDED, reason, [], losing, flows, fates)
    else:
        found = _verdict(State.NAMED, "", told, losing, flows, fates)
    return replace(found, flows=_beside(flows, found.losing, losses))


def _beside(
    flows: Sequence[tuple[Paths, Path]], losing: Sequence[tuple[str, int]], losses: Losses
) -> int:
    """Count all flows to the targets of those that lose, else all: those not looked at, too."""
    names = {target for target, _ in losing}
    peers = {paths.peer for paths, _ in flows if paths.target in names}
    known = {(*paths.peer, path.source_port) for paths, path in flows}.union(losses)
    return sum(not peers or each[:2] in peers for each in known)


def _is_untold(paths: Paths, path: Path) -> bool:
    """Tell whether the target is yet to tell on which way a flow's probes died."""
    return paths.tells is True and not path.asked_about and path.ended is None


def _told(
    explanations: Sequence[Explanation], fates: Sequence[Toll]
) -> tuple[str, list[Explanation]]:
    """Choose the explanations to be told; or say why there is none."""
    if not any(fate.lost for fate in fates):
        return NONE_LOSES, []
    if not explanations or explanations[0].weight < DOUBT:
        return _why_none(fates), []
    told, probability = [], 0.0
    for each in explanations:
        told.append(each)
        probability += each.probability
        if probability >= SURE:
            break
    if len(told) > AT_MOST:
        return (TOO_MANY if all(each.fits() for each in told[:1]) else NO_SEGMENT), []
    return ("" if all(each.fits() for each in told) else NO_SEGMENT), told


def _why_none(fates: Sequence[Toll]) -> str:
    """Say why no set of flows that have a segment in common explains who loses."""
    more = differ(fates)
    if more > DOUBT:
        return NO_SEGMENT
    enough = sum(fate.lost for fate in fates) >= ENOUGH
    return ALL_ALIKE if enough and more < 0 else TOO_EARLY


def _verdict(
    state: State,
    reason: str,
    told: Sequence[Explanation],
    losing: Sequence[int],
    flows: Sequence[tuple[Paths, Path]],
    fates: Sequence[Toll],
) -> Verdict:
    segments = tuple(segment for each in told for segment in each.segments())
    direction = told[0].way.direction if told else Direction.UNKNOWN
    if state is State.NAMED and any(map(_is_all, segments)):
        state, reason, segments = State.UNDECIDED, NO_HOP, ()
    elif state is State.NAMED and not segments:
        state, reason = State.UNDECIDED, NO_SEGMENT
        if direction is Direction.UNKNOWN:
            reason, direction = NOT_OUT, Direction.BACK
    elif state is State.NAMED and len(segments) > 1:
        state = State.CANDIDATES
    return Verdict(
        state,
        direction,
        segments,
        tuple((flows[flow][0].target, flows[flow][1].source_port) for flow in losing),
        len(flows),
        reason,
        tuple(
            _evidence(*flow, fate, number in losing, direction)
            for number, (flow, fate) in enumerate(zip(flows, fates, strict=True))
        ),
    )


def _is_all(segment: Segment) -> bool:
    """Tell whether a segment has neither an end nor anything within: that names nothing."""
    known = segment.after, segment.before, segment.behind
    return known == (None, None, None) and not segment.within


def _evidence(paths: Paths, path: Path, fate: Toll, losing: bool, direction: Direction) -> Evidence:
    hops = path.back or () if direction is Direction.BACK else path.hops
    shown = [Place(hop.ttl, hop.addresses) for hop in hops if hop.addresses]
    return Evidence(
        paths.target,
        path.flow,
        path.source_port,
        fate.sent,
        fate.lost,
        losing,
        path.asked_about,
        path.arrived,
        shown[-1] if shown else None,
    )
