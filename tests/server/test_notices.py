"""What is counted and said of the datagrams that were not answered."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpecho.columns import Columns
from udpecho.guard.prefixes import pack_host
from udpecho.guard.reasons import Reason
from udpecho.server.notices import KEPT, LOOKED_AT, ONE_IN, TopSources, Unanswered


def batch(*peers: tuple[str, int], counts: tuple[int, ...] = ()) -> Columns:
    """Lay out datagrams or, where there are counts, trains of so many datagrams of a byte each."""
    return Columns(
        b"".join(port.to_bytes(2, "big") for _, port in peers),
        b"".join(pack_host(host) for host, _ in peers),
        sizes=counts,
        trains=dict.fromkeys(range(len(counts)), 1),
    )


def note(unanswered: Unanswered, reason: Reason, peer: tuple[str, int], now: float) -> str | None:
    """Count one datagram; return the line that is due, if one is."""
    lines = unanswered.note({0: reason}, batch(peer), now)
    assert len(lines) <= 1
    return lines[0] if lines else None


def test_the_first_refusal_for_a_reason_has_a_line_at_once() -> None:
    unanswered = Unanswered()
    assert note(unanswered, Reason.PORT_ZERO, ("192.0.2.1", 0), 5.0) == (
        "not answered: source port 0: 1 datagram; top sources: 192.0.2.1 (1)"
    )
    assert note(unanswered, Reason.PORT_ZERO, ("192.0.2.1", 0), 5.1) is None
    assert note(unanswered, Reason.MULTICAST, ("192.0.2.1", 40000), 5.2) is not None


def test_a_flood_has_one_line_in_30_seconds_with_its_count_and_sources() -> None:
    unanswered = Unanswered()
    note(unanswered, Reason.OVER_RATE, ("192.0.2.1", 40000), 0.0)
    lines = []
    for second in range(1, 95):
        sources = batch(*[("198.51.100.7", 50000)] * 3, ("203.0.113.1", 50000))
        lines += unanswered.note(dict.fromkeys(range(4), Reason.OVER_RATE), sources, second)
    assert (
        lines
        == [
            f"not answered: over the rate: {4 * 30} datagrams; top sources: 198.51.100.7 (90), "
            "203.0.113.1 (30); see --rate, --burst and --exempt"
        ]
        * 3
    )
    assert unanswered.counts == {Reason.OVER_RATE: 1 + 94 * 4}


def test_a_service_port_is_named_with_what_to_do() -> None:
    """Who tests with nping, which sends from port 53, must find out why nothing comes back."""
    line = note(Unanswered(), Reason.SERVICE_PORT, ("2001:db8::1", 53), 0.0)
    assert line == (
        "not answered: from a service's port: 1 datagram; top sources: [2001:db8::1]:53 (1); "
        "--allow-source-port answers a port like this"
    )


def test_a_batch_may_begin_several_reasons() -> None:
    unanswered = Unanswered()
    found = {0: Reason.PORT_ZERO, 2: Reason.SERVICE_PORT}
    peers = batch(("192.0.2.1", 0), ("192.0.2.2", 40000), ("192.0.2.3", 53), counts=(3, 1, 64))
    lines = unanswered.note(found, peers, 0.0)
    assert [line.split(";")[0] for line in lines] == [
        "not answered: source port 0: 3 datagrams",
        "not answered: from a service's port: 64 datagrams",
    ]
    assert unanswered.counts == {Reason.PORT_ZERO: 3, Reason.SERVICE_PORT: 64}
    assert unanswered.note({}, peers, 0.0) == []


def test_what_was_asked_for_is_counted_but_not_said() -> None:
    unanswered = Unanswered()
    assert note(unanswered, Reason.DISCARDED, ("192.0.2.1", 40000), 0.0) is None
    assert unanswered.note({0: Reason.DISCARDED}, batch(("192.0.2.1", 40000)), 1.0) == []
    assert unanswered.counts == {Reason.DISCARDED: 2}


def test_a_line_has_no_more_than_three_sources() -> None:
    unanswered = Unanswered()
    peers = [(f"192.0.2.{number}", 0) for number in range(6)]
    (line,) = unanswered.note(dict.fromkeys(range(6), Reason.PORT_ZERO), batch(*peers), 0.0)
    assert line.count("192.0.2.") == 3


def test_of_a_flood_the_count_is_exact_and_the_sources_are_about_right() -> None:
    """Looking at all of them would make refusing dearer than answering."""
    unanswered = Unanswered()
    note(unanswered, Reason.PORT_ZERO, ("192.0.2.1", 0), 0.0)
    half = batch(*[("192.0.2.1", 0), ("198.51.100.1", 0)] * 64)
    for _ in range(100):
        assert unanswered.note(dict.fromkeys(range(128), Reason.PORT_ZERO), half, 1.0) == []
    line = note(unanswered, Reason.PORT_ZERO, ("203.0.113.1", 0), 30.0)
    assert line is not None
    found = re.findall(r"(\S+) \(about (\d+)\)", line)
    assert line.startswith(f"not answered: source port 0: {100 * 128 + 1} datagrams; top sources: ")
    assert {host for host, _ in found} >= {"192.0.2.1", "198.51.100.1"}
    assert all(4400 < int(times) < 8400 for _, times in found[:2]), "6,400, nine deviations away"


def test_few_refusals_are_told_exactly_also_after_a_flood() -> None:
    unanswered = Unanswered()
    note(unanswered, Reason.PORT_ZERO, ("192.0.2.1", 0), 0.0)
    many = batch(*[("192.0.2.1", 0)] * 128)
    for _ in range(9):
        unanswered.note(dict.fromkeys(range(128), Reason.PORT_ZERO), many, 1.0)
    assert "(about " in str(note(unanswered, Reason.PORT_ZERO, ("192.0.2.1", 0), 31.0))
    for _ in range(2):
        note(unanswered, Reason.PORT_ZERO, ("192.0.2.2", 0), 32.0)
    assert note(unanswered, Reason.PORT_ZERO, ("192.0.2.3", 0), 62.0) == (
        "not answered: source port 0: 3 datagrams; top sources: 192.0.2.2 (2), 192.0.2.3 (1)"
    )


@pytest.mark.parametrize("size", [1, 7, 128])
def test_of_a_flood_few_are_looked_at(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However it is cut into batches: one in sixteen."""
    looked: list[str] = []
    monkeypatch.setattr(TopSources, "add", lambda _, name, __: looked.append(name))
    unanswered = Unanswered()
    each = batch(*[(f"192.0.2.{number}", 0) for number in range(size)])
    for _ in range(12_800 // size):
        unanswered.note(dict.fromkeys(range(size), Reason.PORT_ZERO), each, 0.0)
    assert len(looked) < LOOKED_AT + 128 + 12_800 / ONE_IN * 1.5


@given(st.lists(st.tuples(st.integers(0, 40).map(str), st.integers(1, 9)), max_size=200))
def test_whoever_sent_more_than_an_eighth_is_kept_and_never_overstated(
    stream: list[tuple[str, int]],
) -> None:
    top, true = TopSources(), Counter[str]()
    for name, times in stream:
        top.add(name, times)
        true[name] += times
    kept = dict(top.most(1000))
    assert len(kept) <= KEPT
    assert all(count <= true[name] for name, count in kept.items())
    assert {name for name in true if true[name] > true.total() / KEPT} <= set(kept)


def test_who_comes_late_and_often_is_named_all_the_same() -> None:
    """A newcomer takes over the count of whom it displaces, or the next would displace it."""
    top = TopSources(kept=8)
    for name in "abcdefgh":
        top.add(name, 10)
    for number in range(100):
        top.add("late", 1)
        top.add(f"once {number}", 1)
    assert dict(top.most(8)).get("late", 0) >= 80
