"""JSON that somebody sends, read value by value: all at once would hold the reactor for its length.

Who reads says what is to come, and asks on when it has read that. All raise ValueError, whose text
is a line, for what is no JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from json import JSONDecodeError, JSONDecoder

_BLANKS = re.compile(r"[ \t\r\n]*")
_DECODER = JSONDecoder()
_NESTED = {"[": "a list", "{": "a table"}


class JsonText:
    """A text, and how far it is read."""

    def __init__(self, text: str) -> None:
        """Begin with its first value."""
        self._text = text
        self._at = 0
        self._pass_blanks()

    def takes(self, mark: str) -> bool:
        """Tell whether a bracket or the like comes next, and pass it if so."""
        is_next = self._text.startswith(mark, self._at)
        if is_next:
            self._at += 1
            self._pass_blanks()
        return is_next

    def expect(self, mark: str) -> None:
        """Pass a bracket or the like."""
        if not self.takes(mark):
            raise self._bad(f"Expecting '{mark}' delimiter")

    def scalar(self, expected: str) -> object:
        """Read a text, a number or the like.

        A list or a table, however long, is refused unread, and what was expected is said.
        """
        nested = _NESTED.get(self._text[self._at : self._at + 1])
        if nested is not None:
            raise ValueError(f"expected {expected}, got {nested}")
        try:
            value, self._at = _DECODER.raw_decode(self._text, self._at)
        except ValueError as error:
            raise ValueError(f"expected JSON, got what is not: {error}") from None
        self._pass_blanks()
        return value

    def items(self, end: str = "]") -> Iterator[None]:
        """Stop before each item up to the bracket that ends a list whose first is passed."""
        if self.takes(end):
            return
        yield
        while not self.takes(end):
            self.expect(",")
            yield

    def members(self) -> Iterator[str]:
        """Stop before each value up to the end of a table whose first bracket is passed."""
        for _ in self.items("}"):
            if not self._text.startswith('"', self._at):
                raise self._bad("Expecting property name enclosed in double quotes")
            key = str(self.scalar("a key"))
            self.expect(":")
            yield key

    def end(self) -> None:
        """Have nothing come any more."""
        if self._at < len(self._text):
            raise self._bad("Extra data")

    def _pass_blanks(self) -> None:
        blanks = _BLANKS.match(self._text, self._at)
        assert blanks is not None
        self._at = blanks.end()

    def _bad(self, what: str) -> ValueError:
        error = JSONDecodeError(what, self._text, self._at)
        return ValueError(f"expected JSON, got what is not: {error}")
