"""An instrument may rest: what comes meanwhile waits, and is told with the time when it came."""

from __future__ import annotations

import select
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import pytest

from tests.live.conftest import bound
from tests.live.test_instrument import Reactor
from udpecho.instrument import kernel
from udpecho.instrument.hearing import MOST_UNREAD
from udpecho.instrument.instrument import ProbeSocket, SocketOptions
from udpecho.instrument.lookout import LEAST_REST_NS, Lookout
from udpecho.instrument.probe import Arrival, Flow, Probe
from udpecho.instrument.stamps import Clock, Stamp, round_trip
from udpecho.refusal import Refusal

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it is Linux's epoll")

HOUR = 3_600_000_000_000
PATIENCE = 30.0


def is_readable(fd: int, seconds: float = 0.0) -> bool:
    return bool(select.select([fd], [], [], seconds)[0])


def test_it_looks_away_while_it_rests_and_still_wakes_when_it_was_asked_to() -> None:
    with ExitStack() as stack:
        skt = stack.enter_context(bound())
        lookout = Lookout(HOUR)
        stack.callback(lookout.close)
        lookout.add(skt.fileno())
        skt.sendto(b"here", skt.getsockname())
        assert is_readable(lookout.fileno(), PATIENCE)
        now_ns = time.monotonic_ns()
        lookout.rest(now_ns)
        lookout.rest(now_ns)
        assert lookout.rests(now_ns)
        assert not lookout.rests(now_ns + HOUR)
        lookout.wake_at(now_ns)
        assert not lookout.rests(now_ns), "or whoever waits for it to look would be woken in vain"
        lookout.wake_at(now_ns + HOUR)
        assert not is_readable(lookout.fileno())
        assert lookout.look() == [skt.fileno()], "it may look all the same"
        lookout.go_on()
        assert is_readable(lookout.fileno(), PATIENCE)
        assert not lookout.rests(now_ns), "or it would be woken in vain"
        lookout.wake_at(now_ns + HOUR)
        assert is_readable(lookout.fileno(), PATIENCE), "until it has looked, and rests again"
        lookout.rest(now_ns)
        assert not is_readable(lookout.fileno())
        lookout.wake_at(now_ns)
        assert is_readable(lookout.fileno(), PATIENCE)
        assert lookout.is_due(now_ns)
        assert not lookout.is_due(now_ns)
        lookout.settle()
        assert not is_readable(lookout.fileno()), "it was due once"
        lookout.wake_at(now_ns + HOUR)
        lookout.wake()
        lookout.wake()
        assert is_readable(lookout.fileno(), PATIENCE), "of what had come"
        lookout.remove(skt.fileno())
        assert not is_readable(lookout.fileno())


def test_a_rest_is_short_after_one_in_which_too_much_came() -> None:
    lookout = Lookout(100 * LEAST_REST_NS)
    lookout.rest(0)
    assert lookout.rests(100 * LEAST_REST_NS - 1)
    lasted = []
    for calm in (False, False, False, True, True, *[True] * 10):
        lookout.rest(0, calm)
        lasted.append(lookout._rests_until_ns)
    lookout.close()
    assert lasted[:5] == [LEAST_REST_NS * each for each in (12.5, 1.5625, 1, 2, 4)]
    assert lasted[-1] == 100 * LEAST_REST_NS


def test_the_end_of_a_rest_wakes() -> None:
    lookout = Lookout(1)
    lookout.rest(time.monotonic_ns())
    assert is_readable(lookout.fileno(), PATIENCE)
    lookout.close()
    assert lookout.fileno() == -1
    assert lookout.look() == []


class Hearing:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.came_at: list[tuple[int | None, Stamp]] = []
        self.caught_up_times = 0
        self.wants = False

    def due(self) -> bool:
        """Send nothing."""
        return self.wants

    def came(self, _: ProbeSocket, arrivals: Sequence[Arrival], stamp: Stamp) -> None:
        self.came_at += [(arrived_ns, stamp) for _, _, arrived_ns, _, _ in arrivals]

    def refused(self, refusal: Refusal) -> None:
        raise AssertionError(refusal)

    def caught_up(self) -> None:
        self.caught_up_times += 1


