"""Which probe a datagram answers, and what becomes of each."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from errno import ECONNREFUSED, EHOSTUNREACH, EPERM
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpecho.instrument.probe import Flow, Probe, ProbeFate, Unsent
from udpecho.instrument.stamps import Clock, Stamp
from udpecho.ping.ledger import HEADER_SIZE, MAX_SIZE, MEMORY_NS, MIN_SIZE, Ledger
from udpecho.ping.outcome import Outcome, Surplus
from udpecho.refusal import Refusal

MS = 1_000_000
TIMEOUT = 1000 * MS
HOST = ("192.0.2.1", 7)
BY = ("192.0.2.254", 0)
FLOW = Flow("echo.example", HOST, 40001)
OTHER_FLOW = Flow("echo.example", HOST, 40002)


def at(ns: int) -> Stamp:
    return Stamp(ns, ns)


def new_ledger(size: int = 56, limit: int = 1000, first: int = 0) -> Ledger:
    ledger = Ledger(size, TIMEOUT, limit=limit, random=random.Random(5).randbytes, first=first)
    ledger.add_flow(FLOW)
    ledger.add_flow(OTHER_FLOW)
    return ledger


def issue(ledger: Ledger, number: int = 1, now: int = 0, flow: Flow = FLOW) -> Probe:
    [probe] = ledger.issue([flow], [(0, 0)], number, number, now)
    return probe


def remembered(ledger: Ledger, probes: Iterable[Probe]) -> int:
    return sum(ledger.find(probe.header) is probe for probe in probes)


def refusal_of(quoted: bytes) -> Refusal:
    return Refusal(HOST, quoted, ECONNREFUSED, BY, 3, 3, None)


def answer(ledger: Ledger, data: bytes, now: int = 5 * MS, flow: Flow = FLOW) -> Outcome:
    return ledger.answer(data, HOST, flow.port, at(now))


def payload_of(ledger: Ledger, probe: Probe) -> bytes:
    [payload] = ledger.payloads([probe])
    return payload


@pytest.mark.parametrize("size", [MIN_SIZE, 17, 56, 1472, MAX_SIZE])
def test_a_probe_has_the_size_that_was_asked_for_and_its_echo_is_a_reply(size: int) -> None:
    ledger = new_ledger(size)
    probe = issue(ledger, 3, now=MS)
    payload = payload_of(ledger, probe)
    assert len(payload) == size
    outcome = ledger.answer(payload, HOST, FLOW.port, at(5 * MS), ttl=63)
    assert outcome == Outcome(
        ProbeFate.REPLIED, 5 * MS, FLOW, 3, 3, MS, 4 * MS, Clock.USER, size, 63, HOST
    )
    assert probe.fate is ProbeFate.REPLIED
    assert ledger.outstanding == 0


@pytest.mark.parametrize("size", [-1, 0, MIN_SIZE - 1, MAX_SIZE + 1])
def test_a_size_that_holds_no_nonce_or_no_datagram_is_an_error(size: int) -> None:
    with pytest.raises(ValueError, match=f"not {size}"):
        Ledger(size, TIMEOUT)


def test_no_two_probes_are_alike_nor_two_runs() -> None:
    payloads = set()
    for _ in range(3):
        ledger = Ledger(56, TIMEOUT)
        payloads |= {payload_of(ledger, issue(ledger)) for _ in range(600)}
    assert len({payload[4:HEADER_SIZE] for payload in payloads}) == 1800


def test_the_number_can_be_read_in_a_capture() -> None:
    ledger = new_ledger()
    assert [payload_of(ledger, issue(ledger))[:4] for _ in range(2)] == [b"\0\0\0\0", b"\0\0\0\1"]


@pytest.mark.parametrize("size", [MIN_SIZE, 56])
def test_damage_anywhere_makes_a_reply_corrupt_and_never_a_forgery(size: int) -> None:
    for place in range(size):
        ledger = new_ledger(size)
        probe = issue(ledger)
        damaged = bytearray(payload_of(ledger, probe))
        damaged[place] ^= 0x10
        assert answer(ledger, bytes(damaged)).kind is ProbeFate.CORRUPT
        assert probe.fate is ProbeFate.CORRUPT


@pytest.mark.parametrize(
    ("change", "kind", "why"),
    [
        (lambda whole: whole[:-1], ProbeFate.CORRUPT, "cut short"),
        (lambda whole: whole + b"\0", ProbeFate.CORRUPT, "made longer"),
        (lambda whole: whole[:8], ProbeFate.CORRUPT, "half a header still names the probe"),
        (lambda whole: whole[:7], Surplus.FORGED, "less than half a header names nothing"),
        (lambda whole: b"", Surplus.FORGED, "an empty datagram names nothing"),
        (lambda whole: whole[:4] + bytes(52), Surplus.FORGED, "the number alone can be guessed"),
        (lambda whole: bytes(56), Surplus.FORGED, "as a blind sweep would send"),
    ],
)
def test_what_comes_back_changed(change, kind: ProbeFate | Surplus, why: str) -> None:  # type: ignore[no-untyped-def]
    ledger = new_ledger()
    payload = payload_of(ledger, issue(ledger))
    assert answer(ledger, change(payload)).kind is kind, why


def test_a_second_reply_is_a_duplicate_whatever_the_first_was() -> None:
    ledger = new_ledger()
    payload = payload_of(ledger, issue(ledger))
    assert answer(ledger, payload[:-1]).kind is ProbeFate.CORRUPT
    duplicate = answer(ledger, payload)
    assert (duplicate.kind, duplicate.sequence) == (Surplus.DUPLICATE, 1)
    assert answer(ledger, payload[:-1]).kind is Surplus.DUPLICATE


def test_a_reply_after_the_timeout_is_late_by_its_round_trip_not_by_when_it_was_read() -> None:
    ledger = new_ledger()
    slow, quick = issue(ledger, 1), issue(ledger, 2)
    quick.departed_ns = 10
    reply, came = payload_of(ledger, quick), at(3 * TIMEOUT)
    outcome = ledger.answer(reply, HOST, FLOW.port, came, arrived_ns=10 + TIMEOUT)
    assert outcome.kind is ProbeFate.REPLIED
    assert answer(ledger, payload_of(ledger, slow), TIMEOUT + 1).kind is ProbeFate.LATE


def test_a_probe_is_overdue_once_and_may_be_answered_still() -> None:
    ledger = new_ledger()
    answered, silent = issue(ledger, 1), issue(ledger, 2)
    answer(ledger, payload_of(ledger, answered))
    assert ledger.overdue(TIMEOUT) == []
    assert ledger.overdue(TIMEOUT + 1) == [silent]
    assert ledger.overdue(TIMEOUT + 1) == []
    assert answer(ledger, payload_of(ledger, silent), 2 * TIMEOUT).kind is ProbeFate.LATE


def test_two_names_of_one_address_share_their_replies() -> None:
    ledger = new_ledger()
    alias = Flow("alias.example", HOST, FLOW.port)
    ledger.add_flow(alias)
    for flow in (alias, FLOW):
        outcome = answer(ledger, payload_of(ledger, issue(ledger, flow=flow)), flow=FLOW)
        assert (outcome.kind, outcome.flow) == (ProbeFate.REPLIED, flow)


def test_the_right_bytes_from_the_wrong_place_are_a_strangers() -> None:
    """A host that answers from another address, and a reply to another source port."""
    ledger = new_ledger()
    payload = payload_of(ledger, issue(ledger))
    assert answer(ledger, payload, flow=OTHER_FLOW).kind is Surplus.STRANGER
    for data in (payload, b"anything"):
        unasked = ledger.answer(data, ("203.0.113.9", 7), FLOW.port, at(MS))
        assert (unasked.kind, unasked.flow) == (Surplus.STRANGER, None)
    assert answer(ledger, payload).kind is ProbeFate.REPLIED, "the probe can still be answered"


def test_a_refusal_ends_a_probe_once() -> None:
    ledger = new_ledger()
    probe = issue(ledger)
    assert ledger.find(payload_of(ledger, probe)) is probe, "ICMP quotes the payload"
    refusal = refusal_of(payload_of(ledger, probe))
    refused = ledger.refused(refusal, MS)
    assert refused is not None
    assert (refused.kind, refused.reason, refused.peer) == (ProbeFate.REFUSED, "ECONNREFUSED", BY)
    assert (refused.icmp_type, refused.icmp_code) == (3, 3)
    assert (refused.flow, refused.at_ns) == (FLOW, MS)
    assert ledger.outstanding == 0
    assert ledger.refused(refusal, 2 * MS) is None
    assert ledger.unsent(Unsent(probe, EPERM), 2 * MS) is None
    assert answer(ledger, payload_of(ledger, probe)).kind is Surplus.DUPLICATE


def test_a_refusal_that_quotes_no_probe_is_nobodys() -> None:
    ledger = new_ledger()
    probe = issue(ledger)
    for quoted in (b"", payload_of(ledger, probe)[:7], bytes(56)):
        assert ledger.refused(refusal_of(quoted), MS) is None
    assert ledger.outstanding == 1


def test_that_a_ttl_ended_on_the_way_is_told_from_what_linux_calls_it() -> None:
    """Linux has one errno, EHOSTUNREACH, for it and for a host that can't be reached."""
    ledger = new_ledger()
    payload = payload_of(ledger, issue(ledger))
    refused = ledger.refused(Refusal(HOST, payload, EHOSTUNREACH, BY, 11, 0, None), MS)
    assert refused is not None
    assert (refused.reason, refused.icmp_type, refused.icmp_code) == ("ETIME", 11, 0)


