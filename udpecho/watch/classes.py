"""Peers that are probed in several classes of traffic: each class of a peer is one of its own.

So all that is counted of peers is counted of each class, in series that may be added up, and there
are as many times as many of them as there are classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from udpecho.dscp import CLASSES
from udpecho.watch.peers.targets import Wanted

MOST_CLASSES = 4

_NAMES = {number: name for name, number in CLASSES.items()}


def class_name(dscp: int) -> str:
    """Name a DSCP, by its number if it has no name."""
    return _NAMES.get(dscp, f"DSCP {dscp}")


def in_classes(
    peers: dict[str, Wanted], classes: Sequence[int]
) -> Iterator[dict[str, Wanted] | None]:
    """Give None after each short step, and at last each peer in each class.

    In the first class it has its own name, in others theirs behind it; a peer that is called so
    itself keeps its name.
    """
    first, *others = classes
    if not first and not others:
        yield peers
        return
    found: dict[str, Wanted] = {}
    for name, each in peers.items():
        found[name] = replace(each, dscp=first)
        for dscp in others:
            called = f"{name} {class_name(dscp)}"
            if called not in peers:
                found[called] = replace(each, name=called, dscp=dscp)
        yield None
    yield found
