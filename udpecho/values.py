"""A value from a user's text, or one line that says what was expected and what came.

A ValueError's text names the option, since that text is all that is printed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from math import nan

from udpecho.peer import MAX_PORT
from udpecho.shown import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    Value = TypeVar("Value")

_DECIMAL = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
"""What strtod(3) and Python both take, a decimal number; not 1_0, inf or a foreign digit."""


def wrong(option: str, expected: str, got: str) -> ValueError:
    """Word what is wrong with an option's text."""
    return ValueError(f"{option}: expected {expected}, got {quoted(got)}")


def port_number(option: str, lowest: int = 1) -> Callable[[str], int]:
    """Make a coercer of a port; lowest=0 lets the kernel choose one."""

    def coerce(text: str) -> int:
        if re.fullmatch(r"[0-9]{1,5}", text) and lowest <= int(text) <= MAX_PORT:
            return int(text)
        raise wrong(option, f"a port from {lowest} to {MAX_PORT}", text)

    return coerce


def seconds(option: str) -> Callable[[str], float]:
    """Make a coercer of a duration above 0, in seconds."""

    def coerce(text: str) -> float:
        value = float(text) if _DECIMAL.fullmatch(text) else 0.0
        if 0 < value <= 86400:
            return value
        raise wrong(option, "seconds above 0, a day at most", text)

    return coerce


def whole_number(option: str, lowest: int, highest: int) -> Callable[[str], int]:
    """Make a coercer of a whole number within bounds."""

    def coerce(text: str) -> int:
        if re.fullmatch(r"[0-9]{1,18}", text) and lowest <= int(text) <= highest:
            return int(text)
        raise wrong(option, f"a whole number from {lowest} to {highest}", text)

    return coerce


def number(option: str, lowest: float, highest: float) -> Callable[[str], float]:
    """Make a coercer of a decimal number within bounds."""

    def coerce(text: str) -> float:
        value = float(text) if _DECIMAL.fullmatch(text) else nan
        if lowest <= value <= highest:
            return value
        raise wrong(option, f"a number from {lowest:.15g} to {highest:.15g}", text)

    return coerce


def one_of(option: str, choices: tuple[str, ...]) -> Callable[[str], str]:
    """Make a coercer that takes one of some words."""

    def coerce(text: str) -> str:
        if text in choices:
            return text
        raise wrong(option, f"one of {', '.join(choices)}", text)

    return coerce


def naming(option: str, parse: Callable[[str], Value], text: str) -> Value:
    """Parse, and name the option in what goes wrong."""
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"{option}: {error}") from None
