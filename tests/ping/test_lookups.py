"""The hosts of a ping, by name: what is known starts at once, what fails is tried again."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IResolutionReceiver,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.ping.test_run import MS, SERVER, Bench
from udpecho.errors import BadAddress, ResolveFailed, UdpEchoError
from udpecho.peer import is_ipv6
from udpecho.ping.inquiries import ANSWER_SECONDS, AT_ONCE, QUICK_SECONDS
from udpecho.ping.lookups import Lookups
from udpecho.ping.outcome import Naming, Readdressed, Unresolved
from udpecho.ping.plan import Plan
from udpecho.ping.preparing import ping, prepare
from udpecho.ping.run import Ping
from udpecho.server.server import EchoServer

OTHER = "192.0.2.3"
NEVER = 1e6


@implementer(IHostnameResolver)
class Script:
    """A resolver that answers as it is told: after how long, and what, which may change."""

    def __init__(self, bench: Bench) -> None:
        self.host = bench.host
        self.names: dict[str, tuple[float, tuple[str, ...]]] = {}
        self.asked: list[tuple[float, str]] = []
        self.at_once = self.most_at_once = 0

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        self.asked.append((self.host.seconds(), hostName))
        delay, hosts = self.names.get(hostName, (0.0, ()))
        wanted = (IPv4Address, IPv6Address) if addressTypes is None else addressTypes
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)

        def tell() -> None:
            self.at_once -= 1
            for host in hosts:
                kind = IPv6Address if is_ipv6(host) else IPv4Address
                if kind in wanted:
                    resolutionReceiver.addressResolved(kind("UDP", host, portNumber))
            resolutionReceiver.resolutionComplete()

        if delay < NEVER:
            self.host.callLater(delay, tell)
        return None  # type: ignore[return-value] # nobody looks at it

    def times(self, name: str) -> list[float]:
        return [when for when, asked in self.asked if asked == name]


class Named(Bench):
    """A bench whose names are scripted, and what was told of them."""

    def __init__(self, **link: Any) -> None:
        super().__init__(**link)
        self.script = Script(self)
        self.host.installNameResolver(self.script)
        self.told: list[Naming] = []
        self.errors: list[UdpEchoError] = []
        self.results: list[Any] = []
        for address in (SERVER[0], OTHER):
            if address != SERVER[0]:
                other = self.net.host(address)
                self.net.link(self.host, other, delay=0.01)
                other.listenUDP(7, EchoServer())
        self.serve()

    def begin(self, *names: str, seconds: float = 0.0, **options: Any) -> None:
        """Begin a ping of hosts, by name or address, and let some time go by."""
        asked: dict[str, Any] = {
            "count": None,
            "on_unresolved": self.errors.append,
            "on_naming": self.told.append,
            "on_outcome": self.outcomes.append,
        }
        work = self._run([(name, 7) for name in names], asked | options)
        self.running = Deferred.fromCoroutine(work)
        self.running.addBoth(self.results.append)
        self.net.advance(seconds)

    async def _run(self, hosts: Any, options: dict[str, Any]) -> Any:
        self.going_on: Ping = await prepare(self.host, hosts, **options)
        return await self.going_on.start()

    def stop(self) -> Any:
        self.going_on.stop()
        self.net.advance(10)
        [summary] = self.results
        assert not isinstance(summary, Failure), summary
        return summary

    def first_sent(self, address: str) -> float:
        return min(each.sent for each in self.net.record if each.destination[0] == address)


def rows(summary: Any) -> list[tuple[str, str]]:
    return [(each.name, each.peer[0]) for each in summary.targets]


def test_twenty_names_and_a_dead_resolver_do_not_hold_up_the_address_that_is_known() -> None:
    """C13: it began 21 s late."""
    bench = Named()
    names = [f"dead{number}.example" for number in range(20)]
    bench.script.names = dict.fromkeys(names, (21.0, ()))
    bench.begin(*names, SERVER[0], seconds=3)
    assert bench.first_sent(SERVER[0]) <= QUICK_SECONDS
    assert bench.script.most_at_once == AT_ONCE
    assert bench.going_on.plan.hosts == 21
    assert bench.told == []
    bench.net.advance(70)
    assert [type(each) for each in bench.told] == [Unresolved] * 20
    assert len(bench.errors) == 20
    assert rows(bench.stop()) == [(SERVER[0], SERVER[0])]


def test_an_address_alone_begins_at_once() -> None:
    bench = Named()
    bench.begin(SERVER[0], OTHER, seconds=1)
    assert bench.first_sent(SERVER[0]) == 0
    bench.stop()
    assert bench.script.asked == []


def test_quick_names_begin_together_and_slow_ones_join() -> None:
    bench = Named()
    bench.script.names = {
        "quick.example": (0.05, (SERVER[0],)),
        "slow.example": (5.0, (OTHER,)),
    }
    bench.begin("slow.example", "quick.example", seconds=0.3)
    assert [each.name for each in bench.going_on.plan.targets] == ["quick.example"]
    bench.net.advance(6)
    assert bench.told == [Readdressed(5_000_000_000, "slow.example", None, (OTHER, 7))]
    assert 5 <= bench.first_sent(OTHER) <= 6
    assert rows(bench.stop()) == [("quick.example", SERVER[0]), ("slow.example", OTHER)]


def test_what_failed_is_tried_again_and_joins() -> None:
    bench = Named()
    bench.begin(SERVER[0], "late.example", seconds=25)
    assert bench.script.times("late.example") == pytest.approx([0, 10], abs=0.2)
    [told] = bench.told
    assert isinstance(told, Unresolved)
    assert told[1:] == ("late.example", 7, "no address found for 'late.example'")
    bench.script.names["late.example"] = (0.0, (OTHER,))
    bench.net.advance(10)
    assert isinstance(bench.told[1], Readdressed)
    assert len(bench.script.times("late.example")) == 3
    assert rows(bench.stop()) == [(SERVER[0], SERVER[0]), ("late.example", OTHER)]


def test_a_host_keeps_its_address_while_its_name_has_it() -> None:
    bench = Named()
    bench.script.names["h.example"] = (0.0, (SERVER[0],))
    bench.begin("h.example", seconds=50)
    bench.script.names["h.example"] = (0.0, (OTHER, SERVER[0]))
    bench.net.advance(300)
    assert bench.told == []
    assert len(bench.script.times("h.example")) == 6
    bench.script.names["h.example"] = (0.0, ())
    bench.net.advance(120)
    assert bench.told == [], "a resolver that knows nothing any more takes nothing away"
    assert rows(bench.stop()) == [("h.example", SERVER[0])]


def test_a_host_moves_when_its_name_has_its_address_no_more() -> None:
    bench = Named()
    bench.script.names["h.example"] = (0.0, (SERVER[0],))
    bench.begin("h.example", seconds=30)
    bench.script.names["h.example"] = (0.0, (OTHER,))
    bench.net.advance(60)
    [moved] = bench.told
    assert isinstance(moved, Readdressed)
    assert moved[1:] == ("h.example", (SERVER[0], 7), (OTHER, 7))
    summary = bench.stop()
    assert rows(summary) == [("h.example", SERVER[0]), ("h.example", OTHER)]
    probes = {
        address: sum(each.destination == (address, 7) for each in bench.net.record)
        for address in (SERVER[0], OTHER)
    }
    assert [each.figures.sent for each in summary.targets] == list(probes.values())
    assert summary.figures.lost == 0
    assert summary.figures.sent in (90, 91), "one a second, wherever it is"


def test_a_silent_host_is_looked_up_sooner() -> None:
    bench = Named()
    bench.script.names["h.example"] = (0.0, (SERVER[0],))
    bench.begin("h.example", seconds=100, resolve=3600.0)
    assert len(bench.script.asked) == 1
    bench.net.link(bench.host, bench.server, loss=1.0)
    bench.script.names["h.example"] = (0.0, (OTHER,))
    bench.net.advance(35)
    assert len(bench.told) == 1
    assert rows(bench.stop()) == [("h.example", SERVER[0]), ("h.example", OTHER)]


def test_no_name_is_looked_up_again_if_that_is_not_wanted() -> None:
    bench = Named()
    bench.script.names["h.example"] = (0.0, (SERVER[0],))
    bench.begin("h.example", "nobody.example", seconds=500, resolve=0)
    assert len(bench.script.asked) == 2
    bench.stop()


def test_a_moved_host_has_what_is_left_of_its_count() -> None:
    bench = Named()
    bench.script.names["h.example"] = (0.0, (SERVER[0],))
    bench.begin("h.example", seconds=30, count=100)
    bench.script.names["h.example"] = (0.0, (OTHER,))
    bench.net.advance(200)
    [summary] = bench.results
    assert summary.figures.sent == summary.figures.replied == 100
    assert len(rows(summary)) == 2
    asked = len(bench.script.asked)
    bench.net.advance(300)
    assert len(bench.script.asked) == asked, "its end is the end of that, too"
    assert not bench.host.getDelayedCalls()


def test_a_moved_host_has_given_what_it_had_given_before() -> None:
    """With a deadline, too, a count is of answers, wherever they come from."""
    bench = Named()
    bench.script.names["h.example"] = (0.0, (SERVER[0],))
    bench.begin("h.example", seconds=30, count=100, deadline=500.0)
    bench.script.names["h.example"] = (0.0, (OTHER,))
    bench.net.advance(200)
    [summary] = bench.results
    assert summary.figures.replied == 100
    assert len(rows(summary)) == 2
    assert not bench.host.getDelayedCalls()


def test_a_run_with_a_count_waits_for_names_of_which_nothing_was_heard_yet() -> None:
    bench = Named()
    bench.script.names["slow.example"] = (9.0, (OTHER,))
    bench.begin(SERVER[0], "slow.example", "nobody.example", seconds=60, count=2)
    [summary] = bench.results
    assert [each.figures.replied for each in summary.targets] == [2, 2]
    assert summary.elapsed_ns < 12e9, "but not for those that are tried again"


def test_a_resolver_that_never_answers_is_given_up() -> None:
    bench = Named()
    names = [f"mute{number}.example" for number in range(10)]
    bench.script.names = dict.fromkeys(names, (NEVER, ()))
    bench.begin(SERVER[0], *names, seconds=2 * ANSWER_SECONDS + 1, count=1)
    assert len(bench.told) == 10
    assert str(bench.errors[0]) == "no answer about 'mute0.example' within 30 s"
    [summary] = bench.results
    assert summary.figures.sent == 1
    assert not bench.host.getDelayedCalls()


def test_a_lone_name_without_an_address_is_one_error() -> None:
    bench = Named()
    bench.begin("nobody.example", seconds=1)
    [failure] = bench.results
    assert failure.check(ResolveFailed)
    assert failure.getErrorMessage() == "no host to ping"
    assert len(bench.errors) == 1
    assert not bench.host.getDelayedCalls()


def test_with_nobody_it_waits_for_the_first_and_ends_if_there_is_none() -> None:
    bench = Named()
    bench.script.names = {"a.example": (4.0, ()), "b.example": (8.0, (SERVER[0],))}
    bench.begin("a.example", "b.example", seconds=20, count=1)
    assert bench.first_sent(SERVER[0]) == pytest.approx(8.0)
    bench = Named()
    bench.begin("a.example", "b.example", seconds=20, count=1)
    assert bench.results[0].check(ResolveFailed)


def test_without_leave_to_leave_hosts_out_each_must_have_an_address() -> None:
    """As before: prepare() waits for all, and fails with the first that has none."""
    bench = Named()
    bench.script.names = {"slow.example": (9.0, (SERVER[0],)), "b.example": (0.1, ())}
    bench.begin("slow.example", OTHER, seconds=20, count=1, on_unresolved=None)
    [summary] = bench.results
    assert rows(summary) == [("slow.example", SERVER[0]), (OTHER, OTHER)]
    bench.results.clear()
    bench.begin("slow.example", "b.example", seconds=20, count=1, on_unresolved=None)
    assert bench.results[0].check(ResolveFailed)
    assert bench.results[0].getErrorMessage() == "no address found for 'b.example'"
    assert not bench.host.getDelayedCalls()


def test_an_interface_that_is_not_there_costs_its_host_alone() -> None:
    """C12: nothing was pinged."""
    bench = Named()
    bench.begin("fe80::1%tun0", SERVER[0], seconds=3, count=1)
    [summary] = bench.results
    assert rows(summary) == [(SERVER[0], SERVER[0])]
    [error] = bench.errors
    assert isinstance(error, BadAddress)
    assert str(error) == ("fe80::1%tun0: expected the name of a network interface, got 'tun0'")


def test_a_host_given_twice_is_probed_once() -> None:
    bench = Named()
    bench.begin(SERVER[0], SERVER[0], seconds=3, count=2)
    [summary] = bench.results
    assert summary.figures.sent == 2


@pytest.mark.parametrize(
    ("ipv6", "answer", "address"),
    [
        (None, ("::ffff:192.0.2.1",), SERVER[0]),
        (False, ("2001:db8::1", "192.0.2.1"), SERVER[0]),
        (True, ("192.0.2.1", "2001:db8::1"), "2001:db8::1"),
        (True, ("::ffff:192.0.2.1",), None),
        (True, ("192.0.2.1",), None),
    ],
)
def test_the_family_is_the_one_that_was_asked_for(
    ipv6: bool | None, answer: tuple[str, ...], address: str | None
) -> None:
    """An IPv4 address that is written as an IPv6 one is IPv4's: nothing else can be sent there."""
    bench = Named()
    bench.script.names["h.example"] = (0.0, answer)
    bench.begin("h.example", seconds=3, count=1, ipv6=ipv6)
    [result] = bench.results
    assert (rows(result) if address else result.check(ResolveFailed)) == (
        [("h.example", address)] if address else ResolveFailed
    )


