"""A ping whose losing flows are traced while it goes on, over its own sockets.

From the first loss on, the flows that have lost most are asked about, and as many that have lost
least beside them: where these pass and those don't is what a verdict rests on. The ping itself
knows nothing of it: it has a guest (see ping.company).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from heapq import nlargest, nsmallest
from operator import itemgetter

from twisted.internet.defer import Deferred

from udpecho.instrument import ProbeSocket
from udpecho.instrument.probe import WHOLE, Arrival, Flow, Probe, ProbeFate
from udpecho.instrument.stamps import Stamp
from udpecho.path.allowance import Common
from udpecho.path.answers import Question
from udpecho.path.asking import Asker
from udpecho.path.defaults import MOST_HOPS
from udpecho.path.fates import Fates
from udpecho.path.hops import Paths
from udpecho.path.judge import ENOUGH, Losses, judge
from udpecho.path.questions import Questions, inquiry
from udpecho.path.returning import FAR_TTL, WayBack
from udpecho.path.target import TracedTarget
from udpecho.path.verdicts import Verdict
from udpecho.peer import Peer
from udpecho.ping import Outcome, Ping, Summary
from udpecho.refusal import Refusal
from udpecho.telling import ANSWER, QUESTION

PATIENCE_NS = 20_000_000_000
"""How long a ping that is over waits for its traces."""

MOST_FLOWS = 512
"""Flows that are traced at most: those that lose most come first."""

CHOOSE_NS = 100_000_000
"""How often to choose who is traced; of many flows that takes some ms."""

ANEW_NS = 250_000_000
"""How often to look whether something may be asked that was answered before."""


class TracedPing:
    """A run, with its traces; made by traced() before the run starts."""

    def __init__(self, run: Ping, *, most_hops: int = MOST_HOPS) -> None:
        """Become the guest of a run that has not started."""
        self.run = run
        self._most_hops = most_hops
        self._fates: defaultdict[Flow, Fates] = defaultdict(Fates)
        self._targets: dict[tuple[str, Peer], TracedTarget] = {}
        self._questions = Questions(run.plan.size)
        self._sockets: dict[Flow, ProbeSocket] = {}
        self._flows: dict[tuple[str, Peer], list[Flow]] = {}  # of these, by target
        self._common = Common()
        self._losing: dict[Flow, None] = {}
        self._chosen_ns = 0
        self._over_ns: int | None = None
        self._anew_ns = 0
        run.listen(self._outcome, self._overdue, guest=self)

    def start(self) -> Deferred[Summary]:
        """Start the run; its Deferred fires when the traces have ended, too."""
        return self.run.start()

    def paths(self) -> list[Paths]:
        """Return the paths of the flows that were traced, as far as they are known."""
        return [
            target.paths(self._changed(target))
            for target in self._targets.values()
            if target.traced
        ]

    def _changed(self, target: TracedTarget) -> tuple[int, ...]:
        """Give the flows that lost before their path changed, and have not lost enough since."""
        found = ((number, self._fates[target.flows[number]]) for number in target.asker.changed())
        return tuple(
            number
            for number, fates in found
            if fates.lost < ENOUGH and (fates.before or fates.lost)
        )

    def verdict(self) -> Verdict:
        """Judge where flows lose, by what is known so far.

        What loses a part is not named before the run names one of its flows, or their host, as
        losing more than the others.
        """
        losses: Losses = {
            (*flow.peer, flow.port): [fates.sent, fates.lost] for flow, fates in self._fates.items()
        }
        losers = self.run.losers()
        standing_out = {
            (*flow.peer, flow.port)
            for flow in self._fates
            if flow in losers.flows or (flow.target, flow.peer) in losers.hosts
        }
        return judge(self.paths(), losses, standing_out)

    # What the run tells its guest.

    def takes(self, arrival: Arrival, port: int, now: Stamp) -> bool:
        """Tell whether a datagram answers a question, and note which."""
        data, peer, arrived_ns, *_ = arrival
        asked = self._questions.find(data)
        if asked is None:
            return data.startswith((QUESTION, ANSWER)) and any(
                target.tells(data, port, now.monotonic_ns)
                for target in self._targets.values()
                if target.peer == peer
            )
        if asked.probe.flow.peer != peer:
            return False
        target = self._target(asked.probe.flow)
        asked.came(arrived_ns, now, target.asker, target.back)
        return True

    def refused(self, refusal: Refusal, now: Stamp) -> None:
        """Note who said that a question ended there, or can't go on."""
        asked = self._questions.find(refusal.data)
        if asked is not None:
            flow = asked.probe.flow
            target = self._target(flow)
            target.back.settled(asked.probe.header)
            if asked.note(refusal, now, target.asker):
                self._fates[flow] = self._fates[flow].anew(now.monotonic_ns)
                target.back.forget(asked.question.flow)
        elif not refusal.data and refusal.port is not None:
            self._refused_by_time(refusal, now)

    def _refused_by_time(self, refusal: Refusal, now: Stamp) -> None:
        """Note a refusal that quotes nothing, if the flow is traced."""
        for target in self._targets.values():
            for flow, number in target.traced.items() if target.peer == refusal.to else ():
                if flow.port == refusal.port:
                    self._questions.note_by_time(flow, number, refusal, now, target.asker)

    def turn(self, now_ns: int) -> None:
        """Choose who is traced, if anyone loses, and ask what may be asked."""
        if not self._losing:
            return
        if now_ns >= self._chosen_ns + CHOOSE_NS:
            self._chosen_ns = now_ns
            self._choose()
        for target in self._targets.values():
            for question in target.questions(now_ns):
                self._ask(target, question, now_ns)
            for flow, about in target.inquiries(now_ns):
                self._sockets[flow].send_hop(*inquiry(flow, about, now_ns), FAR_TTL)
        if now_ns >= self._anew_ns:
            self._anew_ns = now_ns + ANEW_NS
            self._ask_anew(now_ns)

    def next_ns(self, now_ns: int) -> int:
        """Tell when to look again whom to ask."""
        return now_ns + CHOOSE_NS

    def _ask_anew(self, now_ns: int) -> None:
        """Ask what was asked longest ago; once the run is over, only what was silent."""
        over = self._over_ns is not None
        stale = (
            (*found, target)
            for target in self._targets.values()
            if target.traced and (found := target.asker.stalest(now_ns, silent=over)) is not None
        )
        oldest = min(stale, key=itemgetter(0), default=None)
        if oldest is not None:
            _, question, target = oldest
            target.asker.ask_anew(question, now_ns)
            self._ask(target, question, now_ns)

    def awaits(self, now_ns: int) -> bool:
        """Tell whether answers are worth waiting for."""
        if self._over_ns is None:
            self._over_ns = now_ns
        if not self._losing or now_ns - self._over_ns > PATIENCE_NS:
            return False
        return any(target.next_ns(now_ns) is not None for target in self._targets.values())

    # What becomes of its probes.

    def _outcome(self, outcome: Outcome) -> None:
        flow, kind = outcome.flow, outcome.kind
        if flow is None or not isinstance(kind, ProbeFate):
            return
        fates, whole = self._fates[flow], kind in WHOLE
        turned = fates.add(outcome.sequence, outcome.sent_ns, whole=whole)
        if not whole:
            self._losing[flow] = None
        self._note(flow, turned, whole, outcome.rtt_ns, outcome.at_ns)

    def _overdue(self, probe: Probe) -> None:
        turned = self._fates[probe.flow].misses(probe.sequence, probe.sent.monotonic_ns)
        self._losing[probe.flow] = None
        self._note(probe.flow, turned, False)
        self._target(probe.flow).misses(probe)

    def _note(
        self, flow: Flow, turned: bool, whole: bool, rtt_ns: int | None = None, at_ns: int = 0
    ) -> None:
        """Have a flow that is traced be asked anew if it died or lives again."""
        target = self._targets.get((flow.target, flow.peer))
        if target is None or flow not in target.traced:
            return
        if turned:
            target.asker.turned(target.traced[flow], alive=whole)
        if whole:
            target.asker.reached(target.traced[flow], None, rtt_ns)
            target.back.answers(target.traced[flow], at_ns)

    # Who is traced.

    def _choose(self) -> None:
        """Trace who loses most, and as many that lose least: to the same targets if there are."""
        room = MOST_FLOWS - sum(len(target.traced) for target in self._targets.values())
        if room <= 0:
            return
        fates = self._fates
        losing = nlargest(
            MOST_FLOWS // 2,
            (flow for flow in self._losing if fates[flow].lost),
            key=lambda flow: fates[flow].lost / fates[flow].sent,
        )
        news = [flow for flow in losing if flow not in self._target(flow).traced]
        if not news:
            return
        clean = self._clean(len(news), {(flow.target, flow.peer) for flow in losing})
        for flow in [*news, *clean]:
            self._trace(flow)

    def _clean(self, number: int, targets: set[tuple[str, Peer]]) -> Sequence[Flow]:
        """Find flows that lose least, those to these targets first."""
        fates = self._fates
        others = (flow for flow in fates if flow not in self._target(flow).traced)
        return nsmallest(
            number,
            others,
            key=lambda flow: (
                fates[flow].lost / max(1, fates[flow].sent),
                (flow.target, flow.peer) not in targets,
            ),
        )

    def _trace(self, flow: Flow) -> None:
        target = self._target(flow)
        if flow in target.traced:
            return
        if flow not in self._sockets:
            self._sockets = self.run.roster.ways.sockets()
            self._flows.clear()
            for each in self._sockets:
                self._flows.setdefault((each.target, each.peer), []).append(each)
        number = target.number(flow, self._flows[target.name, target.peer])
        target.trace(flow, number)
        if self._fates[flow].got_there:
            target.asker.reached(number)

    def _target(self, flow: Flow) -> TracedTarget:
        key = (flow.target, flow.peer)
        if key not in self._targets:
            asker = Asker(most_hops=self._most_hops, common=self._common)
            back = WayBack(asker, most_hops=self._most_hops)
            self._targets[key] = TracedTarget(*key, asker, back)
        return self._targets[key]

    def _ask(self, target: TracedTarget, question: Question, now_ns: int) -> None:
        flow = target.flows[question.flow]
        probe, payload = self._questions.ask(question, flow, now_ns)
        target.back.sent(probe.header, question, now_ns)
        if question.ttl is not None:
            self._sockets[flow].send_hop(probe, payload, question.ttl)


def traced(run: Ping, *, most_hops: int = MOST_HOPS) -> TracedPing:
    """Have the losing flows of a prepared ping traced while it goes on."""
    return TracedPing(run, most_hops=most_hops)
