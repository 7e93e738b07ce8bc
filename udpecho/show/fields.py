"""The values of an object of JSON, each of the type that is asked for, or one clear ValueError.

Its text is one line: which value, what was expected and what came. Does no I/O.
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import TypeVar

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

    def each(self, key: str) -> list[Fields]:
        """Return a list of objects within it."""
        value = self._value(key)
        if not isinstance(value, list):
            raise self.wrong(key, "a list")
        return [Fields(each, f"{self._place}{key}.{n}.") for n, each in enumerate(value)]

    def is_null(self, key: str, *, or_missing: bool = False) -> bool:
        """Tell whether a value is null. It must be there, unless that is as good."""
        return self._values.get(key, None if or_missing else _MISSING) is None

    def _value(self, key: str) -> object:
        return self._values.get(key, _MISSING)

    def wrong(self, key: str, expected: str) -> ValueError:
        """Make the error that says what was expected of a value."""
        return _wrong(f"{self._place}{key}", expected, self._value(key))


def _wrong(name: str, expected: str, got: object) -> ValueError:
    came = "nothing" if got is _MISSING else reprlib.repr(got)  # however long or deep
    return ValueError(f"{name}: expected {expected}, got {came}")