def test_an_ipv4_address_written_as_an_ipv6_one_is_probed() -> None:
    bench = Named()
    bench.begin("::ffff:192.0.2.1", seconds=3, count=1)
    assert bench.results[0].figures.replied == 1


def test_many_names_are_asked_a_few_at_a_time() -> None:
    bench = Named()
    names = [f"h{number}.example" for number in range(600)]
    bench.script.names = dict.fromkeys(names, (0.005, (SERVER[0],)))
    bench.begin(*names, seconds=4, interval=30.0)
    assert len(bench.going_on.roster.targets) == 600
    assert bench.script.most_at_once <= AT_ONCE
    bench.script.asked.clear()
    bench.net.advance(60)
    seconds = [int(when) for when, _ in bench.script.asked]
    assert 570 <= len(seconds) <= 630
    assert max(seconds.count(second) for second in set(seconds)) <= 150
    bench.stop()


def test_cancelling_while_names_are_looked_up_leaves_nothing() -> None:
    bench = Named()
    bench.script.names["mute.example"] = (NEVER, ())
    bench.begin("mute.example", "mute.example", seconds=1)
    bench.running.cancel()
    assert bench.results[0].check(CancelledError)
    assert not bench.host.getDelayedCalls()


@pytest.mark.parametrize("early", [True, False])
def test_a_listener_that_raises_ends_it_with_its_error(early: bool) -> None:
    bench = Named()
    bench.script.names["nobody.example"] = (0.1 if early else 5.0, ())

    def stumble(naming: Naming) -> None:
        raise LookupError("a listener's mistake")

    bench.begin(SERVER[0], "nobody.example", seconds=20, on_naming=stumble)
    assert bench.results[0].check(LookupError)
    assert not bench.host.getDelayedCalls()


