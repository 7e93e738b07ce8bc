"""What the target is asked of what was lost, and of the way back; and what it told.

Told the time; sends nothing. A server of ours that was started to tell (see telling) knows
whether a probe arrived, and where its reply died. That leaves with the request's TTL less one: so a
probe that arrives with TTL 1 + k has its reply die at the k-th router back. These are asked for as
those on the way out are, with an allowance of their own: what limits them there is the target's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from os import urandom

from udpecho.datagrams import DEFAULT_TTL
from udpecho.path.answers import Answer, Question
from udpecho.path.asking import Asker
from udpecho.path.defaults import MOST_HOPS
from udpecho.path.hops import Path
from udpecho.path.inquiring import PATIENCE_NS, SOON_NS, Matter, Matters
from udpecho.path.known import WAIT_NS, least
from udpecho.telling import NAMED, Told, read_answer, read_question

FAR_TTL = DEFAULT_TTL
"""The TTL with which inquiries leave: what is left of it at the target tells the distance."""

SILENT_NS = 300_000_000
"""How long an answer from the way out may take before the target is asked about the question, if it
does not answer that flow."""

HIGHEST_TTL = 255
"""There is no larger one (RFC 791)."""

MOST_ABOUT = 64
"""Lost probes of a flow that are asked about: more would not change the share that arrived."""


class WayBack:
    """What one target is asked and told, beside the asker of the way out to it."""

    def __init__(
        self,
        asker: Asker,
        *,
        most_hops: int = MOST_HOPS,
        heard: Callable[[str], None] | None = None,
        random: Callable[[int], bytes] = urandom,
    ) -> None:
        """Begin; heard is called with each router's address."""
        self._asker, self._random = asker, random
        self._back = Asker(most_hops=most_hops, heard=heard)
        self._inquiries = Matters(self._is_worth)
        self._ports: dict[int, int] = {}
        self._measured: set[int] = set()  # flows whose own distance was asked for
        self._distances: dict[int, int] = {}
        self._back_ns = 0  # before then nothing is to be asked of the way back
        self._about: Counter[int] = Counter()
        self._asked_about: Counter[int] = Counter()
        self._arrived: Counter[int] = Counter()

    @property
    def tells(self) -> bool | None:
        """Whether the target tells; None while nobody knows."""
        return self._inquiries.tells

    # What happens.

    def add(self, number: int, source_port: int) -> None:
        """Know a flow that is traced."""
        self._ports.setdefault(number, source_port)

    def answers(self, number: int, now_ns: int) -> None:
        """Note that a flow answers: others can be asked about over it."""
        self._inquiries.carriers[number] = now_ns
        if number in self._ports and number not in self._measured:
            self._measured.add(number)
            self._inquiries.open(self._random(NAMED), Matter(number, now_ns, now_ns, alone=True))
        if number in self._distances:
            self._back.reached(number)

    def sent(self, probe: bytes, question: Question, now_ns: int) -> None:
        """Note a question of the trace's own: if it is not answered, it is asked about."""
        flow, ttl, back = question
        wait_ns = WAIT_NS if ttl is None else SILENT_NS if back is None else SOON_NS
        self._inquiries.open(probe, Matter(flow, now_ns, now_ns + wait_ns, ttl, back))

    def lost(self, number: int, probe: bytes, sent_ns: int, now_ns: int) -> None:
        """Note a probe that was to reach the target, and got no answer."""
        if self._about[number] < MOST_ABOUT:
            self._about[number] += 1
            self._inquiries.open(probe, Matter(number, sent_ns, now_ns))

    def forget(self, number: int) -> None:
        """Begin to count again what was lost of a flow, for its path is another."""
        for counts in (self._about, self._asked_about, self._arrived):
            counts.pop(number, None)

    def settled(self, probe: bytes) -> None:
        """Note that a probe was answered, so that it need not be asked about."""
        self._inquiries.settle(probe)

    def reached(self, number: int, back: int) -> None:
        """Note that a reply with so many hops left came back."""
        self._back.replied(number, back)
        self._back_ns = 0

    def takes(self, number: int, data: bytes, now_ns: int) -> bool:
        """Tell whether what came over a flow answers an inquiry, and note what it tells."""
        told, about = read_answer(data), read_question(data)
        if told is not None:
            about = told.probe
            self._told(number, told, now_ns)
        elif about is not None:
            self._inquiries.echoed(about)
        return about is not None and self._inquiries.has_asked(about)

    def _told(self, number: int, told: Told, now_ns: int) -> None:
        """Note what the target told over a flow, if it was asked that."""
        matter = self._inquiries.told(number, told.probe, told.by is not None, now_ns)
        if matter is None:
            return
        self._back_ns = 0
        if told.question_ttl and number in self._ports:
            self._asker.told(number, FAR_TTL - told.question_ttl + 1)
        if not matter.alone:
            self._note(matter, told, now_ns)

    # What is to be sent.

    def take(self, now_ns: int) -> tuple[int, bytes] | None:
        """Give the next inquiry: over which flow, and about which probe. None if there is none."""
        return self._inquiries.take(now_ns)

    def take_back(self, now_ns: int) -> Question | None:
        """Give the next probe whose reply is to die on its way back."""
        if not self.tells or now_ns < self._back_ns:
            return None
        self._begin_back()
        while (question := self._back.take(now_ns)) is not None and question.ttl is not None:
            ttl = self._distances[question.flow] + question.ttl
            if ttl <= HIGHEST_TTL:  # whoever tells may tell anything
                return Question(question.flow, ttl, question.ttl)
        self._back_ns = self._back.next_ns(now_ns) or now_ns + PATIENCE_NS
        return None

    def next_ns(self, now_ns: int) -> int | None:
        """Tell when something is to be sent, or a last answer is missing; None: nothing is open."""
        self._begin_back()
        back_ns = self._back.next_ns(now_ns) if self.tells else None
        return least(self._inquiries.next_ns(now_ns), back_ns)

    # What is known.

    def path(self, path: Path) -> Path:
        """Add to a path what the target told."""
        number = path.flow
        back = next((each.hops for each in self._back.paths(number) if self.tells), None)
        return replace(
            path,
            back=back,
            asked_about=self._asked_about[number],
            arrived=self._arrived[number],
        )

    def _begin_back(self) -> None:
        """Look at the way back of the flows for which it is known by now how far the target is."""
        for number, port in self._ports.items() if self.tells else ():
            distance = None if number in self._distances else self._distance(number)
            if distance is not None:
                self._distances[number], self._back_ns = distance, 0
                self._back.add(number, port)
                if number in self._inquiries.carriers:
                    self._back.reached(number)

    def _distance(self, number: int) -> int | None:
        return next((path.distance for path in self._asker.paths(number)), None)

    def _is_worth(self, matter: Matter) -> bool:
        """Tell whether there is still something to learn of a probe.

        Of one that was to end on the way out, it is how far a target is that does not answer.
        """
        if matter.back is None and matter.ttl is not None:
            return self._distance(matter.flow) is None and matter.flow not in self._measured
        return True

    def _note(self, matter: Matter, told: Told, now_ns: int) -> None:
        """Note what was told of a probe."""
        flow = matter.flow
        if matter.back is not None:
            if told.by is not None:
                answer = Answer(told.by, told.icmp_type, told.icmp_code)
                self._back.answered(flow, matter.back, answer)
        elif matter.ttl is not None:
            if told.arrived:
                self._asker.told(flow, matter.ttl, at_most=True)
        elif told.arrived or now_ns - matter.sent_ns <= told.remembers_ms * 1_000_000:
            self._asked_about[flow] += 1
            self._arrived[flow] += told.arrived
