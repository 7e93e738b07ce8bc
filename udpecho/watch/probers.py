"""Who probes in each class of traffic, as one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.python.failure import Failure

from udpecho.watch.probed import Roll
from udpecho.watch.probing import Prober


class Probers:
    """A prober for each class; each probes those of the roll that are of its class."""

    def __init__(self, roll: Roll, classes: tuple[int, ...], make: Callable[[int], Prober]) -> None:
        """Probe nobody yet; make gives a class its prober."""
        self._roll = roll
        self._probers = {dscp: make(dscp) for dscp in classes}
        self.first = self._probers[classes[0]]
        """That of the first class."""

        self._of: dict[str, Prober] = {}

    def start(self) -> Deferred[Any]:
        """Begin; the Deferred fires when all have ended, and fails if one broke off.

        Then none goes on. Raises OSError.
        """
        ending = [each.start().addBoth(self._one_ended) for each in self._probers.values()]
        return gatherResults(ending, consumeErrors=True).addErrback(_what_it_was)

    def stop(self) -> None:
        """End, as soon as the replies that can be expected are there."""
        for each in self._probers.values():
            each.stop()

    def retire(self) -> None:
        """Send no more, and end when the fates of all probes are known."""
        for each in self._probers.values():
            each.retire()

    def _one_ended(self, result: object) -> object:
        self.stop()
        return result

    def join(self, name: str) -> None:
        """Probe a peer of the roll, too, as soon as it has an address.

        One of another class is not probed: who is to be is worked out anew after a reload.
        """
        prober = self._probers.get(self._roll[name].wanted.dscp)
        if prober is not None:
            self._of[name] = prober
            prober.join(name)

    def __contains__(self, name: object) -> bool:
        """Tell whether a peer is probed."""
        return name in self._of

    def leave(self, name: str) -> None:
        """Probe a peer no more."""
        self._of.pop(name).leave(name)

    def settle(self, name: str, now_ns: int) -> None:
        """See which flows of a peer lose more than its others."""
        self._of.get(name, self.first).settle(name, now_ns)

    def now_ns(self) -> int:
        """Tell the time by which outcomes have theirs."""
        return self.first.now_ns()

    @property
    def strangers(self) -> int:
        """How many datagrams came from nobody that was asked."""
        return sum(each.strangers for each in self._probers.values())

    @property
    def dropped(self) -> int:
        """How many datagrams came that there was no room for."""
        return sum(each.dropped for each in self._probers.values())


def _what_it_was(failure: Failure) -> Failure:
    """Give the failure itself in place of one that tells which of many it was."""
    failure.trap(FirstError)
    error: Any = failure.value
    found: Failure = error.subFailure
    return found