def test_what_our_own_kernel_would_not_send_has_no_peer() -> None:
    ledger = new_ledger()
    refused = ledger.unsent(Unsent(issue(ledger), EPERM), MS)
    assert refused is not None
    assert (refused.kind, refused.reason, refused.peer) == (ProbeFate.REFUSED, "EPERM", None)
    assert (refused.icmp_type, refused.icmp_code) == (None, None)


def test_a_probe_is_lost_when_it_is_forgotten_and_then_no_longer_known() -> None:
    ledger = new_ledger()
    answered, silent = issue(ledger, 1), issue(ledger, 2, now=1)
    answer(ledger, payload_of(ledger, answered))
    assert ledger.expire(TIMEOUT + MEMORY_NS + 1) == []
    [lost] = ledger.expire(TIMEOUT + MEMORY_NS + 2)
    assert (lost.kind, lost.sequence, lost.sent_ns) == (ProbeFate.LOST, 2, 1)
    assert answer(ledger, payload_of(ledger, silent)).kind is Surplus.FORGED


def test_memory_is_bounded_by_number_too() -> None:
    ledger = new_ledger(limit=10)
    lost, probes = [], []
    for number in range(1, 101):
        probes.append(issue(ledger, number))
        lost += ledger.expire(0)
    assert [outcome.sequence for outcome in lost] == list(range(1, 91))
    assert remembered(ledger, probes) == 10
    assert len(ledger.close(0)) == 10
    assert remembered(ledger, probes) == 0


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 9])
def test_who_is_given_up_for_want_of_room_is_lost_at_the_next_look(limit: int) -> None:
    ledger = new_ledger(limit=limit)
    probes = [issue(ledger, number) for number in range(1, 21)]
    assert [ledger.find(probe.header) is probe for probe in probes] == (
        [False] * (20 - limit) + [True] * limit
    )
    assert [outcome.sequence for outcome in ledger.expire(0)] == list(range(1, 21 - limit))
    assert ledger.expire(0) == []
    assert ledger.outstanding == limit


