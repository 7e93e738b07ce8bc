"""Who has a run's targets come and go, while it goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.python.failure import Failure

from udpecho.instrument.probe import Arrival
from udpecho.instrument.stamps import Stamp
from udpecho.ping.roster import Roster
from udpecho.refusal import Refusal


class Company(Protocol):
    """What adds to a run's roster and retires from it: names looked up, a configuration read."""

    @property
    def awaits(self) -> bool:
        """Tell whether somebody is to come, whom a run with a count waits for."""

    def begin(self, roster: Roster, fail: Callable[[Failure], None]) -> None:
        """Have targets come and go from now on; fail ends the run."""

    def end(self) -> None:
        """Leave the roster as it is: the run is over, or never began."""


class Alone:
    """Nobody: the targets of the plan are all that there are."""

    awaits = False

    def begin(self, roster: Roster, fail: Callable[[Failure], None]) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing, either."""


class Guest(Protocol):
    """Who asks questions of its own over a run's sockets, beside the run's probes."""

    def takes(self, arrival: Arrival, port: int, now: Stamp) -> bool:
        """Tell whether what came to a port answers one of them: then it is none of the run's."""

    def refused(self, refusal: Refusal, now: Stamp) -> None:
        """Hear of a refusal that names no probe of the run's, and when it was read."""

    def turn(self, now_ns: int) -> None:
        """Ask what may be asked; called whenever the run has done anything, and at next_ns."""

    def next_ns(self, now_ns: int) -> int | None:
        """Tell when it is to have its next turn at the latest; None: when the run wakes anyway."""

    def awaits(self, now_ns: int) -> bool:
        """Tell whether a run that is over is to stay for answers."""
