"""Looks at the paths of peers, over the sockets that probe them: a guest of the probes' run.

A few looks at a time, of which each is served a little in a turn; the routers' limits are to this
node, so all looks share what may be asked of them. What is found is the peers'; see rota for whose
turn it is, and judges for what becomes of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from math import ceil

from udpecho.instrument import ProbeSocket
from udpecho.instrument.probe import Arrival, Flow, Probe
from udpecho.instrument.stamps import Stamp
from udpecho.path import Sizing
from udpecho.path.agenda import ALIKE
from udpecho.path.allowance import Common
from udpecho.path.questions import HEADER, Questions
from udpecho.peer import Peer
from udpecho.ping.outcome import Outcome
from udpecho.refusal import Refusal
from udpecho.telling import ANSWER, QUESTION
from udpecho.watch.configuring.settings import ProbeSettings
from udpecho.watch.events.event import PathChanged
from udpecho.watch.paths.judges import Judge
from udpecho.watch.paths.judging import outdated_flows
from udpecho.watch.paths.looking import PeerLook
from udpecho.watch.paths.rota import AT_ONCE, ROUND_AT_ONCE, Rota, flows_of_round
from udpecho.watch.paths.suspects import QUIET_NS, Suspects, is_lost_on_its_way
from udpecho.watch.paths.traces import Tracing
from udpecho.watch.probed import Probed, Roll

STEP_NS = 25_000_000
"""How often a look is served, or a peer judged: each takes a ms or two at most."""

TOGETHER = 8
"""Questions that are sent in such a step: a probe that is due then is late by 0.1 ms."""

MOST_FLOWS = 16
"""Flows of a peer that loses that are looked at: half of them may lose."""

MOST_MISSED = 64
"""Probes of a peer that got no answer that are remembered, to ask it about them."""


SMALL = 512
"""Bytes of probes up to which they pass everywhere, uncut: longer ones may have to be cut, and with
them no path MTU can be searched."""

_ABOUT = frozenset({QUESTION, ANSWER})


class Tracer:
    """Who asks about paths, and judges; the run's guest."""

    def __init__(
        self,
        roll: Roll,
        flows_of: Callable[[str], Sequence[tuple[ProbeSocket, Flow]]],
        tracing: Tracing,
        settings: ProbeSettings,
        unsettled: int,
    ) -> None:
        """Look at nobody yet. flows_of gives a peer's flows by their numbers, with their sockets.

        unsettled is how many rounds there are of which not all fates are known.
        """
        self._roll, self._flows_of, self._tracing = roll, flows_of, tracing
        self._questions = Questions(settings.size)
        self._find = self._questions.find
        self._measures = settings.size <= SMALL
        self._suspects = Suspects(ceil(QUIET_NS / 1e9 / settings.interval))
        self._judge = Judge(roll, self._suspects, tracing.verdicts, unsettled)
        self._rota = Rota()
        self._looks: dict[str, PeerLook] = {}
        self._missed: dict[str, deque[Probe]] = {}
        self._measured: dict[Peer | None, Sizing] = {}
        """Of looks that search path MTUs, by their peers."""

        self._next_ns = self._begin_ns = self._settle_ns = 0

    # What becomes of probes.

    def lost(self, probed: Probed, number: int, outcome: Outcome) -> None:
        """Note a probe that did not come back whole, before it is counted."""
        if self._tracing.is_on and is_lost_on_its_way(outcome):
            self._suspects.lost(probed.wanted.name, probed.counts, number, outcome)

    def overdue(self, probe: Probe) -> None:
        """Note a probe whose timeout has passed: its peer may be asked about it."""
        name = probe.flow.target
        look = self._looks.get(name)
        if look is not None and look.peer == probe.flow.peer:
            look.missed([probe])
        elif self._tracing.is_on and (
            name in self._missed or len(self._missed) < AT_ONCE * MOST_MISSED
        ):
            self._missed.setdefault(name, deque(maxlen=MOST_MISSED)).append(probe)

    def joins(self) -> None:
        """See soon whose turn it is: there is another peer."""
        self._rota.hasten()

    def forget(self, name: str) -> None:
        """Forget a peer: it is probed no more, or its flows are others."""
        self._suspects.forget(name)
        self._rota.forget(name)
        self._judge.forget(name)
        self._end(name)
        self._missed.pop(name, None)

    # What the run tells its guest.

    def takes(self, arrival: Arrival, port: int, now: Stamp) -> bool:
        """Tell whether a datagram answers a question, and note which."""
        data, peer = arrival[0], arrival[1]
        asked = self._find(data)
        if asked is None:
            # Of each datagram that there is: this is to be quick.
            if peer in self._measured and self._sizes(peer, arrival, now):
                return True
            return data[:HEADER] in _ABOUT and self._tells(data, peer, port, now)
        flow = asked.probe.flow
        if flow.peer != peer:
            return False
        look = self._looks.get(flow.target)
        if look is not None and look.peer == peer:
            look.came(asked, arrival[2], now)
        return True

    def refused(self, refusal: Refusal, now: Stamp) -> None:
        """Note who said that a question ended there, or can't go on."""
        asked = self._questions.find(refusal.data)
        if asked is not None:
            name, number = asked.probe.flow.target, asked.question.flow
            look = self._looks.get(name)
            if look is not None and look.peer == asked.probe.flow.peer:
                suspect = self._suspects.get(name)
                if look.refused(asked, refusal, now) and suspect is not None:
                    suspect.anew(number)
        elif refusal.to in self._measured and self._measured[refusal.to].refused(refusal):
            pass
        elif not refusal.data and refusal.port is not None:
            for look in self._looks.values():
                if look.peer == refusal.to:
                    look.refused_by_time(refusal, now)

    def turn(self, now_ns: int) -> None:
        """Ask what may be asked, a little at a time, and judge whom it is time to judge.

        Whatever goes wrong here, probing goes on.
        """
        if now_ns < self._next_ns:
            return
        self._next_ns = now_ns + STEP_NS
        try:
            if self._tracing.is_on:
                self._step(now_ns)
            elif self._looks or len(self._suspects):
                self._begin_again()
        except Exception:
            self._tracing.log.failure("looking at paths failed, and begins anew")
            self._begin_again()

    def _step(self, now_ns: int) -> None:
        if now_ns >= self._settle_ns:
            self._settle_ns = now_ns + 40 * STEP_NS
            self._settle(now_ns)
        self._serve(now_ns)
        if now_ns >= self._begin_ns:
            self._begin_ns = now_ns + 10 * STEP_NS
            self._begin(now_ns)
        outdated = self._judge.turn(now_ns)
        if outdated is not None:
            self._rota.hurry(outdated, now_ns)

    def next_ns(self, now_ns: int) -> int | None:
        """Tell when to look again whose turn it is; soon while anybody is looked at, or loses."""
        if not self._tracing.is_on:
            return None
        if self._looks:
            return max(now_ns, self._next_ns)
        if len(self._suspects):
            return now_ns + 10 * STEP_NS
        return max(now_ns + STEP_NS, self._begin_ns, self._rota.next_ns)

    def awaits(self, now_ns: int) -> bool:
        """Tell that nobody waits for answers when the run is over."""
        return False

    def _begin_again(self) -> None:
        """Forget all looks, and who loses."""
        for name in [*self._looks, *(name for name, _ in self._suspects.items())]:
            self.forget(name)
        self._missed.clear()

    # Looks.

    def _sizes(self, peer: Peer, arrival: Arrival, now: Stamp) -> bool:
        """Tell whether a datagram answers a probe for the path MTU, and note that."""
        return self._measured[peer].takes(arrival[0], arrival[2], now)

    def _tells(self, data: bytes, peer: Peer, port: int, now: Stamp) -> bool:
        """Tell whether a peer that is looked at told what became of a probe, and note that."""
        return any(
            look.target.tells(data, port, now.monotonic_ns)
            for look in self._looks.values()
            if look.peer == peer
        )

    def _serve(self, now_ns: int) -> None:
        """Serve the look that was served longest ago, and see whether it is over."""
        if not self._looks:
            return
        name = next(iter(self._looks))
        if name not in self._roll:
            self.forget(name)
            return
        look = self._looks[name] = self._looks.pop(name)
        look.serve(now_ns, TOGETHER)
        if look.is_over(now_ns):
            self._end(name)
            self._ended(name, look, now_ns)

    def _end(self, name: str) -> None:
        look = self._looks.pop(name, None)
        if look is not None and look.sizing is not None:
            self._measured.pop(look.peer, None)

    def _ended(self, name: str, look: PeerLook, now_ns: int) -> None:
        """Note what a look found."""
        probed, suspect = self._roll[name], self._suspects.get(name)
        others: dict[tuple[str, str], list[int]] = {}
        for flow, before, now in probed.paths.note(look.found(), look.changed, now_ns):
            others.setdefault((before, now), []).append(flow)
        for (before, now), flows in others.items():
            self._tracing.tell(
                PathChanged(name, flows[0] if len(flows) == 1 else None, before, now)
            )
        probed.paths.measured(look.mtu())
        self._judge.looked(name)
        if suspect is not None:
            suspect.looked(now_ns)
            self._rota.looked(name, now_ns)

    def _begin(self, now_ns: int) -> None:
        """Begin another look, if it is somebody's turn and there is room."""
        if len(self._looks) >= AT_ONCE:
            return
        standing_out = {
            name
            for name, _ in self._suspects.items()
            if (probed := self._roll.get(name)) is not None and probed.losing.losing(now_ns)
        }
        name = self._rota.suspect(self._suspects, standing_out, self._looks, now_ns)
        if name is None and len(self._looks) < ROUND_AT_ONCE:
            name = self._rota.next(
                self._roll, self._looks, now_ns, lambda name: bool(self._flows_of(name))
            )
        if name is not None:
            self._look_at(name, now_ns)

    def _look_at(self, name: str, now_ns: int) -> None:
        probed, suspect = self._roll.get(name), self._suspects.get(name)
        peer, flows = None if probed is None else probed.address, self._flows_of(name)
        if probed is None or peer is None or not flows:
            return
        first = {} if suspect else probed.paths.first(ALIKE)
        common = Common(self._tracing.allowances(now_ns), first=first)
        look = self._looks[name] = PeerLook(name, peer, flows, common, self._questions, now_ns)
        numbers = list(flows_of_round(len(flows), len(self._roll)))
        if suspect is not None:
            outdated = outdated_flows(probed, suspect)
            losing = list(dict.fromkeys([*outdated, *suspect.losing()]))[: MOST_FLOWS // 2]
            others = [number for number in range(len(flows)) if number not in losing]
            numbers = [*losing, *others][:MOST_FLOWS]
            look.missed(self._missed.pop(name, ()))
        elif self._measures and peer not in self._measured:
            self._measured[peer] = look.measure()
        look.add(numbers, {number: probed.paths.before(number) for number in numbers})

    def _settle(self, now_ns: int) -> None:
        """Let those go that lose no more."""
        for name in self._suspects.settle(now_ns):
            self._judge.forget(name)
            self._rota.forget(name)
        for name in [name for name in self._missed if self._suspects.get(name) is None]:
            if (
                name not in self._looks
                and now_ns - self._missed[name][-1].sent.monotonic_ns > QUIET_NS
            ):
                del self._missed[name]
