"""A ping on a network in memory: what was done to the traffic is what it says."""

from __future__ import annotations

import asyncio
from collections import Counter
from errno import EMSGSIZE, EPERM, errorcode
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import DatagramProtocol
from twisted.python.failure import Failure

from udpecho.instrument.instrument import SocketOptions
from udpecho.instrument.probe import Probe, ProbeFate
from udpecho.instrument.reactor import ReactorInstrument
from udpecho.instrument.stamps import Clock
from udpecho.ping.figures import Summary
from udpecho.ping.outcome import Outcome, Surplus
from udpecho.ping.plan import Plan, Target
from udpecho.ping.run import BURST, Ping
from udpecho.port.listen import STOCK_PORT
from udpecho.server.server import EchoServer
from udpecho.testing.network import MemoryNetwork
from udpecho.testing.record import Fate, Fault

MS = 1_000_000
SERVER = ("192.0.2.1", 7)
NOWHERE = ("192.0.2.99", 7)


class Stopped(ReactorInstrument):
    """An instrument whose clock goes on while the process is stopped, and its reactor with it."""

    behind_ns = 0

    def now(self) -> int:
        return super().now() + self.behind_ns

    def wake_at(self, monotonic_ns: int) -> None:
        super().wake_at(monotonic_ns - self.behind_ns)


class Bench:
    """A network of one echo server and one host that pings."""

    def __init__(self, **link: Any) -> None:
        self.net = MemoryNetwork(seed=7)
        self.server = self.net.host(SERVER[0], "2001:db8::1", names=["echo.example"])
        self.host = self.net.host("192.0.2.2", "2001:db8::2", refusals="called")
        self.net.link(self.host, self.server, **{"delay": 0.01} | link)
        self.outcomes: list[Outcome] = []
        self.overdue: list[int] = []
        self.instrument = Stopped(self.host, SocketOptions())

    def serve(self, protocol: DatagramProtocol | None = None) -> Any:
        return self.server.listenUDP(7, protocol or EchoServer())

    def skip(self, ns: int) -> None:
        """Let time go by in which the process does not run."""
        self.instrument.behind_ns += ns

    def plan(self, **changes: Any) -> Plan:
        given: dict[str, Any] = {"targets": (Target("echo.example", SERVER),), "count": 5}
        return Plan(**given | {"interval_ns": 100 * MS} | changes)

    def ping(self, connected: bool = False, deadline_ns: int | None = None, **plan: Any) -> Ping:
        return Ping(
            self.instrument,
            self.plan(**plan),
            connected=connected,
            deadline_ns=deadline_ns,
            on_outcome=self.outcomes.append,
            on_overdue=lambda probe: self.overdue.append(probe.sequence),
        )

    def run(self, seconds: float = 60.0, **arguments: Any) -> Summary:
        return self.finish(self.ping(**arguments).start(), seconds)

    def finish(self, running: Deferred[Summary], seconds: float = 60.0) -> Summary:
        summaries: list[Summary] = []
        running.addCallback(summaries.append)
        self.net.advance(seconds)
        [summary] = summaries
        assert not self.host.getDelayedCalls(), "nothing is left to be done"
        return summary

    def fail(self, run: Ping) -> Failure:
        """Start a run that is to end with an error; return that."""
        errors: list[Failure] = []
        run.start().addErrback(errors.append)
        self.net.advance(60)
        [error] = errors
        assert not self.host.getDelayedCalls(), "nothing is left to be done"
        return error

    def kinds(self) -> list[ProbeFate | Surplus]:
        return [outcome.kind for outcome in self.outcomes]


