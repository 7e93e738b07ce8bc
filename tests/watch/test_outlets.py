"""Where a node's events go: as its file says, and otherwise when that changes."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import Logger

from tests.watch.nodes import Nodes
from udpecho.reactors import TURN_SECONDS
from udpecho.watch import BadConfig, WatchService, read_config
from udpecho.watch.configuring.settings import EventSettings, NodeSettings
from udpecho.watch.events.event import FlowLosing
from udpecho.watch.events.event_log import MOST_A_MINUTE
from udpecho.watch.events.happenings import Events
from udpecho.watch.events.outlets import Outlets
from udpecho.watch.telling.metrics import Metrics

DEAD = "192.0.2.77:1060"


def lines(path: Path) -> list[list[str]]:
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return [[each["type"], each.get("peer", ""), each["node"]] for each in found]


def test_events_go_to_the_file_and_the_log_and_elsewhere_after_a_reload(tmp_path: Path) -> None:
    bench = Nodes(1)

    def text(events: str) -> str:
        return bench.text(0, [DEAD], f"[probe]\nflows = 4\n[events]\n{events}")

    node = bench.begin(0, text("file = 'one'"), base=tmp_path)
    bench.net.advance(10)
    silent = ["peer_silent", DEAD, "node-0"]
    assert lines(tmp_path / "one") == [silent]
    said = [each["words"] for each in bench.events if "words" in each]
    why = "nothing came from it for 3 s (refused: ENETUNREACH)"
    assert said == [f"{DEAD} is silent: {why}"]
    bench.reload(0, text("file = 'two'\nlog = false"))
    node.events.tell(FlowLosing("b", 1))
    bench.net.advance(0)
    bench.reload(0, text("file = 'two'\nlog = false\n"))
    node.events.tell(FlowLosing("b", 2))
    bench.net.advance(0)
    bench.reload(0, text(""))
    node.events.tell(FlowLosing("b", 3))
    bench.net.advance(0)
    assert lines(tmp_path / "one") == [silent]
    assert lines(tmp_path / "two") == [["flow_losing", "b", "node-0"]] * 2
    assert len([each for each in bench.events if "words" in each]) == 2
    counts = node.outlets.counts
    assert (counts["file"].sent, counts["log"].sent) == (3, 2)
    told = "".join(Metrics(node).texts(openmetrics=False))
    assert 'udpecho_events_total{kind="flow_losing"} 3\n' in told
    assert 'udpecho_events_sent_total{outlet="file"} 3\n' in told
    assert 'udpecho_events_dropped_total{outlet="webhook"} 0\n' in told
    bench.stop()


def test_an_outlet_that_can_not_be_had_is_one_line_and_changes_nothing(tmp_path: Path) -> None:
    bench = Nodes(1)
    text = bench.text(0, [DEAD])
    bad = f"{text}[events]\nfile = 'nowhere/events'"
    expected = r"^watch.toml:\d: \[events\] file: can't open .*nowhere/events: No such file"
    with pytest.raises(BadConfig, match=expected):
        WatchService(bench.hosts[0], read_config(bad, "watch.toml", "a"), base=tmp_path)
    node = bench.begin(0, text, base=tmp_path)
    before = node.config
    with pytest.raises(BadConfig, match=expected):
        bench.reload(0, bad)
    bad = f"{text}[events]\nwebhook = 'http://hook.example/'\ncredentials_file = 'nowhere'"
    with pytest.raises(BadConfig, match=r"\[events\] webhook: can't open .*nowhere: No such"):
        bench.reload(0, bad)
    assert node.config is before
    bench.stop()


def test_a_mesh_that_falls_apart_does_not_fill_the_log() -> None:
    bench = Nodes(1)
    node = bench.begin(0, bench.text(0, []))
    for number in range(1000):
        node.events.tell(FlowLosing("b", number))
    bench.net.advance(61)
    node.events.tell(FlowLosing("b", 0))
    bench.net.advance(1)
    assert len([each for each in bench.events if "words" in each]) == MOST_A_MINUTE + 1
    assert bench.lines() == ["900 more events, not written here"]
    assert node.outlets.counts["log"].dropped == 900
    bench.stop()


def test_what_waits_for_one_outlet_goes_to_the_next(tmp_path: Path) -> None:
    (tmp_path / "full").symlink_to("/dev/full")
    bench = Nodes(1)

    def text(file: str) -> str:
        return bench.text(0, [], f"[events]\nlog = false\nfile = '{file}'")

    node = bench.begin(0, text("full"), base=tmp_path)
    for number in range(3):
        node.events.tell(FlowLosing("b", number))
    bench.net.advance(0)
    bench.reload(0, text("one"))
    bench.net.advance(0)
    assert lines(tmp_path / "one") == [["flow_losing", "b", "node-0"]] * 3
    counts = node.outlets.counts["file"]
    assert (counts.sent, counts.dropped, counts.waiting) == (3, 0, 0)
    bench.stop()


def test_what_is_told_as_it_ends_is_still_written(tmp_path: Path) -> None:
    bench = Nodes(1)
    node = bench.begin(0, bench.text(0, [], "[events]\nfile = 'one'"), base=tmp_path)
    for number in range(100):
        node.events.tell(FlowLosing("b", number))
    bench.stop()
    assert len(lines(tmp_path / "one")) == 100
    node.events.tell(FlowLosing("b", 0))
    assert len(lines(tmp_path / "one")) == 100


class Turns(Clock):
    """Counts what is called later."""

    turns = 0

    def callLater(self, *arguments: Any, **named: Any) -> Any:
        self.turns += 1
        return super().callLater(*arguments, **named)


def test_many_at_once_are_handed_on_a_few_in_a_turn(tmp_path: Path) -> None:
    clock, ticks = Turns(), count()
    log = Logger(observer=lambda _: None)  # type: ignore[arg-type]
    events = Events(lambda: 1e9, log)
    outlets = Outlets(clock, events, tmp_path, lambda: next(ticks) / 1e4, log)
    outlets.begin(EventSettings(log=False, file="one"), NodeSettings("a"))
    for number in range(100):
        events.tell(FlowLosing("b", number))
    clock.advance(0)
    assert clock.turns >= 100 / (TURN_SECONDS * 1e4 + 1)
    assert [json.loads(each)["flow"] for each in (tmp_path / "one").open()] == list(range(100))
    outlets.end()
