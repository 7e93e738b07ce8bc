"""Text as any terminal takes it, whoever it came from: none is steered by it. Does no I/O."""

from __future__ import annotations

import re

_CONTROL = (
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029"
    r"\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u206f\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)
"""The control characters, but for the end of a line; what else ends one (UAX 14); and the format
characters, which turn text around (UAX 9) or can't be seen. So a line shows what is in it.
Compiled, which takes 1 ms, when there is something to show.
"""


def printable(text: str) -> str:
    """Write text so that any terminal and any encoding takes it."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _spelt(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def harmless(text: str) -> str:
    """Write text as printable() does, with its control characters spelt: none steers a terminal."""
    return printable(re.sub(_CONTROL, _spelt, text))


LONGEST = 120
"""Characters of what came that a complaint repeats; names have 253 at most (RFC 1035)."""


def short(text: str) -> str:
    """Leave out the middle of what is longer than a complaint has room for."""
    if len(text) <= LONGEST:
        return text
    from udpecho.widths import cut

    return cut(text, LONGEST)


def quoted(came: object) -> str:
    """Write what came as a complaint repeats it: in quotation marks, and not too long."""
    return short(repr(came))
