"""Lines in and lines out: a pipe's, or a terminal's without garbling the line being typed.

Text is decoded so that every byte survives the way in and out (PEP 383).
"""

from __future__ import annotations

import os
import termios
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from shutil import get_terminal_size
from typing import Any, TypeAlias

from twisted.internet.defer import CancelledError, FirstError, gatherResults

from udpecho.commands.descriptors import InputPipe, OutputPipe
from udpecho.commands.ending import putting_right
from udpecho.commands.saying import complaint
from udpecho.commands.signals import between_stops
from udpecho.commands.typed import CLEAR, MAX_LINE, TypedLine
from udpecho.shown import printable

Take: TypeAlias = Callable[[str], None]

TakeEnd: TypeAlias = Callable[[str | None], None]
"""Told that no more lines come, and why, if there could be."""


class Console:
    """Standard input by lines, and standard outputs; say() may be called at any time.

    What is said faster than anybody reads is left out, and counted.
    """

    def __init__(self, reactor: Any, take_line: Take, take_end: TakeEnd) -> None:
        self._reactor = reactor
        self._take_line = take_line
        self._take_end = take_end
        self._rest = b""
        self._left_out = 0
        self._inlet = InputPipe(reactor, 0, self._take, self._end)
        self._out = OutputPipe(reactor, 1, self._admit)
        self._errors = OutputPipe(reactor, 2, lambda: None)
        self._open = ExitStack()
        for outlet in (self._out, self._errors):
            self._open.enter_context(putting_right(outlet.close))
        self._inlet.resume()

    def say(self, line: str) -> None:
        """Write a line."""
        self._admit()
        if self._left_out or not self._offer(line):
            self._left_out += 1

    def conclude(self, line: str) -> None:
        """Write the last line, for which there is always room."""
        if self._left_out:
            self._out.take(self._bytes(self._what_is_missing()))
            self._left_out = 0
        self._out.take(self._bytes(line))

    def complain(self, line: str) -> None:
        """Write a line to standard error."""
        self._errors.offer(f"{complaint(line)}\n".encode())

    def pause(self) -> None:
        """Take no more lines for now."""
        self._inlet.pause()

    def resume(self) -> None:
        """Take lines again."""
        self._inlet.resume()

    async def leave(self, patience: float | None) -> None:
        """Let go of the descriptors when all is written, or after so many seconds."""
        self._inlet.pause()
        waiting = [self._out.empty(), self._errors.empty()]
        written = gatherResults(waiting, consumeErrors=True)
        if patience is not None:
            written.addTimeout(patience, self._reactor)
        with self._open, suppress(CancelledError, FirstError, TimeoutError):
            await written

    def _offer(self, line: str) -> bool:
        return self._out.offer(self._bytes(line))

    def _bytes(self, line: str) -> bytes:
        return f"{complaint(line)}\n".encode()

    def _admit(self) -> None:
        """Say how much was left out, once there is room again."""
        if self._left_out and self._offer(self._what_is_missing()):
            self._left_out = 0

    def _what_is_missing(self) -> str:
        return f"udpecho: {self._left_out} lines left out"

    def _take(self, data: bytes) -> None:
        """Hand on each line that is complete."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take_line(line.rstrip(b"\r").decode("utf-8", "surrogateescape"))
        if len(self._rest) > MAX_LINE:
            self._rest = b""
            self._inlet.pause()
            self._take_end(f"expected HOST[:PORT] MESSAGE, got a line of {MAX_LINE} bytes and more")

    def _end(self, error: OSError | None) -> None:
        """Take what was left without a line's end, and end."""
        if self._rest:
            self._take(b"\n")
        self._take_end(None if error is None else f"can't read standard input: {error.strerror}")


class TerminalConsole(Console):
    """A terminal, on which lines are printed above the one being typed."""

    def __init__(self, reactor: Any, take_line: Take, take_end: TakeEnd) -> None:
        super().__init__(reactor, take_line, take_end)
        self._typed = TypedLine()
        self._leaving = False
        drawn = partial(reactor.callFromThread, self._draw)
        self._open.enter_context(_keys_as_they_are_typed(on_resume=drawn))
        self._draw()

    def say(self, line: str) -> None:
        """Write a line above the one being typed."""
        super().say(line)
        self._draw()

    complain = say

    async def leave(self, patience: float | None) -> None:
        """Clear the prompt, then leave as any console does."""
        self._leaving = True
        self._out.offer(CLEAR.encode())
        await super().leave(patience)

    def _bytes(self, line: str) -> bytes:
        return CLEAR.encode() + super()._bytes(line)

    def _admit(self) -> None:
        before = self._left_out
        super()._admit()
        if before and not self._left_out:
            self._draw()

    def _take(self, data: bytes) -> None:
        """Take keys."""
        for line in self._typed.type(data):
            if line is None:
                self._take_end(None)
            else:
                self._offer(f"> {line}")
                self._take_line(line)
        self._draw()

    def _draw(self) -> None:
        if not self._leaving:
            self._out.offer(printable(self._typed.shown(get_terminal_size().columns)).encode())


@contextmanager
def _keys_as_they_are_typed(on_resume: Callable[[], object]) -> Iterator[None]:
    """Have the terminal leave the drawing of what is typed to us, but for while we are stopped.

    A shell sets its own modes meanwhile.
    """
    before, raw = termios.tcgetattr(0), termios.tcgetattr(0)
    raw[3] &= ~(termios.ICANON | termios.ECHO)

    def put(modes: list[Any]) -> None:
        with suppress(termios.error):  # it is gone
            termios.tcsetattr(0, termios.TCSANOW, modes)

    def resume() -> None:
        put(raw)
        on_resume()

    with putting_right(lambda: put(before)), between_stops(lambda: put(before), resume):
        put(raw)
        yield


def open_console(reactor: Any, take_line: Take, take_end: TakeEnd) -> Console:
    """Read standard input, as a terminal if a person is at both ends of it."""
    kind = TerminalConsole if os.isatty(0) and os.isatty(1) else Console
    return kind(reactor, take_line, take_end)
