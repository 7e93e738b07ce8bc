"""The pages that a user reads, and the examples in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))


@dataclass(frozen=True, slots=True)
class Example:
    """A fenced block of a page: its language, where it stands, and what it says."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        """Name it by its place: port.md:24."""
        return f"{self.page}:{self.line}"

    @property
    def file(self) -> str | None:
        """The file that it is, if its first line says so: what the page's others import."""
        named = re.match(r"# (\w+\.py)\n", self.text)
        return named and named[1]


def examples(*languages: str) -> list[Example]:
    """List the examples of these languages, page by page."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for block in re.finditer(r"^```([\w{}-]+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            if block[1] in languages:
                line = text.count("\n", 0, block.start()) + 2
                found.append(Example(page.name, line, block[1], block[2]))
    return found