@pytest.mark.parametrize("connected", [False, True])
def test_five_probes_five_replies(connected: bool) -> None:
    bench = Bench()
    bench.serve()
    summary = bench.run(connected=connected)
    assert bench.kinds() == [ProbeFate.REPLIED] * 5
    assert [outcome.sequence for outcome in bench.outcomes] == [1, 2, 3, 4, 5]
    figures = summary.figures
    assert (figures.sent, figures.replied, figures.loss) == (5, 5, 0.0)
    assert figures.rtt.min_ns == figures.rtt.max_ns == 20 * MS
    assert summary.clocks == {Clock.USER: 5}
    assert summary.schedule_error.max_ns == 0
    assert [d.sent for d in bench.net.record if d.source[0] == "192.0.2.2"] == pytest.approx(
        [0, 0.1, 0.2, 0.3, 0.4]
    )


def test_it_ends_when_the_last_reply_is_there_not_at_the_timeout() -> None:
    bench = Bench()
    bench.serve()
    assert bench.run().elapsed_ns == 430 * MS, "the reply, and 10 ms for a duplicate of it"


class FullBuffer(ReactorInstrument):
    """An instrument whose sockets tell what they had no room for, as long as they are open."""

    lost = 3

    def dropped(self) -> int:
        return self.lost

    def close(self) -> Deferred[None]:
        self.lost = 0
        return super().close()


def test_what_our_own_buffer_had_no_room_for_is_in_the_summary() -> None:
    bench = Bench()
    bench.serve()
    assert bench.run().dropped is None, "a reactor does not tell"
    run = Ping(FullBuffer(bench.host, SocketOptions()), bench.plan())
    done = run.start()
    assert run.summary().dropped == 3
    assert bench.finish(done).dropped == 3
    assert run.summary().dropped == 3


def test_at_full_loss_there_is_a_summary_too() -> None:
    summary = Bench(loss=1.0).run()
    assert (summary.figures.lost, summary.figures.loss) == (5, 1.0)
    assert summary.elapsed_ns == 1400 * MS, "the last probe's timeout"
    assert summary.figures.longest_loss_burst == 5


