"""Deadlines on a machine that has other work, too: what can be done in time must be so once.

A test that claims how long something takes at most raises TooLate, and has three tries: only
for that. Whatever else it finds wrong fails it at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec

TRIES = 3

Arguments = ParamSpec("Arguments")


class TooLate(AssertionError):
    """Something took longer than is claimed, which others on the machine may have brought about."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise TooLate unless what is done inside takes less than so many seconds."""
    began = time.monotonic()
    yield
    in_time(time.monotonic() - began, seconds)


def in_time(took: float, seconds: float) -> None:
    """Raise TooLate unless it took less than so many seconds."""
    if not took < seconds:
        raise TooLate(f"it took {took:.3f} s of {seconds} at most")


def three_tries(test: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """Try a test again while it is too late, up to three times."""

    @wraps(test)
    def tried(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        for _ in range(TRIES - 1):
            try:
                return test(*args, **kwargs)
            except TooLate as late:
                print(f"once more: {late}")
        return test(*args, **kwargs)

    return tried
