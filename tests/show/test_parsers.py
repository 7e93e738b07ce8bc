"""What other programs make of ping's output, by their own rules: ours is read as iputils' is.

Telegraf is written in Go and check_ping in C: what each looks for is written here anew, as it
stands there. jc and pingparsing, which Python can run, read a real run in tests/live.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

import pytest

from udpecho.instrument.probe import Flow, ProbeFate
from udpecho.instrument.stamps import Clock
from udpecho.ping.outcome import Outcome, Surplus
from udpecho.ping.plan import Plan, Target
from udpecho.ping.stats import Stats
from udpecho.show.text import banner, outcome_text, summary_text

MS = 1_000_000
HOSTS = {
    "IPv4": Target("127.0.0.1", ("127.0.0.1", 1060)),
    "IPv6": Target("::1", ("::1", 1060)),
    "a name": Target("echo.example", ("192.0.2.1", 1060)),
    "an IPv6 name": Target("echo.example", ("2001:db8::1", 1060)),
}


def outcomes(flow: Flow, lost: int, refused: int = 0, doubled: int = 0) -> Iterable[Outcome]:
    """Make four probes' outcomes; replies take as many ms as their number."""
    for number in range(1, 5):
        about = Outcome(ProbeFate.LOST, 0, flow, number, number, 0)
        if number <= lost:
            yield about
        elif number <= lost + refused:
            yield about._replace(kind=ProbeFate.REFUSED, reason="EHOSTUNREACH", peer=flow.peer)
        else:
            reply = about._replace(
                kind=ProbeFate.REPLIED, rtt_ns=number * MS, clock=Clock.KERNEL, size=56, ttl=63,
                peer=flow.peer,
            )  # fmt: skip
            yield reply
            if doubled:
                yield reply._replace(kind=Surplus.DUPLICATE)


def shown(host: Target, lost: int, refused: int = 0, doubled: int = 0) -> list[str]:
    """Write what a run prints."""
    stats = Stats(1)
    flow = Flow(host.name, host.peer, 40001)
    lines = list(banner(Plan(targets=(host,))))
    for outcome in outcomes(flow, lost, refused, doubled):
        if isinstance(outcome.kind, ProbeFate):
            stats.sent([flow], 1000)
        stats.add(outcome)
        lines += filter(None, [outcome_text(outcome)])
    return [*lines, "", *summary_text(stats.summary(3004 * MS))]


class Telegraf(NamedTuple):
    r"""What processPingOutput finds (influxdata/telegraf, plugins/inputs/ping/ping_notwindows.go).

    TTL is by `(ttl|hlim)=(\d+)` on the first line that has "ttl=" or "hlim="; the counts are the
    first words of the first two pieces, split at ", ", of a line that has "transmitted" and
    "received"; the times are the fourth word, split at "/", of one that has "min/avg/max".
    """

    sent: int
    received: int
    ttl: int
    times: list[float]


def telegraf(lines: list[str]) -> Telegraf:
    sent, received, ttl, times = -1, -1, -1, [-1.0]
    for line in lines:
        if ttl == -1 and ("ttl=" in line or "hlim=" in line):
            found = re.search(r"(ttl|hlim)=(\d+)", line)
            assert found is not None
            ttl = int(found[2])
        elif "transmitted" in line and "received" in line:
            pieces = line.split(", ")
            sent, received = int(pieces[0].split(" ")[0]), int(pieces[1].split(" ")[0])
        elif "min/avg/max" in line:
            times = [float(each) for each in line.split(" ")[3].split("/")]
    return Telegraf(sent, received, ttl, times)


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
def test_telegraf(host: Target) -> None:
    assert telegraf(shown(host, 0)) == Telegraf(4, 4, 63, [1, 2.5, 4, 1.118])
    assert telegraf(shown(host, 2)) == Telegraf(4, 2, 63, [3, 3.5, 4, 0.5])
    assert telegraf(shown(host, 4)) == Telegraf(4, 0, -1, [-1])


