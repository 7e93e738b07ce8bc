"""All peers looked at once a second, a few in a turn of the reactor: who loses, who is silent."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from udpecho.watch.configuring.settings import ProbeSettings
from udpecho.watch.events.event import Event
from udpecho.watch.events.noticing import Noticing, PeerNow, patience_ns
from udpecho.watch.pieces import in_pieces
from udpecho.watch.probed import Roll
from udpecho.watch.probing import LOST_NS
from udpecho.watch.runs import Runs


class Glancing:
    """Looks at the peers of a roll."""

    def __init__(
        self,
        reactor: IReactorTime,
        roll: Roll,
        runs: Runs,
        tell: Callable[[Event], None],
        log: Logger,
    ) -> None:
        """Look at nobody yet; tell hears what has become other."""
        self._reactor = reactor
        self._roll = roll
        self._runs = runs
        self._noticing = Noticing(tell)
        self._log = log
        self._at_work: Deferred[None] | None = None

    def look(self, probe: ProbeSettings) -> None:
        """Look at all, unless that still goes on."""
        if self._at_work is None:
            self._at_work = in_pieces(self._reactor, self._steps(probe))
            self._at_work.addBoth(self._done)

    def gone(self, name: str) -> None:
        """Hear that a peer is probed no more."""
        self._noticing.gone(name)

    def is_silent(self, name: str) -> bool:
        """Tell whether a peer was told as silent, and not as back."""
        return self._noticing.is_silent(name)

    def end(self) -> None:
        """Look no further."""
        if self._at_work is not None:
            self._at_work.cancel()

    def _steps(self, probe: ProbeSettings) -> Iterator[None]:
        patience = patience_ns(probe, LOST_NS)
        for name in list(self._roll):
            prober, probed = self._runs.prober, self._roll.get(name)
            if prober is None:
                return
            if probed is not None:
                now_ns = prober.now_ns()
                prober.settle(name, now_ns)
                is_asked = probed.address is not None or bool(probed.why)
                losing = probed.losing.losing(now_ns)
                now = PeerNow(probed.counts.heard_ns, losing, is_asked, probed.why_silent)
                self._noticing.look(name, now, patience, now_ns)
            yield

    def _done(self, result: object) -> None:
        self._at_work = None
        if isinstance(result, Failure) and self._runs.prober is not None:
            self._log.failure("peers could not be looked at", result)
