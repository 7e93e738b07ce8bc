"""The probes of a node: peers come and go, and what becomes of each probe is counted.

One run of a ping that never ends, to nobody at first. All that hears of it here is quick, and
raises nothing: it would end the run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil
from typing import Any

from twisted.internet.defer import Deferred

from udpecho.errors import UdpEchoError
from udpecho.instrument import ProbeSocket, SocketOptions, choose_instrument
from udpecho.instrument.probe import WHOLE, Flow, MtuDiscovery, Probe
from udpecho.peer import Peer
from udpecho.ping import Lookups, Ping
from udpecho.ping.lookup_times import RESOLVE
from udpecho.ping.outcome import Naming, Outcome, Readdressed
from udpecho.ping.plan import MIN_INTERVAL_NS, Plan
from udpecho.reactors import IDatagramReactor
from udpecho.watch.configuring.settings import ProbeSettings
from udpecho.watch.counts import FATES, Histogram
from udpecho.watch.paths.traces import Tracing
from udpecho.watch.paths.tracing import SMALL, Tracer
from udpecho.watch.probed import Probed, Roll

LOST_NS = 2_000_000_000
"""After its timeout a probe is late for so long, and then lost."""

TOGETHER, FLOWS_AT_ONCE = 4, 8
"""Peers that are probed at one time, where there are so many, and flows of each: to be woken costs
a node as much as 16 probes, and one that reflects as much as 8 that come together."""

REST_NS = 100_000_000
"""For how long a reply may wait to be read: the kernel has stamped when it came, and to be woken
for each would cost more than all else. Where much is sent it is less: see KernelInstrument."""

SETTLE_NS = 500_000_000
"""How much later than that all fates of a round are known, at most."""


def plan_of(settings: ProbeSettings, dscp: int = 0) -> Plan:
    """Say what a run is to do in a class of traffic, to nobody at first."""
    return Plan(
        targets=(),
        interval_ns=max(round(settings.interval * 1e9) // settings.flows, MIN_INTERVAL_NS),
        timeout_ns=round(settings.timeout * 1e9),
        size=settings.size,
        flows=settings.flows,
        traffic_class=dscp << 2 or None,
        lost_ns=LOST_NS,
        together=TOGETHER,
        at_once=min(FLOWS_AT_ONCE, settings.flows),
        outline=True,
    )


class Prober:
    """Probes the peers of a roll."""

    def __init__(
        self,
        reactor: IDatagramReactor,
        settings: ProbeSettings,
        roll: Roll,
        lateness: Histogram,
        on_address: Callable[[str, Peer, Peer | None], None],
        tracing: Tracing,
        dscp: int = 0,
    ) -> None:
        """Probe nobody yet; on_address hears who is where, and was elsewhere if that is new.

        dscp is the class of traffic.
        """
        self._roll = roll
        self._lateness = lateness
        self._on_address = on_address
        self._numbers: dict[str, int] = {}
        self._of: dict[Flow, tuple[Probed, int]] = {}
        self._flows: dict[str, dict[int, Flow]] = {}
        self.strangers, self._is_over = 0, False
        self._lookups = Lookups(
            reactor,
            [],
            ipv6=None,
            interface=None,
            every=RESOLVE,
            on_unresolved=_ignore,
            on_naming=self._named,
        )
        plan = plan_of(settings, dscp)
        discovery: MtuDiscovery | None = "probe" if settings.size <= SMALL else None
        options = SocketOptions(traffic_class=plan.traffic_class, mtu_discovery=discovery)
        instrument = choose_instrument(reactor, options, size=settings.size, rest_ns=REST_NS)
        known_ns = plan.timeout_ns + LOST_NS + SETTLE_NS
        self._unsettled = ceil(known_ns / (settings.interval * 1e9)) + 1
        """Rounds of which not all fates may be known."""

        self._now, self._dropped = instrument.now, instrument.dropped
        self._run = Ping(instrument, plan, on_outcome=self._outcome, company=self._lookups)
        self._tracer = Tracer(roll, self._flows_of, tracing, settings, self._unsettled)
        self._run.listen(
            on_overdue=self._tracer.overdue, on_sent=self._sent, on_late=lateness.record,
            guest=self._tracer,
        )  # fmt: skip

    def start(self) -> Deferred[Any]:
        """Begin; the Deferred fires when it has ended, or fails. Raises OSError."""
        return self._run.start()

    def stop(self) -> None:
        """End, as soon as the replies that can be expected are there."""
        self._is_over = True
        self._run.stop()

    def retire(self) -> None:
        """Send no more, and end when the fates of all probes are known."""
        self._is_over = True
        self._run.stop(self._run.plan.timeout_ns + LOST_NS)

    def join(self, name: str) -> None:
        """Probe a peer of the roll, too, as soon as it has an address."""
        wanted = self._roll[name].wanted
        self._numbers[name] = self._lookups.join(wanted.host, wanted.port, name)
        self._tracer.joins()

    def __contains__(self, name: object) -> bool:
        """Tell whether a peer is probed."""
        return name in self._numbers

    def leave(self, name: str) -> None:
        """Probe a peer no more."""
        self._lookups.leave(self._numbers.pop(name))
        self._forget(name)

    def settle(self, name: str, now_ns: int) -> None:
        """See which flows of a peer lose more than its others."""
        probed = self._roll[name]
        probed.losing.settle(probed.last_round - self._unsettled, now_ns)

    @property
    def dropped(self) -> int:
        """How many datagrams came that there was no room for, as far as that is told."""
        return self._dropped() or 0

    def now_ns(self) -> int:
        """Tell the time by which outcomes have theirs."""
        return self._now()

    # What the run tells.

    def _sent(self, probes: Sequence[Probe]) -> None:
        for probe in probes:
            known = self._of.get(probe.flow) or self._meet(probe.flow)
            if known is not None:
                probed, number = known
                probed.sends(number, probe.flow_sequence)

    def _outcome(self, outcome: Outcome) -> None:
        flow = outcome.flow
        if flow is None:
            self.strangers += 1
            return
        known = self._of.get(flow) or self._meet(flow)
        if known is None:
            return
        probed, number = known
        if self._is_over:  # others count their rounds anew
            probed.counts.add(number, outcome._replace(flow_sequence=None))
            return
        kind, sequence = outcome.kind, outcome.flow_sequence
        if kind in FATES and kind not in WHOLE and sequence is not None:
            probed.losing.lost(number, sequence)
            self._tracer.lost(probed, number, outcome)
        probed.counts.add(number, outcome)

    def _named(self, naming: Naming) -> None:
        probed = self._roll.get(naming.name)
        if probed is None:
            return
        if not isinstance(naming, Readdressed):
            probed.is_nowhere(naming.reason)
            return
        before = naming.old or probed.address
        if before == naming.new:
            before = None
        if before is not None:
            probed.counts.readdress()
            self._forget(naming.name)
        probed.is_at(naming.new)
        self._on_address(naming.name, naming.new, before)

    # Whose flow is which.

    def _meet(self, flow: Flow) -> tuple[Probed, int] | None:
        """Find whose a flow is that was not seen before; None if nobody counts it any more."""
        probed = self._roll.get(flow.target)
        number = self._run.roster.ways.number(flow)
        if probed is None or number is None or flow.target not in self._numbers:
            return None
        self._of[flow] = probed, number
        self._flows.setdefault(flow.target, {})[number] = flow
        return probed, number

    def _flows_of(self, name: str) -> list[tuple[ProbeSocket, Flow]]:
        """Give a peer's flows by number, with their sockets; none until each has been probed."""
        flows = self._flows.get(name, {})
        if len(flows) < self._run.plan.flows:
            return []
        return [(self._run.roster.ways.socket(flows[at]), flows[at]) for at in sorted(flows)]

    def _forget(self, name: str) -> None:
        self._tracer.forget(name)
        for flow in self._flows.pop(name, {}).values():
            del self._of[flow]


def _ignore(_: UdpEchoError) -> None:
    """Take no notice: on_naming tells it, too."""
