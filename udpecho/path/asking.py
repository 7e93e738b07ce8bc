"""Which TTL of which flow is to be asked next, and what the answers come to.

Told the time; sends nothing. Routers say little: Linux's answer six at once to one destination,
and then one a second. So each TTL is asked 5 at once and one a second for each router that is
known to stand there; and what stays silent is asked three times more, for that an answer is
missing is no evidence. Flows are asked in the order in which they are given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from udpecho.path.agenda import ALIKE, Agenda
from udpecho.path.allowance import Common
from udpecho.path.answers import Answer, Question
from udpecho.path.defaults import MOST_HOPS
from udpecho.path.hops import Hop, Path
from udpecho.path.known import KnownFlow, least


class Asker:
    """The questions that remain, and the answers so far, of the flows to one target."""

    def __init__(
        self,
        source_ports: Sequence[int] = (),
        *,
        most_hops: int = MOST_HOPS,
        far: bool = False,
        common: Common | None = None,
        heard: Callable[[str], None] | None = None,
    ) -> None:
        """Take the flows by their source ports, the most urgent first; far: ask the target, too.

        Askers of several targets have one Common. heard is called with each router's address.
        """
        self._most_hops, self._far = most_hops, far
        self._flows: dict[int, KnownFlow] = {}
        self._common = Common() if common is None else common
        self._heard = heard
        self._agenda: Agenda | None = None  # until something changes
        for number, port in enumerate(source_ports):
            self.add(number, port)

    def add(
        self, number: int, source_port: int, before: Mapping[int, tuple[str, ...]] | None = None
    ) -> None:
        """Ask of a flow, too, under this number; if it is known already, nothing changes.

        before has who answered in an earlier look, by TTL: who answers otherwise is another.
        """
        self._flows.setdefault(number, KnownFlow(number, source_port, before=dict(before or {})))
        self._agenda = None

    def take(self, now_ns: int) -> Question | None:
        """Give the next question, as asked now; None if none may be asked now."""
        taken = self._at(now_ns).take()
        return None if taken is None else Question(taken[0].number, taken[1])

    def next_ns(self, now_ns: int) -> int | None:
        """Tell when the next question may be asked, or when a last answer is missing.

        None when there is none left, and none is awaited.
        """
        return self._at(now_ns).next_ns()

    def answered(self, flow_number: int, ttl: int, answer: Answer) -> bool:
        """Note that a router answered; tell whether the path is thus another than before.

        One that may be another's, known by the time alone, makes the hop unknown if it does not
        say what was said before.
        """
        flow = self._flows[flow_number]
        changes, self._agenda = flow.changes, None
        hop = flow.hops.get(ttl, Hop(ttl))
        if answer.by_time and hop.answered and answer.address not in hop.addresses:
            addresses: tuple[str, ...] = () if hop.by_time else hop.addresses
        elif answer.by_time or hop.by_time:
            addresses = (answer.address,) if hop.by_time or not hop.answered else hop.addresses
        else:
            addresses = flow.hears(ttl, answer.address)
            hop = flow.hops.get(ttl, Hop(ttl))  # its path may have been forgotten
        flow.asked_ns.setdefault(ttl, 0)
        flow.hops[ttl] = replace(
            hop,
            addresses=addresses,
            answered=hop.answered + 1,
            rtt_ns=least(hop.rtt_ns, answer.rtt_ns),
            icmp_type=answer.icmp_type,
            icmp_code=answer.icmp_code,
            labels=answer.labels or hop.labels,
            by_time=answer.by_time if not hop.answered else hop.by_time and answer.by_time,
        )
        self._common.allowance(ttl).heard(answer.address)
        self._common.met_one(ttl)
        if self._heard is not None:
            self._heard(answer.address)
        if ttl == 1 and not answer.by_time and hop.answered == 0:
            self._common.met_first(answer.address)
        return flow.changes > changes

    def stalest(self, now_ns: int, *, silent: bool = False) -> tuple[int, Question] | None:
        """Give what was asked longest ago, and when, of what may be asked anew.

        For a path may change, and a router that had said too much will answer. A TTL is asked
        every AGAIN_NS at most, of all targets, and only where nothing else is to be asked.
        silent: only what never answered, where others do.
        """
        farthest = self._common.farthest
        ttls = {ttl for ttl in range(1, farthest + 1) if self._common.may_ask_anew(ttl, now_ns)}
        found = [
            (flow.asked_ns[ttl], flow.number, ttl)
            for flow in self._flows.values()
            if not flow.alone
            for ttl in ttls.intersection(flow.hops)
            if not flow.is_open(ttl, farthest) and not (silent and flow.hops[ttl].answered)
        ]
        if not found:
            return None
        asked_ns, number, ttl = min(found)
        return asked_ns, Question(number, ttl)

    def ask_anew(self, question: Question, now_ns: int) -> None:
        """Note that this is asked, whatever was answered."""
        assert question.ttl is not None
        flow, ttl = self._flows[question.flow], question.ttl
        self._common.asked_anew(ttl, now_ns)
        flow.asks(ttl, now_ns)
        self._agenda = None

    def turned(self, flow_number: int, *, alive: bool) -> None:
        """Note that a flow died, or came to life: it is asked anew if it was not known as that."""
        flow = self._flows[flow_number]
        if flow.reached is not alive:
            flow.begin_again()
            self._agenda = None

    def changed(self) -> list[int]:
        """List the flows whose path is another than before, or seems so."""
        return [flow.number for flow in self._flows.values() if flow.changes or flow.doubts]

    def known_by_time(self, flow_number: int, now_ns: int) -> int | None:
        """Tell which TTL of a flow an answer is for that quotes too little: the one awaited.

        Where several are, nobody knows; from then on the flow's TTLs are asked one at a time.
        """
        self._agenda = None
        return self._flows[flow_number].answered_by_time(now_ns)

    def replied(self, flow_number: int, ttl: int | None, rtt_ns: int | None = None) -> None:
        """Note that the target itself answered a question, as it answers any datagram."""
        self.reached(flow_number, ttl, rtt_ns)
        if ttl is not None:
            self._common.allowance(ttl).give_back()
            self._agenda = None

    def reached(self, flow_number: int, ttl: int | None = None, rtt_ns: int | None = None) -> None:
        """Note that the target answered a question; with None a probe that no TTL was to end."""
        flow = self._flows[flow_number]
        before = flow.reached, flow.reached_at, flow.rtt_ns
        flow.reaches(ttl, rtt_ns)
        if before != (flow.reached, flow.reached_at, flow.rtt_ns):
            self._agenda = None

    def ended(self, flow_number: int, ttl: int, by: str, icmp_type: int, icmp_code: int) -> None:
        """Note that someone said "unreachable" to a question: farther it does not go."""
        self._agenda = None
        self._flows[flow_number].ends(ttl, by, icmp_type, icmp_code)
        self._common.allowance(ttl).heard(by)

    def told(self, flow_number: int, distance: int, *, at_most: bool = False) -> None:
        """Note how far the target says that it is; at most: that such a question got there."""
        self._agenda = None
        flow = self._flows[flow_number]
        (flow.arrives if at_most else flow.told)(distance)

    def paths(self, flow_number: int | None = None) -> tuple[Path, ...]:
        """Give what is known so far, or what is known of a flow; nothing if it is not asked of."""
        flows = self._flows
        if flow_number is not None:
            return (self._path(flows[flow_number]),) if flow_number in flows else ()
        return tuple(map(self._path, flows.values()))

    def _at(self, now_ns: int) -> Agenda:
        """Look at what remains, unless nothing has changed since the last look."""
        if self._agenda is None or self._agenda.is_over(now_ns):
            flows, most_hops = self._flows.values(), self._most_hops
            self._agenda = Agenda(flows, self._common, now_ns, most_hops=most_hops, far=self._far)
        return self._agenda

    def _path(self, flow: KnownFlow) -> Path:
        last = flow.last
        hops = [flow.hops.get(ttl, Hop(ttl)) for ttl in range(1, last + 1)]
        if not last or not hops[0].addresses:
            hops[:1] = self._presumed(hops[:1])
        distance, end = flow.distance, flow.ends_at
        if distance is None and end == len(hops) + 1:
            distance = end  # the hop before it is a router
        return Path(
            flow.number,
            flow.source_port,
            tuple(hops),
            flow.reached,
            distance,
            end if distance is None else None,
            flow.ended,
            rtt_ns=flow.rtt_ns,
        )

    def _presumed(self, first: Sequence[Hop]) -> list[Hop]:
        """Give the first router, if it is that of all flows that were asked."""
        if not self._common.has_one_first(ALIKE):
            return list(first)
        [address] = self._common.first
        return [Hop(1, (address,), asked=first[0].asked if first else 0)]