@pytest.mark.parametrize("value", [-1, 0.5, float("nan"), float("inf")])
def test_how_often_names_are_looked_up_is_looked_at(value: float) -> None:
    bench = Named()
    bench.begin(SERVER[0], resolve=value)
    assert bench.results[0].check(ValueError)
    assert bench.results[0].getErrorMessage().startswith("resolve: expected 0, or seconds from 1")


def test_ping_takes_what_prepare_takes() -> None:
    assert inspect.signature(ping).parameters.keys() == inspect.signature(prepare).parameters.keys()


class Living(Named):
    """A run that begins with nobody, whose hosts join and leave."""

    def __init__(self) -> None:
        super().__init__()
        self.late: list[int] = []
        self.lookups = Lookups(
            self.host,
            [],
            ipv6=None,
            interface=None,
            every=60.0,
            on_unresolved=self.errors.append,
            on_naming=self.told.append,
        )
        plan = Plan(targets=(), interval_ns=50 * MS, flows=2)
        self.run_of_all = Ping(
            self.instrument, plan, on_outcome=self.outcomes.append, company=self.lookups
        )
        self.run_of_all.listen(on_late=self.late.append)
        self.run_of_all.start().addBoth(self.results.append)

    def heard(self) -> set[str]:
        """Tell by their names who was heard, and forget it."""
        names = {each.flow.target for each in self.outcomes if each.flow is not None}
        self.outcomes.clear()
        return names

    def wakes(self) -> bool:
        """Tell whether something is to be looked up."""
        calls = self.host.getDelayedCalls()
        return any(getattr(each.func, "__self__", None) is self.lookups for each in calls)

    def end(self) -> Any:
        self.run_of_all.stop()
        self.net.advance(10)
        [summary] = self.results
        assert not self.host.getDelayedCalls()
        return summary


