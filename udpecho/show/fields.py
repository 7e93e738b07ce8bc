"""The values of an object of JSON, each of the type that is asked for, or one clear ValueError.

Its text is one line: which value, what was expected and what came. Does no I/O.
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import TypeVar

from udpecho.peer import MAX_PORT, Peer

_Choice = TypeVar("_Choice")

MOST = 2**63 - 1
"""Whole numbers are this at most: times in ns of 292 years, and what 64 bits hold."""

_MISSING = object()


class Fields:
    """An object of JSON."""

    def __init__(self, value: object, place: str = "") -> None:
        """Take what should be one, and where it stands: "targets.0."."""
        if not isinstance(value, dict):
            raise _wrong(place.rstrip(".") or "the line", "an object", value)
        self._values = value
        self._place = place

    def text(self, key: str) -> str:
        """Return a text."""
        value = self._value(key)
        if not isinstance(value, str):
            raise self.wrong(key, "a text")
        return value

    def whole(self, key: str, lowest: int = 0, highest: int = MOST) -> int:
        """Return a whole number within bounds. True is none, nor is 1.0."""
        value = self._value(key)
        if type(value) is not int or not lowest <= value <= highest:
            bounds = "" if highest == MOST else f" to {highest}"
            raise self.wrong(key, f"a whole number from {lowest}{bounds}")
        return value

    def unless_null(self, key: str, highest: int = MOST, *, or_missing: bool = False) -> int | None:
        """Return a whole number, or None if it is null, or missing where that is as good."""
        return None if self.is_null(key, or_missing=or_missing) else self.whole(key, 0, highest)

    def address(self, key: str) -> str:
        """Return an IP address."""
        address = self.text(key)
        if not _is_address(address):
            raise self.wrong(key, "an IP address")
        return address

    def peer(self, prefix: str = "") -> Peer:
        """Return an IP address and a port."""
        return self.address(f"{prefix}address"), self.whole(f"{prefix}port", 0, MAX_PORT)

    def real(self, key: str, highest: float) -> float:
        """Return a number from 0 on, whole or not; NaN is none."""
        value = self._value(key)
        if type(value) not in (int, float) or not 0 <= value <= highest:  # type: ignore[operator]
            raise self.wrong(key, f"a number from 0 to {highest:g}")
        return float(value)  # type: ignore[arg-type]

    def truth(self, key: str) -> bool:
        """Return whether something is so."""
        value = self._value(key)
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def exactly(self, key: str, value: object) -> None:
        """Refuse any other value than this."""
        if (got := self._value(key)) != value or type(got) is not type(value):
            raise self.wrong(key, repr(value))

    def choice(self, key: str, choices: Mapping[str, _Choice]) -> _Choice:
        """Return what one of some words stands for."""
        value = self._value(key)
        if not isinstance(value, str) or value not in choices:
            raise self.wrong(key, f"one of {', '.join(choices)}")
        return choices[value]

    def inner(self, key: str) -> Fields:
        """Return an object within it."""
        return Fields(self._value(key), f"{self._place}{key}.")

    def each(self, key: str, most: int = MOST) -> list[Fields]:
        """Return a list of objects within it, of this many at most."""
        values = self._list(key, most)
        return [Fields(each, f"{self._place}{key}.{n}.") for n, each in enumerate(values)]

    def listed(self, key: str, most: int) -> Fields:
        """Return a list of this many values at most as an object, whose keys are their places."""
        values = {str(n): each for n, each in enumerate(self._list(key, most))}
        return Fields(values, f"{self._place}{key}.")

    @property
    def keys(self) -> list[str]:
        """The keys of its values."""
        return list(self._values)

    def is_null(self, key: str, *, or_missing: bool = False) -> bool:
        """Tell whether a value is null. It must be there, unless that is as good."""
        return self._values.get(key, None if or_missing else _MISSING) is None

    def _list(self, key: str, most: int) -> list[object]:
        value = self._value(key)
        if not isinstance(value, list):
            raise self.wrong(key, "a list")
        if len(value) > most:
            raise _wrong(f"{self._place}{key}", f"{most} values at most", len(value))
        return value

    def _value(self, key: str) -> object:
        return self._values.get(key, _MISSING)

    def wrong(self, key: str, expected: str) -> ValueError:
        """Make the error that says what was expected of a value."""
        return _wrong(f"{self._place}{key}", expected, self._value(key))


@lru_cache(maxsize=1 << 14)
def _is_address(text: str) -> bool:
    """Tell what is looked at again and again: a record has few addresses."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _wrong(name: str, expected: str, got: object) -> ValueError:
    came = "nothing" if got is _MISSING else reprlib.repr(got)  # however long or deep
    return ValueError(f"{name}: expected {expected}, got {came}")
