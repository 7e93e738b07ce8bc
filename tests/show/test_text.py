"""What people, and scripts written for ping, read."""

from __future__ import annotations

import pytest

from udpecho.instrument.probe import Flow, ProbeFate
from udpecho.instrument.stamps import Clock
from udpecho.ping.figures import Losers
from udpecho.ping.outcome import Outcome, Surplus
from udpecho.ping.plan import Plan, Target
from udpecho.ping.stats import Stats
from udpecho.show.amounts import milliseconds, percent
from udpecho.show.sheet import Sheet
from udpecho.show.summary_tables import WORST_SHOWN
from udpecho.show.text import banner, interim_text, outcome_text, overdue_text, summary_text

MS = 1_000_000
HOST = Target("echo.example", ("192.0.2.1", 7))
FLOW = Flow(HOST.name, HOST.peer, 40001)


def reply(
    kind: ProbeFate | Surplus = ProbeFate.REPLIED, index: int = 1, flow: Flow = FLOW
) -> Outcome:
    """Make a reply that took as many ms as its index says."""
    return Outcome(kind, 0, flow, index, index, 0, index * MS, Clock.KERNEL, 56, 63, peer=flow.peer)


def lost(index: int, flow: Flow = FLOW) -> Outcome:
    return Outcome(ProbeFate.LOST, 0, flow, index, index, 0)


def summary_of(*outcomes: Outcome) -> str:
    stats = Stats(1)
    for outcome in outcomes:
        if isinstance(outcome.kind, ProbeFate) and outcome.flow:
            stats.sent([outcome.flow], 50_000)
        stats.add(outcome)
    return "\n".join(summary_text(stats.summary(4102 * MS)))


V6 = Target("v6.example", ("2001:db8::1", 7))


@pytest.mark.parametrize(
    ("plan", "lines"),
    [
        (Plan(targets=(HOST,)), ["PING echo.example (192.0.2.1) 56(84) bytes of data."]),
        (
            Plan(targets=(Target("192.0.2.1:7", HOST.peer),)),
            ["PING 192.0.2.1:7 (192.0.2.1) 56(84) bytes of data."],
        ),
        (
            Plan(targets=(V6,), size=100, flows=4),
            ["PING v6.example(v6.example (2001:db8::1)) 100 data bytes", "4 flows"],
        ),
        (
            Plan(targets=(Target("fe80::1", ("fe80::1%eth0", 7)),)),
            ["PING fe80::1(fe80::1%eth0) 56 data bytes"],
        ),
        (
            Plan(targets=(Target("2001:db8::1", V6.peer),), traffic_class=0x2E),
            ["PING 2001:db8::1(2001:db8::1) 56 data bytes", "DSCP 11, ECN 2"],
        ),
        (
            Plan(targets=(HOST, HOST), flows=2, traffic_class=0),
            ["PING 2 hosts, 56 bytes of data each.", "2 flows, DSCP 0, ECN 0"],
        ),
    ],
)
def test_the_banner_says_what_is_sent(plan: Plan, lines: list[str]) -> None:
    assert list(banner(plan)) == lines


def test_the_banner_has_no_name_twice_where_none_is_wanted() -> None:
    [line] = banner(Plan(targets=(V6,)), numeric=True)
    assert line == "PING v6.example(2001:db8::1) 56 data bytes"


