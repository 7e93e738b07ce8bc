"""Who has a run's targets come and go, while it goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.python.failure import Failure

from udpecho.ping.roster import Roster


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
