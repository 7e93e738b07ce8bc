"""ICMP, which anyone can forge, costs server and clients a bounded share of their time."""

from __future__ import annotations

import json
import re
import signal
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.live.conftest import families
from tests.live.deadline import in_time
from tests.live.flood import Order, flooding
from tests.live.measured_server import TICK
from tests.live.netns import Namespace, Pair, why_not
from tests.live.program import PATIENCE, Program, python
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
@pytest.mark.parametrize("options", [[], ["--tell-paths"]], ids=["", "told"])
def test_refusals_without_end_hold_up_no_timer_and_no_request(
    options: list[str], family: str, joined: Pair, tmp_path: Path
) -> None:
    """They say, of a client that is answered, that nobody listens at its port.

    Whether the server listens to them, to tell where replies die, or not.
    """
    server, other = joined
    to = (getattr(server, family), PORT)
    with (
        serving(server, tmp_path, f"--listen=udp:{PORT}", *options) as service,
        client(other, to) as ordinary,
        ExitStack() as stack,
    ):
        assert ordinary.is_served()
        host, port = ordinary.socket.getsockname()[:2]
        refusals = Order((host, port), to, 64, RATE, 60 * RATE, icmp=True)
        for _ in range(SENDERS):
            stack.enter_context(flooding(other, server, tmp_path, refusals))
        before, began = heard(server, family), time.monotonic()
        service.figures()
        gaps = []
        for _ in range(8):
            ordinary.ask_many(20)
            figures = service.figures()
            gaps.append(figures.worst_gap_ms)
        assert figures.dropped == 0
        rate = (heard(server, family) - before) / (time.monotonic() - began)
        figures = service.stop()
    print(f"{rate=:.0f}/s {gaps=} {figures}")  # seen with pytest -s
    assert rate > 5000, "it was a flood"
    assert (figures.died > 5000) == bool(options)
    assert figures.received == figures.echoed == ordinary.asked == ordinary.answered
    in_time(sorted(gaps)[2] / 1000 - TICK, LATE)


@families
@pytest.mark.parametrize("kind", ["matching", "connected", "anyone"])
def test_refusals_without_end_hold_up_no_timer_and_fail_no_request_of_a_client(
    kind: str, family: str, joined: Pair, tmp_path: Path
) -> None:
    """They say, of what was never sent, that nobody listens where the client asks."""
    here, there = joined
    to, source = getattr(here, family), (getattr(there, family), PORT)
    with ExitStack() as stack:
        stack.enter_context(serving(there, tmp_path, f"--listen=udp:{PORT}", "--rate=0"))
        asker = python("-m", "tests.live.measured_client", kind, source[0], str(PORT))
        command = here.command("nice", "-n", "-20", *asker)  # as of a measured server
        client = stack.enter_context(Program(command, tmp_path))
        port = int(client.wait_for(r"asks from (\d+)")[1])
        refusals = Order(source, (to, port), 8, RATE, 60 * RATE, icmp=True)
        for _ in range(SENDERS):
            stack.enter_context(flooding(there, here, tmp_path, refusals))
        before, began = heard(here, family), time.monotonic()
        client.signal(signal.SIGUSR1)
        figures = json.loads(client.wait_for(r"^\{.*\}$", 3 * PATIENCE)[0])
        rate = (heard(here, family) - before) / (time.monotonic() - began)
        assert client.wait() == 0
        assert "Traceback" not in client.output + client.errors
    print(f"{rate=:.0f}/s {figures}")  # seen with pytest -s
    assert rate > 5000, "it was a flood"
    assert list(figures["ended"]) == ["replied"]
    assert figures["counters"]["replied"] == figures["ended"]["replied"] > 100
    in_time(sorted(figures["gaps"])[2] - TICK, LATE)


def heard(at: Namespace, family: str) -> int:
    """Count the ICMP messages that a namespace has got that say "unreachable"."""
    name = {"ipv4": "snmp", "ipv6": "snmp6"}[family]
    text = at.do(lambda: Path("/proc/thread-self/net", name).read_text())
    if family == "ipv6":
        return int(re.findall(r"^Icmp6InDestUnreachs\s+(\d+)$", text, re.MULTILINE)[0])
    names, values = re.findall("^Icmp: (.*)$", text, re.MULTILINE)
    return int(dict(zip(names.split(), values.split(), strict=True))["InDestUnreachs"])
