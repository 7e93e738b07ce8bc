"""The file of -o: what is written is in it, and what fails costs the run nothing."""

from __future__ import annotations

import fcntl
import gzip
import os
import sys
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from udpecho.commands import recording
from udpecho.commands.extras import Unusable
from udpecho.commands.options import record_file
from udpecho.commands.recording import CHUNK, PATIENCE, PIECE, SECONDS, RecordingFile


class Reactor(Clock):
    """A clock, and calls from threads."""

    def callFromThread(self, call: Callable[..., object], *values: object) -> None:
        call(*values)


class Writing:
    """A file that is being written."""

    def __init__(self, file: Path | str) -> None:
        self.reactor = Reactor()
        self.said: list[str] = []
        self.file = RecordingFile(str(file))
        self.file.start(self.reactor, self.said.append)

    def close(self) -> None:
        done = threading.Event()
        self.file.close().addCallback(lambda _: done.set())
        assert done.wait(30)


PIPE_HOLDS = 3 << 14
"""Bytes that a full pipe has at least, however the kernel fills its pages."""


def unread(reader: int) -> int:
    """Tell how much a pipe has to read."""
    count = fcntl.ioctl(reader, termios.FIONREAD, bytes(4))
    return int.from_bytes(count, sys.byteorder)


def wait_until(true: Callable[[], bool], patience: float = 30) -> None:
    """Wait for a thread."""
    end = time.monotonic() + patience
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


LINES = [f'{{"type":"reply","n":{number}}}\n' for number in range(20_000)]


@pytest.mark.parametrize("name", ["run.jsonl", "run.jsonl.gz"])
def test_what_is_written_is_in_the_file(tmp_path: Path, name: str) -> None:
    writing = Writing(tmp_path / name)
    for line in LINES:
        writing.file.write(line)
    writing.close()
    data = (tmp_path / name).read_bytes()
    assert (gzip.decompress(data) if name.endswith(".gz") else data).decode() == "".join(LINES)
    assert not writing.said


def test_what_was_there_is_there_until_the_run_starts(tmp_path: Path) -> None:
    """A run that can't start costs no older record."""
    file = tmp_path / "run.jsonl"
    file.write_text("an older record, and a longer one\n")
    unused = RecordingFile(str(file))
    unused.close()
    assert file.read_text() == "an older record, and a longer one\n"
    writing = Writing(file)
    writing.file.write("a\n")
    writing.close()
    assert file.read_text() == "a\n"


@pytest.mark.parametrize("name", ["run.jsonl", "run.jsonl.gz"])
def test_an_end_that_nobody_takes_is_not_waited_for(tmp_path: Path, name: str) -> None:
    """A pipe whose reader is held up; while any is read it is waited for."""
    file = tmp_path / name
    os.mkfifo(file)
    reader = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    writing = Writing(file)
    for line in LINES:  # more than a pipe holds, packed or not
        writing.file.write(line + os.urandom(20).hex())
    ended: list[None] = []
    writing.file.close().addCallback(ended.append)
    for _ in range(3):
        os.read(reader, 2 * PIECE)
        wait_until(lambda: unread(reader) >= PIPE_HOLDS)  # it has written, and is stuck again
        writing.reactor.advance(PATIENCE)
        assert not writing.said
        assert not ended
    writing.reactor.advance(PATIENCE)
    assert writing.said == [
        f"udpecho: -o: nothing could be written to {file} for 10 s: its end is missing"
    ]
    assert ended == [None]
    os.close(reader)
    wait_until(lambda: len(writing.said) == 2)  # the thread has failed; nobody is told twice
    assert ended == [None]


@pytest.mark.parametrize("lines", [1, 2 * CHUNK // 20])
def test_a_line_is_in_the_file_soon(tmp_path: Path, lines: int) -> None:
    """Without an end of the run; by the second, or by the chunk."""
    file = tmp_path / "run.jsonl"
    os.mkfifo(file)
    reader = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    writing = Writing(file)
    for _ in range(lines):
        writing.file.write("0123456789012345678\n")
    if lines == 1:
        writing.reactor.advance(SECONDS)
    assert os.read(reader, 20) == b"0123456789012345678\n"
    os.close(reader)
    writing.close()


def test_a_full_disk_is_one_line_and_no_memory(tmp_path: Path) -> None:
    writing = Writing("/dev/full")
    for _ in range(3):
        for line in LINES:
            writing.file.write(line)
        writing.reactor.advance(SECONDS)
    writing.close()
    why = "can't write /dev/full: No space left on device; the run goes on"
    assert writing.said == [f"udpecho: -o: {why}"]


def test_a_disk_that_takes_nothing_costs_lines_not_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many is told, and the thread writes what had room."""
    monkeypatch.setattr(recording, "MOST_WAITING", 10 * CHUNK)
    file = tmp_path / "pipe"
    os.mkfifo(file)
    reader = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    writing = Writing(file)
    line, number = "x" * 1023 + "\n", 2000
    for _ in range(number):
        writing.file.write(line)
    assert writing.said == [f"udpecho: -o: {file} is too slow: lines are left out"]
    writing_done = threading.Thread(target=writing.close)
    writing_done.start()
    came = b""
    while data := os.read(reader, 1 << 20):
        came += data
    writing_done.join(30)
    os.close(reader)
    missing = number - came.count(b"\n")
    assert len(came) % len(line) == 0
    assert 0 < missing < number
    assert writing.said[1:] == [f"udpecho: -o: {missing} lines of {file} were left out"]


def test_a_reader_that_leaves_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "pipe"
    os.mkfifo(file)
    reader = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
    writing = Writing(file)
    os.close(reader)
    writing.file.write("a line\n")
    writing.close()
    assert writing.said == [f"udpecho: -o: can't write {file}: Broken pipe; the run goes on"]


def test_a_file_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for file, why in (
        (tmp_path, "Is a directory"),
        (tmp_path / "no" / "run.jsonl", "No such file or directory"),
        (tmp_path / "pipe", "No such device or address"),  # nobody reads it
    ):
        with pytest.raises(Unusable, match=f"\\A-o: can't write {file}: {why}\\Z"):
            RecordingFile(str(file))


@pytest.mark.parametrize("text", ["", "-"])
def test_a_record_needs_a_file(text: str) -> None:
    with pytest.raises(ValueError, match=r"\A-o: expected a FILE \(--json writes to standard"):
        record_file(text)
