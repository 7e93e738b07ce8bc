"""Losses count by the rounds that they were sent in, when all of a round is known."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from udpecho.instrument.probe import Flow
from udpecho.ping.losing import FEWEST
from udpecho.ping.rounds import WAITING, Rounds


@dataclass
class Sent:
    sent: int = 0
    undecided: int = 1


class Bench:
    """Some hosts of some flows each, probed round by round; fates are known at once, or held."""

    def __init__(self, hosts: int, flows: int = 1) -> None:
        self.rounds = Rounds()
        self.figures: dict[Flow, Sent] = {}
        self.latest: Flow | None = None
        self.flows = flows
        for number in range(hosts):
            self.join(number)

    def join(self, number: int) -> None:
        for port in range(self.flows):
            flow = Flow(f"host{number}", ("192.0.2.1", number), port)
            self.figures[flow] = Sent()
            self.rounds.begin(flow, self.figures[flow], self.latest)

    def of(self, number: int) -> list[Flow]:
        return [flow for flow in self.figures if flow.peer[1] == number]

    def probe(self, *lost: tuple[int, int], times: int = 1, without: int | None = None) -> None:
        """Probe every flow; those of these hosts and ports lose."""
        for _ in range(times):
            for flow, figures in self.figures.items():
                if flow.peer[1] == without:
                    continue
                figures.sent += 1
                self.latest = flow
                if (flow.peer[1], flow.port) in lost:
                    self.rounds.lost(flow, figures.sent)
                figures.undecided += 1

    def named(self) -> tuple[list[int], list[tuple[int, int]]]:
        """Return the hosts that stand out, and the flows."""
        losers = self.rounds.losers()
        hosts = sorted(peer[1] for _, peer in losers.hosts)
        return hosts, sorted((flow.peer[1], flow.port) for flow in losers.flows)


def test_the_flow_that_loses_is_named_among_its_hosts() -> None:
    bench = Bench(hosts=1, flows=16)
    bench.probe((0, 3), times=FEWEST - 1)
    assert bench.named() == ([], [])
    assert bench.rounds.losers().early_among == {("host0", ("192.0.2.1", 0))}
    bench.probe((0, 3))
    assert bench.named() == ([], [(0, 3)])
    losers = bench.rounds.losers()
    assert (losers.early, losers.early_among) == (False, frozenset()), "a lone host has no others"


def test_the_host_that_loses_is_named_among_the_hosts() -> None:
    bench = Bench(hosts=100)
    bench.probe((7, 0), times=FEWEST - 1)
    assert (bench.named(), bench.rounds.losers().early) == (([], []), True)
    bench.probe((7, 0))
    assert (bench.named(), bench.rounds.losers().early) == (([7], []), False)


def test_a_host_all_of_whose_flows_lose_has_none_that_stands_out() -> None:
    bench = Bench(hosts=10, flows=4)
    bench.probe(*((7, port) for port in range(4)), times=5)
    assert bench.named() == ([7], [])


def test_without_losses_it_is_not_too_early_to_tell() -> None:
    bench = Bench(hosts=10, flows=4)
    assert bench.rounds.losers().early is False
    bench.probe(times=9)
    assert (bench.rounds.losers().early, bench.rounds.losers().early_among) == (False, frozenset())


def test_a_round_counts_when_all_its_fates_are_known() -> None:
    """In an outage of all the first to be known lost is not the only one that is."""
    bench = Bench(hosts=1, flows=16)
    first = bench.of(0)[0]
    for index in range(1, 30):
        for figures in bench.figures.values():
            figures.sent += 1
        bench.rounds.lost(first, index)
        bench.figures[first].undecided += 1
        assert bench.named() == ([], [])
    for figures in bench.figures.values():
        figures.undecided = 30
    assert bench.named() == ([], [(0, 0)]), "nobody else had lost"


def test_a_host_that_comes_later_takes_part_from_then_on() -> None:
    bench = Bench(hosts=9)
    bench.probe((3, 0), times=3)
    bench.probe(times=1000)
    bench.join(9)
    bench.probe((9, 0), times=6)
    assert bench.named() == ([9], [])
    bench.probe((3, 0), times=20)
    assert bench.named() == ([3, 9], []), "nobody is held up by it"


def test_a_host_that_is_probed_no_more_holds_nobody_up() -> None:
    bench = Bench(hosts=10)
    bench.probe(times=5)
    bench.probe((3, 0), times=9, without=2)
    assert bench.named() == ([3], [])
    for flow in bench.of(2):
        bench.rounds.forget(flow)
        del bench.figures[flow]
    bench.probe((4, 0), times=20)
    assert bench.named() == ([3, 4], [])


def test_what_waits_is_looked_at_before_it_is_much() -> None:
    bench = Bench(hosts=4, flows=4)
    for _ in range(10 * WAITING):
        bench.probe((1, 0), (2, 0))
        assert bench.rounds._contest.waiting <= WAITING + 2
        standing = bench.rounds._hosts["host1", ("192.0.2.1", 1)]
        assert standing.contest is not None
        assert standing.contest.waiting <= WAITING + 2
    assert bench.named() == ([1, 2], [(1, 0), (2, 0)])


def test_an_outage_is_not_looked_at_again_and_again() -> None:
    """As long as nothing is known, to look costs time and tells nothing: it is done ever less."""

    class Counting(Rounds):
        looks = 0

        def _settle(self) -> None:
            self.looks += 1
            super()._settle()

    bench = Bench(hosts=0)
    bench.rounds = counting = Counting()
    for number in range(2):
        bench.join(number)
    for index in range(1, 20 * WAITING):
        for flow, figures in bench.figures.items():
            figures.sent += 1
            bench.rounds.lost(flow, index)
    assert counting.looks < 8


def test_when_every_host_is_forgotten_there_is_nothing_to_compare() -> None:
    bench = Bench(hosts=3)
    bench.probe((1, 0), times=4)
    for number in range(3):
        for flow in bench.of(number):
            bench.rounds.forget(flow)
    assert bench.named() == ([], [])


def test_a_crowd_that_loses_tells_nothing_of_one() -> None:
    """A round in which 1,500 of 3,000 hosts lose is no work; one in which few do is judged."""
    bench = Bench(hosts=3000)
    bench.probe(*((number, 0) for number in range(1500)), times=3)
    bench.probe((7, 0), times=FEWEST)
    assert bench.named() == ([7], [])


def test_the_flows_of_many_hosts_share_the_level() -> None:
    """Of 300 hosts whose flows fare alike hardly ever is a flow of any named."""
    random = Random(7)
    hosts, flows = 300, 4
    bench = Bench(hosts=0, flows=flows)
    bench.rounds = Rounds(hosts * flows)
    for number in range(hosts):
        bench.join(number)
    for _ in range(12):
        bench.probe(*((number, random.randrange(flows)) for number in range(hosts)))
    assert bench.named() == ([], [])
    bench.probe((7, 2), times=25)
    assert (7, 2) in bench.named()[1]
