"""The line being typed on a terminal: what keys make of it, and how it looks."""

from __future__ import annotations

import codecs
import re
from unicodedata import category, east_asian_width

from udpecho.shown import printable

MAX_LINE = 1 << 20
"""Bytes of a line, at most: several times what the longest datagram could need."""

CLEAR = "\r\x1b[K"
"""Back to the line's beginning, and nothing on it."""

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
        return f"{CLEAR}{self._prompt}{printable(self._text[start:])}"


def _columns(character: str) -> int:
    if "\udc80" <= character <= "\udcff":  # a byte that is not UTF-8, shown as an escape
        return len(printable(character))
    if category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if east_asian_width(character) in "WF" else 1
