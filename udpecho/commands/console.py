"""Lines in and lines out: a pipe's, or a terminal's without garbling the line being typed.

Text is decoded so that every byte survives the way in and out (PEP 383).
"""

from __future__ import annotations

import codecs
import os
import re
import sys
import termios
from collections.abc import Callable
from shutil import get_terminal_size
from unicodedata import category, east_asian_width

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.stdio import StandardIO
from twisted.python.failure import Failure
from zope.interface import implementer

from udpecho.shown import printable

MAX_LINE = 1 << 20
"""Bytes of a line, at most: several times what the longest datagram could need."""

_CLEAR = "\r\x1b[K"
_KEY_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|.)?")  # arrows and the like
_END, _ERASE, _ERASE_WORD, _ERASE_LINE = "\x04", "\x7f\x08", "\x17", "\x15"


class TypedLine:
    """The line being typed: what keys make of it, and how it looks on one terminal line."""

    def __init__(self, prompt: str = "> ") -> None:
        self._prompt = prompt
        self._decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
        self._text = ""

    def type(self, keys: bytes) -> list[str | None]:
        """Take keys; return the lines that they end, and None where they end the input."""
        ended: list[str | None] = []
        for key in _KEY_SEQUENCE.sub("", self._decode(keys)):
            if key in "\r\n":
                ended.append(self._text)
                self._text = ""
            elif key == _END:
                if not self._text:
                    ended.append(None)
            elif key in _ERASE:
                self._text = self._text[:-1]
            elif key == _ERASE_LINE:
                self._text = ""
            elif key == _ERASE_WORD:
                self._text = re.sub(r"\S*\s*$", "", self._text)
            elif key.isprintable() and len(self._text) < MAX_LINE:
                self._text += key
        return ended

    def shown(self, columns: int) -> str:
        """Draw the prompt and as much of the text's end as one line of the terminal holds."""
        room = max(1, columns - len(self._prompt) - 1)
        start = len(self._text)
        while start and room >= (width := _columns(self._text[start - 1])):
            start -= 1
            room -= width
        return f"{_CLEAR}{self._prompt}{printable(self._text[start:])}"


def _columns(character: str) -> int:
    if "\udc80" <= character <= "\udcff":  # a byte that is not UTF-8, shown as an escape
        return len(printable(character))
    if category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if east_asian_width(character) in "WF" else 1


@implementer(IHalfCloseableProtocol)
class Console(Protocol):
    """Standard input by lines, and standard output; say() may be called at any time."""

    def __init__(self, take_line: Callable[[str], None], take_end: Callable[[], None]) -> None:
        self._take_line = take_line
        self._take_end = take_end
        self._rest = b""
        self._ended = False
        self.gone: Deferred[None] = Deferred()
        """Fires when all that was said has been written, or can't be."""

    def say(self, line: str) -> None:
        """Write a line."""
        assert self.transport is not None
        self.transport.write(printable(line + "\n").encode())

    def complain(self, line: str) -> None:
        """Write a line to standard error."""
        print(printable(line), file=sys.stderr, flush=True)

    def leave(self) -> None:
        """Write what is left and let go of the terminal."""
        assert self.transport is not None
        self.transport.loseConnection()

    def dataReceived(self, data: bytes) -> None:
        """Hand on each line that is complete."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take_line(line.rstrip(b"\r").decode("utf-8", "surrogateescape"))
        if len(self._rest) > MAX_LINE:
            self.complain(f"a line of more than {MAX_LINE} bytes: expected HOST[:PORT] MESSAGE")
            self.leave()

    def readConnectionLost(self) -> None:
        """Take what was left without a line's end, and end."""
        if self._rest:
            self.dataReceived(b"\n")
        self._end()

    def writeConnectionLost(self) -> None:
        """End: nobody reads what we say."""
        self._end()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """End, with everything written that could be."""
        self._end()
        self.gone.callback(None)

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._take_end()


class TerminalConsole(Console):
    """A terminal, on which lines are printed above the one being typed."""

    def connectionMade(self) -> None:
        """Have the terminal leave the drawing of what is typed to us."""
        self._typed = TypedLine()
        self._before = termios.tcgetattr(sys.stdin)
        raw = termios.tcgetattr(sys.stdin)
        raw[3] &= ~(termios.ICANON | termios.ECHO)
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, raw)
        self._draw()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Leave the terminal as it was."""
        os.set_blocking(sys.stdin.fileno(), True)
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)
        super().connectionLost(reason)

    def say(self, line: str) -> None:
        """Write a line above the one being typed."""
        self._write(f"{_CLEAR}{line}\n")
        self._draw()

    complain = say

    def dataReceived(self, data: bytes) -> None:
        """Take keys."""
        for line in self._typed.type(data):
            if line is None:
                self._end()
            else:
                self._write(f"{_CLEAR}> {line}\n")
                self._take_line(line)
        self._draw()

    def leave(self) -> None:
        """Clear the prompt, then leave as any console does."""
        self._ended = True
        self._write(_CLEAR)
        super().leave()

    def _draw(self) -> None:
        if not self._ended:
            self._write(self._typed.shown(get_terminal_size().columns))

    def _write(self, text: str) -> None:
        assert self.transport is not None
        self.transport.write(printable(text).encode())


def open_console(take_line: Callable[[str], None], take_end: Callable[[], None]) -> Console:
    """Read standard input, as a terminal if a person is at both ends of it."""
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    console = (TerminalConsole if terminal else Console)(take_line, take_end)
    StandardIO(console)
    return console
