"""Peers that are probed in several classes of traffic: each class of a peer is one of its own.

So all that is counted of peers is counted of each class, in series that may be added up, and there
are as many times as many of them as there are classes.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import replace

from udpecho.dscp import CLASSES
from udpecho.watch.peers.targets import Wanted

MOST_CLASSES = 4

_BEHIND = re.compile(rf"(.+) ({'|'.join(CLASSES)}|DSCP [0-9]{{1,2}})")

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


def peer_and_class(called: str, names: Container[str]) -> tuple[str, str]:
    """Tell which peer is called so, and in which class of traffic; "" for the first.

    names are those of peers: who is called so itself is meant.
    """
    found = None if called in names else _BEHIND.fullmatch(called)
    return (called, "") if found is None else (found[1], found[2])
