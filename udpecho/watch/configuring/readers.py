"""What the values of a configuration may be: readers for its tables (see tables)."""

from __future__ import annotations

from collections.abc import Callable

from udpecho.watch.configuring.tables import Reader, Value, bad_value

LONGEST_NAME = 253
"""Characters of a host's name (RFC 1035, section 2.3.4)."""


def words(expected: str, longest: int = 4096) -> Reader[str]:
    """Read a text that is not empty, in one line."""

    def read(option: str, value: object) -> str:
        if isinstance(value, str) and 0 < len(value) <= longest and value.isprintable():
            return value
        raise bad_value(option, expected, value)

    return read


def flag(option: str, value: object) -> bool:
    """Read true or false."""
    if isinstance(value, bool):
        return value
    raise bad_value(option, "true or false", value)


def whole(lowest: int, highest: int) -> Reader[int]:
    """Read a whole number within bounds."""

    def read(option: str, value: object) -> int:
        if type(value) is int and lowest <= value <= highest:
            return value
        raise bad_value(option, f"a whole number from {lowest} to {highest}", value)

    return read


def seconds(lowest: float, highest: float) -> Reader[float]:
    """Read seconds within bounds."""

    def read(option: str, value: object) -> float:
        if type(value) in (int, float) and lowest <= value <= highest:  # type: ignore[operator]
            return float(value)  # type: ignore[arg-type]
        raise bad_value(option, f"seconds from {lowest:g} to {highest:g}", value)

    return read


def choice(*known: str) -> Reader[str]:
    """Read one of some words."""

    def read(option: str, value: object) -> str:
        if isinstance(value, str) and value in known:
            return value
        raise bad_value(option, " or ".join(f'"{each}"' for each in known), value)

    return read


def several(read: Reader[Value], least: int = 0) -> Reader[tuple[Value, ...]]:
    """Read a list, or a value alone for a list of one."""

    def read_all(option: str, value: object) -> tuple[Value, ...]:
        values = value if isinstance(value, list) else [value]
        if len(values) < least:
            raise bad_value(option, f"{least} at least", value)
        return tuple(read(option, each) for each in values)

    return read_all


def coerced(coercer: Callable[[str], Callable[[str], Value]], expected: str) -> Reader[Value]:
    """Read a text, and have a coercer of an option's text make of it what it means."""

    def read(option: str, value: object) -> Value:
        if not isinstance(value, str):
            raise bad_value(option, expected, value)
        return coercer(option)(value)

    return read