LOSS = [
    r"\d+ packets transmitted, \d+ packets received, \+\d+ errors, (\d+)% packet loss",
    r"\d+ packets transmitted, \d+ packets received, \+\d+ duplicates, (\d+)% packet loss",
    r"\d+ packets transmitted, \d+ received, \+\d+ duplicates, (\d+)% packet loss",
    r"\d+ packets transmitted, \d+ packets received, (\d+)% packet loss",
    r"\d+ packets transmitted, \d+ packets received, (\d+)% loss, time",
    r"\d+ packets transmitted, \d+ received, (\d+)% loss, time",
    r"\d+ packets transmitted, \d+ received, (\d+)% packet loss, time",
    r"\d+ packets transmitted, \d+ received, \+\d+ errors, (\d+)% packet loss",
    r"\d+ packets transmitted \d+ received, \+\d+ errors, (\d+)% packet loss",
    r"[^(]+\((\d+)% [^)]+\)",
]
AVERAGE = [
    r"rtt min/avg/max/mdev = [\d.]+/([\d.]+)/[\d.]+/[\d.]+ ms",
    r"[^=]+ = [\d.]+ms, [^=]+ = [\d.]+ms, [^=]+ = ([\d.]+)ms",
]
"""The formats of sscanf in run_ping (monitoring-plugins, plugins/check_ping.c), as expressions;
those that begin with "round-trip", which is BSD's, are left out. The last that matches counts."""

CRITICAL = (
    "Network is unreachable", "Destination Net Unreachable", "No route",
    "Destination Host Unreachable", "Address unreachable", "Destination Port Unreachable",
    "Port unreachable", "Destination Protocol Unreachable", "Destination Net Prohibited",
    "Destination Host Prohibited", "Packet filtered", "Administratively prohibited",
    "unknown host", "Time to live exceeded", "Time exceeded", "Destination unreachable: ",
)  # fmt: skip
"""What error_scan, there, looks for in every line."""


def check_ping(lines: list[str]) -> tuple[int | None, float | None]:
    """Find the loss and the average, or raise for a line that is critical by itself."""
    loss, average = None, None
    for line in lines:
        if any(words in line for words in CRITICAL):
            raise RuntimeError(line)
        for pattern in LOSS:
            if (found := re.match(pattern, line)) is not None:
                loss = int(found[1])
        for pattern in AVERAGE:
            if (found := re.match(pattern, line)) is not None:
                average = float(found[1])
    return loss, average


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
def test_check_ping(host: Target) -> None:
    assert check_ping(shown(host, 0)) == (0, 2.5)
    assert check_ping(shown(host, 0, doubled=1)) == (0, 2.5)
    assert check_ping(shown(host, 2)) == (50, 3.5)
    assert check_ping(shown(host, 4)) == (100, None)
    with pytest.raises(RuntimeError, match="Destination Host Unreachable"):
        check_ping(shown(host, 0, refused=4))


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
@pytest.mark.parametrize("lost", [0, 2, 4])
def test_nothing_stands_behind_what_ping_says(host: Target, lost: int) -> None:
    """So that jc and pingparsing find it (C11).

    Of the last three lines jc looks at two, to know Linux's ping; pingparsing wants the line of
    times right behind that of packets, or an empty one.
    """
    title, packets, times = shown(host, lost)[-3:]
    assert title == f"--- {host.name} ping statistics ---"
    assert packets.startswith(f"4 packets transmitted, {4 - lost} received, ")
    assert times.startswith("rtt min/avg/max/mdev = ") if lost < 4 else times == ""


LOOKED_FOR = ("rtt", "loss", "ttl", "time=", "bytes", "packets", "received", "avg", "min/", "icmp")
"""What scripts have grep, awk and sed look for: ping -c5 H | grep loss | awk '{print $6}'."""


@pytest.mark.parametrize("lost", [0, 2, 4])
@pytest.mark.parametrize(("refused", "doubled"), [(0, 0), (1, 0), (0, 1)])
def test_what_ping_does_not_say_has_none_of_the_words_that_scripts_look_for(
    lost: int, refused: int, doubled: int
) -> None:
    lines = shown(HOSTS["IPv4"], lost, refused, doubled)
    of_ping = re.compile(r"PING |\d+ bytes from |From |--- |\d+ packets transmitted, |rtt min/")
    others = [line for line in lines if not of_ping.match(line)]
    assert others
    assert [line for line in others if any(word in line for word in LOOKED_FOR)] == []
