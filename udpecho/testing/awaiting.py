"""What became of a Deferred that a test waits for."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Generic, TypeAlias, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

T = TypeVar("T")

Awaited: TypeAlias = Deferred[T] | Coroutine[Deferred[Any], Any, T]

LIMIT = 60.0
"""Seconds of the network's time that a result may take: more than most protocols try for."""


class Awaiting(Generic[T]):
    """A result or a failure, once it is known."""

    def __init__(self) -> None:
        self._results: list[T] = []
        self._failures: list[Failure] = []

    def is_known(self) -> bool:
        """Tell whether there is one."""
        return bool(self._results or self._failures)

    def succeed(self, result: T) -> T:
        """Take a result, and leave it for who asks next."""
        self._results.append(result)
        return result

    def fail(self, failure: Failure) -> None:
        """Take a failure, which is handled by that."""
        self._failures.append(failure)

    def take(self) -> T:
        """Return the result, or raise what was failed with."""
        for failure in self._failures:
            failure.raiseException()
        return self._results[0]
