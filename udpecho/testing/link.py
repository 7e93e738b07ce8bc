"""A link between two hosts in memory, which can be told to change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Unpack

from udpecho.testing.faults import Faults, LinkOptions, checked
from udpecho.testing.timeline import Timeline
from udpecho.testing.way import Way


class MemoryLink:
    """What happens between two hosts, from MemoryNetwork.link: in both directions, or in one."""

    def __init__(self, timeline: Timeline, faults: Faults, ways: Sequence[Way]) -> None:
        self._timeline = timeline
        self._faults = faults
        self._ways = ways

    def at(self, time: float, **options: Unpack[LinkOptions]) -> None:
        """Change some of the link's options at a time, in seconds since the network was made.

        What is sent at that very time meets the change; what was sent before goes on as it was.
        Options that are not named stay as they are then. Raises ValueError for what
        MemoryNetwork.link would not take, and for a time that is past.

            >>> from udpecho.testing import MemoryNetwork
            >>> net = MemoryNetwork()
            >>> link = net.link(net.host("192.0.2.1"), net.host("192.0.2.2"), delay=0.02)
            >>> link.at(3.0, loss=1.0)
            >>> link.at(5.0, loss=0.0)
        """
        checked(self._faults, options)
        now = self._timeline.now
        if not isinstance(time, (int, float)) or not now <= time < float("inf"):
            raise ValueError(f"a link changes at {now} seconds or later, not at {time!r}")
        if time == now:
            self._change(options)
        else:
            self._timeline.at(time, partial(self._change, options), first=True)

    def _change(self, options: LinkOptions) -> None:
        self._faults = replace(self._faults, **options)
        for way in self._ways:
            way.change(self._faults)
