"""What is told of: counted, kept, and handed on to who listens."""

from __future__ import annotations

from typing import Any, get_args

from twisted.logger import Logger

from udpecho.watch.events.event import EVENTS, Event, FlowLosing, PeerBack
from udpecho.watch.events.happenings import MOST_KEPT, Events, Happening


def test_who_listens_hears_it_and_who_raises_hears_no_more() -> None:
    logged: list[Any] = []
    events = Events(lambda: 1e9, Logger(observer=logged.append))  # type: ignore[arg-type]
    heard: list[Happening] = []

    def raises(_: Happening) -> None:
        raise ZeroDivisionError

    for each in (raises, heard.append):
        events.listen(each)
    events.tell(FlowLosing("a", 3))
    events.tell(PeerBack("a", 4.5))
    assert heard == [Happening(1, 1e9, FlowLosing("a", 3)), Happening(2, 1e9, PeerBack("a", 4.5))]
    assert len(logged) == 1
    events.forget(heard.append)
    events.forget(heard.append)
    for _ in range(300):
        events.tell(FlowLosing("a", 3))
    assert len(heard) == 2
    assert len(events.last) == MOST_KEPT
    assert events.last[-1].number == 302
    assert events.counts["flow_losing"] == 301
    assert events.counts["path_changed"] == 0


def test_every_event_has_a_kind_of_its_own() -> None:
    assert set(EVENTS) == set(get_args(Event))
    assert len({each.kind for each in EVENTS}) == len(EVENTS)
