"""A configuration that is read again: when the file changes, and when somebody asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import Logger

from udpecho.watch import BadConfig, Config
from udpecho.watch.configuring.rereading import Reloads, Rereading, config_of
from udpecho.watch.peers.files import LOOK_SECONDS


class Bench:
    """A file, and who takes what it has."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_text("[node]\nzone = 'a'")
        self.clock, self.taken = Clock(), list[Config]()
        self.events: list[Any] = []
        self.reloads = Reloads()
        log = Logger(observer=self.events.append)  # type: ignore[arg-type]
        self.service = Rereading(self.clock, path, "host", self.take, self.reloads, log)
        self.service.startService()

    def take(self, config: Config) -> None:
        if config.node.zone == "refused":
            raise ValueError("[node] zone has changed: that needs a restart")
        if config.node.zone == "fault":
            raise ZeroDivisionError
        self.taken.append(config)

    def put(self, text: str) -> None:
        other = self.path.with_suffix(".new")
        other.write_text(text)
        other.replace(self.path)
        self.clock.advance(LOOK_SECONDS)

    def errors(self) -> list[str]:
        return [each["why"] for each in self.events if each["log_level"].name == "error"]


def test_a_file_that_changes_is_taken_and_one_that_does_not_is_let_be(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "watch.toml")
    bench.clock.pump([LOOK_SECONDS] * 3)
    assert bench.taken == []
    bench.put("[node]\nzone = 'b'")
    bench.clock.pump([LOOK_SECONDS] * 3)
    assert [each.node.zone for each in bench.taken] == ["b"]
    assert (bench.reloads.taken, bench.reloads.refused, bench.reloads.is_good) == (1, 0, True)
    bench.service.read_again()
    assert bench.reloads.taken == 2
    bench.service.stopService()
    assert bench.clock.getDelayedCalls() == []


def test_what_can_not_be_leaves_the_old_in_force_and_is_told_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "watch.toml")
    bench.put("[node]\nzone = 3")
    bench.clock.pump([LOOK_SECONDS] * 3)
    bench.put("[node]\nzone = 'refused'")
    bench.path.unlink()
    bench.clock.advance(LOOK_SECONDS)
    assert bench.errors() == [
        f"{bench.path}:2: [node] zone: expected the name of a zone, got 3",
        "[node] zone has changed: that needs a restart",
        f"can't read {bench.path}: No such file or directory",
    ]
    assert bench.taken == []
    assert (bench.reloads.refused, bench.reloads.is_good) == (3, False)
    bench.put("[node]\nzone = 'c'")
    assert bench.reloads.is_good
    bench.service.stopService()


def test_a_fault_of_our_own_leaves_the_old_in_force_too(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "watch.toml")
    bench.put("[node]\nzone = 'fault'")
    assert (bench.reloads.refused, bench.reloads.is_good) == (1, False)
    [told] = [each["log_failure"] for each in bench.events]
    assert told.check(ZeroDivisionError)
    bench.put("[node]\nzone = 'c'")
    assert bench.reloads.is_good
    bench.service.stopService()


def test_a_file_that_is_none_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="Is a directory"):
        config_of(tmp_path, "host")
    (tmp_path / "x").write_bytes(b"\xff")
    with pytest.raises(BadConfig, match="line 1: expected UTF-8, got what is not"):
        config_of(tmp_path / "x", "host")
