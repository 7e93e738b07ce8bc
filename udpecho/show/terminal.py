"""What standard output is: how wide, with which characters, and whether a table can be drawn."""

from __future__ import annotations

import sys
from shutil import get_terminal_size

from udpecho.show.sheet import COLUMNS, Sheet


def standard_output() -> Sheet:
    """Tell what standard output is now: a terminal may have been made wider, or narrower.

    COLUMNS says how wide it is, if it is set; else the terminal does.
    """
    columns = get_terminal_size((COLUMNS, 24)).columns
    return Sheet(columns, getattr(sys.stdout, "encoding", None) or "ascii")
