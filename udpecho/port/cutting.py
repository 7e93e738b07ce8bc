"""Columns cut out of the records that the kernel wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from udpecho.columns import Columns
from udpecho.kernel.layout import Layout, all_for_us
from udpecho.kernel.messages import Memory, packed


class Cutter:
    """Cuts columns out of records."""

    def __init__(self, memory: Memory, layout: Layout) -> None:
        self._memory = memory
        self._layout = layout
        self._ports = memory.column("H", 2)
        self._hosts = memory.columns(layout.host, layout.host_size)
        self._asked = memory.columns(layout.asked, layout.host_size)
        self._local = memory.columns(layout.local, layout.host_size)

    def cut(self, sizes: Sequence[int], trains: Mapping[int, int]) -> Columns:
        """Cut the columns of as many records as there are sizes."""
        layout, memory, count = self._layout, self._memory, len(sizes)
        asked, local = self._asked[0][:count], self._local[0][:count]
        for_us = all_for_us(layout, lambda: memory.octets(layout.asked, count), asked, local)
        return Columns(
            self._ports[:count].tobytes(),
            packed(self._hosts, count),
            b"" if for_us else packed(self._asked, count),
            b"" if for_us else packed(self._local, count),
            memory.octets(layout.ttl, count),
            memory.octets(layout.tos, count),
            sizes,
            trains,
        )
