"""What is told of a peer's paths on its page: a picture of them, and which flows take which."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from html import escape

from udpecho.watch.pages.graph import graph
from udpecho.watch.pages.scale import age
from udpecho.watch.paths.traced import PeerPaths
from udpecho.watch.probed import Probed

MOST_PATHS = 64
"""Rows of the table."""

MOST_NAMED = 16
"""Flows named of a path."""


def paths_shown(node: str, probed: Probed, losing: Collection[int], now_ns: int) -> Iterator[str]:
    """Draw the paths of a peer's flows, as far as they are known; nothing of nothing."""
    known = probed.paths
    if probed.address is None or not known.known or known.looked_ns is None:
        return
    yield f"<h2>Paths</h2><p>{_said(known, now_ns)}</p>"
    yield from graph(node, known.paths(probed.wanted.name, probed.address), losing)
    yield '<table class="figures"><thead><tr><th scope="col">path</th><th scope="col">flows</th>'
    yield '<th scope="col">the same since</th></tr></thead><tbody>'
    for number, flows in list(known.by_id().items())[:MOST_PATHS]:
        since = age(now_ns - max(known.known[flow].since_ns for flow in flows))
        yield (
            f'<tr><th scope="row">{escape(number)}</th><td>{named(flows)}</td><td>{since}</td></tr>'
        )
    yield "</tbody></table>"


def named(flows: Collection[int]) -> str:
    """Name some flows by their numbers."""
    few = ", ".join(map(str, sorted(flows)[:MOST_NAMED]))
    return few if len(flows) <= MOST_NAMED else f"{few} and {len(flows) - MOST_NAMED} more"


def _said(known: PeerPaths, now_ns: int) -> str:
    """Say when it was looked, and how often a path became another."""
    paths, flows = len(known.by_id()), len(known.known)
    said = f"As looked at {age(now_ns - (known.looked_ns or 0))} ago: "
    said += f"{flows} {'flow' if flows == 1 else 'flows'} on {paths} "
    said += "path." if paths == 1 else "paths."
    if known.changes:
        said += f" Times that a path became another: {known.changes}."
    if known.mtu is not None and known.mtu.bytes is not None:
        said += f" Packets of {known.mtu.bytes} bytes pass."
    return said