@pytest.mark.parametrize(
    ("name", "peer", "shown"),
    [
        ("192.0.2.1", ("192.0.2.1", 7), "192.0.2.1"),
        ("192.0.2.1:7", ("192.0.2.1", 7), "192.0.2.1:7"),
        ("echo.example:7", ("192.0.2.1", 7), "echo.example:7 (192.0.2.1)"),
        ("2001:db8::1", ("2001:db8::1", 7), "2001:db8::1"),
        ("[2001:db8::1]", ("2001:db8::1", 7), "[2001:db8::1]"),
        ("[2001:db8::1]:7", ("2001:db8::1", 7), "[2001:db8::1]:7"),
        ("2001:DB8::1", ("2001:db8::1", 7), "2001:DB8::1 (2001:db8::1)"),
    ],
)
def test_a_reply_comes_from_the_host_as_it_was_named(
    name: str, peer: tuple[str, int], shown: str
) -> None:
    """Its address stands beside it, unless it is the same (C4)."""
    line = outcome_text(reply(flow=Flow(name, peer, 40001)))
    assert line == f"64 bytes from {shown}: icmp_seq=1 ttl=63 time=1.000 ms"


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (
            reply(index=3),
            "64 bytes from echo.example (192.0.2.1): icmp_seq=3 ttl=63 time=3.000 ms",
        ),
        (
            reply(Surplus.DUPLICATE),
            "64 bytes from echo.example (192.0.2.1): icmp_seq=1 ttl=63 time=1.000 ms (DUP!)",
        ),
        (
            reply(ProbeFate.LATE),
            "64 bytes from echo.example (192.0.2.1): icmp_seq=1 ttl=63 time=1.000 ms (LATE!)",
        ),
        (
            reply(ProbeFate.CORRUPT),
            "64 bytes from echo.example (192.0.2.1): icmp_seq=1 ttl=63 time=1.000 ms (CORRUPT!)",
        ),
        (lost(1), None),
        (
            Outcome(
                ProbeFate.REFUSED, 0, FLOW, sequence=4, peer=("192.0.2.9", 0), reason="ECONNREFUSED"
            ),
            "From 192.0.2.9 icmp_seq=4 Destination Port Unreachable",
        ),
        (
            Outcome(ProbeFate.REFUSED, 0, FLOW, sequence=4, reason="EPERM"),
            "From our own kernel icmp_seq=4 Operation not permitted",
        ),
        (
            Outcome(Surplus.STRANGER, 0, size=9, peer=("2001:db8::9", 53)),
            "9 bytes from [2001:db8::9]:53: stranger, no reply to us",
        ),
    ],
)
def test_an_outcome_is_a_line_as_pings(outcome: Outcome, text: str | None) -> None:
    assert outcome_text(outcome) == text


def test_a_reply_without_a_name_or_a_ttl() -> None:
    bare = Outcome(ProbeFate.REPLIED, 0, FLOW, 1, 1, 0, 7400, Clock.USER, 56, None, HOST.peer)
    assert outcome_text(bare, numeric=True) == "64 bytes from 192.0.2.1: icmp_seq=1 time=0.0074 ms"


def test_what_is_overdue_names_the_host_where_there_are_several() -> None:
    assert overdue_text(5, HOST.name, alone=True) == "no answer yet for icmp_seq=5"
    assert (
        overdue_text(5, HOST.name, alone=False) == "no answer yet from echo.example for icmp_seq=5"
    )


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "-"),
        (0.0, "0%"),
        (1.0, "100%"),
        (1 / 3, "33.33%"),
        (1 / 100_000, "0.001%"),
        (0.9999999, "99.99999%"),
        (0.99996, "99.996%"),
    ],
)
def test_a_loss_is_never_rounded_to_none_or_all(share: float | None, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [(None, "-"), (0, "0.0000"), (7432, "0.0074"), (1_234_567, "1.235"), (2 * 10**9, "2000.000")],
)
def test_a_time_has_the_digits_that_the_stamps_have(time_ns: int | None, text: str) -> None:
    assert milliseconds(time_ns) == text


def test_the_summary_says_more_than_ping_and_ends_as_pings() -> None:
    text = summary_of(
        *(reply(index=index) for index in (1, 2, 4, 3)),
        reply(Surplus.DUPLICATE),
        reply(ProbeFate.CORRUPT, 5),
        lost(6),
        Outcome(ProbeFate.REFUSED, 0, FLOW, 7, 7, 0, peer=HOST.peer, reason="ECONNREFUSED"),
        Outcome(Surplus.STRANGER, 0),
    )
    assert text.splitlines() == [
        "UDP port 7",
        "round trips median/p90/p99/p99.9 = 2.000/4.000/4.000/4.000 ms",
        "jitter 0.2346 ms, ipdv mean/max = 1.000/1.000 ms",
        "1 lost, 1 refused, 1 corrupt, in 1 burst, the longest of 3",
        "1 reordered, overtaken by up to 1",
        "not believed: 0 forged, 1 from strangers",
        "replies came with TTL 63: 1 hop",
        "clock: the kernel's timestamps",
        "sent after schedule: median/p99/max = 0.0500/0.0500/0.0500 ms",
        "",
        "--- echo.example ping statistics ---",
        "7 packets transmitted, 4 received, +1 duplicates, +1 corrupted, +1 errors, "
        "42.86% packet loss, time 4102ms",
        "rtt min/avg/max/mdev = 1.000/2.500/4.000/1.118 ms",
    ]


@pytest.mark.parametrize(("dropped", "said"), [(None, False), (0, False), (2, True)])
def test_what_our_own_buffer_had_no_room_for_is_not_blamed_on_the_network(
    dropped: int | None, said: bool
) -> None:
    stats = Stats(1)
    for index in (1, 2):
        stats.sent([FLOW])
        stats.add(lost(index))
    text = "\n".join(summary_text(stats.summary(0, dropped)))
    assert ("2 datagrams found no room in our own receive buffer" in text) == said


