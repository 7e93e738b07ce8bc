"""The file of -o, written in a thread of its own: a slow disk, or a full one, holds up no probe."""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import Any

from twisted.internet.defer import Deferred, succeed

from udpecho.commands.extras import Unusable
from udpecho.commands.wording import Say
from udpecho.shown import short

CHUNK = 1 << 16
"""Characters that are handed to the thread together, where they come fast."""

SECONDS = 1.0
"""What has come is handed over this often, however little it is."""

MOST_WAITING = 1 << 26
"""Characters that wait for the thread, at most: those of 20 s, as fast as probes can be sent."""

SYNC_SECONDS = 5.0
"""A compressed file can be read up to this long before its writer was killed."""

PATIENCE = 10.0
"""Seconds that an end is waited for while nothing can be written: a disk may have to spin up."""

PIECE = 1 << 14
"""Bytes that are written at once: a reader however slow takes so many within PATIENCE."""

LEVEL = 3
"""zlib's."""

_GZIP = 16 + zlib.MAX_WBITS


class RecordingFile:
    """A file that is written beside the run. What fails is told once, and the run goes on."""

    def __init__(self, file: str) -> None:
        """Open it, and leave what is in it until the run starts. Raises Unusable."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe may have no reader
        try:
            self._descriptor = os.open(file, flags, 0o666)
        except OSError as error:
            raise Unusable(f"-o: can't write {short(file)}: {error.strerror}") from error
        os.set_blocking(self._descriptor, True)
        self._file = file
        self._packs = file.endswith(".gz")
        self._chunks: SimpleQueue[str | None] = SimpleQueue()
        self._pieces: list[str] = []
        self._size = self._given = self._left_out = 0
        self._written = 0
        """What the thread has written; it alone sets this and the next two."""

        self._pieces_written = 0
        self._failed = False
        self._closed: Deferred[None] | None = None
        self._waiting: Any = None

    def start(self, reactor: Any, complain: Say) -> None:
        """Empty the file, and write from now on; complain() hears, in the reactor, what fails."""
        self._complain = complain
        self._in_reactor: Callable[..., Any] = reactor.callFromThread
        self._closed = Deferred()
        if stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            os.ftruncate(self._descriptor, 0)
        Thread(target=self._work, daemon=True).start()
        self._later = reactor.callLater
        self._soon = self._later(SECONDS, self._hand_over_often)

    def write(self, text: str) -> None:
        """Take a line."""
        self._pieces.append(text)
        self._size += len(text)
        if self._size >= CHUNK:
            self._hand_over()

    def flush(self) -> None:
        """Do nothing: what has come is handed over soon."""

    def close(self) -> Deferred[None]:
        """Write what is left; fires when that is done, or can't be, or when nobody takes it."""
        if self._closed is None:
            os.close(self._descriptor)
            return succeed(None)
        self._soon.cancel()
        self._hand_over()
        self._chunks.put(None)
        if self._left_out:
            self._complain(
                f"udpecho: -o: {self._left_out} lines of {short(self._file)} were left out"
            )
        if not self._closed.called:
            self._wait(-1)
        return self._closed

    def _wait(self, before: int) -> None:
        """Wait on, if any was written since."""
        if (now := self._pieces_written) != before:
            self._waiting = self._later(PATIENCE, self._wait, now)
            return
        why = f"nothing could be written to {short(self._file)} for {PATIENCE:g} s"
        self._complain(f"udpecho: -o: {why}: its end is missing")
        self._end()

    def _end(self) -> None:
        """Tell whoever waits for it, unless that was done."""
        assert self._closed is not None
        if self._waiting is not None and self._waiting.active():
            self._waiting.cancel()
        if not self._closed.called:
            self._closed.callback(None)

    def _hand_over_often(self) -> None:
        self._hand_over()
        self._soon = self._later(SECONDS, self._hand_over_often)

    def _hand_over(self) -> None:
        if self._given - self._written > MOST_WAITING and not self._failed:
            if not self._left_out:
                self._complain(f"udpecho: -o: {short(self._file)} is too slow: lines are left out")
            self._left_out += len(self._pieces)
        elif self._pieces and not self._failed:
            self._given += self._size
            self._chunks.put("".join(self._pieces))
        self._pieces.clear()
        self._size = 0

    # In the thread.

    def _work(self) -> None:
        try:
            try:
                self._write_packed() if self._packs else self._write_plain()
            finally:
                os.close(self._descriptor)
        except OSError as error:
            self._failed = True
            why = f"can't write {short(self._file)}: {error.strerror}; the run goes on"
            self._in_reactor(self._complain, f"udpecho: -o: {why}")
        self._in_reactor(self._end)

    def _write_plain(self) -> None:
        while (chunk := self._chunks.get()) is not None:
            self._write_all(chunk.encode())
            self._written += len(chunk)

    def _write_packed(self) -> None:
        packer = zlib.compressobj(LEVEL, zlib.DEFLATED, _GZIP)
        synced = monotonic()
        chunk: str | None = ""
        while chunk is not None:
            try:
                chunk = self._chunks.get(timeout=SYNC_SECONDS)
            except Empty:
                chunk = ""
            data = packer.compress((chunk or "").encode())
            if monotonic() - synced >= SYNC_SECONDS and chunk is not None:
                data += packer.flush(zlib.Z_SYNC_FLUSH)
                synced = monotonic()
            self._write_all(data)
            self._written += len(chunk or "")
        self._write_all(packer.flush())

    def _write_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view[:PIECE]) :]
            self._pieces_written += 1
