"""Flows of which a hop is unknown, and that perhaps pass what others do.

A router that has said too much is silent for a while: so a flow may lack a hop that others show,
and one that is lost may show fewer hops than others that are lost behind the same router. It counts
as one that passes it if it loses as they do rather than as the others; that choice has a price.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from math import log
from typing import NamedTuple

from udpecho.path.likelihood import Toll
from udpecho.path.routers import Stretch, Trail

Forms = Callable[[Trail, int], frozenset[Hashable] | None]
"""Tells in which forms a trail shows the router at an index; None if that is not known."""


class Grown(NamedTuple):
    """A set of flows with those that perhaps belong to it, and the logarithm of the price."""

    flows: tuple[int, ...]
    price: float


def may_pass(trails: Sequence[Trail], flows: Sequence[int], stretch: Stretch, forms: Forms
             ) -> Iterator[int]:  # fmt: skip
    """List the other flows that perhaps pass a stretch, as far as their known hops tell.

    They lack a hop of it, and what they show of it, before it and behind it is what these show.
    """
    theirs = set(flows)
    around = range(stretch.first - 1, stretch.last + 2)
    shown = {
        at: frozenset().union(*(forms(trails[flow], at) or () for flow in flows)) for at in around
    }
    dead = not any(trails[flow].arrives for flow in flows)
    for flow, trail in enumerate(trails):
        if flow in theirs or None not in trail.hops or (dead and trail.arrives):
            continue
        seen = {at: forms(trail, at) for at in around}
        lacks = any(seen[at] is None for at in range(stretch.first, stretch.last + 1))
        if lacks and all(each is None or each & shown[at] for at, each in seen.items()):
            yield flow


def grown(fates: Sequence[Toll], flows: Sequence[int], others: Sequence[int], known: int) -> Grown:
    """Add those of the others that lose as these flows do.

    known is how many flows show who stands there: of these, so many pass it.
    """
    share = min(0.95, max(0.05, len(flows) / max(1, known)))
    inside = _rate([fates[flow] for flow in flows])
    apart = {*flows, *others}
    outside = _rate([fate for flow, fate in enumerate(fates) if flow not in apart])
    found, price = list(flows), 0.0
    for flow in others:
        _, sent, lost = fates[flow]
        likelier = lost * log(inside / outside) + (sent - lost) * log((1 - inside) / (1 - outside))
        if likelier + log(share / (1 - share)) > 0:
            found.append(flow)
            price -= log(share)
        else:
            price -= log(1 - share)
    return Grown(tuple(sorted(found)), price)


def _rate(fates: Sequence[Toll]) -> float:
    """Estimate the share of their probes that some flows lose."""
    sent, lost = sum(fate.sent for fate in fates), sum(fate.lost for fate in fates)
    return (lost + 0.5) / (sent + 1.0)