def test_numbers_begin_anew_after_the_last_of_four_bytes() -> None:
    ledger = new_ledger(limit=4, first=2**32 - 2)
    payloads = [payload_of(ledger, issue(ledger, number)) for number in range(4)]
    assert [payload[:4].hex() for payload in payloads] == [
        "fffffffe", "ffffffff", "00000000", "00000001",
    ]  # fmt: skip
    assert [answer(ledger, payload).sequence for payload in payloads] == [0, 1, 2, 3]


def test_the_second_half_names_the_probe_whatever_the_first_has_become() -> None:
    ledger = new_ledger()
    probes = [issue(ledger, number) for number in range(300)]
    for probe in probes:
        damaged = bytes(8) + payload_of(ledger, probe)[8:]
        assert ledger.find(damaged) is probe
    other = new_ledger()
    assert other.find(bytes(8) + payload_of(ledger, probes[0])[8:]) is None


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["reply", "damaged", "stray", "refusal"]), st.integers(0, 40)),
        st.tuples(st.sampled_from(["send", "forgery", "second", "hour"]), st.just(0)),
    ),
    max_size=120,
)


@given(EVENTS)
def test_any_interleaving_gives_each_probe_one_fate_and_each_datagram_one_count(
    events: list[tuple[str, int]],
) -> None:
    ledger = new_ledger(MIN_SIZE, limit=20)
    probes: list[tuple[Probe, bytes]] = []
    outcomes: list[Outcome] = []
    now, datagrams, numbers = 0, 0, count(1)
    for event, which in events:
        now += MS
        probe, payload = probes[which % len(probes)] if probes else (None, b"nothing was sent")
        if event == "send":
            probe = issue(ledger, next(numbers), now)
            probes.append((probe, payload_of(ledger, probe)))
        elif event == "refusal" and probe is not None:
            outcomes += filter(None, [ledger.refused(refusal_of(payload), now)])
        elif event in ("second", "hour"):
            now += 1000 * MS if event == "second" else 3_600_000 * MS
        else:
            datagrams += 1
            data = {"damaged": payload[:-1] + b"?", "forgery": bytes(16)}.get(event, payload)
            asked = OTHER_FLOW if event == "stray" else FLOW
            outcomes.append(answer(ledger, data, now, asked))
        outcomes += ledger.expire(now)
        assert remembered(ledger, (probe for probe, _ in probes)) <= 20
    outcomes += ledger.close(now)
    fates = Counter(o.sequence for o in outcomes if isinstance(o.kind, ProbeFate))
    assert fates == Counter(range(1, len(probes) + 1))
    assert ledger.outstanding == 0
    came = [o for o in outcomes if o.kind not in (ProbeFate.LOST, ProbeFate.REFUSED)]
    assert len(came) == datagrams
    assert {probe.fate for probe, _ in probes} <= set(ProbeFate)


