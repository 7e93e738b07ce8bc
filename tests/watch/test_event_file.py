"""Events in a file, a pipe or on a full disk: nothing raises, what can't be is said once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import Logger

from udpecho.watch.events.event_file import AGAIN_SECONDS, SOON_SECONDS, EventFile
from udpecho.watch.events.outlet_counts import MOST_UNSENT, OutletCounts


class Bench:
    """A file that events are written to."""

    def __init__(self, path: Path) -> None:
        self.clock, self.counts = Clock(), OutletCounts()
        self.logged: list[Any] = []
        log = Logger(observer=self.logged.append)  # type: ignore[arg-type]
        self.file = EventFile(self.clock, path, self.counts, log)

    def said(self) -> list[str]:
        return [each["log_format"].format(**each) for each in self.logged]

    def end(self) -> None:
        self.file.end()
        assert self.clock.getDelayedCalls() == []
        assert [each for each in self.logged if "log_failure" in each] == []


def test_lines_are_appended_and_a_file_that_was_moved_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "events"
    path.write_text("before\n")
    bench = Bench(path)
    bench.file.check()
    bench.file.write("one")
    assert path.read_text() == "before\none\n"
    path.rename(tmp_path / "events.1")
    bench.file.write("two")
    assert path.read_text() == "two\n"
    path.unlink()
    bench.file.write("three")
    bench.end()
    assert path.read_text() == "three\n"
    assert (bench.counts.sent, bench.counts.dropped, bench.said()) == (3, 0, [])


def test_half_a_line_of_who_wrote_before_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "events"
    path.write_text('{"type"')
    bench = Bench(path)
    bench.file.write("one")
    bench.end()
    assert path.read_text() == '{"type"\none\n'


def test_a_full_disk_is_said_once_and_lines_wait_for_room(tmp_path: Path) -> None:
    path = tmp_path / "events"
    path.symlink_to("/dev/full")
    bench = Bench(path)
    for number in range(3):
        bench.file.write(str(number))
        bench.clock.advance(AGAIN_SECONDS)
    assert bench.counts.waiting == 3
    assert bench.counts.failures == 4
    path.unlink()
    bench.clock.advance(AGAIN_SECONDS)
    assert path.read_text() == "0\n1\n2\n"
    assert bench.said() == [
        f"events can't be written to {path}: No space left on device; up to 1000 wait",
        f"events are written to {path} again",
    ]
    bench.end()


def test_a_line_that_half_fits_is_whole_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events"
    bench = Bench(path)
    write, room = os.write, [3]

    def write_some(fd: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(28, "No space left on device")
        written = write(fd, data[: room[0]])
        room[0] -= written
        return written

    monkeypatch.setattr("os.write", write_some)
    bench.file.write("one-line")
    bench.file.write("another")
    assert path.read_text() == "one"
    room[0] = 1000
    bench.clock.advance(AGAIN_SECONDS)
    assert path.read_text() == "one-line\nanother\n"
    bench.end()


def test_there_is_an_end_to_what_may_wait_and_what_is_left_out_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "events"
    path.symlink_to("/dev/full")
    bench = Bench(path)
    for number in range(MOST_UNSENT + 20):
        bench.file.write(str(number))
    assert (bench.counts.waiting, bench.counts.dropped) == (MOST_UNSENT, 20)
    bench.end()
    assert (bench.counts.waiting, bench.counts.dropped) == (0, MOST_UNSENT + 20)
    assert bench.said()[1:] == [
        f"events wait for {path}, and there is no room for more: they are left out",
        f"{MOST_UNSENT} events could not be written to {path}",
    ]


def test_a_pipe_that_nobody_reads_yet_and_one_whose_reader_went_away(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    bench = Bench(path)
    bench.file.check()
    bench.file.write("one")
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    bench.clock.advance(AGAIN_SECONDS)
    bench.file.write("two")
    assert os.read(reader, 100) == b"one\ntwo\n"
    os.close(reader)
    bench.file.write("three")
    bench.clock.pump([AGAIN_SECONDS] * 5)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    bench.clock.advance(AGAIN_SECONDS)
    assert os.read(reader, 100) == b"three\n"
    os.close(reader)
    gone = f"events can't be written to {path}: nobody reads it; up to 1000 wait"
    again = f"events are written to {path} again"
    assert bench.said() == [gone, again, gone, again]
    bench.end()


def test_a_pipe_that_is_read_slowly_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    bench = Bench(path)
    lines = [f"{number:0999}" for number in range(200)]
    for line in lines:
        bench.file.write(line)
    assert bench.counts.waiting > 100
    read = b""
    while bench.counts.waiting:
        read += os.read(reader, 1 << 20)
        bench.clock.advance(SOON_SECONDS)
    read += os.read(reader, 1 << 20)
    assert read.decode().splitlines() == lines
    assert bench.said() == []
    os.close(reader)
    bench.end()


def test_what_can_not_be_opened_is_found_out_beforehand(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere" / "events"):
        with pytest.raises(OSError, match="directory"):
            Bench(path).file.check()
