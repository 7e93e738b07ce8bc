"""What a summary says in words beside its figures: who loses, what held it up. Does no I/O."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from udpecho.ping.figures import Figures, Losers, Summary, TargetSummary
from udpecho.show.amounts import percent
from udpecho.show.summary_tables import WORST_SHOWN

BRIEFLY = 5
"""Names in a line that is not to be long."""


class _Member(NamedTuple):
    """One of several that are compared."""

    name: str
    figures: Figures
    stands_out: bool


def losing_ports(target: TargetSummary) -> Iterator[str]:
    """Name the source ports that lose more than the others, or say that none does."""
    flows = [_Member(str(flow.port), flow.figures, flow.stands_out) for flow in target.flows]
    yield from _losing(f"LOSS to {target.name}", "source ports", flows, target.too_early)


def losing_hosts(summary: Summary) -> Iterator[str]:
    """Name the hosts that lose more than the others, or say that none does."""
    hosts = [_Member(each.name, each.figures, each.stands_out) for each in summary.targets]
    yield from _losing("LOSS", "hosts", hosts, summary.too_early)


def standing_out(losers: Losers) -> str:
    """List in a few words who stands out so far; nothing if nobody does."""
    hosts = sorted(name for name, _ in losers.hosts)
    alone = len({flow.target for flow in losers.flows}) == 1 and not hosts
    flows = sorted(
        str(flow.port) if alone else f"{flow.target} from {flow.port}" for flow in losers.flows
    )
    names = [*hosts, *flows]
    more = f" and {len(names) - BRIEFLY} more" if len(names) > BRIEFLY else ""
    return f"stands out: {', '.join(names[:BRIEFLY])}{more}" if names else ""


def rate_limits(summary: Summary) -> Iterator[str]:
    """Say which loss looks like a rate limit."""
    for limit in summary.rate_limits:
        yield (
            f"LIMIT: {limit.prefix} lost none of the first {limit.first} probes, then evenly "
            f"{percent(limit.loss)}: it looks like a rate limit of about "
            f"{limit.answers_per_second:.0f}/s"
        )


def held_up(summary: Summary) -> Iterator[str]:
    """Say for how long nothing was probed, if anything held the run up."""
    if summary.held_ns:
        yield f"held up: nothing was sent for {summary.held_ns / 1e9:.1f} s, though it was due"


def _losing(loss: str, kind: str, members: list[_Member], too_early: bool | None) -> Iterator[str]:
    losing = [member for member in members if member.figures.loss]
    named = [member for member in losing if member.stands_out]
    if len(members) < 2 or not losing:
        return
    if named:
        others = _loss([member for member in members if member not in named])
        verb = ("stands" if len(named) == 1 else "stand") + " out"
        if not others:
            verb = "loses" if len(named) == 1 else "lose"
        rest = f"; the others lose {percent(others)}" if others else ""
        yield f"{loss}: {len(named)} of {len(members)} {kind} {verb}: {_list(named)}{rest}"
    elif _loss(members) == 1:
        yield f"{loss} from every one of {len(members)} {kind}"
    elif too_early is None:  # a record of before has no such test
        yield f"{loss} from {len(losing)} of {len(members)} {kind}"
    else:
        why = "too early to tell whether one stands out" if too_early else "none stands out"
        yield f"{loss} from {len(losing)} of {len(members)} {kind}: {why}"


def _list(members: list[_Member]) -> str:
    """Write names, each with its loss, the worst first."""
    worst = sorted(members, key=lambda member: -(member.figures.loss or 0.0))
    texts = [f"{member.name} ({percent(member.figures.loss)})" for member in worst[:WORST_SHOWN]]
    more = len(worst) - WORST_SHOWN
    return ", ".join(texts) + (f" and {more} more" if more > 0 else "")


def _loss(members: list[_Member]) -> float:
    """Give the share that some lost together."""
    decided = sum(member.figures.sent - member.figures.undecided for member in members)
    received = sum(member.figures.received for member in members)
    return 1 - received / decided if decided else 0.0