LOST = 2000 * MS


def test_a_probe_may_be_lost_before_it_is_forgotten() -> None:
    """Then a reply is told for what it is, and takes nothing back."""
    ledger = Ledger(56, TIMEOUT, lost_ns=LOST)
    ledger.add_flow(FLOW)
    first, second = issue(ledger), issue(ledger, 2, now=10 * MS)
    reply = payload_of(ledger, first)
    assert ledger.expire(TIMEOUT + LOST) == []
    [lost] = ledger.expire(TIMEOUT + LOST + 1)
    assert (lost.kind, lost.sequence, lost.at_ns) == (ProbeFate.LOST, 1, TIMEOUT + LOST + 1)
    assert ledger.outstanding == 1
    late = answer(ledger, reply, now=TIMEOUT + LOST + 2)
    assert (late.kind, late.sequence) == (Surplus.DUPLICATE, 1)
    assert answer(ledger, payload_of(ledger, second)).kind is ProbeFate.REPLIED
    assert ledger.expire(TIMEOUT + MEMORY_NS + 100 * MS) == []
    assert answer(ledger, reply).kind is Surplus.FORGED


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 400)), max_size=60),
    st.integers(0, 12_000),
)
def test_however_early_probes_are_lost_each_has_one_fate(
    events: list[tuple[int, int]], lost_ms: int
) -> None:
    ledger = Ledger(16, TIMEOUT, lost_ns=lost_ms * MS, limit=8)
    ledger.add_flow(FLOW)
    probes: list[Probe] = []
    fates: Counter[int] = Counter()
    now = 0
    for what, after in events:
        now += after * MS
        if what == 0:
            probes.append(issue(ledger, len(probes) + 1, now))
        elif what == 1 and probes:
            outcome = answer(ledger, payload_of(ledger, probes[after % len(probes)]), now)
            if outcome.kind in ProbeFate:
                fates[outcome.sequence or 0] += 1
        else:
            fates.update(each.sequence or 0 for each in ledger.expire(now))
    fates.update(each.sequence or 0 for each in ledger.close(now))
    assert ledger.outstanding == 0
    assert fates == Counter(range(1, len(probes) + 1))
