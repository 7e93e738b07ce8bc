"""Lines to standard output and standard error, which no line steers the terminal of."""

from __future__ import annotations

import sys

from udpecho.shown import harmless


def say(line: str) -> None:
    """Print a line at once."""
    print(harmless(line), flush=True)


def complain(line: str) -> None:
    """Print a line to standard error at once."""
    print(harmless(line), file=sys.stderr, flush=True)