@pytest.mark.parametrize(
    ("stock", "connected", "refused"),
    [(False, False, 5), (False, True, 5), (True, False, 0), (True, True, 5)],
)
def test_a_refusal_is_the_probes_own(
    stock: bool, connected: bool, refused: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our port hears of it, connected or not; of Twisted's only a connected one."""
    monkeypatch.setenv(STOCK_PORT, str(int(stock)))
    bench = Bench()
    summary = bench.run(connected=connected)
    assert (summary.figures.refused, summary.figures.lost) == (refused, 5 - refused)
    assert {outcome.reason for outcome in bench.outcomes} == (
        {"ECONNREFUSED"} if refused else {None}
    )


def test_a_slow_reply_is_overdue_then_late() -> None:
    bench = Bench(delay=0.15)
    bench.serve()
    summary = bench.run(timeout_ns=150 * MS, count=3)
    assert bench.overdue == [1, 2]
    assert bench.kinds() == [ProbeFate.LATE, ProbeFate.LOST, ProbeFate.LOST], (
        "150 ms after the last it ended"
    )
    assert summary.figures.rtt.max_ns == 300 * MS


def test_flows_are_source_ports_in_turn() -> None:
    bench = Bench()
    bench.serve()
    summary = bench.run(flows=3, count=7)
    ports = [d.source[1] for d in bench.net.record if d.destination == SERVER]
    assert len(set(ports)) == 3
    assert set(ports[:3]) == set(ports[3:6]), "each in each round"
    [target] = summary.targets
    assert sorted(flow.figures.sent for flow in target.flows) == [2, 2, 3]
    assert {flow.port for flow in target.flows} == set(ports)


@pytest.mark.parametrize(("connected", "sockets"), [(False, 2), (True, 4)])
def test_hosts_share_a_socket_of_each_family_unless_connected(
    connected: bool, sockets: int
) -> None:
    bench = Bench()
    bench.serve()
    bench.server.listenUDP(7, EchoServer(), "2001:db8::1")
    targets = [("192.0.2.1", 7), ("192.0.2.1", 8), ("2001:db8::1", 7), ("2001:db8::1", 8)]
    plan: dict[str, Any] = {
        "targets": tuple(Target(f"{host} {port}", (host, port)) for host, port in targets)
    }
    summary = bench.run(connected=connected, **plan)
    sources = {d.source for d in bench.net.record if d.source[0].endswith("2")}
    assert len(sources) == sockets
    assert [target.figures.replied for target in summary.targets] == [5, 0, 5, 0]


def test_forgeries_and_strangers_are_counted_and_never_believed() -> None:
    bench = Bench(loss=1.0)
    running = bench.ping(count=1).start()
    bench.net.advance(0)
    [probe] = bench.net.record
    for source in (SERVER, NOWHERE):
        bench.net.forge(bytes(56), source=source, to=probe.source)
        bench.net.forge(b"", source=source, to=probe.source)
    summary = bench.finish(running)
    assert bench.kinds()[:4] == [Surplus.FORGED] * 2 + [Surplus.STRANGER] * 2
    assert (summary.figures.replied, summary.figures.forged, summary.strangers) == (0, 2, 2)


def test_the_right_bytes_from_another_address_are_a_strangers() -> None:
    bench = Bench(loss=1.0)
    running = bench.ping(count=1).start()
    bench.net.advance(0)
    [probe] = bench.net.record
    bench.net.forge(probe.data, source=NOWHERE, to=probe.source)
    assert bench.finish(running).strangers == 1


def test_a_deadline_is_the_end_and_what_it_cuts_off_is_no_loss() -> None:
    """A probe leaves only while its reply can still come (C14)."""
    bench = Bench()
    bench.serve()
    summary = bench.run(count=None, deadline_ns=250 * MS)
    assert summary.figures.sent == summary.figures.replied == 3
    assert summary.elapsed_ns <= 250 * MS
    bench = Bench(delay=0.03)
    bench.serve()
    summary = bench.run(count=None, deadline_ns=250 * MS)
    assert summary.figures.sent == summary.figures.replied == 2, "one at 200 ms would be cut off"


@pytest.mark.parametrize(("deadline_ms", "sent"), [(1000, 10), (50, 1), (5, 1)])
def test_a_deadline_waits_for_nobody(deadline_ms: int, sent: int) -> None:
    """Not for what -W would (C14: -w 1 -W 5 took 6 s)."""
    bench = Bench(loss=1.0)
    summary = bench.run(count=None, timeout_ns=5000 * MS, deadline_ns=deadline_ms * MS)
    assert (summary.figures.sent, summary.figures.lost) == (sent, sent)
    assert summary.elapsed_ns == deadline_ms * MS


def test_a_slow_host_is_asked_no_more_when_half_the_time_is_over() -> None:
    bench = Bench(delay=0.2)
    bench.serve()
    summary = bench.run(count=None, timeout_ns=5000 * MS, deadline_ns=1000 * MS)
    assert summary.figures.sent == summary.figures.received == 5


class Sleeper(EchoServer):
    """A server that hears nothing at first."""

    def __init__(self, ignored: int) -> None:
        super().__init__()
        self._ignored = ignored

    def datagramReceived(self, data: bytes, addr: Any) -> None:
        if self._ignored:
            self._ignored -= 1
        else:
            super().datagramReceived(data, addr)


def test_answers_are_waited_for() -> None:
    """Who wakes in time has answered; the run goes on until then, and no longer (C14)."""
    bench = Bench()
    bench.serve(Sleeper(ignored=6))
    summary = bench.run(count=None, answers=2, interval_ns=500 * MS, deadline_ns=8000 * MS)
    assert (summary.figures.sent, summary.figures.received, summary.figures.lost) == (8, 2, 6)
    assert 3500 * MS < summary.elapsed_ns < 3700 * MS


def test_each_host_is_waited_for_and_asked_no_more_when_it_has_answered() -> None:
    bench = Bench()
    bench.serve()
    other = ("192.0.2.1", 8)
    bench.server.listenUDP(8, Sleeper(ignored=3))
    targets = (Target("echo.example", SERVER), Target("sleeper", other))
    summary = bench.run(targets=targets, count=None, answers=2, deadline_ns=8000 * MS)
    figures = {target.name: target.figures for target in summary.targets}
    assert (figures["echo.example"].sent, figures["echo.example"].received) == (2, 2)
    assert (figures["sleeper"].sent, figures["sleeper"].received) == (5, 2)
    assert summary.elapsed_ns < 700 * MS


def test_answers_that_do_not_come_are_waited_for_until_the_deadline() -> None:
    bench = Bench(loss=1.0)
    summary = bench.run(count=None, answers=2, deadline_ns=2000 * MS)
    assert (summary.figures.sent, summary.figures.received) == (20, 0)
    assert summary.elapsed_ns == 2000 * MS


def test_a_refusal_is_no_answer_and_no_end() -> None:
    """As of a server that is being started anew; iputils' ping gives up at the first."""
    bench = Bench()
    running = bench.ping(count=None, answers=1, deadline_ns=8000 * MS).start()
    bench.net.advance(0.55)
    bench.serve()
    figures = bench.finish(running).figures
    assert (figures.sent, figures.refused, figures.received) == (7, 6, 1)


def test_stop_waits_for_what_can_still_be_expected() -> None:
    bench = Bench()
    bench.serve()
    run = bench.ping(count=None)
    running = run.start()
    bench.net.advance(0.201)
    assert run.summary().figures.undecided == 1
    run.stop()
    run.stop()
    summary = bench.finish(running)
    assert (summary.figures.sent, summary.figures.replied) == (3, 3)
    assert summary.elapsed_ns < 300 * MS


def test_stop_waits_for_nobody_where_all_have_answered() -> None:
    """However slow they were."""
    bench = Bench(delay=0.2)
    bench.serve()
    run = bench.ping(count=None, interval_ns=1000 * MS)
    running = run.start()
    bench.net.advance(0.9)
    run.stop()
    summary = bench.finish(running)
    assert (summary.figures.sent, summary.figures.replied) == (1, 1)
    assert summary.elapsed_ns < 950 * MS


def test_cancelling_ends_it_at_once() -> None:
    bench = Bench(loss=1.0)
    running = bench.ping(count=None).start()
    errors: list[Any] = []
    running.addErrback(errors.append)
    bench.net.advance(1)
    running.cancel()
    assert errors[0].check(CancelledError)
    assert bench.kinds() == [ProbeFate.LOST] * 11
    bench.net.advance(60)
    assert not bench.host.getDelayedCalls()


@pytest.mark.parametrize("error", [LookupError, asyncio.CancelledError, SystemExit])
def test_a_listener_that_raises_ends_the_run_with_its_error(error: type[BaseException]) -> None:
    bench = Bench()
    bench.serve()

    def stumble(outcome: Outcome) -> None:
        raise error("a listener's mistake")

    run = Ping(ReactorInstrument(bench.host, SocketOptions()), bench.plan(), on_outcome=stumble)
    assert bench.fail(run).check(error)


def test_a_listener_that_raises_for_what_is_overdue_ends_the_run_too() -> None:
    bench = Bench(loss=1.0)

    def stumble(probe: Probe) -> None:
        raise LookupError("a listener's mistake")

    run = Ping(ReactorInstrument(bench.host, SocketOptions()), bench.plan(), on_overdue=stumble)
    assert bench.fail(run).check(LookupError)


def test_after_its_end_nothing_more_is_sent_or_told() -> None:
    """Three probes are due together, each from a socket of its own, and none can go."""
    bench = Bench()
    bench.host.fail_sends(EPERM, times=3)
    told: list[ProbeFate | Surplus] = []

    def stumble(outcome: Outcome) -> None:
        told.append(outcome.kind)
        raise LookupError("a listener's mistake")

    targets = tuple(Target(f"h{n}", (SERVER[0], n)) for n in (7, 8, 9))
    plan = bench.plan(targets=targets, interval_ns=MS)
    instrument = ReactorInstrument(bench.host, SocketOptions())
    run = Ping(instrument, plan, connected=True, on_outcome=stumble)
    assert bench.fail(run).check(LookupError)
    assert told == [ProbeFate.REFUSED]
    assert run.summary().figures.sent == 1


def test_a_schedule_that_fell_far_behind_starts_anew() -> None:
    """The machine slept for an hour: 36,000 probes are not sent at once."""
    bench = Bench()
    bench.serve()
    run = bench.ping(count=None)
    running = run.start()
    bench.net.advance(0.05)
    bench.skip(3_600_000 * MS)
    bench.net.advance(0.05)
    run.stop()
    summary = bench.finish(running)
    assert summary.figures.sent == 2
    assert summary.held_ns == pytest.approx(3_600_000 * MS, rel=1e-4)


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_run_that_was_held_up_until_its_end_says_so(interrupted: bool) -> None:
    """It was stopped (SIGSTOP), and goes on when its time is over, or to be interrupted."""
    bench = Bench()
    bench.serve()
    run = bench.ping(count=None, deadline_ns=30_000 * MS)
    running = run.start()
    bench.net.advance(0.05)
    bench.skip(20_000 * MS if interrupted else 3_600_000 * MS)
    if interrupted:
        run.stop()
    summary = bench.finish(running)
    assert summary.figures.sent == 1
    held = 19_950 * MS if interrupted else 29_900 * MS
    assert summary.held_ns == pytest.approx(held, rel=1e-3)


def test_a_run_that_nothing_held_up_says_that() -> None:
    bench = Bench()
    bench.serve()
    run = bench.ping()
    running = run.start()
    assert run.summary().held_ns == 0
    assert bench.finish(running).held_ns == 0


def test_a_late_probe_does_not_delay_the_next() -> None:
    """The process was busy for 250 ms: what was due meanwhile goes at once, the rest in time."""
    bench = Bench()
    bench.serve()
    run = bench.ping(count=5)
    running = run.start()
    bench.net.advance(0.05)
    bench.skip(250 * MS)
    summary = bench.finish(running)
    sent = [d.sent for d in bench.net.record if d.source[0] == "192.0.2.2"]
    assert sent == pytest.approx([0, 0.1, 0.1, 0.1, 0.15])
    assert summary.schedule_error.max_ns == pytest.approx(250 * MS, rel=0.001)


def test_what_is_due_after_a_pause_does_not_all_leave_in_one_turn() -> None:
    """Replies must be read, too: of 500 probes that are due, a turn sends 64."""
    bench = Bench()
    bench.serve()
    run = bench.ping(count=None, interval_ns=MS)
    running = run.start()
    bench.skip(500 * MS)
    run.due()
    assert run.glance().sent == BURST
    run.stop()
    bench.finish(running)


@pytest.mark.parametrize("stock", [False, True])
@pytest.mark.parametrize("error", [EPERM, EMSGSIZE])
def test_what_the_kernel_will_not_send_is_refused_by_name(
    error: int, stock: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(STOCK_PORT, str(int(stock)))
    bench = Bench()
    bench.serve()
    bench.host.fail_sends(error, times=3)
    figures = bench.run().figures
    assert (figures.sent, figures.refused, figures.replied) == (5, 3, 2)
    refused = bench.outcomes[:3]
    assert {(outcome.reason, outcome.peer) for outcome in refused} == {(errorcode[error], None)}


def test_of_probes_that_are_due_at_once_each_that_will_not_go_is_refused() -> None:
    """From our port the first leaves when it is written, the others when the turn ends."""
    bench = Bench()
    bench.serve()
    bench.host.fail_sends(EPERM, times=3)
    hosts = tuple(Target(f"host{number}", SERVER) for number in range(4))
    figures = bench.run(targets=hosts, interval_ns=10 * MS, count=1).figures
    assert (figures.sent, figures.refused, figures.replied) == (4, 3, 1)
    assert [outcome.reason for outcome in bench.outcomes] == ["EPERM"] * 3 + [None]


def peers(number: int) -> tuple[Target, ...]:
    """Targets that are probed at one time, and all answer."""
    return tuple(Target(f"host{each}", (SERVER[0], 7 + each)) for each in range(number))


def together(**changes: Any) -> dict[str, Any]:
    """Plan a run that probes three of four flows at one time."""
    return {"targets": peers(3), "flows": 4, "at_once": 3, "interval_ns": MS} | changes


@pytest.mark.parametrize("connected", [False, True])
def test_probes_of_several_flows_leave_peer_by_peer(
    connected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that who answers is woken once for all."""
    monkeypatch.setenv(STOCK_PORT, "1")  # ours sends at the end of a turn, by the sockets
    bench = Bench()
    for target in peers(3):
        bench.server.listenUDP(target.peer[1], EchoServer())
    heard: list[list[Probe]] = []
    run = bench.ping(connected, **together(count=8))
    run.listen(on_sent=lambda probes: heard.append(list(probes)))
    summary = bench.finish(run.start())
    assert (summary.figures.sent, summary.figures.replied) == (24, 24)
    leaving = [d for d in bench.net.record if d.source[0] == "192.0.2.2"]
    times = [
        [(port, len({d.source for d in each})) for port, each in groupby(found, _to_port)]
        for _, found in groupby(leaving, lambda d: d.sent)
    ]
    assert times == [[(7, 3), (8, 3), (9, 3)]] * 2 + [[(7, 2), (8, 2), (9, 2)]]
    sequences = [probe.sequence for probes in heard for probe in probes]
    assert sorted(sequences) == sorted([*range(1, 9)] * 3)
    for target in peers(3):
        mine = [probe for probes in heard for probe in probes if probe.flow.peer == target.peer]
        assert [probe.sequence for probe in mine] == list(range(1, 9))


class Asking:
    """A guest with a turn at a time."""

    def __init__(self, at_ns: int | None) -> None:
        self.at_ns = at_ns

    def next_ns(self, now_ns: int) -> int | None:
        return self.at_ns

    def turn(self, now_ns: int) -> None:
        """Ask nothing."""

    def awaits(self, now_ns: int) -> bool:
        return False


def test_a_guest_whose_turn_it_is_and_the_end_want_to_hear_what_came() -> None:
    """An instrument that rests would have them wait."""
    bench = Bench()
    bench.serve()
    run = bench.ping(count=None)
    running = run.start()
    bench.net.advance(0.05)
    assert not run.due()
    asking: Any = Asking(None)
    run.listen(guest=asking)
    assert not run.due()
    asking.at_ns = bench.instrument.now() + 1
    assert not run.due()
    asking.at_ns = bench.instrument.now()
    assert run.due()
    run.stop()
    assert run.due()
    bench.finish(running)


def _to_port(datagram: Any) -> int:
    return int(datagram.destination[1])


def test_of_several_flows_each_probe_that_will_not_go_is_refused() -> None:
    bench = Bench()
    bench.serve()
    bench.host.fail_sends(EPERM, times=2)
    figures = bench.run(**together(targets=peers(1), count=3)).figures
    assert (figures.sent, figures.refused, figures.replied) == (3, 2, 1)
    assert [outcome.reason for outcome in bench.outcomes] == ["EPERM"] * 2 + [None]


def test_who_ends_a_run_by_what_was_sent_has_all_that_was_sent_counted() -> None:
    bench = Bench()
    run = bench.ping(**together(count=8))
    running = run.start()
    errors: list[Any] = []
    running.addErrback(errors.append)
    run.listen(on_sent=lambda _: running.cancel())
    bench.net.advance(1)
    assert errors[0].check(CancelledError)
    sent = [d for d in bench.net.record if d.source[0] == "192.0.2.2"]
    figures = run.summary().figures
    assert (len(sent), figures.sent, len(bench.outcomes)) == (9, 9, 9)


@pytest.mark.slow
@given(
    st.fixed_dictionaries(
        {
            "loss": st.sampled_from([0.0, 0.1, 0.5]),
            "duplicate": st.sampled_from([0.0, 0.3]),
            "reorder": st.sampled_from([0.0, 0.3]),
            "corrupt": st.sampled_from([0.0, 0.2]),
            "jitter": st.sampled_from([0.0, 0.05]),
        }
    ),
    st.integers(1, 4),
)
def test_the_counts_are_what_the_network_did(faults: dict[str, Any], flows: int) -> None:
    """Against the network's own record: of the way back, where copies are counted too."""
    bench = Bench()
    bench.serve()
    bench.net.link(bench.server, bench.host, one_way=True, delay=0.01, **faults)
    summary = bench.run(count=40, flows=flows, interval_ns=5 * MS)
    figures = summary.figures
    back = [d for d in bench.net.record if d.source == SERVER and d.fate is Fate.DELIVERED]
    first: dict[bytes, Any] = {}
    probes = {d.data: d for d in bench.net.record if d.destination == SERVER}
    copies = Counter(_original(d.data, probes) for d in back)
    for datagram in sorted(back, key=lambda d: d.ended or 0):
        first.setdefault(_original(datagram.data, probes), datagram)
    damaged = sum(Fault.CORRUPTED in d.faults for d in first.values())
    assert figures.sent == 40
    assert figures.undecided == 0
    assert figures.lost == 40 - len(first)
    assert figures.corrupt == damaged
    assert figures.replied == len(first) - damaged
    assert figures.duplicates == copies.total() - len(first)
    assert figures.forged == summary.strangers == figures.late == 0


def _original(data: bytes, probes: dict[bytes, Any]) -> bytes:
    """Find the probe that a datagram was before a bit of it was flipped."""
    value = int.from_bytes(data, "big")
    return min(probes, key=lambda probe: (int.from_bytes(probe, "big") ^ value).bit_count())


def test_an_interrupted_run_waits_for_replies_that_take_twice_as_long() -> None:
    """As the slowest so far: the network may have become slower since."""
    bench = Bench(delay=0.05)
    bench.serve()
    run = bench.ping(count=None, interval_ns=50 * MS)
    done = run.start()
    bench.net.advance(0.12)
    bench.net.link(bench.host, bench.server, delay=0.09)
    bench.net.advance(0.05)
    run.stop()
    figures = bench.finish(done).figures
    assert (figures.received, figures.lost) == (figures.sent, 0)


def test_an_interrupt_never_makes_a_run_longer() -> None:
    """Its count is over, one reply is missing: it ends with the timeout, stopped or not.

    The one reply took so long that twice its time would be later.
    """
    bench = Bench(delay=0.2)
    bench.serve()
    run = bench.ping(count=2, interval_ns=100 * MS, timeout_ns=1000 * MS)
    done = run.start()
    bench.net.advance(0.05)
    bench.net.link(bench.host, bench.server, loss=1.0)
    bench.net.advance(0.1)
    bench.net.link(bench.host, bench.server, delay=0.2)
    bench.net.advance(0.85)
    run.stop()
    summary = bench.finish(done)
    assert (summary.figures.received, summary.figures.lost) == (1, 1)
    assert summary.elapsed_ns < 1150 * MS


def test_with_nothing_outstanding_a_deadline_ends_it_at_once() -> None:
    bench = Bench(delay=0.01)
    bench.serve()
    summary = bench.run(count=None, interval_ns=1000 * MS, deadline_ns=1500 * MS)
    assert summary.figures.sent == 2
    assert summary.elapsed_ns < 1600 * MS
