"""What a view is written on: a terminal, a pipe or a file. Does no I/O."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from udpecho.shown import harmless
from udpecho.widths import cut, wrapped

COLUMNS = 80
"""Of what does not say how many it has: a pipe, a file."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """How many columns a line has, and which encoding says what characters there are."""

    columns: int = COLUMNS
    encoding: str = "utf-8"

    def has(self, characters: str) -> bool:
        """Tell whether it can show these characters."""
        try:
            characters.encode(self.encoding)
        except UnicodeEncodeError:
            return False
        return True

    def spell(self, text: str) -> str:
        """Write a text on one line, with what can't be shown, or would steer, spelt out."""
        if text.isascii() and text.isprintable():
            return text
        one_line = harmless(text).replace("\n", "\\n")
        return one_line.encode(self.encoding, "backslashreplace").decode(self.encoding)

    def cut(self, text: str, columns: int) -> str:
        """Spell a text in so many columns at most, with its middle left out at need."""
        return cut(self.spell(text), columns, "…" if self.has("…") else "..")

    def wrap(self, text: str) -> Iterator[str]:
        """Spell a text on as many lines as it needs."""
        return wrapped(self.spell(text), self.columns)


ENDLESS = Sheet(columns=1_000_000)
"""Where no line is broken and no column left out."""
