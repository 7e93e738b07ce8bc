"""The classes of traffic by name (DSCP, RFC 2474). Does no I/O."""

from __future__ import annotations

import re
from collections.abc import Callable

from udpecho.values import wrong

_ASSURED = {f"AF{c}{d}": 8 * c + 2 * d for c in range(1, 5) for d in range(1, 4)}
CLASSES = {"EF": 46, "VA": 44, "LE": 1} | {f"CS{n}": 8 * n for n in range(8)} | _ASSURED
"""The names of DSCP's values (RFC 2474, 2597, 3246, 5865, 8622)."""

_NUMBER = re.compile(r"0[xX][0-9a-fA-F]{1,9}|[0-9]{1,9}")


def number_of(text: str) -> int | None:
    """Read a number, 0x for hexadecimal; None if it is none."""
    if not _NUMBER.fullmatch(text):
        return None
    return int(text, 16) if text[:2] in ("0x", "0X") else int(text)


def dscp_named(option: str) -> Callable[[str], int]:
    """Make a coercer of a DSCP, by name or as a number, 0x for hexadecimal."""

    def coerce(text: str) -> int:
        value = CLASSES.get(text.upper(), number_of(text))
        if value is None or value > 63:
            raise wrong(option, "a DSCP from 0 to 63 or by name (EF, AF41)", text)
        return value

    return coerce
