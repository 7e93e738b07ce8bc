"""Pages that are looked at: what changed is told, and whoever looks costs little."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.watch.test_web import LOCAL, Bench, Transport
from udpecho.watch.pages.grids import grid
from udpecho.watch.pages.streams import MOST_STREAMS, ROUND_SECONDS, SLOW_SECONDS
from udpecho.watch.pages.views import PageView, pieces
from udpecho.watch.remembering.cell import UNKNOWN, Cell

PEER = "/events/pair/198.51.100.1%3A1060"


def look(bench: Bench, path: str = "/events/") -> tuple[Any, Transport]:
    channel, transport = bench.connect()
    channel.dataReceived(f"GET {path} HTTP/1.1\r\n{LOCAL}\r\n\r\n".encode())
    bench.nodes.net.advance(0)
    return channel, transport


def told(transport: Transport) -> dict[str, str]:
    """Give what the sections were told to be, last told last."""
    lines = [
        line.removeprefix(b"data: ")
        for line in transport.value().splitlines()
        if line.startswith(b"data: ")
    ]
    return {each["id"]: each["html"] for each in map(json.loads, lines)}


def test_who_looks_is_told_all_and_then_what_has_changed() -> None:
    bench = Bench(2)
    _, transport = look(bench)
    assert transport.value().startswith(b"HTTP/1.1 200")
    assert b"text/event-stream" in transport.value()
    bench.nodes.net.advance(ROUND_SECONDS)
    assert "198.51.100.2:1060" in told(transport)["peers"]
    transport.clear()
    bench.node.hourglass._seconds = lambda: 0.0  # a frozen node changes nothing
    for probed in bench.node.roll.values():
        probed.counts.sends = lambda _: None  # type: ignore[assignment,method-assign]
        probed.counts.add = lambda *_: None  # type: ignore[method-assign]
    bench.nodes.net.advance(ROUND_SECONDS)
    transport.clear()
    bench.nodes.net.advance(ROUND_SECONDS)
    assert b":\n\n" in transport.value()
    assert not told(transport)
    transport.loseConnection()
    bench.stop()


def test_a_pairs_sections_are_told_until_it_is_no_peer_any_more() -> None:
    bench = Bench(1)
    _, transport = look(bench, PEER)
    bench.nodes.net.advance(ROUND_SECONDS)
    assert list(told(transport)) == [
        "verdict",
        "figures",
        "smoke",
        "lateness",
        "flows",
        "paths",
        "happened",
    ]
    bench.node.roll.clear()
    bench.nodes.net.advance(ROUND_SECONDS)
    assert transport.value().endswith(b"0\r\n\r\n")
    bench.stop()


@pytest.mark.parametrize("path", ["/events", "/events/pair/nobody", "/events/metrics"])
def test_there_are_no_streams_of_what_is_no_page(path: str) -> None:
    bench = Bench(1)
    assert bench.ask(f"GET {path} HTTP/1.1", LOCAL)[0] == 404
    bench.stop()


def test_there_are_no_more_streams_than_may_be() -> None:
    bench = Bench(1)
    held = [look(bench)[1] for _ in range(MOST_STREAMS)]
    status, headers, _ = bench.ask(f"GET {PEER} HTTP/1.1", LOCAL)
    assert (status, headers["retry-after"]) == (503, "30")
    held.pop().loseConnection()
    _, transport = look(bench)
    assert transport.value().startswith(b"HTTP/1.1 200")
    for each in [*held, transport]:
        each.loseConnection()
    bench.stop()


def test_who_reads_slowly_gets_nothing_more_then_all_and_not_for_ever() -> None:
    bench = Bench(1)
    channel, transport = look(bench)
    bench.nodes.net.advance(ROUND_SECONDS)
    channel.pauseProducing()
    transport.clear()
    bench.nodes.net.advance(5 * ROUND_SECONDS)
    assert transport.value() == b""
    channel.resumeProducing()
    bench.nodes.net.advance(ROUND_SECONDS)
    assert list(told(transport)) == ["peers", "happened"]
    channel.pauseProducing()
    bench.nodes.net.advance(SLOW_SECONDS + 2 * ROUND_SECONDS)
    assert not transport.connected
    bench.stop()


def test_who_still_looks_when_a_node_ends_is_hung_up_on() -> None:
    bench = Bench(1)
    _, transport = look(bench)
    bench.nodes.net.advance(ROUND_SECONDS)
    bench.site.stopFactory()
    assert not transport.connected
    bench.stop()


def test_nobody_looking_costs_nothing() -> None:
    bench = Bench(1)
    before = len(bench.nodes.hosts[0].getDelayedCalls())
    _, transport = look(bench)
    bench.nodes.net.advance(ROUND_SECONDS + 0.1)
    transport.loseConnection()
    bench.nodes.net.advance(1)
    assert len(bench.nodes.hosts[0].getDelayedCalls()) == before
    bench.stop()


def test_of_a_grid_the_rows_that_have_changed_are_told_alone() -> None:
    cells = {("a", "b"): Cell(0.0), ("b", "a"): Cell(0.0)}

    def told(*sources: str) -> dict[str, str]:
        known = grid(
            "a", sources, ["a", "b"], lambda source, peer: cells.get((source, peer), UNKNOWN)
        )
        return dict(each for each in pieces(PageView("", "", known)) if each is not None)

    before = told("a", "b")
    cells["b", "a"] = Cell(0.5)
    after = told("a", "b")
    assert [each for each in after if after[each] != before[each]] == [list(after)[1]]
    assert before.keys() == after.keys()
    assert not before.keys() & told("a", "b", "c").keys()