def test_hosts_join_and_leave_while_a_run_goes_on() -> None:
    bench = Living()
    bench.script.names = {"a.example": (0.5, (SERVER[0],)), "dead.example": (1.0, ())}
    bench.net.advance(1)
    bench.lookups.join(SERVER[0], 7, "by address")
    by_name = bench.lookups.join("a.example", 7, "by name")
    dead = bench.lookups.join("dead.example", 7, "dead")
    bench.net.advance(0.4)
    assert bench.heard() == {"by address"}
    bench.net.advance(5)
    assert bench.heard() == {"by address", "by name"}
    bench.lookups.leave(by_name)
    bench.net.advance(1)
    bench.heard()
    bench.net.advance(1)
    assert bench.heard() == {"by address"}
    asked = len(bench.script.asked)
    bench.lookups.leave(dead)
    bench.net.advance(200)
    assert len(bench.script.asked) == asked
    flows = [each.flow for each in bench.outcomes if each.flow is not None]
    number = bench.run_of_all.roster.ways.number
    assert {number(flow) for flow in flows} == {0, 1}
    assert {number(flow): flow.port for flow in flows} == {0: flows[0].port, 1: flows[1].port}
    assert len(bench.late) >= 200 / 0.05
    assert not isinstance(bench.end(), Failure)


