"""What peers lost lately: what counts as a loss, for how long, and what looks like a rate limit."""

from __future__ import annotations

import pytest

from udpecho.instrument.probe import Flow
from udpecho.path.judge import ENOUGH
from udpecho.ping.outcome import Outcome, ProbeFate
from udpecho.watch.counts import PeerCounts
from udpecho.watch.paths.suspects import MOST, QUIET_NS, Suspect, Suspects, is_lost_on_its_way

SECOND = 1_000_000_000
FLOW = Flow("ams-1", ("10.9.20.2", 1060), 40000)
CLEAN = 60


class Peer:
    """A peer of four flows, each probed each second."""

    def __init__(self) -> None:
        self.counts = PeerCounts(4)
        self.suspects = Suspects(CLEAN)
        self.round = 0

    def rounds(self, number: int, *losing: int) -> None:
        """Have as many rounds go by, in which these flows lose."""
        for _ in range(number):
            self.round += 1
            for flow in range(4):
                self._one(flow, ProbeFate.LOST if flow in losing else ProbeFate.REPLIED)

    def _one(self, flow: int, fate: ProbeFate) -> None:
        at_ns = self.round * SECOND
        outcome = Outcome(fate, at_ns, FLOW, self.round, self.round, at_ns)
        if fate is ProbeFate.LOST:
            self.suspects.lost("ams-1", self.counts, flow, outcome)
        self.counts.add(flow, outcome)

    @property
    def suspect(self) -> Suspect:
        found = self.suspects.get("ams-1")
        assert found is not None
        return found


def test_who_loses_nothing_is_no_suspect() -> None:
    peer = Peer()
    peer.rounds(100)
    assert peer.suspects.get("ams-1") is None


def test_what_counts_begins_with_the_first_loss() -> None:
    peer = Peer()
    peer.rounds(100)
    peer.rounds(1, 2)
    peer.rounds(9)
    peer.rounds(1, 2, 3)
    assert [peer.suspect.toll(flow) for flow in range(4)] == [(10, 0), (10, 0), (11, 2), (11, 1)]
    assert peer.suspect.losing() == [2, 3]
    assert peer.suspect.total == 3


def test_after_a_minute_without_a_loss_it_is_none() -> None:
    peer = Peer()
    peer.rounds(1, 2)
    peer.suspects.settle(SECOND + QUIET_NS - 1)
    assert len(peer.suspects) == 1
    peer.suspects.settle(SECOND + QUIET_NS)
    assert len(peer.suspects) == 0


def test_what_is_older_than_five_minutes_counts_no_more() -> None:
    peer = Peer()
    peer.rounds(30, 0)
    for _ in range(30):
        peer.rounds(9)
        peer.rounds(1, 1)
    sent, lost = peer.suspect.toll(0)
    assert (lost, sent < 310) == (0, True)
    assert 15 <= peer.suspect.toll(1)[1] <= 30
    assert peer.suspect.total == peer.suspect.toll(1)[1]


def test_a_flow_whose_path_is_another_begins_again() -> None:
    peer = Peer()
    peer.rounds(20, 1)
    peer.suspect.anew(1)
    assert (peer.suspect.toll(1), peer.suspect.total) == ((0, 0), 0)
    assert peer.suspect.changed() == (1,)
    peer.rounds(ENOUGH, 1)
    assert peer.suspect.toll(1) == (ENOUGH, ENOUGH)
    assert peer.suspect.changed() == ()


def test_a_flow_is_dead_after_ten_in_a_row_and_until_it_answers() -> None:
    peer = Peer()
    peer.rounds(9, 1)
    assert not peer.suspect.is_dead(1)
    peer.rounds(1, 1)
    assert peer.suspect.is_dead(1)
    peer.rounds(1)
    assert not peer.suspect.is_dead(1)


@pytest.mark.parametrize(
    ("fate", "icmp", "lost"),
    [
        (ProbeFate.LOST, (None, None), True),
        (ProbeFate.CORRUPT, (None, None), True),
        (ProbeFate.REFUSED, (3, 1), True),
        (ProbeFate.REFUSED, (3, 3), False),
        (ProbeFate.REFUSED, (1, 4), False),
        (ProbeFate.REFUSED, (None, None), False),
    ],
)
def test_who_refused_tells_whether_it_was_lost(
    fate: ProbeFate, icmp: tuple[int | None, int | None], lost: bool
) -> None:
    outcome = Outcome(fate, 0, FLOW, icmp_type=icmp[0], icmp_code=icmp[1])
    assert is_lost_on_its_way(outcome) is lost


def test_a_share_that_is_answered_like_clockwork_after_a_burst_is_a_limit() -> None:
    peer = Peer()
    peer.rounds(80)
    for number in range(240):
        peer.rounds(1, number % 4)
    assert peer.suspect.is_limited(peer.round)


def test_a_flow_that_is_dead_is_no_limit() -> None:
    peer = Peer()
    peer.rounds(80)
    peer.rounds(240, 1)
    assert not peer.suspect.is_limited(peer.round)


def test_there_are_so_many_at_most() -> None:
    suspects, counts = Suspects(CLEAN), PeerCounts(1)
    for number in range(MOST + 10):
        suspects.lost(str(number), counts, 0, Outcome(ProbeFate.LOST, 0, FLOW, 1, 1, 0))
    assert len(suspects) == MOST
