"""One run of a ping: it sends each probe when it is due, and tells what became of it.

The plan says when a probe is due, the instrument sends and stamps, the ledger judges what
comes, the stats count it. What is left to decide here is when the run ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from errno import errorcode
from typing import TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from udpecho.errors import BadAddress, UdpEchoError
from udpecho.instrument import Instrument, ProbeSocket
from udpecho.instrument.probe import Arrival, Flow, Probe
from udpecho.instrument.stamps import Stamp
from udpecho.peer import Peer, is_ipv6
from udpecho.ping.figures import Glance, Summary
from udpecho.ping.ledger import Ledger
from udpecho.ping.outcome import Outcome
from udpecho.ping.plan import Plan, Schedule, Slot, Target
from udpecho.ping.stats import Stats

BURST = 64
"""Probes after which a turn ends: after a pause many are due, and replies must be read too."""

HEARTBEAT_NS = 100_000_000
"""How often to look for what is overdue when no probe is due sooner."""

STRAGGLERS_NS = 10_000_000
"""What an interrupted run waits for the last replies, beside twice the slowest round trip."""

UNREAD = 65536
"""Outcomes that wait for whoever iterates over them; more end the run."""

_Said = TypeVar("_Said", Outcome, Probe)


class FellBehind(UdpEchoError):
    """Whoever iterates over a ping's outcomes was slower than they came."""


def ignore(_: object) -> None:
    """Do nothing with what is told."""


