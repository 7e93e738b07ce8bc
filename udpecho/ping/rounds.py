"""Losses by the round in which they were sent: what the tests of significance are told.

In a round each flow of a host is probed once. It tells something when the fate of each of its
probes is known; until then its losses wait here. Hosts are compared by the same rounds, flow by
flow: by the first of each host, then by the second. Who comes later takes part from then on, and
who is probed no more holds nobody up.

Only losses cost anything, before somebody asks. Does no I/O, and knows no time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, Protocol

from udpecho.instrument.probe import Flow
from udpecho.peer import Peer
from udpecho.ping.figures import Losers, RateLimit
from udpecho.ping.losing import LEVEL, Losing, Member

WAITING = 64
"""Losses that wait, or four of each member, before it is looked which rounds are over; if hardly
any are, twice as many as then."""

CROWD = 1000
"""Of more losses in a round it is not asked whose they are: who stands out is none of so many. A
round takes 0.2 ms at most, and the choice of rounds by their losses favours nobody."""

Host = tuple[str, Peer]
Round = tuple[int, int]


class Counted(Protocol):
    """What a flow's figures tell of its probes."""

    @property
    def sent(self) -> int:
        """How many there were."""

    @property
    def undecided(self) -> int:
        """The place of the first whose fate is not known, from 1."""


class Contest(Generic[Member]):
    """The losses of some members, round by round, and the test that compares them."""

    __slots__ = ("_known", "_most", "_waiting", "test", "waiting")

    def __init__(self, level: float, among: int = 1) -> None:
        self.test: Losing[Member] = Losing(level, among)
        self.waiting = 0
        self._most = WAITING
        self._waiting: dict[Round, list[Member]] = {}
        self._known: Round = (0, 0)

    @property
    def is_full(self) -> bool:
        """Tell whether so many losses wait that it should be settled."""
        return self.waiting > self._most

    def lost(self, member: Member, when: Round) -> None:
        """Note that a member lost in a round; one that is over is not judged again."""
        if when >= self._known:
            lost = self._waiting.setdefault(when, [])
            if len(lost) <= CROWD:
                lost.append(member)
                self.waiting += 1

    def settle(self, known: Round, members: int) -> None:
        """Judge the rounds before this one, of so many members."""
        if known > self._known:
            self._known = known
            for when in sorted(when for when in self._waiting if when < known):
                lost = self._waiting.pop(when)
                if len(lost) <= CROWD:
                    self.test.round(lost, members)
        self.waiting = sum(map(len, self._waiting.values()))
        self._most = max(WAITING, 4 * members, 2 * self.waiting)

    def is_early(self) -> bool:
        """Tell whether there are too few losses to tell whether one stands out."""
        return not self.test.named and not self.test.telling


@dataclass(slots=True)
class Standing:
    """One host's part: its flows, and after how many rounds of the run it came."""

    since: int
    flows: list[Counted] = field(default_factory=list)
    contest: Contest[Flow] | None = None
    known: int = 1
    latest: int = 0

    def look(self) -> None:
        """See which of its rounds is the first whose fates aren't all known, and which the last."""
        if len(self.flows) == 1:  # as each of many hosts has
            [flow] = self.flows
            self.known, sent = flow.undecided, flow.sent
        else:
            self.known = min([flow.undecided for flow in self.flows])
            sent = max([flow.sent for flow in self.flows])
        self.latest = max(self.known - 1, sent)

    def settle(self) -> None:
        """Compare its flows by the rounds in which every fate is known."""
        self.look()
        if self.contest is not None:
            self.contest.settle((self.known, 0), len(self.flows))


class Rounds:
    """The rounds of a run; told of its flows and their losses, it names those that lose most."""

    def __init__(self, flows: int = 1, level: float = LEVEL) -> None:
        """Begin a run of so many flows.

        level is the chance of ever naming one of them although all fare alike, and that for hosts.
        """
        self._flows = flows
        self._level = level
        self._hosts: dict[Host, Standing] = {}
        self._places: dict[Flow, int] = {}
        self._contest: Contest[Host] = Contest(level)
        self._lossless = True

    def begin(self, flow: Flow, figures: Counted, beside: Flow | None = None) -> None:
        """Know a flow before its first probe; beside is one that was probed just before."""
        host = flow.target, flow.peer
        standing = self._hosts.get(host)
        if standing is None:
            standing = self._hosts[host] = Standing(self._rounds_of(beside))
        self._places[flow] = len(standing.flows)
        standing.flows.append(figures)

    def forget(self, flow: Flow) -> None:
        """Know a flow's host no more."""
        if self._places.pop(flow, None) is not None:
            self._hosts.pop((flow.target, flow.peer), None)

    def lost(self, flow: Flow, index: int) -> None:
        """Note that a flow's probe, by its place from 1, did not come back whole."""
        host = flow.target, flow.peer
        standing, place = self._hosts[host], self._places[flow]
        self._contest.lost(host, (standing.since + index, place))
        if len(standing.flows) > 1 or index == 1:  # of a lone flow's, only the first can be here
            if standing.contest is None:
                standing.contest = Contest(self._level, self._flows)
            standing.contest.lost(flow, (index, 0))
            if standing.contest.is_full:
                standing.settle()
        self._lossless = False
        if self._contest.is_full:
            self._settle()

    def losers(self, rate_limits: tuple[RateLimit, ...] = ()) -> Losers:
        """Name the flows, and hosts, that lose more than the others; hand on the rate limits."""
        contests = {}
        for host, standing in self._hosts.items():
            if standing.contest is not None and len(standing.flows) > 1:
                contests[host] = standing.contest
                if standing.contest.waiting:
                    standing.settle()
        if self._contest.waiting and self._hosts:
            self._settle()
        return Losers(
            flows=frozenset(flow for each in contests.values() for flow in each.test.named),
            hosts=frozenset(self._contest.test.named),
            early_among=frozenset(host for host, each in contests.items() if each.is_early()),
            early=not self._lossless and len(self._hosts) > 1 and self._contest.is_early(),
            rate_limits=rate_limits,
        )

    def _rounds_of(self, flow: Flow | None) -> int:
        """Tell how many rounds of the run were over before the one that a flow is in."""
        standing = None if flow is None else self._hosts.get((flow.target, flow.peer))
        if standing is None:
            return 0
        standing.look()
        return standing.since + max(0, standing.latest - 1)

    def _settle(self) -> None:
        """Compare the hosts by the rounds in which every fate is known."""
        for standing in self._hosts.values():
            standing.look()
        latest = max(standing.since + standing.latest for standing in self._hosts.values())
        taking_part = [
            standing
            for standing in self._hosts.values()
            if standing.known <= standing.latest or standing.since + standing.latest >= latest - 1
        ]
        known = min(standing.since + standing.known for standing in taking_part)
        self._contest.settle((known, 0), len(taking_part))
