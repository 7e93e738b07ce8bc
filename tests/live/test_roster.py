"""Targets that come and go on real sockets: who stays loses nothing, and nothing stays open."""
# mypy: disallow-untyped-decorators = False

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest
import pytest_twisted  # type: ignore[import-untyped]
from twisted.internet import reactor
from twisted.internet.task import deferLater

from udpecho import EchoServer, listen_udp
from udpecho.ping import Outcome, ProbeFate, Target, prepare
from udpecho.ping.ledger import Ledger

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's stamps are Linux's")

STAYS = "127.0.0.1"


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something, half a minute at most."""
    for _ in range(300):
        if holds():
            return
        await pause(0.1)
    raise AssertionError("it never came to be")


async def pause(seconds: float) -> None:
    await deferLater(reactor, seconds)


@pytest.mark.parametrize("connected", [False, True])
@pytest_twisted.ensureDeferred
async def test_who_stays_loses_no_probe_while_others_come_and_go(
    connected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty times other hosts, each forgotten when its probes are: the sockets, too."""
    monkeypatch.setattr("udpecho.ping.roster.RETIRED", 0)
    monkeypatch.setattr("udpecho.ping.run.Ledger", partial(Ledger, memory_ns=0))
    port = listen_udp(reactor, 0, EchoServer(), interface="0.0.0.0")
    number = port.getHost().port
    outcomes: list[Outcome] = []
    run = await prepare(
        reactor,
        [(STAYS, number)],
        count=None,
        interval=0.02,
        timeout=0.2,
        connected=connected,
        on_outcome=outcomes.append,
    )
    done = run.start()
    await pause(0.1)
    before = open_files()
    for turn in range(20):
        others = [
            Target(f"goes{turn}", (f"127.0.1.{turn}", number)) for turn in range(turn, turn + 5)
        ]
        for target in others:
            run.roster.add(target)
        await pause(0.05)
        for target in others:
            run.roster.retire(target)
    await until(lambda: len(run.roster._flows) == 2)
    assert open_files() == before + (1 if connected else 0), "as many are kept as there are others"
    run.stop()
    summary = await done
    await port.stopListening()
    kinds = Counter(outcome.kind for outcome in outcomes)
    assert summary.figures.sent == kinds.total()
    assert summary.figures.undecided == 0
    sequences = [each.sequence for each in outcomes if each.flow and each.flow.target == STAYS]
    assert sorted(filter(None, sequences)) == list(range(1, len(sequences) + 1))
    assert kinds[ProbeFate.REPLIED] + kinds[ProbeFate.LATE] == kinds.total(), "loopback loses none"
