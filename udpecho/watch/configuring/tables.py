"""The tables of a configuration, read key by key: what is wrong is one line with file and line.

A reader of a value is given what to call it, and what the file has; it returns what that means,
or raises a ValueError whose text names it, says what was expected, and what came.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import TypeAlias, TypeVar

from udpecho.shown import harmless
from udpecho.watch.configuring.toml_lines import Path, key_lines

Value = TypeVar("Value")
Other = TypeVar("Other")

Reader: TypeAlias = Callable[[str, object], Value]

MOST_SHOWN = 60
"""Characters of a wrong value that a line shows."""

_DIGITS = re.compile(r"[0-9][0-9_]*")


class BadConfig(ValueError):
    """A configuration that can't be: one line with the file, the line, what was expected, got."""


def bad_value(option: str, expected: str, got: object) -> ValueError:
    """Word what is wrong with a value, whatever it is."""
    return ValueError(f"{option}: expected {expected}, got {as_shown(got)}")


def as_shown(value: object) -> str:
    """Write a value as TOML has it, in one short line; of one of megabytes, its beginning alone."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, int) and value.bit_length() > 4 * MOST_SHOWN:
        text = hex(value)  # Python writes no number of more than some thousand digits in decimal
    elif isinstance(value, list):
        text = f"[{', '.join(map(_as_item, value[:MOST_SHOWN]))}]"
    else:
        text = ascii(value[:MOST_SHOWN]) if isinstance(value, str) else str(value)
    is_whole = len(text) <= MOST_SHOWN and (not isinstance(value, str) or len(value) <= MOST_SHOWN)
    return text if is_whole else f"{text[: MOST_SHOWN - 1]}…"


def _as_item(value: object) -> str:
    """Write a value in a list; a list in it is not opened, which may go as deep as it is long."""
    return "[…]" if isinstance(value, list) and value else as_shown(value)


class TomlText:
    """A file's text, and where in it each key stands."""

    def __init__(self, text: str, file: str) -> None:
        """Read TOML; raises BadConfig if it isn't."""
        self.file = file
        try:
            self.content = tomllib.loads(text)
            self._lines = key_lines(text)
        except tomllib.TOMLDecodeError as error:
            what, line = _without_place(str(error), text)
            raise self.bad(line, f"expected TOML, got what is not: {what}") from None
        except RecursionError:
            raise self.bad(1, "expected values in a few brackets, got hundreds") from None
        except ValueError:  # Python's bound to the digits of a number: it does not tell where
            longest = max(_DIGITS.finditer(text), key=lambda each: len(each[0]))
            line, got = text.count("\n", 0, longest.start()) + 1, as_shown(longest[0])
            raise self.bad(line, f"expected a number of few digits, got {got}") from None

    def bad(self, line: int, message: str) -> BadConfig:
        """Word what is wrong, with file and line."""
        return BadConfig(harmless(f"{self.file}:{line}: {message}").replace("\n", "\\n"))

    def line(self, path: Path) -> int:
        """Tell on which line something stands, or what it belongs to."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def table(self, name: str) -> Table:
        """Give one of the file's tables; an empty one if it isn't there. Raises BadConfig."""
        content = self.content.get(name, {})
        if not isinstance(content, dict):
            got = as_shown(content)
            raise self.bad(self.line((name,)), f"{name}: expected a table, [{name}], got {got}")
        return Table(self, f"[{name}]", (name,), content)

    def tables(self, name: str) -> list[Table]:
        """Give the tables of a list of them. Raises BadConfig."""
        content = self.content.get(name, [])
        if not (isinstance(content, list) and all(isinstance(each, dict) for each in content)):
            got = as_shown(content)
            raise self.bad(self.line((name,)), f"{name}: expected tables, [[{name}]], got {got}")
        paths = ((name, number) for number in range(len(content)))
        return [
            Table(self, f"[[{name}]]", path, each)
            for path, each in zip(paths, content, strict=True)
        ]

    def refuse_others(self, known: tuple[str, ...]) -> None:
        """Raise BadConfig for a table that nobody knows."""
        for name in self.content:
            if name not in known:
                expected = ", ".join(known[:-1]) + f" or {known[-1]}"
                message = f"expected {expected}, got {as_shown(name)}{meant(name, known)}"
                raise self.bad(self.line((name,)), message)


class Table:
    """One table: each of its keys is taken once, and then nothing may be left."""

    def __init__(
        self, toml: TomlText, title: str, path: Path, content: Mapping[str, object]
    ) -> None:
        self._toml = toml
        self._title = title
        self._path = path
        self._known: list[str] = []
        self._keys: dict[str, str] = {}
        """As they are written, by our name for them: in the service's options they have hyphens."""

        self._content: dict[str, object] = {}
        for key, value in content.items():
            name = key.replace("-", "_")
            self._keys[name] = key
            if name in self._content:
                raise self.bad(name, f"{title} {name}: expected it once, got it with - and with _")
            self._content[name] = value

    @property
    def where(self) -> str:
        """The table's place, as file and line."""
        return f"{self._toml.file}:{self._toml.line(self._path)}"

    def __contains__(self, key: str) -> bool:
        return key in self._content

    def take(self, key: str, read: Reader[Value], default: Other) -> Value | Other:
        """Read a key's value. Raises BadConfig."""
        self._known.append(key)
        if key not in self._content:
            return default
        try:
            return read(f"{self._title} {key}", self._content[key])
        except ValueError as error:
            raise self.bad(key, str(error)) from None

    def end(self) -> None:
        """Raise BadConfig for a key that nobody took."""
        for key in self._content:
            if key not in self._known:
                got, known = as_shown(self._keys[key]), ", ".join(self._known)
                like = meant(key, self._known)
                raise self.bad(key, f"{self._title}: expected one of {known}, got {got}{like}")

    def bad(self, key: str, message: str) -> BadConfig:
        """Word what is wrong with a key, with file and line."""
        path = (*self._path, self._keys.get(key, key))
        return self._toml.bad(self._toml.line(path), message)


def meant(word: str, known: tuple[str, ...] | list[str]) -> str:
    """Ask whether a known word was meant that is like one; empty if there is none."""
    like = get_close_matches(word, known, n=1)
    return f"; did you mean {like[0]}?" if like else ""


def _without_place(message: str, text: str) -> tuple[str, int]:
    """Take the place out of tomllib's message; at the end of the text it names none."""
    what, _, place = message.rpartition(" (at ")
    line = re.match(r"line (\d+)", place)
    return what or message, int(line[1]) if line else text.count("\n") + 1
