"""The ping, for programs: what is asked of it, and what it is told."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from tests.ping.test_run import SERVER, Bench
from udpecho.errors import BadAddress, ResolveFailed, UdpEchoError
from udpecho.instrument.probe import ProbeFate
from udpecho.instrument.stamps import Clock
from udpecho.names import NamedHost
from udpecho.peer import Peer
from udpecho.ping.figures import Summary
from udpecho.ping.preparing import ping, prepare
from udpecho.ping.stream import UNREAD, FellBehind
from udpecho.server.server import EchoServer

NOBODY = ("nobody.example", 7)


class TestLibrary:
    """await ping(...), and the iteration."""

    def complete(self, bench: Bench, work: Any, seconds: float = 60.0) -> Any:
        results: list[Any] = []
        Deferred.fromCoroutine(work).addBoth(results.append)
        bench.net.advance(seconds)
        [result] = results
        return result

    def test_ping_resolves_probes_and_returns_a_summary(self) -> None:
        bench = Bench()
        bench.serve()
        summary = self.complete(
            bench, ping(bench.host, [("echo.example", 7)], count=2, interval=0.1, ipv6=False)
        )
        assert summary.figures.replied == 2
        assert (summary.targets[0].name, summary.targets[0].peer) == ("echo.example", SERVER)

    @pytest.mark.parametrize(
        ("target", "error"),
        [(("nobody.example", 7), ResolveFailed), (("192.0.2.1", 0), BadAddress)],
    )
    def test_a_host_without_an_address_is_an_error(
        self, target: Peer, error: type[Exception]
    ) -> None:
        bench = Bench()
        assert self.complete(bench, ping(bench.host, [SERVER, target])).check(error)

    @pytest.mark.parametrize(
        ("option", "values"),
        [
            ("interval", [0, -1, math.nan, math.inf, 1e300]),
            ("timeout", [0, -1, math.nan, math.inf, 1e300]),
            ("deadline", [0, -1, math.nan, math.inf, 1e300]),
            ("ttl", [0, -1, 256]),
            ("dscp", [-1, 64]),
            ("tos", [-1, 256]),
            ("mtu_discovery", ["maybe", ""]),
            ("source_ports", [[0], [65536], [7, 7]]),
            ("clock", ["nobody's", None]),
            ("source", ["localhost", ""]),
        ],
    )
    def test_an_option_that_cannot_be_is_named(self, option: str, values: list[Any]) -> None:
        """Some were taken for others: a DSCP of 64 for 0, a deadline of 0 for nothing to do."""
        bench = Bench()
        for value in values:
            work: Any = prepare(bench.host, [SERVER], **{option: value})
            failure = self.complete(bench, work)
            assert failure.check(ValueError)
            assert failure.getErrorMessage().startswith(f"{option}: expected ")

    def test_dscp_is_a_part_of_tos(self) -> None:
        """A host in memory has neither to set: that is told after what can't be at all."""
        bench = Bench()
        both = self.complete(bench, prepare(bench.host, [SERVER], dscp=46, tos=0xB8))
        assert both.getErrorMessage() == "expected dscp or tos, got both"

    def test_flows_have_the_source_ports_that_are_said(self) -> None:
        bench = Bench()
        bench.serve()
        ports = [40000, 40001, 40002]
        asked = ping(bench.host, [SERVER], count=6, interval=0.1, source_ports=ports)
        summary = self.complete(bench, asked)
        assert sorted(flow.port for flow in summary.targets[0].flows) == ports
        sent = Counter(d.source[1] for d in bench.net.record if d.source[0] == "192.0.2.2")
        assert sent == dict.fromkeys(ports, 2)

    def test_there_are_as_many_source_ports_as_flows(self) -> None:
        bench = Bench()
        asked = prepare(bench.host, [SERVER], flows=3, source_ports=[40000])
        failure = self.complete(bench, asked)
        assert failure.getErrorMessage() == "source_ports: expected as many as flows, 3, got 1"

    def test_a_source_port_that_is_taken_is_named(self) -> None:
        bench = Bench()
        bench.host.listenUDP(40000, EchoServer())
        asked = ping(bench.host, [SERVER], source_ports=[40000])
        failure = self.complete(bench, asked)
        assert failure.check(OSError)
        assert "source port 40000: " in failure.getErrorMessage()

    def test_a_host_may_have_a_name_of_its_own(self) -> None:
        bench = Bench()
        bench.serve()
        address, port = SERVER
        hosts: list[NamedHost] = [
            SERVER,
            (address, port, "the same"),
            ("echo.example", port, "echo.example:7"),
        ]
        summary = self.complete(bench, ping(bench.host, hosts, count=1))
        assert [(target.name, target.peer) for target in summary.targets] == [
            (SERVER[0], SERVER),
            ("the same", SERVER),
            ("echo.example:7", SERVER),
        ]

    def test_a_run_starts_once(self) -> None:
        bench = Bench()
        bench.serve()
        run = self.complete(bench, prepare(bench.host, [SERVER], count=2, interval=0.1), 0)
        run.start()
        for _ in range(2):
            with pytest.raises(RuntimeError, match="starts once"):
                run.start()
            bench.net.advance(10)
        assert run.summary().figures.replied == 2

    def test_each_outcome_can_be_iterated_over(self) -> None:
        bench = Bench()
        bench.serve()

        async def watch() -> list[int | None]:
            run = await prepare(bench.host, [SERVER], count=3, interval=0.1)
            return [outcome.sequence async for outcome in run]

        assert self.complete(bench, watch()) == [1, 2, 3]

    def test_leaving_the_loop_ends_the_run(self) -> None:
        bench = Bench()
        bench.serve()

        async def watch() -> int:
            run = await prepare(bench.host, [SERVER], count=None, interval=0.1)
            outcomes = run.__aiter__()
            async for _ in outcomes:
                break
            await outcomes.aclose()
            return run.summary().figures.sent

        assert self.complete(bench, watch()) == 1
        assert not bench.host.getDelayedCalls()

    def test_a_loop_that_is_too_slow_is_told_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("udpecho.ping.stream.UNREAD", 3)
        assert UNREAD > 3
        bench = Bench()
        bench.serve()

        async def dawdle() -> None:
            run = await prepare(bench.host, [SERVER], count=20, interval=0.1)
            async for _ in run:
                pause: Deferred[None] = Deferred()
                bench.host.callLater(10, pause.callback, None)
                await pause

        assert self.complete(bench, dawdle(), 200).check(FellBehind)

    def test_names_that_do_not_resolve_are_told_and_left_out(self) -> None:
        bench = Bench()
        bench.serve()
        told: list[UdpEchoError] = []
        asked = ping(bench.host, [NOBODY, SERVER], count=2, on_unresolved=told.append)
        summary = self.complete(bench, asked)
        assert [target.peer for target in summary.targets] == [SERVER]
        assert summary.figures.replied == 2
        assert [str(error) for error in told] == ["no address found for 'nobody.example'"]

    def test_with_nobody_left_there_is_nothing_to_ping(self) -> None:
        bench = Bench()
        told: list[UdpEchoError] = []
        error = self.complete(bench, ping(bench.host, [NOBODY], on_unresolved=told.append))
        assert error.check(ResolveFailed)
        assert (error.getErrorMessage(), len(told)) == ("no host to ping", 1)

    def test_a_deadline_ends_it(self) -> None:
        bench = Bench()
        bench.serve()
        asked = prepare(bench.host, [SERVER], count=None, interval=1.0, deadline=2.5)
        run = self.complete(bench, asked)
        assert bench.finish(run.start(), 10).figures.sent == 3

    def test_with_a_deadline_the_count_is_of_answers(self) -> None:
        bench = Bench(loss=1.0)
        asked = ping(bench.host, [SERVER], count=2, interval=1.0, deadline=5.0)
        assert self.complete(bench, asked).figures.sent == 5

    def test_who_listens_hears_of_what_is_overdue_and_what_became_of_it(self) -> None:
        bench = Bench(delay=0.3)
        bench.serve()
        overdue: list[int] = []
        fates: list[object] = []
        asked = ping(
            bench.host,
            [SERVER],
            count=2,
            interval=1.0,
            timeout=0.2,
            on_overdue=lambda probe: overdue.append(probe.sequence),
            on_outcome=lambda outcome: fates.append(outcome.kind),
        )
        summary: Summary = self.complete(bench, asked)
        assert overdue == [1]
        assert fates == [ProbeFate.LATE, ProbeFate.LOST]
        assert (summary.figures.late, summary.figures.lost) == (1, 1)

    def test_the_clock_may_be_the_process_s(self) -> None:
        bench = Bench()
        bench.serve()
        summary = self.complete(bench, ping(bench.host, [SERVER], count=1, clock="user"))
        assert summary.clocks == {Clock.USER: 1}

    def test_a_misspelt_option_is_an_error(self) -> None:
        with pytest.raises(TypeError, match="windw"):
            ping(Bench().host, [SERVER], windw=3).close()  # type: ignore[call-arg]
