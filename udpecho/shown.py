"""Text as any terminal takes it, whoever it came from: none is steered by it. Does no I/O."""

from __future__ import annotations

import re

_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
"""The control characters, but for the end of a line."""


def printable(text: str) -> str:
    """Write text so that any terminal and any encoding takes it."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def harmless(text: str) -> str:
    """Write text as printable() does, with its control characters spelt: none steers a terminal."""
    return printable(_CONTROL.sub(lambda found: repr(found[0])[1:-1], text))
