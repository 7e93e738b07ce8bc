"""Lines to standard output and standard error, which no line steers the terminal of."""

from __future__ import annotations

import os
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
    print(complaint(line), file=sys.stderr, flush=True)


def complaint(line: str) -> str:
    """Write a line as standard error takes it: a terminal's are broken at spaces, others never."""
    text = one_line(line)
    columns = _terminal_columns()
    if columns is None or len(text) <= columns // 2:  # a character has two columns at most
        return text
    from udpecho.widths import wrapped

    return "\n".join(wrapped(text, columns))


def _terminal_columns() -> int | None:
    """Tell how wide standard error is, if it is a terminal."""
    try:
        columns = os.get_terminal_size(2).columns
    except OSError:
        return None
    asked = os.environ.get("COLUMNS", "")
    return int(asked) if asked.isdecimal() and int(asked) else columns or None
