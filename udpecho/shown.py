"""Text as any terminal takes it, whoever it came from: none is steered by it. Does no I/O."""

from __future__ import annotations

import re

_CONTROL = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)
"""The control characters, but for the end of a line; and those that turn the direction of text
(UAX 9) or end a line (UAX 14), so that a line shows what is in it, in its order."""


def printable(text: str) -> str:
    """Write text so that any terminal and any encoding takes it."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def harmless(text: str) -> str:
    """Write text as printable() does, with its control characters spelt: none steers a terminal."""
    return printable(_CONTROL.sub(lambda found: repr(found[0])[1:-1], text))
