"""Whom a run tells of what it sees: nobody, one, or one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Said = TypeVar("Said")


def ignore(_: object) -> None:
    """Do nothing with what is told."""


def both(one: Callable[[Said], None], other: Callable[[Said], None]) -> Callable[[Said], None]:
    """Tell both; to ignore costs nothing."""
    if one is ignore or other is ignore:
        return other if one is ignore else one

    def each(what: Said) -> None:
        one(what)
        other(what)

    return each
