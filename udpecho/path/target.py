"""One target of a ping that is traced: its flows by number, what is asked of them, and of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from udpecho.instrument.probe import Flow, Probe
from udpecho.path.answers import Question
from udpecho.path.asking import Asker
from udpecho.path.hops import Paths
from udpecho.path.known import least
from udpecho.path.returning import WayBack
from udpecho.peer import Peer

FIRST_LOST = 16
"""Lost probes of a flow that is not traced yet that are remembered, to ask about them."""


@dataclass(slots=True)
class TracedTarget:
    """A target, which has an asker of the way out, and one of the way back."""

    name: str
    peer: Peer
    asker: Asker
    back: WayBack
    flows: list[Flow] = field(default_factory=list)
    traced: dict[Flow, int] = field(default_factory=dict)
    first_lost: dict[Flow, list[Probe]] = field(default_factory=dict)

    def paths(self, changed: tuple[int, ...]) -> Paths:
        """Give what is known so far, with the flows whose path is another than before."""
        paths = tuple(map(self.back.path, self.asker.paths()))
        return Paths(self.name, self.peer, paths, changed, tells=self.back.tells)

    def number(self, flow: Flow, now: Sequence[Flow]) -> int:
        """Give the number of one of its flows, by those that it has now."""
        if flow not in self.flows:
            self.flows = list(now)
        return self.flows.index(flow)

    def trace(
        self, flow: Flow, number: int, before: Mapping[int, tuple[str, ...]] | None = None
    ) -> None:
        """Trace a flow, under this number; before is as Asker.add has it."""
        self.traced[flow] = number
        self.asker.add(number, flow.port, before)
        self.back.add(number, flow.port)
        for probe in self.first_lost.pop(flow, ()):
            self.misses(probe)

    def misses(self, probe: Probe) -> None:
        """Ask about a probe that is overdue, now or when its flow is traced."""
        number, sent_ns = self.traced.get(probe.flow), probe.sent.monotonic_ns
        if number is not None:
            self.back.lost(number, probe.header, sent_ns, sent_ns)
        elif len(first := self.first_lost.setdefault(probe.flow, [])) < FIRST_LOST:
            first.append(probe)

    def tells(self, data: bytes, port: int, now_ns: int) -> bool:
        """Tell whether what came to a port answers an inquiry, and note what it tells."""
        for number, flow in enumerate(self.flows):
            if flow.port == port:
                return self.back.takes(number, data, now_ns)
        return False

    def questions(self, now_ns: int) -> Iterator[Question]:
        """Give what may be asked of the routers, out and back."""
        while self.traced and (question := self._take(now_ns)) is not None:
            yield question

    def inquiries(self, now_ns: int) -> Iterator[tuple[Flow, bytes]]:
        """Give what may be asked of the target: over which flow, and about which probe."""
        while self.traced and (inquiry := self.back.take(now_ns)) is not None:
            number, about = inquiry
            yield self.flows[number], about

    def next_ns(self, now_ns: int) -> int | None:
        """Tell when there is something to ask, or an answer is missing; None: nothing is open."""
        if not self.traced:
            return None
        return least(self.asker.next_ns(now_ns), self.back.next_ns(now_ns))

    def _take(self, now_ns: int) -> Question | None:
        return self.asker.take(now_ns) or self.back.take_back(now_ns)
