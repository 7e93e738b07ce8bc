"""What a process has in common with its parent, and is to part with, after a fork. No Twisted."""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class Forkable(Protocol):
    """What is to be told of a fork."""

    def forked(self, in_child: bool) -> None:
        """Hear that the process was forked, in the child and in the parent."""


_all: WeakSet[Forkable] = WeakSet()


def tell(one: Forkable) -> None:
    """Tell it of each fork by os.fork(), for as long as it lives."""
    _all.add(one)


def _tell_all(in_child: bool) -> None:
    for each in list(_all):
        each.forked(in_child)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        after_in_parent=lambda: _tell_all(False), after_in_child=lambda: _tell_all(True)
    )
