"""What was sent and came since anybody looked: when to look again, and when it was too much."""

from __future__ import annotations

from typing import Any

from udpecho.instrument.numbered import NumberedSends
from udpecho.instrument.probe import Flow, Probe
from udpecho.instrument.stamps import Stamp


class Options:
    """A socket whose options can be set."""

    def setsockopt(self, *_: int) -> None:
        """Take any."""


def sends(most_unread: int, stamps: bool = True) -> NumberedSends:
    skt: Any = Options()
    return NumberedSends(skt, stamps=stamps, most_unread=most_unread)


def probes(count: int) -> list[Probe]:
    flow = Flow("a", ("192.0.2.1", 7), 1)
    return [Probe(number, number, flow, b"", Stamp(0, 0)) for number in range(count)]


def test_it_is_time_to_look_when_as_much_was_sent_as_there_is_room_for() -> None:
    sent = sends(5)
    sent.add(probes(4))
    assert not sent.is_full
    sent.add(probes(1))
    assert sent.is_full
    sent.count_anew()
    assert not sent.is_full


def test_what_is_not_stamped_is_not_counted() -> None:
    sent = sends(1, stamps=False)
    sent.add(probes(4))
    assert not sent.is_full


def test_it_is_calm_while_hardly_more_comes_than_was_asked_for() -> None:
    sent = sends(5)
    sent.came(10)
    assert sent.count_anew()
    sent.came(11)
    assert not sent.count_anew()
    assert sent.count_anew(), "it counts anew"
    sent.add(probes(20))
    sent.came(20)
    sent.came(20)
    assert sent.count_anew(), "as many may have been asked for before"
    sent.add(probes(20))
    sent.came(41)
    assert not sent.count_anew()