@pytest.mark.parametrize("seconds", [0.0, 0.5, 2.0])
def test_one_that_leaves_before_its_name_is_known_is_never_probed(seconds: float) -> None:
    bench = Living()
    bench.script.names = {f"{n}.example": (1.0, (SERVER[0],)) for n in range(AT_ONCE + 2)}
    numbers = [bench.lookups.join(name, 7, name) for name in bench.script.names]
    bench.net.advance(seconds)
    for number in numbers:
        bench.lookups.leave(number)
    assert len(bench.heard()) == (AT_ONCE if seconds == 2.0 else 0)
    bench.net.advance(1)
    bench.heard()
    bench.net.advance(30)
    assert bench.heard() == set()
    assert not isinstance(bench.end(), Failure)


def test_nobody_wakes_to_look_an_address_up() -> None:
    """Of 10,000 it would be a thousand times a second."""
    bench = Living()
    for host in (SERVER[0], OTHER, "fe80::1%nowhere"):
        bench.lookups.join(host, 7, host)
    bench.net.advance(25)
    assert len(bench.errors) == 1, "an interface may yet come"
    assert bench.wakes()
    bench.lookups.leave(2)
    bench.net.advance(100)
    assert not bench.wakes()
    bench.end()


def test_one_that_joins_again_goes_on_where_it_was() -> None:
    bench = Living()
    for _ in range(3):
        number = bench.lookups.join(SERVER[0], 7, "x")
        bench.net.advance(1)
        bench.lookups.leave(number)
        bench.net.advance(1)
    sequences = [each.sequence for each in bench.outcomes]
    assert sequences == [*range(1, len(sequences) + 1)]
    bench.end()
