"""Traces beside a ping: over the same sockets, from the first loss on, and no figure the worse."""

from __future__ import annotations

from udpecho import EchoServer, listen_udp
from udpecho.instrument import ProbeSocket
from udpecho.instrument.probe import Flow
from udpecho.path import State, traced
from udpecho.path.beside import PATIENCE_NS
from udpecho.ping import Ping, prepare
from udpecho.testing import MemoryLink, MemoryNetwork

SERVER, CLIENT = "192.0.2.1", "192.0.2.2"


class Bench:
    """A client and our server, two routers between them."""

    def __init__(self, loss: float = 0.0) -> None:
        self.net = MemoryNetwork(seed=1)
        far, self.near = self.net.host(SERVER), self.net.host(CLIENT)
        self.link: MemoryLink = self.net.link(self.near, far, delay=0.01, hops=2, loss=loss)
        listen_udp(far, 7, EchoServer())

    def run(self, count: int, *, flows: int = 4) -> Ping:
        return self.net.run_until(
            prepare(self.near, [(SERVER, 7)], count=count, interval=0.1, flows=flows)
        )


def test_without_a_loss_nothing_is_asked() -> None:
    bench = Bench()
    found = traced(bench.run(40))
    summary = bench.net.run_until(found.start())
    assert (summary.figures.sent, summary.figures.received) == (40, 40)
    assert found.paths() == []
    assert bench.net.record.count(source=CLIENT) == 40


def test_what_is_asked_and_answered_is_no_figure_of_the_pings() -> None:
    bench = Bench(loss=0.3)
    found = traced(bench.run(80))
    summary = bench.net.run_until(found.start(), limit=600)
    figures = summary.figures
    assert figures.sent == 80
    assert figures.received + figures.lost == 80
    assert (figures.refused, figures.forged, summary.strangers) == (0, 0, 0)
    [paths] = found.paths()
    assert {path.flow for path in paths.paths} == {0, 1, 2, 3}
    assert any(path.reached for path in paths.paths)
    assert found.verdict().state is State.UNDECIDED


def test_a_ping_that_is_over_waits_for_its_traces_so_long_at_most() -> None:
    bench = Bench()
    bench.link.at(0.5, loss=1.0)
    run = bench.run(8)
    found = traced(run)
    began = bench.near.seconds()
    bench.net.run_until(found.start(), limit=600)
    took = bench.near.seconds() - began
    assert took < 8 * 0.1 + 12 + PATIENCE_NS / 1e9


def test_who_stops_it_need_not_wait() -> None:
    bench = Bench()
    bench.link.at(0.5, loss=1.0)
    run = bench.run(1000)
    done = traced(run).start()
    bench.net.advance(10)
    run.stop()
    bench.net.advance(1.5)
    assert done.called


def test_many_that_begin_to_lose_at_once_cost_one_look_at_all_flows() -> None:
    """1,000 hosts of 16 flows have 16,000: to go through them for each held the reactor."""
    net = MemoryNetwork(seed=1)
    client = net.host(CLIENT)
    run = net.run_until(
        prepare(client, [(f"198.51.100.{n}", 7) for n in range(1, 41)], count=6, flows=4)
    )
    looks: list[None] = []
    sockets = run.roster.ways.sockets

    def counted() -> dict[Flow, ProbeSocket]:
        looks.append(None)
        return sockets()

    run.roster.ways.sockets = counted  # type: ignore[method-assign]
    found = traced(run)
    net.run_until(found.start(), limit=600)
    assert len(found.paths()) == 40
    assert len(looks) == 1