def test_a_summary_without_replies_has_no_times() -> None:
    text = summary_of(lost(1), lost(2))
    assert "2 packets transmitted, 0 received, 100% packet loss" in text
    assert "rtt" not in text
    assert "jitter" not in text
    assert "clock: no replies" in text


def test_one_bad_path_in_sixteen_is_unmistakable() -> None:
    flows = [Flow(HOST.name, HOST.peer, 40000 + number) for number in range(16)]
    outcomes = []
    for flow in flows:
        for index in range(1, 6):
            bad = flow.port == 40011
            outcomes.append(lost(index, flow) if bad else reply(index=index, flow=flow))
    lines = summary_of(*outcomes).splitlines()
    table = lines.index("16 flows, worst first:")
    assert lines[table + 2].split() == ["40011", "5", "5", "100%", "-", "-", "-", "-"]
    assert lines[table + 3].split()[1:4] == ["5", "0", "0%"]
    assert "LOSS to echo.example: 1 of 16 source ports loses: 40011 (100%)" in lines


def test_loss_from_every_port_blames_none() -> None:
    flows = [Flow(HOST.name, HOST.peer, port) for port in (40001, 40002)]
    text = summary_of(*(lost(1, flow) for flow in flows))
    assert "LOSS to echo.example from every one of 2 source ports" in text


def test_many_hosts_are_a_table_with_the_worst_first() -> None:
    outcomes = []
    for number in range(WORST_SHOWN + 5):
        flow = Flow(f"host{number}", ("192.0.2.1", number + 1), 40001)
        outcomes.append(lost(1, flow) if number == 22 else reply(flow=flow))
    lines = summary_of(*outcomes).splitlines()
    assert lines[1].split()[:4] == ["host22", "1", "1", "100%"]
    assert lines[WORST_SHOWN + 1] == "... and 5 hosts that lost no more"
    assert "25 packets transmitted, 24 received, 4% packet loss, time 4102ms" in lines


def test_the_interim_line() -> None:
    stats = Stats(1)
    for outcome in (reply(index=1), reply(index=3), lost(2)):
        stats.sent([FLOW])
        stats.add(outcome)
    assert interim_text(stats.glance()) == (
        "2/3 packets, 33.33% loss, min/avg/max = 1.000/2.000/3.000 ms"
    )
    assert interim_text(Stats(1).glance()) == "0/0 packets, - loss"
    losers = Losers(flows=frozenset({FLOW}))
    assert interim_text(Stats(1).glance(), losers) == "0/0 packets, - loss, stands out: 40001"


@pytest.mark.parametrize(
    ("clocks", "text"),
    [
        ([Clock.USER], "clock: the process's own, which includes its delays"),
        (
            [Clock.USER, Clock.KERNEL, Clock.KERNEL],
            "clock: the kernel's timestamps for 2 replies, the process's for 1",
        ),
    ],
)
def test_the_clock_is_named(clocks: list[Clock], text: str) -> None:
    outcomes = [
        Outcome(ProbeFate.REPLIED, 0, FLOW, n, n, 0, MS, clock, 56, 63, HOST.peer)
        for n, clock in enumerate(clocks, 1)
    ]
    assert text in summary_of(*outcomes)


def test_a_refusal_tells_whose_probe_it_was_where_there_are_several_hosts() -> None:
    """C4: a router, or a machine with two ports, speaks of any of them."""
    flow = Flow("echo.example:7", HOST.peer, 40001)
    refused = Outcome(ProbeFate.REFUSED, 0, flow, 3, peer=("192.0.2.9", 0), reason="ECONNREFUSED")
    line = "From 192.0.2.9 icmp_seq=3 Destination Port Unreachable"
    assert outcome_text(refused) == line
    assert outcome_text(refused, alone=False) == f"{line} for echo.example:7"
    assert outcome_text(refused, alone=False, numeric=True) == f"{line} for 192.0.2.1:7"


def test_the_line_before_the_last_is_never_broken() -> None:
    """Whatever a host is called: a saved run's may have any characters."""
    stats = Stats(1)
    flow = Flow("a name of several words\nand lines, longer than the line", HOST.peer, 40001)
    stats.sent([flow], 0)
    stats.add(reply(flow=flow))
    lines = list(summary_text(stats.summary(4102 * MS), Sheet(columns=40)))
    assert lines[-3] == (
        "--- a name of several words\\nand lines, longer than the line ping statistics ---"
    )
