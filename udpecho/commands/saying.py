"""Lines to standard output and standard error, which no line steers the terminal of."""

from __future__ import annotations

import sys

from udpecho.shown import harmless


def one_line(text: str) -> str:
    """Write what is to be one line as one, whatever is in it."""
    return harmless(text).replace("\n", "\\n")


def say(line: str) -> None:
    """Print a line at once."""
    print(one_line(line), flush=True)


def complain(line: str) -> None:
    """Print a line to standard error at once."""
    print(one_line(line), file=sys.stderr, flush=True)
