"""One run of a ping: it sends each probe when it is due, and tells what became of it.

The plan says when a probe is due, the instrument sends and stamps, the ledger judges what
comes, the stats count it. What is left to decide here is when the run ends.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from udpecho.errors import BadAddress
from udpecho.instrument import Instrument, ProbeSocket
from udpecho.instrument.probe import Arrival, Probe
from udpecho.instrument.stamps import Stamp
from udpecho.ping.company import Alone, Company, Guest
from udpecho.ping.ending import STRAGGLERS_NS, Answers, Deadline
from udpecho.ping.figures import Glance, Losers, Summary
from udpecho.ping.ledger import Ledger
from udpecho.ping.listening import both, ignore
from udpecho.ping.outcome import Outcome
from udpecho.ping.plan import Plan
from udpecho.ping.roster import Roster
from udpecho.ping.stats import Stats
from udpecho.ping.stream import each_outcome
from udpecho.ping.volley import issue, send
from udpecho.ping.ways import Share
from udpecho.refusal import Refusal

BURST = 64
"""Probes after which a turn ends: after a pause many are due, and replies must be read too."""

HEARTBEAT_NS = 100_000_000
"""How often to look for what is overdue, while there is any, when no probe is due sooner."""

_Said = TypeVar("_Said", Outcome, Probe, Sequence[Probe], int)


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
        company: Company | None = None,
    ) -> None:
        """Plan a run, which ends deadline_ns after its start.

        on_outcome hears each fate and each surplus datagram, on_overdue of each probe that has
        no fate when its timeout has passed. The company has targets come and go.
        """
        self.plan = plan
        self._instrument = instrument
        self._deadline_ns = deadline_ns
        self._on_outcome = on_outcome
        self._on_overdue = on_overdue
        self._on_sent: Callable[[Sequence[Probe]], None] = ignore
        self._on_late: Callable[[int], None] = ignore
        self._ledger = Ledger(plan.size, plan.timeout_ns, lost_ns=plan.lost_ns)
        self._stats = Stats(plan.hosts * plan.flows, plan.ttl, outline=plan.outline)
        self.roster = Roster(instrument, plan, self._ledger, self._stats, connected=connected)
        self._company = company or Alone()
        self._guest: Guest | None = None
        self._deadline: Deadline | None = None
        if plan.answers is not None:
            self._on_outcome = both(on_outcome, Answers(plan.answers, self.roster).add)
        self._begun = False
        self._ends_at_ns: int | None = None
        self._ended_ns: int | None = None
        self._dropped: int | None = None
        self._done: Deferred[Summary] = Deferred(lambda _: self._end())

    def listen(
        self,
        on_outcome: Callable[[Outcome], None] = ignore,
        on_overdue: Callable[[Probe], None] = ignore,
        on_sent: Callable[[Sequence[Probe]], None] = ignore,
        on_late: Callable[[int], None] = ignore,
        guest: Guest | None = None,
    ) -> None:
        """Tell others, too, from now on; on_sent hears of the probes that were sent together.

        on_late then hears how late these were, in ns.

        A guest asks questions of its own over the run's sockets: there is one, the last.
        """
        self._on_outcome = both(self._on_outcome, on_outcome)
        self._on_overdue = both(self._on_overdue, on_overdue)
        self._on_sent = both(self._on_sent, on_sent)
        self._on_late = both(self._on_late, on_late)
        self._guest = guest or self._guest

    def start(self) -> Deferred[Summary]:
        """Open the sockets and begin.

        The Deferred fires with the summary when the run has ended, by its count or deadline or
        by stop(). Cancelling it ends the run at once. Raises OSError if there is no socket, and
        BadAddress for a scope that does not exist; RuntimeError the second time.
        """
        if self._begun:
            raise RuntimeError("a run starts once: prepare another")
        self._begun = True
        try:
            self.roster.open()
        except (OSError, BadAddress):
            self._instrument.close()
            self._company.end()
            raise
        self.started = self._instrument.start(self)
        start_ns = self.started.monotonic_ns
        if self._deadline_ns is not None:
            self._deadline = Deadline(start_ns, self._deadline_ns, self.plan.timeout_ns)
        self.roster.start(start_ns)
        self._instrument.wake_at(start_ns)
        self._company.begin(self.roster, self._end)
        return self._done

    def stop(self, wait_ns: int | None = None) -> None:
        """Send no more, and end when all has come: after so long at most, or as replies took."""
        if self._ended_ns is None:
            self._guest = None  # for whom nobody waits any more
            now_ns = self._instrument.now()
            self.roster.look(now_ns)
            self._wind_up(now_ns, self._patience_ns() if wait_ns is None else wait_ns)

    def glance(self) -> Glance:
        """Return a few figures so far; quick enough for the middle of a run."""
        return self._stats.glance()

    def losers(self) -> Losers:
        """Name the flows and hosts that lose more than the others so far; quick enough, too."""
        return self._stats.losers()

    def summary(self) -> Summary:
        """Return the figures so far."""
        now_ns, dropped = self._ended_ns, self._dropped
        if now_ns is None:
            now_ns, dropped = self._instrument.now(), self._instrument.dropped()
        elapsed_ns = now_ns - self.started.monotonic_ns
        return self._stats.summary(elapsed_ns, dropped, self.roster.held_ns)

    def __aiter__(self) -> AsyncGenerator[Outcome, None]:
        """Start, and yield each outcome; leaving the loop ends the run.

        Raises what start() raises, and FellBehind if the loop is too slow for what comes.
        """
        return each_outcome(self.start, self.listen)

    # What the instrument tells.

    def due(self) -> bool:
        """Send what is due, and ask to be woken for the next; its guest and its end don't wait."""
        now_ns = self._instrument.now()
        guest_ns = None if self._guest is None else self._guest.next_ns(now_ns)
        if self._ends_at_ns is None:
            self._send_due(now_ns)
        if self._ended_ns is None and (next_ns := self._next_ns(now_ns)) is not None:
            self._instrument.wake_at(next_ns)
        return self._ends_at_ns is not None or (guest_ns is not None and guest_ns <= now_ns)

    def caught_up(self) -> None:
        """Give up what is lost, and end if it is time."""
        now_ns = self._instrument.now()
        for outcome in self._ledger.expire(now_ns):
            self._tell(outcome)
        for probe in self._ledger.overdue(now_ns):
            self._say(self._on_overdue, probe)
        self.roster.forget()
        if self._guest is not None:
            self._guest.turn(now_ns)
        over = self._ends_at_ns is not None and now_ns >= self._ends_at_ns
        if over and (self._guest is None or not self._guest.awaits(now_ns)):
            self._end()

    def came(self, socket: ProbeSocket, arrivals: Sequence[Arrival], stamp: Stamp) -> None:
        """Judge datagrams."""
        answer, port = self._ledger.answer, socket.port
        if self._guest is not None:
            takes = self._guest.takes
            arrivals = [each for each in arrivals if not takes(each, port, stamp)]
        for data, peer, arrived_ns, ttl, _ in arrivals:
            self._tell(answer(data, peer, port, stamp, arrived_ns, ttl))
            if self._ended_ns is not None:
                return
        if self._ends_at_ns is not None and not self._ledger.outstanding:
            self._wind_up(self._instrument.now(), STRAGGLERS_NS)

    def refused(self, refusal: Refusal) -> None:
        """Note whose fate a refusal is; one that quotes too little is nobody's."""
        outcome = self._ledger.refused(refusal, self._instrument.now())
        if outcome is not None:
            self._tell(outcome)
            if self._ends_at_ns is not None and not self._ledger.outstanding:
                self._wind_up(self._instrument.now(), STRAGGLERS_NS)
        elif self._guest is not None:
            self._guest.refused(refusal, self._instrument.stamp())

    # The run.

    def _send_due(self, now_ns: int) -> None:
        deadline = self._deadline
        if deadline is not None and deadline.is_too_late(now_ns, self._patience_ns):
            self.roster.look(min(now_ns, deadline.ends_ns))
            self._wind_up(now_ns, deadline.ends_ns - now_ns)
            return
        sent = 0
        while sent < BURST and self._ended_ns is None and (due := self.roster.take(now_ns)):
            volleys, due_ns = due
            for shares in volleys:
                if self._ended_ns is None:  # whoever was told may end it
                    sent += self._send(shares, due_ns, now_ns)
        nobody = self.roster.next_ns is None and not self._company.awaits
        if nobody and self.plan.ends_by_itself:
            is_counted = self.plan.count is not None
            self._wind_up(now_ns, self.plan.timeout_ns if is_counted else self._patience_ns())

    def _send(self, shares: Sequence[Share], due_ns: int, now_ns: int) -> int:
        """Send what leaves together, and count it only then; return how many probes there are."""
        loads = issue(shares, self._ledger, self.plan.flows, now_ns)
        unsent = send(loads, self._instrument.stamp)
        late_ns = self._instrument.now() - due_ns
        for load in loads:
            self._stats.sent(load.flows, late_ns)
        for load in loads:
            if self._on_late is not ignore:
                self._say(self._on_late, late_ns)
            if self._on_sent is not ignore:
                self._say(self._on_sent, load.probes)
        for each in unsent:
            outcome = self._ledger.unsent(each, self._instrument.now())
            if outcome is not None:
                self._tell(outcome)
        return sum([len(load.probes) for load in loads])

    def _tell(self, outcome: Outcome) -> None:
        self._stats.add(outcome)
        self._say(self._on_outcome, outcome)

    def _say(self, listener: Callable[[_Said], None], what: _Said) -> None:
        try:
            listener(what)
        except BaseException:  # whoever listens must not end the instrument's reading
            self._end(Failure())

    def _next_ns(self, now_ns: int) -> int | None:
        deadline_ns = None if self._deadline is None else self._deadline.next_ns
        guest_ns = None if self._guest is None else self._guest.next_ns(now_ns)
        times = [self.roster.next_ns, deadline_ns, guest_ns]
        if self._ends_at_ns is not None:  # once that is past, it stays for its guest
            times = [self._ends_at_ns] if self._ends_at_ns > now_ns else []
        waits = self._company.awaits and self.plan.ends_by_itself  # for a name never found perhaps
        if waits or self._ledger.outstanding or self._ends_at_ns is not None:
            times.append(now_ns + HEARTBEAT_NS)
        return min((time_ns for time_ns in times if time_ns is not None), default=None)

    # Its end.

    def _patience_ns(self) -> int:
        """Give the time within which what is sent now is answered, by what answers took so far."""
        return min(self.plan.timeout_ns, 2 * (self.glance().max_ns or 0) + STRAGGLERS_NS)

    def _wind_up(self, now_ns: int, wait_ns: int) -> None:
        """Send no more, and wait this long for what is outstanding."""
        if self._ended_ns is not None:
            return
        if not self._ledger.outstanding:
            wait_ns = STRAGGLERS_NS
        ends_at_ns = now_ns + wait_ns
        if self._deadline is not None:
            ends_at_ns = min(ends_at_ns, self._deadline.ends_ns)
        if self._ends_at_ns is None or ends_at_ns < self._ends_at_ns:
            self._ends_at_ns = ends_at_ns
            self._instrument.wake_at(ends_at_ns)

    def _end(self, result: Summary | Failure | None = None) -> None:
        """Decide what is undecided, close, and fire: with a summary, or with what went wrong."""
        if self._ended_ns is not None:
            return
        self._ended_ns = self._instrument.now()
        self.roster.end()
        self._company.end()
        for outcome in self._ledger.close(self._ended_ns):
            self._tell(outcome)
        self._dropped = self._instrument.dropped()

        def fire(_: object) -> None:
            if not self._done.called:  # it may have been cancelled
                self._done.callback(self.summary() if result is None else result)

        self._instrument.close().addCallback(fire)
