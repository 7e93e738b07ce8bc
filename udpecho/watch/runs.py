"""The run of a ping that goes on for as long as a node does: another takes its place if it must."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from udpecho.peer import Peer
from udpecho.reactors import IDatagramReactor
from udpecho.watch.configuring.settings import ProbeSettings, TraceSettings
from udpecho.watch.counts import Histogram
from udpecho.watch.events.event import Event
from udpecho.watch.paths.traces import Tracing
from udpecho.watch.probed import Roll
from udpecho.watch.probers import Probers
from udpecho.watch.probing import Prober

AGAIN_SECONDS = 10.0
"""After how long probing begins anew that has ended though nobody stopped it."""


class Runs:
    """Who probes now, and who still waits for the last replies."""

    def __init__(
        self,
        reactor: IDatagramReactor,
        roll: Roll,
        on_address: Callable[[str, Peer, Peer | None], None],
        broken_off: Callable[[], None],
        log: Logger,
        tell: Callable[[Event], None],
    ) -> None:
        """Probe nobody yet. broken_off is called when probing is to begin anew."""
        self.lateness = Histogram()
        """How late probes leave: above a few ms it is this node that is late, and no network."""

        self.prober: Probers | None = None
        self._reactor = reactor
        self._roll = roll
        self._on_address = on_address
        self.tracing = Tracing(tell, log)
        """Whether paths are looked at, and the verdicts."""

        self._broken_off = broken_off
        self._log = log
        self._going_on: dict[Probers, Deferred[None]] = {}
        self._strangers = self._dropped = 0
        self._alarm: IDelayedCall | None = None

    def begin(self, settings: ProbeSettings, trace: TraceSettings) -> None:
        """Probe so from now on; nobody at first. What went on before sends no more."""
        before = self._leave()
        if before is not None:
            before.retire()
        self.tracing.set(trace)

        def make(dscp: int) -> Prober:
            return Prober(
                self._reactor, settings, self._roll, self.lateness, self._on_address, self.tracing,
                dscp,
            )  # fmt: skip

        self.prober = prober = Probers(self._roll, settings.dscp, make)
        self._going_on[prober] = prober.start().addBoth(self._ended, prober)

    def end(self) -> None:
        """Probe no more, and wait for nothing that can't be expected."""
        self._leave()
        for prober in list(self._going_on):
            prober.stop()

    def ended(self) -> Deferred[Any]:
        """Wait until the last replies that can be expected were there."""
        return DeferredList(list(self._going_on.values()), consumeErrors=True)

    @property
    def strangers(self) -> int:
        """How many datagrams came from nobody that was asked."""
        return self._strangers + sum(prober.strangers for prober in self._going_on)

    @property
    def dropped(self) -> int:
        """How many datagrams came that there was no room for: lost by us, and no network."""
        return self._dropped + sum(prober.dropped for prober in self._going_on)

    def _leave(self) -> Probers | None:
        """Have nobody probe; give who did."""
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
        prober, self.prober = self.prober, None
        return prober

    def _ended(self, result: object, prober: Probers) -> None:
        """Have it begin anew if nobody stopped it."""
        self._going_on.pop(prober, None)
        self._strangers += prober.strangers
        self._dropped += prober.dropped
        if self.prober is prober:
            if isinstance(result, Failure):
                self._log.failure("probing broke off, and begins anew in 10 s", result)
            self.prober = None
            self._alarm = self._reactor.callLater(AGAIN_SECONDS, self._broken_off)
