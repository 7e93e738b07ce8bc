"""On which line of a TOML text each key stands, which tomllib does not tell.

Takes a text that tomllib has read: so it only has to find its way, and judges nothing.
"""

from __future__ import annotations

import re
from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""The keys that lead to a value, and the places in lists, from 0: ("peers", 1, "hosts", 0)."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_GAP = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_OTHER_VALUE = re.compile(r"[^,\]}#\r\n]+")
_ENDS = {
    quote: re.compile(pattern, re.DOTALL)
    for quote, pattern in (
        ('"""', r'(?:\\.|(?!"""(?!")).)*"""'),
        ("'''", r"(?:(?!'''(?!')).)*'''"),
        ('"', r'(?:\\.|[^"\\])*"'),
        ("'", r"[^']*'"),
    )
}
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")
_SHORT = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b"}


def key_lines(text: str) -> dict[Path, int]:
    """Tell the line, from 1, of each table, key and member of a list in a text of TOML."""
    return _Reader(text).read()


class _Reader:
    """Goes through a text once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line, self._counted = 1, 0
        self._lines: dict[Path, int] = {}
        self._members: dict[Path, int] = {}  # of lists of tables

    def read(self) -> dict[Path, int]:
        """Read headers and the keys below them."""
        table: Path = ()
        while self._look():
            if self._takes("["):
                table = self._header(self._takes("["))
            else:
                self._pair(table)
        return self._lines

    def _header(self, is_list: bool) -> Path:
        keys = self._key()
        path: Path = ()
        for key in keys[:-1]:
            path = self._within((*path, key))
        path = (*path, keys[-1])
        self._note(path)
        if is_list:
            self._members[path] = self._members.get(path, -1) + 1
            path = self._within(path)
            self._note(path)
        self._at = self._text.index("]", self._at) + (2 if is_list else 1)
        return path

    def _within(self, path: Path) -> Path:
        """Give the table that a path means: of a list of tables the last one."""
        return (*path, self._members[path]) if path in self._members else path

    def _pair(self, table: Path) -> None:
        path = table
        for key in self._key():
            path = (*path, key)
            self._note(path)
        self._at = self._text.index("=", self._at) + 1
        self._value(path)

    def _value(self, path: Path) -> None:
        self._at = _end(_GAP, self._text, self._at)
        if self._takes("["):
            self._list(path)
        elif self._takes("{"):
            while self._look() and not self._takes("}"):
                self._pair(path)
                self._look()
                self._takes(",")
        elif self._text[self._at] in "\"'":
            self._string()
        else:
            self._at = _end(_OTHER_VALUE, self._text, self._at)

    def _list(self, path: Path) -> None:
        number = 0
        while self._look() and not self._takes("]"):
            self._note((*path, number))
            self._value((*path, number))
            self._look()
            self._takes(",")
            number += 1

    def _key(self) -> list[str]:
        """Read a key, dotted perhaps."""
        keys = []
        while True:
            self._at = _end(_GAP, self._text, self._at)
            if self._text[self._at] in "\"'":
                keys.append(self._string())
            else:
                start, self._at = self._at, _end(_BARE_KEY, self._text, self._at)
                keys.append(self._text[start : self._at])
            self._at = _end(_GAP, self._text, self._at)
            if not self._takes("."):
                return keys

    def _string(self) -> str:
        """Read a quoted string; of one with three quotes the content does not matter."""
        quote = self._text[self._at] * 3
        if not self._text.startswith(quote, self._at):
            quote = quote[0]
        start = self._at + len(quote)
        self._at = _end(_ENDS[quote], self._text, start)
        content = self._text[start : self._at - len(quote)]
        return content if quote == "'" else _ESCAPE.sub(_unescaped, content)

    def _note(self, path: Path) -> None:
        """Have a path stand here, if it didn't stand anywhere yet."""
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        self._lines.setdefault(path, self._line)

    def _look(self) -> bool:
        """Pass blanks and comments; tell whether there is more."""
        self._at = _end(_BLANK, self._text, self._at)
        return self._at < len(self._text)

    def _takes(self, mark: str) -> bool:
        found = self._text.startswith(mark, self._at)
        self._at += len(mark) if found else 0
        return found


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Tell where what is matched here ends."""
    match = pattern.match(text, at)
    assert match is not None, "tomllib has read it"
    return match.end()


def _unescaped(found: re.Match[str]) -> str:
    four, eight, letter = found.groups()
    return chr(int(four or eight, 16)) if letter is None else _SHORT.get(letter, letter)
