"""Who begins to lose and who falls silent is told once, and its end too."""

from __future__ import annotations

from random import Random

import pytest

from udpecho.watch.configuring.settings import ProbeSettings
from udpecho.watch.events.event import (
    Event,
    FlowLosing,
    FlowRecovered,
    PeerBack,
    PeerGone,
    PeerSilent,
)
from udpecho.watch.events.noticing import Noticing, PeerNow, patience_ns

SECOND = 1_000_000_000
LOST = 2 * SECOND


class Peer:
    """One that is probed every interval, and looked at every second."""

    def __init__(self, interval: float = 1.0, flows: int = 16) -> None:
        self.told: list[Event] = []
        self.noticing = Noticing(self.told.append)
        self.patience = patience_ns(ProbeSettings(interval, flows), LOST)
        self.gap = round(interval * SECOND / flows)
        self.now = 0
        self.probed = 0
        self.heard: int | None = None

    def goes_on(self, seconds: float, loss: float = 0.0, random: Random | None = None) -> None:
        """Have it probed, and looked at, for so long."""
        random = random or Random(1)
        ends = self.now + round(seconds * SECOND)
        while self.now < ends:
            self.now += SECOND
            while self.probed + self.gap <= self.now:
                self.probed += self.gap
                if random.random() >= loss:
                    self.heard = self.probed
            self.look()

    def look(self, **seen: object) -> None:
        look = PeerNow(self.heard, (), **seen)  # type: ignore[arg-type]
        self.noticing.look("a", look, self.patience, self.now)


@pytest.mark.parametrize(
    ("interval", "flows", "seconds"),
    [(1.0, 16, 3), (0.1, 16, 3), (1.0, 1, 10), (60.0, 16, 180), (60.0, 1, 600)],
)
def test_patience(interval: float, flows: int, seconds: int) -> None:
    assert patience_ns(ProbeSettings(interval, flows), LOST) == seconds * SECOND


def test_one_that_falls_silent_and_is_back_is_told_once_each() -> None:
    peer = Peer()
    peer.goes_on(100)
    assert peer.told == []
    peer.goes_on(60, loss=1.0)
    assert peer.told == [PeerSilent("a", 3.0)]
    peer.goes_on(60)
    assert peer.told[1:] == [PeerBack("a", 61.0)]
    assert not peer.noticing.is_silent("a")
    peer.goes_on(60, loss=1.0)
    assert peer.told[2:] == [PeerSilent("a", 3.0)]
    peer.noticing.gone("a")
    assert peer.told[3:] == [PeerGone("a")]


def test_one_that_never_answered_is_silent_when_it_is_asked_and_why_is_told() -> None:
    peer = Peer()
    for _ in range(20):
        peer.look(is_asked=False)
        peer.now += SECOND
    assert peer.told == []
    for _ in range(5):
        peer.look(why="nobody has that name")
        peer.now += SECOND
    assert peer.told == [PeerSilent("a", 22.0, "nobody has that name")]


@pytest.mark.parametrize("flows", [1, 2, 16])
@pytest.mark.parametrize("loss", [0.1, 0.5, 0.8, 0.95])
def test_one_that_loses_much_is_not_told_again_and_again(flows: int, loss: float) -> None:
    peer = Peer(flows=flows)
    peer.goes_on(3600, loss, Random(7))
    assert len(peer.told) <= 12, "twice in ten minutes, at the worst"


def test_who_is_held_up_itself_calls_nobody_silent() -> None:
    peer = Peer()
    peer.goes_on(10)
    peer.now += 60 * SECOND
    peer.look()
    peer.probed = peer.now
    peer.goes_on(10)
    assert peer.told == []


def test_flows_begin_to_lose_and_end() -> None:
    told: list[Event] = []
    noticing = Noticing(told.append)
    for losing in ([], [3], [3, 5], [3, 5], [5]):
        noticing.look("a", PeerNow(1, losing), 3 * SECOND, 5)
    assert told == [FlowLosing("a", 3), FlowLosing("a", 5), FlowRecovered("a", 3)]
    noticing.gone("a")
    assert told[3:] == [FlowRecovered("a", 5)]
    noticing.gone("a")
    assert len(told) == 4
