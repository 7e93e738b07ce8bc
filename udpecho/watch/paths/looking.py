"""A look at the paths of a peer's flows, over the very sockets that probe it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from udpecho.instrument import ProbeSocket
from udpecho.instrument.probe import Flow, Probe, ProbeFate
from udpecho.instrument.stamps import Stamp
from udpecho.path import PathMtu, Paths, Sizing
from udpecho.path.allowance import Common
from udpecho.path.answers import Question
from udpecho.path.asking import Asker
from udpecho.path.defaults import MOST_HOPS
from udpecho.path.questions import Asked, Questions, inquiry
from udpecho.path.returning import FAR_TTL, WayBack
from udpecho.path.target import TracedTarget
from udpecho.peer import Peer
from udpecho.refusal import Refusal

LOOKS_NS = 60_000_000_000
"""How long a look takes at most, whatever is still open."""

LONGEST = 9000
"""Bytes of the longest packet that is sent to find the path MTU: a peer's guard takes seven tokens
for it and the small one with it. What is as long as loopback takes would be 44."""

_MISSED = {None, ProbeFate.LOST}
"""What a probe is that the peer may be asked about."""


class PeerLook:
    """One look, until nothing is left to ask; what is to be sent goes out as it is served."""

    def __init__(
        self,
        name: str,
        peer: Peer,
        flows: Sequence[tuple[ProbeSocket, Flow]],
        common: Common,
        questions: Questions,
        now_ns: int,
    ) -> None:
        """Look at nothing yet, of all these flows of a peer. The questions are everybody's."""
        asker = Asker(most_hops=MOST_HOPS, far=True, common=common)
        back = WayBack(asker, most_hops=MOST_HOPS)
        each = [flow for _, flow in flows]
        self.peer = peer
        self.target = TracedTarget(name, peer, asker, back, each)
        self.changed: set[int] = set()
        """The flows whose path was found to be another than in an earlier look."""

        self.began_ns = now_ns
        self.sizing: Sizing | None = None
        """The search for the path MTU of the first flow, if there is one."""

        self._sockets = [socket for socket, _ in flows]
        self._questions = questions

    def add(
        self, numbers: Iterable[int], before: Mapping[int, Mapping[int, tuple[str, ...]]]
    ) -> None:
        """Look at these flows, too; before has for each who answered earlier, by TTL."""
        for number in numbers:
            flow = self.target.flows[number]
            if flow not in self.target.traced:
                self.target.trace(flow, number, before.get(number))

    def measure(self) -> Sizing:
        """Search the path MTU of the first flow, too; give the search."""
        self.sizing = Sizing([(self._sockets[0], self.target.flows[0])], LONGEST)
        return self.sizing

    def missed(self, probes: Iterable[Probe]) -> None:
        """Ask the peer, if it tells, what became of probes that got no answer."""
        for probe in probes:
            if probe.fate in _MISSED:
                self.target.misses(probe)

    def serve(self, now_ns: int, most: int) -> int:
        """Ask what may be asked now, at most so much; return how much that was."""
        asked = 0
        if self.sizing is not None and self.sizing.turn(now_ns):
            return most
        for question in self.target.questions(now_ns):
            self._ask(question, now_ns)
            asked += 1
            if asked >= most:
                return asked
        for flow, about in self.target.inquiries(now_ns):
            number = self.target.traced.get(flow, self.target.flows.index(flow))
            self._sockets[number].send_hop(*inquiry(flow, about, now_ns), FAR_TTL)
            asked += 1
            if asked >= most:
                break
        return asked

    def is_over(self, now_ns: int) -> bool:
        """Tell whether nothing is to be asked or awaited any more, or it took long enough."""
        if now_ns - self.began_ns >= LOOKS_NS:
            return True
        if self.sizing is not None and self.sizing.next_ns(now_ns) is not None:
            return False
        return self.target.next_ns(now_ns) is None

    def mtu(self) -> PathMtu | None:
        """Tell the path MTU, if it was searched and is known for sure."""
        found = None if self.sizing is None else self.sizing.mtu(0)
        return None if found is None or found.uncertain or found.bytes is None else found

    def came(self, asked: Asked, arrived_ns: int | None, now: Stamp) -> None:
        """Note that the peer answered a question."""
        if self._knows(asked.question.flow):
            asked.came(arrived_ns, now, self.target.asker, self.target.back)

    def refused(self, asked: Asked, refusal: Refusal, now: Stamp) -> bool:
        """Note who said that a question ended there; tell whether its path is thus another."""
        if not self._knows(asked.question.flow):
            return False
        self.target.back.settled(asked.probe.header)
        if not asked.note(refusal, now, self.target.asker):
            return False
        self.target.back.forget(asked.question.flow)
        self.changed.add(asked.question.flow)
        return True

    def refused_by_time(self, refusal: Refusal, now: Stamp) -> None:
        """Note a refusal that quotes nothing, if it may be of this look."""
        for flow, number in self.target.traced.items():
            if flow.port == refusal.port:
                self._questions.note_by_time(flow, number, refusal, now, self.target.asker)

    def found(self) -> Paths:
        """Give the paths of the flows that were looked at."""
        return self.target.paths(())

    def _knows(self, number: int) -> bool:
        """Tell whether a flow is looked at: an answer may be to an earlier look."""
        flows = self.target.flows
        return number < len(flows) and flows[number] in self.target.traced

    def _ask(self, question: Question, now_ns: int) -> None:
        flow = self.target.flows[question.flow]
        probe, payload = self._questions.ask(question, flow, now_ns)
        self.target.back.sent(probe.header, question, now_ns)
        ttl = FAR_TTL if question.ttl is None else question.ttl
        self._sockets[question.flow].send_hop(probe, payload, ttl)
