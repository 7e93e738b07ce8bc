"""ICMP that is sent to the server, which anyone can forge, costs it a bounded share of its time."""

from __future__ import annotations

import re
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.live.conftest import families
from tests.live.deadline import in_time
from tests.live.flood import Order, flooding
from tests.live.measured_server import TICK
from tests.live.netns import Namespace, Pair, why_not
from tests.live.witness import client, serving

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

PORT = 9007
SENDERS, RATE = 3, 27_000
"""Together 80,000 messages a second, of which busy cores let fewer arrive."""

LATE = 0.02
"""Seconds that a timer of 10 ms may be late, in the quarter of a flood's eight parts in which it
was late the least: 0.005 were seen on a machine with two busy loops beside it. What holds up the
reactor does so in each part."""


@families
def test_refusals_without_end_hold_up_no_timer_and_no_request(
    family: str, joined: Pair, tmp_path: Path
) -> None:
    """They say, of a client that is answered, that nobody listens at its port."""
    server, other = joined
    to = (getattr(server, family), PORT)
    with (
        serving(server, tmp_path, f"--listen=udp:{PORT}") as service,
        client(other, to) as ordinary,
        ExitStack() as stack,
    ):
        assert ordinary.is_served()
        host, port = ordinary.socket.getsockname()[:2]
        refusals = Order((host, port), to, 8, RATE, 60 * RATE, icmp=True)
        for _ in range(SENDERS):
            stack.enter_context(flooding(other, server, tmp_path, refusals))
        before, began = heard(server, family), time.monotonic()
        service.figures()
        gaps = []
        for _ in range(8):
            ordinary.ask_many(20)
            gaps.append(service.figures().worst_gap_ms)
        rate = (heard(server, family) - before) / (time.monotonic() - began)
        figures = service.stop()
    print(f"{rate=:.0f}/s {gaps=} {figures}")  # seen with pytest -s
    assert rate > 5000, "it was a flood"
    assert figures.received == figures.echoed == ordinary.asked == ordinary.answered
    in_time(sorted(gaps)[2] / 1000 - TICK, LATE)


def heard(at: Namespace, family: str) -> int:
    """Count the ICMP messages that a namespace has got that say "unreachable"."""
    name = {"ipv4": "snmp", "ipv6": "snmp6"}[family]
    text = at.do(lambda: Path("/proc/thread-self/net", name).read_text())
    if family == "ipv6":
        return int(re.findall(r"^Icmp6InDestUnreachs\s+(\d+)$", text, re.MULTILINE)[0])
    names, values = re.findall("^Icmp: (.*)$", text, re.MULTILINE)
    return int(dict(zip(names.split(), values.split(), strict=True))["InDestUnreachs"])
