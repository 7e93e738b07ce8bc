"""Who is probed: targets come and go while a run goes on, and lose no probe and no counter.

A target that is retired is probed no more, and what is outstanding still ends as outcomes. Its
figures stay, each under its own address, and go on if it comes back. As many retired flows are
kept as there are others, RETIRED at least; beyond that the oldest are in the run's figures only.
"""

from __future__ import annotations

from udpecho.instrument import Instrument
from udpecho.instrument.probe import Flow
from udpecho.ping.ledger import Ledger
from udpecho.ping.plan import Plan, Target
from udpecho.ping.schedule import TOGETHER, Group, Schedule
from udpecho.ping.stats import Stats
from udpecho.ping.ways import Share, Ways

RETIRED = 256
"""Flows kept of targets that are probed no more, at least: 23 MB of percentiles."""


class Roster:
    """The targets of a run; run.roster."""

    def __init__(
        self,
        instrument: Instrument,
        plan: Plan,
        ledger: Ledger,
        stats: Stats,
        *,
        connected: bool,
    ) -> None:
        """Begin with nobody."""
        self.ways = Ways(instrument, plan, connected=connected)
        """Which flow is probed through which socket."""

        self._plan = plan
        self._instrument = instrument
        self._ledger = ledger
        self._stats = stats
        self._flows: dict[Target, list[Flow]] = {}
        self._retired: dict[Target, int] = {}
        """Each with a probe's number, before which all of its own are."""

        self._schedule = Schedule(plan.interval_ns, plan.together, plan.at_once)
        self._goes_on = False
        self._woken = False

    def open(self) -> None:
        """Open sockets for the plan's targets, spread evenly over the interval.

        Raises OSError if there is no socket, and BadAddress for a scope that does not exist.
        """
        for number, target in enumerate(dict.fromkeys(self._plan.targets)):
            self._join(target, 0, place=self._schedule.even(number, self._plan.hosts))

    def start(self, now_ns: int) -> None:
        """Probe them, from now on."""
        self._schedule.start(now_ns)
        self._goes_on = True

    def end(self) -> None:
        """Probe nobody any more."""
        self._goes_on = False

    @property
    def next_ns(self) -> int | None:
        """When the next probes are due; None if there is nobody to probe."""
        return self._schedule.next_ns

    @property
    def held_ns(self) -> int:
        """How long nobody was probed, because the machine or the process stood still."""
        return self._schedule.held_ns

    def look(self, now_ns: int) -> None:
        """See whether it has stood still."""
        self._schedule.look(now_ns)

    def __contains__(self, target: object) -> bool:
        """Tell whether a target is to be probed again."""
        return target in self._schedule

    @property
    def targets(self) -> list[Target]:
        """Who is to be probed again."""
        return self._schedule.targets

    def add(self, target: Target) -> None:
        """Probe a target, too, from now on; one that is already probed is not probed twice.

        One that was retired goes on where it was. Raises what open() raises, and then nothing
        has changed; RuntimeError unless the run goes on.
        """
        self._want_to_go_on()
        if target not in self._schedule:
            self._join(target, self._instrument.now())
            self._wake()

    def retire(self, target: Target) -> None:
        """Probe a target no more. Raises KeyError if it isn't probed; RuntimeError as add()."""
        self._want_to_go_on()
        self._leave(self._schedule.leave(target), target)
        self._wake()  # to nobody, perhaps

    def move(self, old: Target, new: Target) -> None:
        """Probe a target in another's place and with what is left of its count.

        Raises what add() and retire() raise, and then nothing has changed.
        """
        self._want_to_go_on()
        place, left = self._schedule.place(old), self._schedule.left(old)
        if new in self._schedule:
            self.retire(old)
            return
        self._open(new)
        self.retire(old)
        self._join(new, self._instrument.now(), count=left, place=place)
        self._wake()

    def heard(self, target: Target) -> tuple[int, int]:
        """Tell how many probes were sent to a target, and how many came back whole."""
        flows = self._flows.get(target, ())
        return self._stats.sent_by(flows), self._stats.heard(flows)

    def take(self, now_ns: int) -> tuple[list[list[Share]], int] | None:
        """Take what is due next, if anything is: by what leaves together, and when it was."""
        self._woken = False
        shares: list[Share] = []
        due_ns = now_ns
        while taken := self._schedule.take(now_ns):
            slot, due_ns = taken
            shares += self.ways.shares(slot.group, slot.turn)
            for target in slot.done:
                self._leave(slot.group, target)
            if not slot.has_next:
                break
        if not shares:
            return None
        return [shares] if self._plan.at_once > 1 else [[each] for each in shares], due_ns

    def forget(self) -> None:
        """Keep no more of those retired than there is room for."""
        most = max(RETIRED // self._plan.flows, len(self._flows) - len(self._retired))
        while len(self._retired) > most:
            target, number = next(iter(self._retired.items()))
            if self._ledger.oldest < number:
                break  # of its probes some may have no fate yet
            del self._retired[target]
            known = self._flows.pop(target)
            for flow in known:
                self._ledger.drop_flow(flow)
            self._stats.forget(known)
            self.ways.close(known)

    def _wake(self) -> None:
        """Have the run look again at what is due: once, however many come together."""
        if not self._woken:
            self._woken = True
            self._instrument.wake_at(self._instrument.now())

    def _want_to_go_on(self) -> None:
        if not self._goes_on:
            raise RuntimeError("only a run that goes on has targets that come and go")

    def _open(self, target: Target) -> list[Flow]:
        flows = self._flows.get(target)
        if flows is None:
            flows = self._flows[target] = self.ways.open(target)
            self._retired[target] = 0  # until it is probed
            for flow in flows:
                self._ledger.add_flow(flow)
        return flows

    def _join(
        self,
        target: Target,
        now_ns: int,
        *,
        count: int | None = None,
        place: int | None = None,
    ) -> None:
        is_new = target not in self._flows
        flows = self._open(target)
        sent = [0 if is_new else self._stats.sent_by([flow]) for flow in flows]
        if count is None and self._plan.count is not None:
            count = self._plan.count - sum(sent)
        if count is None or count > 0:
            del self._retired[target]
            group = self._schedule.join(target, now_ns, count=count, place=place)
            self.ways.join(group, flows, sent)

    def _leave(self, group: Group, target: Target) -> None:
        # What is being sent while somebody is told of it may still have a probe of its.
        self._retired[target] = self._ledger.issued + TOGETHER * self._plan.at_once
        self.ways.leave(group, self._flows[target])
