"""How many columns of a terminal a text takes, and how it is made to take fewer. Does no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from unicodedata import category, east_asian_width


def columns_of(text: str) -> int:
    """Count the columns: two of an East Asian character, none of one that combines."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def cut(text: str, columns: int, mark: str = "...") -> str:
    """Leave out the middle of a text that takes more columns, with a mark in its place."""
    if columns_of(text) <= columns:
        return text
    room = columns - columns_of(mark)
    if room < 0:
        return mark[: max(0, columns)]
    characters = list(_characters(text))
    head = _fitting(characters, room - room // 2)
    tail = _fitting(reversed(characters), room // 2)
    return "".join([*head, mark, *reversed(tail)])


def padded(text: str, columns: int, *, right: bool = False) -> str:
    """Fill a text up to as many columns, before it where it is to stand at the right."""
    filling = " " * (columns - columns_of(text))
    return filling + text if right else text + filling


def wrapped(text: str, columns: int, indent: str = "  ") -> Iterator[str]:
    """Break a line at its spaces; what follows the first is indented, more than it is itself.

    A word is broken at need.
    """
    indent += text[: len(text) - len(text.lstrip(" "))]
    indent = indent if columns > 2 * len(indent) else ""
    at, before = 0, ""
    while (end := _end_of_line(text, at, columns - len(before))) < len(text):
        space = text.rfind(" ", at, end)
        if text[end] != " " and text[at : space + 1].strip():
            end = space + 1
        yield before + text[at:end].rstrip()
        at, before = end, indent
        while at < len(text) and text[at].isspace():
            at += 1
    if at < len(text) or not text:
        yield before + text[at:]


def _end_of_line(text: str, at: int, columns: int) -> int:
    """Find where a line has no more room: behind one character at least, and what combines."""
    taken = 0
    for end in range(at, len(text)):
        width = _columns(text[end])
        taken += width
        if width and taken > columns and end > at:
            return end
    return len(text)


@lru_cache(512)
def _columns(character: str) -> int:
    """Count one character's. Hangul's vowels and finals stand within the syllable they follow."""
    if category(character) in ("Mn", "Me", "Cf") or "\u1160" <= character <= "\u11ff":
        return 0
    return 2 if east_asian_width(character) in "WF" else 1


def _characters(text: str) -> Iterator[str]:
    """Divide a text, each character with what combines with it."""
    whole = ""
    for each in text:
        if whole and _columns(each):
            yield whole
            whole = ""
        whole += each
    if whole:
        yield whole


def _fitting(characters: Iterable[str], columns: int) -> list[str]:
    """Take as many of the first as have room."""
    taken: list[str] = []
    for each in characters:
        columns -= columns_of(each)
        if columns < 0:
            break
        taken.append(each)
    return taken