class Ping:
    """One run. Made, then started once; its instrument is its own, and closed at the end."""

    def __init__(
        self,
        instrument: Instrument,
        plan: Plan,
        *,
        connected: bool = False,
        deadline_ns: int | None = None,
        on_outcome: Callable[[Outcome], None] = ignore,
        on_overdue: Callable[[Probe], None] = ignore,
    ) -> None:
        """Plan a run. deadline_ns after its start, no more is sent.

        on_outcome hears each fate and each surplus datagram, on_overdue of each probe that has
        no fate when its timeout has passed.
        """
        self.plan = plan
        self._instrument = instrument
        self._connected = connected
        self._deadline_ns = deadline_ns
        self._on_outcome = on_outcome
        self._on_overdue = on_overdue
        self._ledger = Ledger(plan.size, plan.timeout_ns)
        self._stats = Stats(len(plan.targets) * plan.flows)
        # By group and flow number: the sockets, each with what is probed through it together.
        self._ways: list[list[dict[ProbeSocket, list[Flow]]]] = []
        self._ends_at_ns: int | None = None
        self._ended_ns: int | None = None
        self._dropped: int | None = None
        self._done: Deferred[Summary] = Deferred(lambda _: self._end())

    def start(self) -> Deferred[Summary]:
        """Open the sockets and begin.

        The Deferred fires with the summary when the run has ended, by its count or deadline or
        by stop(). Cancelling it ends the run at once. Raises OSError if there is no socket, and
        BadAddress for a scope that there is not.
        """
        try:
            self._open()
        except (OSError, BadAddress):
            self._instrument.close()
            raise
        self.started = self._instrument.start(self)
        self._schedule = Schedule(self.plan, self.started.monotonic_ns)
        self._instrument.wake_at(self.started.monotonic_ns)
        return self._done

    def stop(self) -> None:
        """Send no more, and end as soon as the replies that can be expected are there."""
        if self._ended_ns is None:
            wait_ns = min(self.plan.timeout_ns, 2 * (self.glance().max_ns or 0) + STRAGGLERS_NS)
            self._wind_up(self._instrument.now(), wait_ns)

    def glance(self) -> Glance:
        """Return a few figures so far; quick enough for the middle of a run."""
        return self._stats.glance()

    def summary(self) -> Summary:
        """Return the figures so far."""
        if self._ended_ns is not None:
            return self._stats.summary(self._ended_ns - self.started.monotonic_ns, self._dropped)
        elapsed_ns = self._instrument.now() - self.started.monotonic_ns
        return self._stats.summary(elapsed_ns, self._instrument.dropped())

    async def __aiter__(self) -> AsyncIterator[Outcome]:
        """Start, and yield each outcome; leaving the loop ends the run.

        Raises what start() raises, and FellBehind if the loop is too slow for what comes.
        """
        unread: deque[Outcome] = deque()
        more: Deferred[None] = Deferred()
        hear = self._on_outcome

        def take(outcome: Outcome) -> None:
            hear(outcome)
            if len(unread) >= UNREAD:
                raise FellBehind(f"{UNREAD} outcomes wait to be read")
            unread.append(outcome)
            wake()

        def wake(result: object = None) -> object:
            if not more.called:
                more.callback(None)
            return result

        self._on_outcome = take
        done = self.start().addBoth(wake)
        try:
            while unread or not done.called:
                if unread:
                    yield unread.popleft()
                else:
                    more = Deferred()
                    await more
        finally:
            if not done.called:
                done.addErrback(lambda failure: failure.trap(CancelledError) and None)
                done.cancel()
        await done

    # What the instrument tells.

    def due(self) -> None:
        """Send what is due, and ask to be woken for the next."""
        now_ns = self._instrument.now()
        if self._ends_at_ns is None:
            self._send_due(now_ns)
        if self._ended_ns is None:
            self._instrument.wake_at(self._next_ns(now_ns))

    def caught_up(self) -> None:
        """Give up what is lost, and end if it is time."""
        now_ns = self._instrument.now()
        for outcome in self._ledger.expire(now_ns):
            self._tell(outcome)
        for probe in self._ledger.overdue(now_ns):
            self._say(self._on_overdue, probe)
        if self._ends_at_ns is not None and now_ns >= self._ends_at_ns:
            self._end()

    def came(self, socket: ProbeSocket, arrivals: Sequence[Arrival], stamp: Stamp) -> None:
        """Judge datagrams."""
        answer, port = self._ledger.answer, socket.port
        for data, peer, arrived_ns, ttl in arrivals:
            self._tell(answer(data, peer, port, stamp, arrived_ns, ttl))
            if self._ended_ns is not None:
                return
        if self._ends_at_ns is not None:
            self._wind_up_if_all_is_known()

    def refused(self, data: bytes, reason: str, by: Peer | None) -> None:
        """Note whose fate a refusal is; one that quotes too little is nobody's."""
        probe = self._ledger.find(data)
        if probe is not None:
            self._refuse(probe, reason, by)
            if self._ends_at_ns is not None:
                self._wind_up_if_all_is_known()

    # The run.

    def _open(self) -> None:
        """Give each target its flows: over sockets shared by all, or its own if connected."""
        shared: dict[tuple[bool, int], ProbeSocket] = {}
        for group in self.plan.groups():
            targets = [self.plan.targets[number] for number in group.targets]
            flows = range(self.plan.flows)
            self._ways.append([self._open_flow(targets, number, shared) for number in flows])

    def _open_flow(
        self, targets: Sequence[Target], number: int, shared: dict[tuple[bool, int], ProbeSocket]
    ) -> dict[ProbeSocket, list[Flow]]:
        """Give targets that are probed together their flow of this number, by its socket."""
        flows: dict[ProbeSocket, list[Flow]] = {}
        for target in targets:
            key = (is_ipv6(target.peer[0]), number)
            if self._connected or key not in shared:
                shared[key] = self._instrument.open(target.peer, connected=self._connected)
            socket = shared[key]
            socket.expect(target.peer)
            flow = Flow(target.name, target.peer, socket.port)
            self._ledger.add_flow(flow)
            flows.setdefault(socket, []).append(flow)
        return flows

    def _send_due(self, now_ns: int) -> None:
        if self._past_deadline(now_ns):
            self._wind_up(now_ns, self.plan.timeout_ns)
            return
        sent = 0
        while sent < BURST and self._ended_ns is None and (due := self._schedule.take(now_ns)):
            sent += self._send(*due, now_ns)
        if self._schedule.next_ns is None:
            self._wind_up(now_ns, self.plan.timeout_ns)

    def _send(self, slot: Slot, due_ns: int, now_ns: int) -> int:
        """Send a slot's probes, and count them only then; return how many there are."""
        sent = 0
        for socket, flows in self._ways[slot.group][slot.flow].items():
            probes = self._ledger.issue(flows, slot.sequence, slot.flow_sequence, now_ns)
            unsent = socket.send(probes, self._ledger.payloads(probes))
            self._stats.sent(flows, self._instrument.now() - due_ns)
            sent += len(probes)
            for probe, errno in unsent:
                self._refuse(probe, errorcode.get(errno, "?"), None)
            if self._ended_ns is not None:  # whoever was told has ended it
                break
        return sent

    def _refuse(self, probe: Probe, reason: str, by: Peer | None) -> None:
        now_ns = self._instrument.now()
        outcome = self._ledger.refuse(probe, now_ns, reason, by)
        if outcome is not None:
            self._tell(outcome)

    def _tell(self, outcome: Outcome) -> None:
        self._stats.add(outcome)
        self._say(self._on_outcome, outcome)

    def _say(self, listener: Callable[[_Said], None], what: _Said) -> None:
        try:
            listener(what)
        except Exception:  # whoever listens must not end the instrument's reading
            self._end(Failure())

    def _past_deadline(self, now_ns: int) -> bool:
        if self._deadline_ns is None:
            return False
        return now_ns - self.started.monotonic_ns >= self._deadline_ns

    def _next_ns(self, now_ns: int) -> int:
        deadline_ns = self._deadline_ns and self.started.monotonic_ns + self._deadline_ns
        times = (self._ends_at_ns,) if self._ends_at_ns else (self._schedule.next_ns, deadline_ns)
        return min(now_ns + HEARTBEAT_NS, *(time_ns for time_ns in times if time_ns is not None))

    # Its end.

    def _wind_up(self, now_ns: int, wait_ns: int) -> None:
        """Send no more, and wait so long for what is outstanding."""
        if self._ended_ns is not None:
            return
        if not self._ledger.outstanding:
            wait_ns = STRAGGLERS_NS
        ends_at_ns = now_ns + wait_ns
        if self._ends_at_ns is None or ends_at_ns < self._ends_at_ns:
            self._ends_at_ns = ends_at_ns
            self._instrument.wake_at(ends_at_ns)

    def _wind_up_if_all_is_known(self) -> None:
        if not self._ledger.outstanding:
            self._wind_up(self._instrument.now(), STRAGGLERS_NS)

    def _end(self, result: Summary | Failure | None = None) -> None:
        """Decide what is undecided, close, and fire: with a summary, or with what went wrong."""
        if self._ended_ns is not None:
            return
        self._ended_ns = self._instrument.now()
        for outcome in self._ledger.close(self._ended_ns):
            self._tell(outcome)
        self._dropped = self._instrument.dropped()
        closed = self._instrument.close()
        closed.addCallback(lambda _: self._fire(self.summary() if result is None else result))

    def _fire(self, result: Summary | Failure) -> None:
        if not self._done.called:  # it may have been cancelled
            self._done.callback(result)