def test_a_reply_that_waited_has_the_round_trip_that_it_had(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernel, "STAMPS_BEGIN_NS", 0)
    reactor: Any = Reactor()
    hearing = Hearing()
    with ExitStack() as stack:
        skt = stack.enter_context(bound())
        skt.settimeout(PATIENCE)
        options = SocketOptions(source="127.0.0.1")
        made = kernel.KernelInstrument(reactor, options, size=4, rest_ns=HOUR)
        stack.callback(made.close)
        opened = made.open(skt.getsockname(), connected=False)
        opened.expect(skt.getsockname())
        made.start(hearing)
        flow = Flow("here", skt.getsockname(), opened.port)

        def ask() -> Probe:
            now = made.stamp()
            probe = Probe(1, 1, flow, b"", now)
            assert opened.send([probe], [b"ping"]) == []
            skt.sendto(*skt.recvfrom(16))
            return probe

        until = time.monotonic() + PATIENCE
        ask()
        while not made._lookout.rests(time.monotonic_ns()) and time.monotonic() < until:
            if is_readable(made.fileno(), 1):
                made.doRead()
            ask()  # until the kernel has stamped one that left
        had = len(hearing.came_at)
        probe = ask()
        made.wake_at(0)
        made.doRead()
        assert len(hearing.came_at) == had, "it rests, though something is due"
        hearing.wants = True
        made.wake_at(0)
        made.doRead()
        assert len(hearing.came_at) > had, "unless it is wanted"
        hearing.wants = False
        made.wake_at(0)
        made.doRead()
        had = len(hearing.came_at)
        for _ in range(MOST_UNREAD):
            ask()
        made.wake_at(0)
        made.doRead()
        assert is_readable(made.fileno()), "nor does it wait when so much was sent"
        made.doRead()
        assert len(hearing.came_at) == had + MOST_UNREAD
        made.doRead()
        assert not made._lookout.rests(time.monotonic_ns()), "of which more may come at once"
        ask()
        made.doRead()
        assert made._lookout.rests(time.monotonic_ns())
        had = len(hearing.came_at)
        probe = ask()
        time.sleep(0.2)
        later = time.monotonic_ns() + 2 * HOUR
        monkeypatch.setattr(kernel, "monotonic_ns", lambda: later)
        caught_up = hearing.caught_up_times
        made.doRead()
        assert hearing.caught_up_times == caught_up + 1
        arrived_ns, came = hearing.came_at[-1]
        rtt_ns, clock = round_trip(probe.sent, came, probe.departed_ns, arrived_ns)
        assert clock is Clock.KERNEL
        assert rtt_ns + 199_000_000 < came.monotonic_ns - probe.sent.monotonic_ns
        assert len(hearing.came_at) > had


@pytest.mark.parametrize("stamps", [False, True])
def test_a_reading_of_a_moment_ago_serves_where_the_kernel_stamps(stamps: bool) -> None:
    reactor: Any = Reactor()
    with ExitStack() as stack:
        skt = stack.enter_context(bound())
        options = SocketOptions(source="127.0.0.1")
        made = kernel.KernelInstrument(reactor, options, size=4, stamps=stamps)
        stack.callback(made.close)
        opened: Any = made.open(skt.getsockname(), connected=False)
        opened.expect(skt.getsockname())
        flow, ago = Flow("here", skt.getsockname(), opened.port), Stamp(1, 1)
        until = time.monotonic() + PATIENCE
        while True:
            probe = Probe(1, 1, flow, b"", ago)
            assert opened.send_alone(probe, b"ping", ago) is None
            if not stamps or probe.sent is ago or time.monotonic() > until:
                break
            opened.notices(8)  # of what the kernel stamps
        assert (probe.sent is ago) is stamps


def test_who_stamps_nothing_never_rests() -> None:
    reactor: Any = Reactor()
    with ExitStack() as stack:
        skt = stack.enter_context(bound())
        options = SocketOptions(source="127.0.0.1")
        made = kernel.KernelInstrument(reactor, options, size=4, stamps=False, rest_ns=1)
        stack.callback(made.close)
        opened = made.open(skt.getsockname(), connected=False)
        made.start(Hearing())
        for _ in range(3):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
                asker.sendto(b"here", ("127.0.0.1", opened.port))
            assert is_readable(made.fileno(), PATIENCE)
            made.doRead()
            assert not made._lookout.rests(time.monotonic_ns())
