"""A guard that has some flows lose some of what they ask: something to be found, for the desk."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from udpecho.columns import Columns, split_ports
from udpecho.guard import Guard, Reason

ONE_IN = 5
"""Of the flows, in the order in which they first ask, one in so many loses."""

LOST, OF = 3, 10
"""So many questions of such a flow are lost, of so many."""

MOST_FLOWS_KNOWN = 4096


class LossyGuard(Guard):
    """Refuses a share of what one in five source ports asks, beside what any guard does."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__()
        self._random = Random(seed)
        self._flows: dict[int, int] = {}

    def judge(self, batch: Columns, now: float) -> Mapping[int, Reason]:
        """Say which datagrams of a batch must not be answered, by index, and why."""
        refused = super().judge(batch, now)
        ports = split_ports(batch.ports)
        lost = [index for index, port in enumerate(ports) if self._loses(port)]
        return {**dict.fromkeys(lost, Reason.DISCARDED), **refused} if lost else refused

    def _loses(self, port: int) -> bool:
        number = self._flows.get(port)
        if number is None:
            if len(self._flows) >= MOST_FLOWS_KNOWN:
                self._flows.clear()
            number = self._flows[port] = len(self._flows)
        return number % ONE_IN == ONE_IN - 1 and self._random.randrange(OF) < LOST
